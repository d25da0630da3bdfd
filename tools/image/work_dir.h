/*
 * work_dir.h - a temporary directory beside what is being made; one thread.
 *
 * Its lock says that its maker lives: whoever makes the next one in the same
 * place removes those that a kill has left, and no other.
 */
#pragma once

#include "err.h"

/**
 * struct work_dir - zero-initialise
 * @path: the directory; owned
 * @lock: held until work_dir_remove()
 */
struct work_dir {
	char *path;
	int lock;
};

/**
 * work_dir_make() - a new one on the file system of @dest
 * @dest: file that is to be made; ".lwx-output.XXXXXX" is beside it
 *
 * Return: 0, then work_dir_remove() must follow; or a negative errno with @err.
 */
int work_dir_make(struct work_dir *dir, const char *dest, struct err *err);

/** work_dir_remove() - with all that is in it; a zeroed one is fine. Return: 0
 * or a negative errno with @err. */
int work_dir_remove(struct work_dir *dir, struct err *err);
