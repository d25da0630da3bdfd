/*
 * pkg.c - read a package; see pkg.h. linuxkit: docs/packages.md.
 */
#include "pkg.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"
#include "tree_dir.h"
#include "tree_hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_.-"

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int read_content(struct pkg *pkg, const char *yml, struct err *err)
{
	AUTO_FREE char *path = NULL;
	struct yaml_doc *doc = NULL;
	int rc;

	if (asprintf(&path, "%s/%s", pkg->dir, yml) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = yaml_doc_read(&doc, path, err);
	if (!rc && !yaml_doc_root(doc))
		rc = err_setx(err, -EBADMSG,
			      "%s:1:1: package: image is "
			      "missing",
			      path);
	if (!rc)
		rc = definition_parse(&pkg->content, yaml_doc_root(doc),
				      &pkg_group, err);
	yaml_doc_destroy(doc);
	return rc;
}

/* What is not of the package though it is in its directory. */
static int read_dir(struct pkg *pkg, struct err *err)
{
	int rc = tree_create(&pkg->context, err);

	if (!rc)
		rc = tree_dir_read(pkg->context, pkg->dir, NULL, err);
	if (!rc)
		tree_remove(pkg->context, ".git");
	return rc;
}

/* "source:destination", the source relative to the package. */
static int add_source(struct pkg *pkg, const char *text, struct err *err)
{
	const char *colon = strrchr(text, ':');
	AUTO_FREE char *from = NULL;
	struct tree *tree = NULL;
	char to[TREE_PATH_SIZE];
	struct stat st;
	int rc;

	if (!colon || tree_path_clean(colon + 1, to, sizeof(to)) || !*to)
		return definition_fail(err, pkg->content,
				       "extra-sources: %.128s: expected "
				       "\"source:destination\", the "
				       "destination in the package",
				       text);
	if (asprintf(&from, "%s%s%.*s", *text == '/' ? "" : pkg->dir,
		     *text == '/' ? "" : "/", (int)(colon - text), text) < 0) {
		from = NULL;
		return no_memory(err);
	}
	if (stat(from, &st))
		return definition_fail(err, pkg->content,
				       "extra-sources: %.256s: %s", from,
				       strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		struct tree_entry entry = {.path = to,
					   .mode = st.st_mode & 07777};

		rc = tree_content_whole(&entry.content, from, err);
		if (!rc)
			entry.size = tree_content_size(entry.content);
		if (!rc)
			rc = tree_put(pkg->context, &entry, err);
		tree_content_unref(entry.content);
		return rc;
	}
	rc = tree_create(&tree, err);
	if (!rc)
		rc = tree_dir_read(tree, from, NULL, err);
	if (!rc)
		rc = tree_merge(pkg->context, tree, to, err);
	tree_destroy(tree);
	return rc;
}

static int add_sources(struct pkg *pkg, struct err *err)
{
	const json_t *list = json_object_get(pkg->content, "extra-sources");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = add_source(pkg, json_string_value(json_array_get(list, i)),
				err);
	return rc;
}

/* @out: the tag with the hash put in. */
static int fill_tag(const struct pkg *pkg, const char *template, char *out,
		    size_t size, struct err *err)
{
	static const char *const marks[] = {"{{.Hash}}", "{{ .Hash }}"};
	char hex[TREE_HASH_HEX];
	int rc = tree_hash(pkg->context, hex, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *at = strstr(template, marks[i]);

		if (!at)
			continue;
		(void)snprintf(out, size, "%.*s%s%s", (int)(at - template),
			       template, hex, at + strlen(marks[i]));
		break;
	}
	if (!*out)
		(void)snprintf(out, size, "%s", template);
	if (strlen(out) > 100 ||
	    strspn(out, NAME_CHARS "ABCDEFGHIJKLMNOPQRST"
				   "UVWXYZ") != strlen(out))
		return definition_fail(err, pkg->content,
				       "tag: %.64s: up to 100 letters, digits, "
				       "_ . -, and {{.Hash}} once",
				       template);
	return 0;
}

static int make_name(struct pkg *pkg, const struct pkg_options *options,
		     struct err *err)
{
	const char *image = definition_text(pkg->content, "image");
	const char *org = definition_text(pkg->content, "org");
	const char *template = definition_text(pkg->content, "tag");
	char tag[PKG_NAME_MAX / 2] = "";
	int rc;

	if (options->org)
		org = options->org;
	if (!org)
		org = PKG_ORG;
	if (options->tag)
		template = options->tag;
	if (!*image || strspn(image, NAME_CHARS) != strlen(image) ||
	    strlen(image) > 100)
		return definition_fail(err, pkg->content,
				       "image: %.64s: small letters, digits, _ "
				       ". -",
				       image);
	if (!*org || strlen(org) > 100 ||
	    strspn(org, NAME_CHARS "/:") != strlen(org))
		return definition_fail(err, pkg->content,
				       "org: %.64s: small letters, digits, _ "
				       ". - / :",
				       org);
	rc = fill_tag(pkg, template ? template : "{{.Hash}}", tag, sizeof(tag),
		      err);
	if (!rc)
		(void)snprintf(pkg->name, sizeof(pkg->name), "%s/%s:%s", org,
			       image, tag);
	return rc;
}

int pkg_open(struct pkg *pkg, const char *dir,
	     const struct pkg_options *options, struct err *err)
{
	int rc;

	*pkg = (struct pkg){.dir = strdup(dir)};
	if (!pkg->dir)
		return no_memory(err);
	rc = read_content(pkg, options->yml ? options->yml : "build.yml", err);
	if (!rc)
		rc = read_dir(pkg, err);
	if (!rc)
		rc = add_sources(pkg, err);
	return rc ? rc : make_name(pkg, options, err);
}

void pkg_close(struct pkg *pkg)
{
	free(pkg->dir);
	json_decref(pkg->content);
	tree_destroy(pkg->context);
	*pkg = (struct pkg){0};
}

bool pkg_is_for(const struct pkg *pkg, const char *architecture)
{
	const json_t *list = json_object_get(pkg->content, "arches");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)),
			   architecture) == 0)
			return true;
	return !json_array_size(list);
}

