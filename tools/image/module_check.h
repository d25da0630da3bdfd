/*
 * module_check.h - the checks of modules: what is added to an image so that it
 * runs them, and what its console says of them.
 *
 * The image gets a service that enters the root of the machine, waits until all
 * services are up, runs one check after another, writes a line of each on the
 * console and powers off. One thread.
 */
#pragma once

#include "err.h"
#include "module.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define MODULE_CHECK_WAIT 240U /* seconds for services to be up */

/**
 * struct module_check_image - the image that is to run them; zero-initialise
 * @role:    vm or host
 * @modules: names, @module_num of them, that the image gets beside those of the
 *           definition
 * @module_num: of them
 * @kernel:  "module:NAME"; NULL: the definition has one
 * @cmdline: of that kernel
 * @box:     a directory with what module_check_box() makes
 * @seconds: for each check
 */
struct module_check_image {
	const char *role;
	const char *const *modules;
	size_t module_num;
	const char *kernel;
	const char *cmdline;
	const char *box;
	unsigned int seconds;
};

/**
 * module_checks() - the checks of a module, behind others
 * @checks: array of {"module", "check", "command", "services"};
 *          module_check_take() adds "status" and "output", of which the logs of
 *          the module's services are the end
 *
 * Return: 0, or -ENOMEM with @err.
 */
int module_checks(json_t *checks, const struct module *module, struct err *err);

/** module_check_box() - what the service's container consists of, in the
 * directory @path, which is made. Return: 0 or a negative errno with @err. */
int module_check_box(const char *path, struct err *err);

/**
 * module_check_definition() - a definition to go on top of that of the image
 * @files: files of checks: array as of "files:" with absolute sources
 *
 * Return: NULL without memory; json_decref().
 */
json_t *module_check_definition(const struct module_check_image *image,
				const json_t *checks, const json_t *files);

/**
 * module_check_take() - one line of the console
 * @line:    without its end; may be anything
 * @decided: the check that it tells the end of, if 1 is returned; borrowed
 *
 * Return: 1 if @decided is set, 0 if not, -ENOMEM.
 */
int module_check_take(json_t *checks, const char *line, json_t **decided);

/** module_check_files() - files of the checks of @module, behind others.
 * Return: 0, or -ENOMEM with @err. */
int module_check_files(json_t *files, const struct module *module,
		       struct err *err);
