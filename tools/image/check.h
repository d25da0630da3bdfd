/*
 * check.h - lwx-image check: from the names of modules to a machine that runs
 * their checks. Only the command's own files include it. One thread.
 */
#pragma once

#include "build.h"
#include "err.h"
#include "module.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CHECK_NAMES_MAX 64U
#define CHECK_LINE_MAX 1024U
#define CHECK_TAIL 30U /* lines of the console, when something is missing */

/**
 * struct check_request - one call
 * @options:    of the build
 * @file:       definition, or NULL
 * @definition: the same, read; owned
 * @names:      modules to check, @name_num of them
 * @role:       of the image
 * @kernel:     module that is the kernel, NULL: the definition has another
 * @set:        all modules; owned
 * @checks:     of module_checks(); owned
 * @files:      of module_check_files(); owned
 * @dir:        for everything that is made; owned
 * @backend:    as lwx-image run has it
 * @accel:      as lwx-image run has it, or NULL
 * @cpus:       as lwx-image run has it
 * @mem:        as lwx-image run has it
 * @seconds:    for each check
 * @as_json:    for scripts
 * @console:    file that gets what the console says, or NULL
 */
struct check_request {
	struct build_options options;
	const char *file;
	json_t *definition;
	const char *names[CHECK_NAMES_MAX];
	size_t name_num;
	const char *role;
	const struct module *kernel;
	struct module_set *set;
	json_t *checks;
	json_t *files;
	char *dir;
	const char *backend;
	const char *accel;
	const char *cpus;
	const char *mem;
	unsigned int seconds;
	bool as_json;
	const char *console;
};

/**
 * struct check_console - what the machine says
 * @tail: the last lines, @num in all so far
 * @copy: everything, or NULL
 */
struct check_console {
	char tail[CHECK_TAIL][CHECK_LINE_MAX];
	size_t num;
	FILE *copy;
};

/**
 * check_prepare() - which modules and which checks
 * @words: modules and a definition, @num of them
 *
 * Return: 0, or a negative errno with @err: as module_resolve(),
 * definition_read(); -EINVAL for a second definition.
 */
int check_prepare(struct check_request *request, char **words, size_t num,
		  struct err *err);

/** check_build() - the image, in @request->dir. Return: as build_run(). */
int check_build(struct check_request *request, struct err *err);

/**
 * check_run() - boot it; fills @request->checks
 * @decided: called for each check once it has ended, or NULL
 *
 * Return: 0 if the machine ran, whatever became of the checks; -EINTR after a
 * signal, or another negative errno; with @err.
 */
int check_run(struct check_request *request, struct check_console *console,
	      void (*decided)(const json_t *check), struct err *err);

/** check_path() - of a file in @request->dir. Return: NULL without memory;
 * free(). */
char *check_path(const struct check_request *request, const char *name);
