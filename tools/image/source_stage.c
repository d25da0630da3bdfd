/* source_stage.c - what a build from source finds in /build. See
 * source_build.h. */
#include "source_build.h"

#include "cleanup.h"
#include "definition.h"
#include "module.h"
#include "program_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "lwx-source-build"

static int put_file(struct tree *stage, const char *path, const char *from,
		    struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = {.path = copy, .mode = 0644};
	struct stat st;
	int rc = copy ? 0 : err_set(err, -ENOMEM, "%s", path);

	if (!rc && stat(from, &st))
		rc = err_set(err, -errno, "%s", from);
	if (!rc && !S_ISREG(st.st_mode))
		rc = err_setx(err, -EINVAL, "%s: is not a file", from);
	if (rc)
		return rc;
	if (st.st_mode & 0100)
		entry.mode = 0755;
	rc = tree_content_whole(&entry.content, from, err);
	entry.size = rc ? 0 : tree_content_size(entry.content);
	if (!rc)
		rc = tree_put(stage, &entry, err);
	tree_content_unref(entry.content);
	return rc;
}

/* A file of the module's folder. */
static int put_ours(struct tree *stage, const char *key, const char *dir,
		    const char *name, const char *path, struct err *err)
{
	AUTO_FREE char *from = NULL;
	int rc;

	if (asprintf(&from, "%s/%s", dir, name) < 0) {
		from = NULL;
		return err_set(err, -ENOMEM, "%s", name);
	}
	rc = put_file(stage, path, from, err);
	if (rc)
		(void)err_prefix(err, "%s", key);
	return rc;
}

static int put_list(struct tree *stage, const json_t *source, const char *key,
		    const char *dir, struct err *err)
{
	const json_t *list = json_object_get(source, key);
	bool ordered = strcmp(key, "patches") == 0;
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		const char *name = json_string_value(json_array_get(list, i));
		const char *base = strrchr(name, '/');
		AUTO_FREE char *path = NULL;

		if ((ordered ? asprintf(&path, "%s/%03zu-%s", key, i,
					base ? base + 1 : name)
			     : asprintf(&path, "%s/%s", key, name)) < 0) {
			path = NULL;
			return err_set(err, -ENOMEM, "%s", name);
		}
		rc = put_ours(stage, key, dir, name, path, err);
	}
	return rc;
}

static int put_archive(struct tree *stage, const json_t *source,
		       const char *dir, struct err *err)
{
	const char *archive = definition_text(source, "archive");
	AUTO_FREE char *path = NULL;

	if (!archive || definition_text(source, "package"))
		return 0;
	if (asprintf(&path, SOURCE_PACKAGE "/%s", archive) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "%s", archive);
	}
	return put_ours(stage, "archive", dir, archive, path, err);
}

/* What another's builder reads is one of the files. */
static int put_recipe(struct tree *stage, const json_t *source, const char *dir,
		      struct err *err)
{
	const char *form = module_source_form(source);
	const char *recipe = definition_text(source, form);
	AUTO_FREE char *path = NULL;

	if (!recipe || strcmp(form, "debian") == 0)
		return 0;
	if (asprintf(&path, "files/%s", recipe) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "%s", recipe);
	}
	return put_ours(stage, form, dir, recipe, path, err);
}

int source_stage(struct tree *stage, const json_t *source, const char *dir,
		 struct err *err)
{
	const char *commands = definition_text(source, "commands");
	const struct tree_entry like = {.mode = 0644};
	AUTO_FREE char *program = malloc(PATH_MAX);
	int rc = program ? program_path(PROGRAM, program, PATH_MAX, err)
			 : err_set(err, -ENOMEM, PROGRAM);

	if (!rc)
		rc = put_file(stage, PROGRAM, program, err);
	if (!rc && commands)
		rc = tree_put_bytes(stage, "commands", &like, commands,
				    strlen(commands), err);
	if (!rc)
		rc = put_list(stage, source, "files", dir, err);
	if (!rc)
		rc = put_list(stage, source, "patches", dir, err);
	if (!rc)
		rc = put_recipe(stage, source, dir, err);
	return rc ? rc : put_archive(stage, source, dir, err);
}
