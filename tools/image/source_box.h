/*
 * source_box.h - run a build shut in: bubblewrap (bwrap), a root of its own.
 *
 * The build is user 1000 and cannot become another. Its root is read-only but
 * for /build, /tmp and /var/tmp; there is no network, none of our processes,
 * files or variables, and it ends with us. Paths, names and variables are
 * always the same, so that what it makes does not depend on who builds it
 * where. One thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define SOURCE_BOX_ID 1000 /* of the user and its group */
#define SOURCE_BOX_OWNER "1000:1000"

/**
 * struct source_box - what to run; zero-initialise
 * @root:    directory that becomes the root; has /build
 * @writable: the build may change the root
 * @build:   directory that becomes /build
 * @temp:    directory that becomes /tmp and /var/tmp
 * @log:     descriptor that takes what the program writes
 * @epoch:   SOURCE_DATE_EPOCH
 * @argv:    program and arguments, ends with NULL
 * @env:     name, value, name, value..., ends with NULL
 */
struct source_box {
	const char *root;
	bool writable;
	const char *build;
	const char *temp;
	int log;
	int64_t epoch;
	const char *const *argv;
	const char *const *env;
};

/**
 * source_box_run() - run it to its end
 *
 * As root all that is to be writable in it must belong to SOURCE_BOX_ID; else
 * to the caller, who is that user inside.
 *
 * Return: as spawn_run().
 */
int source_box_run(const struct source_box *box, struct err *err);
