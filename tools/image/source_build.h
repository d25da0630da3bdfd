/*
 * source_build.h - software from its source: what the build finds, the build,
 * and what it made. One thread.
 */
#pragma once

#include "err.h"
#include "image_cache.h"
#include "tree.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct source_build - one source of a module; zero-initialise
 * @source:  of source_group, checked by module_source_check()
 * @stage:   of source_stage(), with the carrying package below SOURCE_PACKAGE
 * @root:    directory with the root that it is built in
 * @writable: the build may change the root: it is its own
 * @cache:   has room for what is not kept
 * @log:     path of the file that takes what the build says; removed when all
 *           went well
 * @epoch:   SOURCE_DATE_EPOCH
 */
struct source_build {
	const json_t *source;
	const struct tree *stage;
	const char *root;
	bool writable;
	const struct image_cache *cache;
	const char *log;
	int64_t epoch;
};

#define SOURCE_PACKAGE "package" /* below /build, as in lwx-source-build */

/**
 * source_stage() - what a build finds in /build: script, commands, files
 * @dir: folder of the module
 *
 * Return: 0, -EBADMSG if a file is missing, or a negative errno; with @err.
 */
int source_stage(struct tree *stage, const json_t *source, const char *dir,
		 struct err *err);

/**
 * source_build_run() - build
 * @out: empty file; takes a tar of what was installed, all of it root's
 *
 * Return: 0; -ECHILD if the build failed, with the last words of the log and
 * its path in @err; -EINTR if a signal came; or another negative errno.
 */
int source_build_run(const struct source_build *build, int out,
		     struct err *err);
