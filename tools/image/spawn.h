/*
 * spawn.h - run a program of the distribution.
 *
 * It gets a clean environment (LC_ALL=C, TZ=UTC, SOURCE_DATE_EPOCH, PATH, HOME
 * and what is asked for), umask 022 and a process group of its own. It dies
 * with us: by PR_SET_PDEATHSIG, and with all its children when a signal ends
 * the build (interrupt.h) or itself. What it writes to stderr becomes the error
 * message when it fails. One thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spawn_as {
	SPAWN_USER,	/* who we are */
	SPAWN_FAKEROOT, /* owners, devices and xattrs are made believe */
	SPAWN_NAMESPACE /* root in a user, mount and PID namespace of its own */
};

/**
 * struct spawn - what to run and how; zero-initialise
 * @argv:       ends with NULL; argv[0] is looked up in PATH
 * @name:       what error messages call it, NULL: argv[0]
 * @package:    Debian package to name if the program is missing, or NULL
 * @dir:        working directory, NULL: ours
 * @in:         descriptor that becomes stdin, 0: /dev/null
 * @out:        descriptor that becomes stdout, 0: /dev/null
 * @keep:       further descriptors that it inherits under their numbers
 * @keep_num:   of them
 * @env:        "NAME=value" to add, ends with NULL; NULL: nothing
 * @epoch:      SOURCE_DATE_EPOCH
 * @as:         who it believes to be
 * @no_network: run it in an empty network namespace
 */
struct spawn {
	const char *const *argv;
	const char *name;
	const char *package;
	const char *dir;
	int in;
	int out;
	const int *keep;
	size_t keep_num;
	const char *const *env;
	int64_t epoch;
	enum spawn_as as;
	bool no_network;
};

/** struct spawn_child - a program that runs */
struct spawn_child;

/**
 * spawn_start() - run a program beside us
 *
 * Return: 0, then spawn_wait() must follow; -ENOENT if there is no such
 * program, or another negative errno; with @err.
 */
int spawn_start(struct spawn_child **out, const struct spawn *spawn,
		struct err *err);

/**
 * spawn_wait() - wait for its end
 * @child: released in every case
 *
 * Return: 0 if it ended with status 0; -ECHILD with the last lines of its
 * stderr in @err if not; -EINTR if a signal came meanwhile.
 */
int spawn_wait(struct spawn_child *child, struct err *err);

/** spawn_run() - spawn_start() and spawn_wait(). */
int spawn_run(const struct spawn *spawn, struct err *err);

/**
 * spawn_read() - run a program and take what it writes to stdout
 * @text: allocated, ends with a NUL that @size does not count
 * @size: may be NULL
 * @max:  more bytes are an error, -EFBIG
 *
 * Return: as spawn_run().
 */
int spawn_read(const struct spawn *spawn, char **text, size_t *size, size_t max,
	       struct err *err);
