/* pkg_index.c - the image of a package for all architectures; see pkg.h.
 * image-spec: image-index.md. */
#include "pkg.h"

#include "cleanup.h"
#include "json.h"
#include "macros.h"
#include "oci.h"
#include "tree_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const architectures[] = {"amd64", "arm64"};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int put_text(struct tree *tree, const char *path, const char *text,
		    size_t size, struct err *err)
{
	const struct tree_entry like = {.mode = 0644};

	return tree_put_bytes(tree, path, &like, text, size, err);
}

/* The descriptor in the index.json of a layout of one image. */
static int read_entry(const struct tree *layout, const char *architecture,
		      json_t **out, struct err *err)
{
	const struct tree_entry *entry = tree_find(layout, "index.json");
	AUTO_FREE char *text = entry ? calloc(1, entry->size + 1) : NULL;
	json_t *index = NULL;
	json_t *found;
	json_t *platform;
	int rc;

	if (!text)
		return no_memory(err);
	rc = tree_content_read(entry->content, 0, text, entry->size, err);
	if (!rc)
		rc = json_read(&index, text, entry->size, "index.json", err);
	if (rc)
		return rc;
	found = json_deep_copy(
		json_array_get(json_object_get(index, "manifests"), 0));
	platform = json_pack("{s:s,s:s}", "architecture", architecture, "os",
			     "linux");
	json_decref(index);
	if (!found || json_object_set_new(found, "platform", platform)) {
		json_decref(found);
		return no_memory(err);
	}
	(void)json_object_del(found, "annotations"); /* its name here */
	*out = found;
	return 0;
}

/* Return: 0, also if the image of @architecture is not there. */
static int add_one(const struct pkg *pkg, struct image_cache *cache,
		   const char *architecture, struct tree *files, json_t *list,
		   struct err *err)
{
	char name[PKG_NAME_MAX + 32];
	struct tree *layout = NULL;
	json_t *entry = NULL;
	int rc = tree_create(&layout, err);

	(void)snprintf(name, sizeof(name), "%s-%s", pkg->name, architecture);
	if (!rc)
		rc = image_cache_export(cache, name, NULL, layout, err);
	if (!rc)
		rc = read_entry(layout, architecture, &entry, err);
	if (!rc && json_array_append_new(list, entry))
		rc = no_memory(err);
	if (!rc)
		rc = tree_merge(files, layout, "", err);
	tree_destroy(layout);
	return rc == -ENOENT ? 0 : rc;
}

/* The index of @list as a blob, and index.json that leads to it. */
static int put_index(struct tree *files, json_t *list,
		     char digest[SHA256_HEX_SIZE], struct err *err)
{
	json_t *index = json_pack("{s:i,s:s,s:O}", "schemaVersion", 2,
				  "mediaType", OCI_INDEX, "manifests", list);
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *top = NULL;
	char path[128];
	uint8_t sum[SHA256_SIZE];
	json_t *outer;
	size_t size = 0;
	int rc = index ? json_write(index, &text, &size, err) : no_memory(err);

	json_decref(index);
	if (rc)
		return rc;
	sha256_bytes(text, size, sum);
	sha256_hex(sum, digest);
	(void)snprintf(path, sizeof(path), "blobs/sha256/%s", digest);
	rc = put_text(files, path, text, size, err);
	if (rc)
		return rc;
	(void)snprintf(path, sizeof(path), "sha256:%s", digest);
	outer = json_pack("{s:i,s:s,s:[{s:s,s:s,s:I}]}", "schemaVersion", 2,
			  "mediaType", OCI_INDEX, "manifests", "mediaType",
			  OCI_INDEX, "digest", path, "size", (json_int_t)size);
	rc = outer ? json_write(outer, &top, &size, err) : no_memory(err);
	json_decref(outer);
	return rc ? rc : put_text(files, "index.json", top, size, err);
}

static int import(struct image_cache *cache, const struct tree *files,
		  const char *name, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	int rc = image_cache_scratch_dir(cache, "index", &dir, err);

	if (rc)
		return rc;
	rc = tree_dir_write(files, dir, err);
	if (!rc)
		rc = image_cache_import(cache, dir, NULL, name, NULL, err);
	(void)tree_dir_remove(dir, NULL); /* the sweep gets what is left */
	return rc;
}

int pkg_index(const struct pkg *pkg, struct image_cache *cache,
	      char digest[SHA256_HEX_SIZE], struct err *err)
{
	json_t *list = json_array();
	struct tree *files = NULL;
	int rc = list ? tree_create(&files, err) : no_memory(err);

	for (size_t i = 0; i < ARRAY_SIZE(architectures) && !rc; i++)
		rc = add_one(pkg, cache, architectures[i], files, list, err);
	if (!rc && !json_array_size(list))
		rc = err_setx(err, -ENOENT,
			      "%s: not built for any architecture: lwx-image "
			      "pkg build %s",
			      pkg->name, pkg->dir);
	if (!rc)
		rc = put_index(files, list, digest, err);
	if (!rc)
		rc = import(cache, files, pkg->name, err);
	tree_destroy(files);
	json_decref(list);
	return rc;
}
