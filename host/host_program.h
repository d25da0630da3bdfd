/* host_program.h - run a program of the host to its end. */
#pragma once

#include "err.h"

/**
 * host_program_run() - run, feed, wait; its output is dropped
 * @argv:    NULL at the end; argv[0] is looked up like a command
 * @input:   its standard input
 * @package: Debian package to name where it is not installed
 *
 * Return: 0; -ENOENT if there is no such program; -EIO if it failed, with the
 * first line it complained with; or another negative errno, with @err.
 */
int host_program_run(const char *const argv[], const char *input,
		     const char *package, struct err *err);

/** host_program_complaint() - the first line of text in @fd, without its
 * newline; @buf of @size bytes. Return: @buf. */
const char *host_program_complaint(int fd, char *buf, size_t size);
