/*
 * image_cache_export.c - an image of the cache as a layout of its own. See
 * image_cache.h.
 */
#include "image_cache.h"

#include "cleanup.h"
#include "image_cache_internal.h"
#include "json.h"
#include "oci.h"
#include "oci_blobs.h"
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int put(struct tree *out, const char *path, struct tree_content *content,
	       struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = {
		.path = copy,
		.mode = 0644,
		.size = tree_content_size(content),
		.content = content,
	};

	return copy ? tree_put(out, &entry, err)
		    : err_set(err, -ENOMEM, "%s", path);
}

static int put_text(struct tree *out, const char *path, const char *text,
		    size_t size, struct err *err)
{
	const struct tree_entry like = {.mode = 0644};

	return tree_put_bytes(out, path, &like, text, size, err);
}

static int put_blob(struct image_cache *cache, struct tree *out,
		    const uint8_t digest[SHA256_SIZE], struct err *err)
{
	AUTO_CLOSE int fd =
		image_cache_get(cache, IMAGE_CACHE_BLOBS, digest, err);
	char name[IMAGE_CACHE_NAME_SIZE];
	struct tree_content *content = NULL;
	int rc;

	image_cache_name(IMAGE_CACHE_BLOBS, digest, name);
	if (fd == -ENOENT)
		return err_setx(err, -EBADMSG, "cache: has no %s", name);
	if (fd < 0)
		return fd;
	rc = oci_blob_content(&content, fd, err);
	if (!rc)
		rc = put(out, name, content, err);
	tree_content_unref(content);
	return rc;
}

static int put_index(struct tree *out, json_t *index, json_t *entry,
		     struct err *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	json_t *manifests = json_array();
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = 0;

	if (json_array_append(manifests, entry) ||
	    json_object_set(index, "manifests", manifests))
		rc = err_set(err, -ENOMEM, "index.json");
	json_decref(manifests);
	if (!rc)
		rc = json_write(index, &text, &size, err);
	if (!rc)
		rc = put_text(out, "index.json", text, size, err);
	return rc ? rc
		  : put_text(out, "oci-layout", layout, strlen(layout), err);
}

/* The image for @architecture, else the first one of that name. Return: NULL if
 * there is none; borrowed. */
static json_t *find_entry(const json_t *manifests, const char *name,
			  const char *architecture)
{
	json_t *first = NULL;

	for (size_t i = 0; i < json_array_size(manifests); i++) {
		json_t *entry = json_array_get(manifests, i);
		const char *other = oci_entry_name(entry);
		const char *its = oci_entry_architecture(entry);

		if (!other || strcmp(other, name) != 0)
			continue;
		if (its && architecture && strcmp(its, architecture) == 0)
			return entry;
		if (!first)
			first = entry;
	}
	return first;
}

int image_cache_export(struct image_cache *cache, const char *name,
		       const char *architecture, struct tree *out,
		       struct err *err)
{
	struct oci_blobs blobs = {0};
	json_t *index = NULL;
	json_t *entry = NULL;
	int rc = oci_index_read(&index, cache->fd, cache->path, err);

	if (rc)
		return rc;
	entry = json_incref(find_entry(json_object_get(index, "manifests"),
				       name, architecture));
	if (!entry)
		rc = err_setx(err, -ENOENT, "cache: no image %s", name);
	if (!rc)
		rc = oci_blobs_of(&blobs, cache->fd, cache->path, entry, err);
	for (size_t i = 0; i < blobs.num && !rc; i++)
		rc = put_blob(cache, out, blobs.items[i].digest, err);
	if (!rc)
		rc = put_index(out, index, entry, err);
	oci_blobs_fini(&blobs);
	json_decref(entry);
	json_decref(index);
	return rc;
}
