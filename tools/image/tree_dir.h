/*
 * tree_dir.h - a directory as a tree, and a tree as a directory for a program;
 * one thread.
 */
#pragma once

#include "err.h"
#include "spawn.h"
#include "tree.h"

#include <stdbool.h>

/**
 * struct tree_dir_options - how a directory is read
 * @keep_owners: as the file system has them; else all is root's, so that the
 *               result does not depend on who built it
 * @origin:      of every entry, or NULL
 * @location:    of every entry, or NULL
 */
struct tree_dir_options {
	bool keep_owners;
	const char *origin;
	const char *location;
};

/**
 * tree_dir_read() - put everything below the directory @path into @tree
 *
 * Contents are read when they are needed: the directory has to stay as it is.
 * Symbolic links stay links, sockets are left out, other file systems are
 * entered. Of the extended attributes user.* and security.capability are taken.
 *
 * Return: 0 or a negative errno with @err.
 */
int tree_dir_read(struct tree *tree, const char *path,
		  const struct tree_dir_options *options, struct err *err);

/**
 * tree_dir_write() - files, directories and links of @tree, as ours
 * @path: appears at once and complete, in place of what was there
 *
 * Owners, times, attributes and hard links are not kept: for trees of plain
 * files, as an OCI layout.
 *
 * Return: 0; -EINVAL if there is a device or FIFO, or a negative errno; with
 * @err; then nothing has changed.
 */
int tree_dir_write(const struct tree *tree, const char *path, struct err *err);

/** tree_dir_here - an argument that is this pointer becomes the path of the
 * directory: see tree_dir_run(). */
extern const char tree_dir_here[];

/**
 * tree_dir_run() - run a program on a directory that looks like @tree
 * @scratch: a directory on a file system with room for all of it
 * @spawn:   @spawn->as and @spawn->in are not used: it runs under fakeroot, so
 *           owners, devices and attributes are those of the tree without
 *           privileges
 *
 * The directory is removed afterwards, also when a signal ends the build.
 *
 * Return: as spawn_run(), or the negative errno of a failed read with @err.
 */
int tree_dir_run(const struct tree *tree, const char *scratch,
		 const struct spawn *spawn, struct err *err);

/** tree_dir_remove() - a directory and all in it, whatever its modes. Return:
 * 0, also if there is none, or a negative errno with @err. */
int tree_dir_remove(const char *path, struct err *err);
