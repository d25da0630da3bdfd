/*
 * module.h - modules: named parts of an image, and which of them a list of
 * names stands for.
 *
 * A module is a folder NAME with module.yml. Modules include each other; all
 * packages of all modules of an image are installed in one transaction, so no
 * library is ever there in two versions. One thread.
 */
#pragma once

#include "definition_table.h"
#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define MODULE_IMAGE_PREFIX "module:"

extern const struct field_group module_group; /* module.yml */
extern const struct field_group source_group; /* its sources: */

/**
 * struct module - one of them
 * @name:    of the folder
 * @dir:     the folder
 * @content: of module_group
 */
struct module {
	char *name;
	char *dir;
	json_t *content;
};

struct module_set;

/**
 * module_set_read() - all modules below some folders
 * @dirs: @num of them; a name that is in several is taken from the first; one
 *        that does not exist is empty
 *
 * Return: 0, module_set_destroy() when done; -EBADMSG if a module is wrong, or
 * another negative errno; with @err.
 */
int module_set_read(struct module_set **out, const char *const *dirs,
		    size_t num, struct err *err);

#define MODULE_DIRS_MAX 32U /* with a NULL at the end */

/**
 * module_dirs() - where modules are looked for: beside a definition, in given
 * folders, installed
 * @beside: folder of the definition
 * @more:   @num of them, at most MODULE_DIRS_MAX - 3
 * @dirs:   filled, NULL behind the last; free() each, after an error too
 *
 * Return: 0 or -ENOMEM with @err.
 */
int module_dirs(char *dirs[MODULE_DIRS_MAX], const char *beside,
		const char *const *more, size_t num, struct err *err);

/** module_set_find() - module_set_read() of module_dirs(). */
int module_set_find(struct module_set **out, const char *beside,
		    const char *const *more, size_t num, struct err *err);

/** module_set_destroy() - NULL is fine. */
void module_set_destroy(struct module_set *set);

/** module_set_num() - how many. */
size_t module_set_num(const struct module_set *set);

/** module_set_at() - by index, in order of names; as long as @set lives. */
const struct module *module_set_at(const struct module_set *set, size_t i);

/** module_find() - by name, or NULL. */
const struct module *module_find(const struct module_set *set,
				 const char *name);

/**
 * module_of_image() - the module that an image reference means
 * @reference: "module:NAME", or what a module stands for, with any tag
 * @out:       NULL: it means none
 *
 * Return: 0, -ENOENT with @err if it names a module that is not there.
 */
int module_of_image(const struct module_set *set, const char *reference,
		    const struct module **out, struct err *err);

/**
 * struct module_choice - one module of a plan
 * @by: the one that needs it, NULL: it was asked for
 */
struct module_choice {
	const struct module *module;
	const struct module *by;
};

/**
 * struct module_plan - what a list of names stands for
 * @choices: @num of them, each behind all that it includes; owned
 */
struct module_plan {
	struct module_choice *choices;
	size_t num;
};

/**
 * struct module_wanted - what to resolve; zero-initialise
 * @names:       @num of them
 * @role:        container, vm or host: all modules must fit; NULL: any
 * @no_optional: leave out what only also-add names
 */
struct module_wanted {
	const char *const *names;
	size_t num;
	const char *role;
	bool no_optional;
};

/**
 * module_resolve() - the names and all that they include
 *
 * The order depends on the modules and the order of @wanted->names alone.
 *
 * Return: 0, module_plan_fini() when done; -ENOENT if there is no such module,
 * -ELOOP if one includes itself, -EEXIST if two conflict, -EINVAL if one is not
 * for the role; with the chain of modules in @err.
 */
int module_resolve(struct module_plan *plan, const struct module_set *set,
		   const struct module_wanted *wanted, struct err *err);

/** module_plan_fini() - release; a zeroed one is fine. */
void module_plan_fini(struct module_plan *plan);

/** module_plan_why() - "host -> lwx-vm -> base" into @out. Return: 0, or
 * -ENOENT if @name is not in @plan. */
int module_plan_why(const struct module_plan *plan, const char *name, char *out,
		    size_t size);

/** module_names() - does the list @key of @module have @name? */
bool module_names(const struct module *module, const char *key,
		  const char *name);

/** module_source_form() - the key that says how one of the sources of a module
 * is built: "debian", "buildpkg", "pkgbuild", "spec"; "tar": none of them. */
const char *module_source_form(const json_t *source);

/** module_source_check() - what the table does not say of the sources of a
 * module: names, paths. Return: 0 or -EBADMSG with @err. */
int module_source_check(const json_t *content, struct err *err);
