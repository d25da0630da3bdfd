/*
 * module_read.c - folders of modules; see module.h.
 */
#include "module.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_+.-"

struct module_set {
	struct module *modules;
	size_t num;
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int check_content(const json_t *content, struct err *err)
{
	if (!json_array_size(json_object_get(content, "checks")))
		return definition_fail(err, content,
				       "checks: a module has one at least");
	return module_source_check(content, err);
}

static int read_content(json_t **out, const char *path, struct err *err)
{
	struct yaml_doc *doc = NULL;
	json_t *content = NULL;
	int rc = yaml_doc_read(&doc, path, err);

	if (!rc)
		rc = definition_parse(&content, yaml_doc_root(doc),
				      &module_group, err);
	yaml_doc_destroy(doc);
	if (!rc)
		rc = check_content(content, err);
	if (rc) {
		json_decref(content);
		return rc;
	}
	*out = content;
	return 0;
}

static int add_module(struct module_set *set, const char *dir, const char *name,
		      struct err *err)
{
	AUTO_FREE char *path = NULL;
	struct module module = {0};
	struct module *modules;
	int rc = 0;

	if (asprintf(&module.dir, "%s/%s", dir, name) < 0)
		return no_memory(err);
	if (asprintf(&path, "%s/module.yml", module.dir) < 0) {
		path = NULL;
		rc = no_memory(err);
	}
	if (!rc && (access(path, F_OK) || module_find(set, name))) {
		free(module.dir);
		return 0;
	}
	if (!rc)
		rc = read_content(&module.content, path, err);
	module.name = strdup(name);
	modules = reallocarray(set->modules, set->num + 1, sizeof(*modules));
	if (modules)
		set->modules = modules;
	if (!rc && (!module.name || !modules))
		rc = no_memory(err);
	if (rc) {
		free(module.name);
		free(module.dir);
		json_decref(module.content);
		return rc;
	}
	set->modules[set->num++] = module;
	return 0;
}

static int read_dir(struct module_set *set, const char *dir, struct err *err)
{
	struct dirent **entries = NULL;
	int num = scandir(dir, &entries, NULL, alphasort);
	int rc = 0;

	if (num < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_set(err, -errno, "%s", dir);
	for (int i = 0; i < num; i++) {
		const char *name = entries[i]->d_name;

		if (!rc && name[0] != '.' &&
		    strspn(name, NAME_CHARS) == strlen(name))
			rc = add_module(set, dir, name, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->name,
		      ((const struct module *)b)->name);
}

int module_set_read(struct module_set **out, const char *const *dirs,
		    size_t num, struct err *err)
{
	struct module_set *set = calloc(1, sizeof(*set));
	int rc = set ? 0 : no_memory(err);

	for (size_t i = 0; i < num && !rc; i++)
		rc = read_dir(set, dirs[i], err);
	if (rc) {
		module_set_destroy(set);
		return rc;
	}
	if (set->num)
		qsort(set->modules, set->num, sizeof(*set->modules), by_name);
	*out = set;
	return 0;
}

void module_set_destroy(struct module_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->num; i++) {
		free(set->modules[i].name);
		free(set->modules[i].dir);
		json_decref(set->modules[i].content);
	}
	free(set->modules);
	free(set);
}

int module_dirs(char *dirs[MODULE_DIRS_MAX], const char *beside,
		const char *const *more, size_t num, struct err *err)
{
	size_t at = 0;

	memset(dirs, 0, MODULE_DIRS_MAX * sizeof(*dirs));
	if (asprintf(&dirs[at], "%s/modules", beside) < 0) {
		dirs[at] = NULL;
		return no_memory(err);
	}
	at++;
	for (size_t i = 0; i < num; i++) {
		dirs[at] = strdup(more[i]);
		if (!dirs[at++])
			return no_memory(err);
	}
	dirs[at] = strdup(LWX_MODULES);
	return dirs[at] ? 0 : no_memory(err);
}

int module_set_find(struct module_set **out, const char *beside,
		    const char *const *more, size_t num, struct err *err)
{
	char *dirs[MODULE_DIRS_MAX];
	size_t found = 0;
	int rc = module_dirs(dirs, beside, more, num, err);

	while (dirs[found])
		found++;
	if (!rc)
		rc = module_set_read(out, (const char *const *)dirs, found,
				     err);
	for (size_t i = 0; i < found; i++)
		free(dirs[i]);
	return rc;
}

size_t module_set_num(const struct module_set *set)
{
	return set->num;
}

const struct module *module_set_at(const struct module_set *set, size_t i)
{
	return &set->modules[i];
}

const struct module *module_find(const struct module_set *set, const char *name)
{
	for (size_t i = 0; i < set->num; i++)
		if (strcmp(set->modules[i].name, name) == 0)
			return &set->modules[i];
	return NULL;
}

bool module_names(const struct module *module, const char *key,
		  const char *name)
{
	const json_t *list = json_object_get(module->content, key);

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), name) ==
		    0)
			return true;
	return false;
}

int module_of_image(const struct module_set *set, const char *reference,
		    const struct module **out, struct err *err)
{
	AUTO_FREE char *name = NULL;

	*out = NULL;
	if (strncmp(reference, MODULE_IMAGE_PREFIX,
		    strlen(MODULE_IMAGE_PREFIX)) == 0) {
		*out = module_find(set,
				   reference + strlen(MODULE_IMAGE_PREFIX));
		return *out ? 0
			    : err_setx(err, -ENOENT,
				       "%s: there is no such module; see "
				       "lwx-image module list",
				       reference);
	}
	/* Up to the tag or digest: none of these names has a port. */
	name = strndup(reference, strcspn(reference, ":@"));
	if (!name)
		return no_memory(err);
	for (size_t i = 0; i < set->num; i++)
		if (module_names(&set->modules[i], "stands-for", name))
			*out = &set->modules[i];
	return 0;
}
