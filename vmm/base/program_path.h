/*
 * program_path.h - where a helper program of this project is; any thread.
 */
#pragma once

#include "err.h"

#include <stddef.h>

/**
 * program_path() - beside the running program (a build), else where it is
 * installed
 * @name: "lwx-init"
 * @path: filled; @size bytes
 *
 * Return: 0, or -ENOENT with @err.
 */
int program_path(const char *name, char *path, size_t size, struct err *err);
