/*
 * build_file.c - what files: says; see build_internal.h.
 */
#include "build_internal.h"

#include "architecture.h"
#include "cleanup.h"
#include "definition.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int owner(const struct build *build, const json_t *file, const char *key,
		 uint32_t *out, struct err *err)
{
	const json_t *value = json_object_get(file, key);
	const char *name = json_string_value(value);

	if (name)
		value = json_object_get(build->ids, name);
	if (name && !value)
		return definition_fail(
			err, file, "%s: there is no container %s", key, name);
	*out = (uint32_t)json_integer_value(value);
	return 0;
}

char *build_source_path(const struct build *build, const char *source)
{
	const char *home = getenv("HOME");
	char *path;

	if (strncmp(source, BUILD_PROGRAM, strlen(BUILD_PROGRAM)) == 0) {
		path = malloc(PATH_MAX);
		/* What is missing is told when it is read. */
		if (path)
			(void)architecture_program(
				build->options->architecture,
				source + strlen(BUILD_PROGRAM), path, PATH_MAX,
				NULL);
		return path;
	}
	if (source[0] == '/')
		return strdup(source);
	if (strncmp(source, "~/", 2) == 0 && home)
		return asprintf(&path, "%s/%s", home, source + 2) < 0 ? NULL
								      : path;
	return asprintf(&path, "%s/%s", build->resolver.dir, source) < 0 ? NULL
									 : path;
}

/* A program of ours may have to be built first. */
static int check_program(const struct build *build, const json_t *file,
			 struct err *err)
{
	const char *source = definition_text(file, "source");
	AUTO_FREE char *path = malloc(PATH_MAX);
	struct err plain = {0};

	if (!path)
		return no_memory(err);
	if (strncmp(source, BUILD_PROGRAM, strlen(BUILD_PROGRAM)) != 0 ||
	    !architecture_program(build->options->architecture,
				  source + strlen(BUILD_PROGRAM), path,
				  PATH_MAX, &plain))
		return 0;
	return definition_fail(err, file, "source %s: %s", source, plain.msg);
}

/* Return: 1 if the file is to be left out. */
static int from_source(const struct build *build, const json_t *file,
		       struct tree_entry *entry, struct err *err)
{
	AUTO_FREE char *path =
		build_source_path(build, definition_text(file, "source"));
	int rc;

	if (!path)
		return no_memory(err);
	if (definition_bool(file, "optional") && access(path, F_OK))
		return 1;
	rc = check_program(build, file, err);
	if (rc)
		return rc;
	rc = tree_content_whole(&entry->content, path, err);
	if (rc)
		return definition_fail(err, file, "source %s: %s", path,
				       strerror(-rc));
	entry->size = tree_content_size(entry->content);
	return 0;
}

static int from_text(struct tree_entry *entry, const char *text, size_t size,
		     struct err *err)
{
	entry->size = size;
	return size ? tree_content_memory(&entry->content, text, size, err) : 0;
}

/* The definition itself: JSON is YAML too. */
static int from_metadata(const struct build *build, struct tree_entry *entry,
			 struct err *err)
{
	json_t *copy = definition_copy(build->definition);
	char *text =
		copy ? json_dumps(copy, JSON_SORT_KEYS | JSON_INDENT(2)) : NULL;
	int rc = text ? from_text(entry, text, strlen(text), err)
		      : no_memory(err);

	free(text);
	json_decref(copy);
	return rc;
}

static int fill(const struct build *build, const json_t *file,
		struct tree_entry *entry, struct err *err)
{
	const json_t *contents = json_object_get(file, "contents");
	const char *symlink = definition_text(file, "symlink");
	bool directory = definition_bool(file, "directory");
	int kinds = directory + (symlink != NULL) + (contents != NULL) +
		    (definition_text(file, "source") != NULL) +
		    (definition_text(file, "metadata") != NULL);

	if (kinds != 1)
		return definition_fail(err, file,
				       "file %s: needs one of directory, "
				       "symlink, contents, source, metadata",
				       entry->path);
	entry->mode =
		(uint32_t)definition_int(file, "mode", directory ? 0700 : 0600);
	entry->type = directory ? TREE_DIR : symlink ? TREE_SYMLINK : TREE_FILE;
	if (symlink) {
		entry->mode = 0777;
		entry->target = strdup(symlink);
		return entry->target ? 0 : no_memory(err);
	}
	if (contents)
		return from_text(entry, json_string_value(contents),
				 json_string_length(contents), err);
	if (definition_text(file, "source"))
		return from_source(build, file, entry, err);
	return directory ? 0 : from_metadata(build, entry, err);
}

static int add_file(struct build *build, struct tree *tree, const json_t *file,
		    const char *location, struct err *err)
{
	const char *name = definition_text(file, "path");
	char path[TREE_PATH_SIZE];
	struct tree_entry entry = {.path = path,
				   .mtime = build->options->epoch,
				   .location = location};
	int rc;

	if (tree_path_clean(name, path, sizeof(path)) || !*path)
		return definition_fail(err, file,
				       "file %s: not a path in the "
				       "root",
				       name);
	rc = fill(build, file, &entry, err);
	if (!rc)
		rc = owner(build, file, "uid", &entry.uid, err);
	if (!rc)
		rc = owner(build, file, "gid", &entry.gid, err);
	if (!rc)
		rc = tree_put(tree, &entry, err);
	tree_content_unref(entry.content);
	free(entry.target);
	return rc == 1 ? 0 : rc;
}

int build_put_files(struct build *build, struct tree *tree, const json_t *list,
		    struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		char location[32];

		(void)snprintf(location, sizeof(location), "files[%zu]", i);
		rc = add_file(build, tree, json_array_get(list, i), location,
			      err);
	}
	return rc;
}

int build_files(struct build *build, struct err *err)
{
	return build_put_files(build, build->root,
			       json_object_get(build->definition, "files"),
			       err);
}