/* @value of @at, a reference. Return: 0 with NULL in @out: it is none. */
static int resolve(const char *value, const char *dir, const json_t *at,
		   json_t *names, json_t **out, struct err *err)
{
	const struct pkg_options options = {0};
	AUTO_FREE char *path = NULL;
	struct pkg pkg = {0};
	int rc;

	*out = NULL;
	if (!value || strncmp(value, PKG_REFERENCE, strlen(PKG_REFERENCE)) != 0)
		return 0;
	value += strlen(PKG_REFERENCE);
	if (asprintf(&path, "%s%s%s", *value == '/' ? "" : dir,
		     *value == '/' ? "" : "/", value) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = pkg_open(&pkg, path, &options, err);
	if (rc && definition_text(at, DEFINITION_AT))
		(void)err_prefix(err, "%s: image: " PKG_REFERENCE "%s",
				 definition_text(at, DEFINITION_AT), value);
	if (!rc) {
		*out = json_string(pkg.name);
		if (!*out || json_object_set_new(names, pkg.name, json_true()))
			rc = no_memory(err);
	}
	pkg_close(&pkg);
	return rc;
}

static int resolve_member(json_t *object, const char *dir, json_t *names,
			  struct err *err)
{
	json_t *name = NULL;
	int rc = resolve(definition_text(object, "image"), dir, object, names,
			 &name, err);

	if (!rc && name && json_object_set_new(object, "image", name))
		rc = no_memory(err);
	return rc;
}

int pkg_resolve(json_t *definition, const char *dir, json_t *names,
		struct err *err)
{
	static const char *const lists[] = {"volumes", "onboot", "onshutdown",
					    "services"};
	json_t *init = json_object_get(definition, "init");
	int rc = resolve_member(json_object_get(definition, "kernel"), dir,
				names, err);

	for (size_t i = 0; i < json_array_size(init) && !rc; i++) {
		json_t *name = NULL;

		rc = resolve(json_string_value(json_array_get(init, i)), dir,
			     definition, names, &name, err);
		if (!rc && name && json_array_set_new(init, i, name))
			rc = no_memory(err);
	}
	for (size_t l = 0; l < ARRAY_SIZE(lists) && !rc; l++) {
		json_t *list = json_object_get(definition, lists[l]);

		for (size_t i = 0; i < json_array_size(list) && !rc; i++)
			rc = resolve_member(json_array_get(list, i), dir, names,
					    err);
	}
	return rc;
}
