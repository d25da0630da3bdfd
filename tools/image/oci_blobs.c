/*
 * oci_blobs.c - the blobs of an image. See oci_blobs.h.
 */
#include "oci_blobs.h"

#include "cleanup.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 4U
#define BLOBS_MAX 16384U
#define BLOB_PATH_SIZE (sizeof("blobs/sha256/") + SHA256_HEX_SIZE)

int oci_blob_content(struct tree_content **out, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, -errno, "blob");
	return tree_content_file(out, fd, 0, (uint64_t)st.st_size, err);
}

static int read_json(json_t **out, int dir, const char *name, const char *path,
		     struct err *err)
{
	AUTO_CLOSE int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct tree_content *content = NULL;
	AUTO_FREE char *text = NULL;
	uint64_t size = 0;
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s/%s", name, path);
	rc = oci_blob_content(&content, fd, err);
	if (!rc) {
		size = tree_content_size(content);
		if (size > OCI_JSON_MAX)
			rc = err_setx(err, -EBADMSG, "%s/%s: too large", name,
				      path);
	}
	if (!rc) {
		text = malloc(size + 1);
		rc = text ? tree_content_read(content, 0, text, size, err)
			  : err_set(err, -ENOMEM, "%s", path);
	}
	tree_content_unref(content);
	return rc ? rc : json_read(out, text, size, path, err);
}

int oci_index_read(json_t **out, int dir, const char *name, struct err *err)
{
	json_t *manifests;
	size_t i;
	json_t *entry;
	int rc = read_json(out, dir, name, "index.json", err);

	if (rc)
		return rc;
	manifests = json_object_get(*out, "manifests");
	json_array_foreach(manifests, i, entry)
	{
		if (!json_is_object(entry))
			rc = -EBADMSG;
	}
	if (json_is_array(manifests) && !rc)
		return 0;
	json_decref(*out);
	*out = NULL;
	return err_setx(err, -EBADMSG,
			"%s/index.json: manifests: objects expected", name);
}

const char *oci_entry_name(const json_t *entry)
{
	return json_string_value(json_object_get(
		json_object_get(entry, "annotations"), OCI_REF_NAME));
}

const char *oci_entry_architecture(const json_t *entry)
{
	return json_string_value(json_object_get(
		json_object_get(entry, "platform"), "architecture"));
}

bool oci_blobs_has(const struct oci_blobs *blobs,
		   const uint8_t digest[SHA256_SIZE])
{
	for (size_t i = 0; i < blobs->num; i++) {
		if (memcmp(blobs->items[i].digest, digest, SHA256_SIZE) == 0)
			return true;
	}
	return false;
}

void oci_blobs_fini(struct oci_blobs *blobs)
{
	free(blobs->items);
	*blobs = (struct oci_blobs){0};
}

/* Return: 1 if it is new, 0 if not, -ENOMEM. */
static int add(struct oci_blobs *blobs, const struct oci_descriptor *blob)
{
	struct oci_blob *items;

	if (oci_blobs_has(blobs, blob->digest))
		return 0;
	if (blobs->num == BLOBS_MAX)
		return -ENOMEM;
	items = reallocarray(blobs->items, blobs->num + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	blobs->items = items;
	memcpy(items[blobs->num].digest, blob->digest, SHA256_SIZE);
	items[blobs->num++].size = blob->size;
	return 1;
}

static int walk(struct oci_blobs *blobs, int dir, const char *name,
		const json_t *entry, unsigned int depth, struct err *err);

static int walk_index(struct oci_blobs *blobs, int dir, const char *name,
		      const json_t *index, unsigned int depth, struct err *err)
{
	const json_t *manifests = json_object_get(index, "manifests");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(manifests) && !rc; i++)
		rc = walk(blobs, dir, name, json_array_get(manifests, i),
			  depth + 1, err);
	return rc;
}

static int walk_manifest(struct oci_blobs *blobs, const json_t *json,
			 const char *path, struct err *err)
{
	struct oci_manifest manifest = {0};
	AUTO_FREE char *text = NULL;
	size_t size;
	int rc = json_write(json, &text, &size, err);

	if (!rc)
		rc = oci_manifest_parse(&manifest, text, size, path, err);
	if (!rc && add(blobs, &manifest.config) < 0)
		rc = err_set(err, -ENOMEM, "%s", path);
	for (size_t i = 0; i < manifest.layer_num && !rc; i++) {
		if (add(blobs, &manifest.layers[i]) < 0)
			rc = err_set(err, -ENOMEM, "%s", path);
	}
	oci_manifest_fini(&manifest);
	return rc;
}

static int walk(struct oci_blobs *blobs, int dir, const char *name,
		const json_t *entry, unsigned int depth, struct err *err)
{
	char path[BLOB_PATH_SIZE] = "blobs/sha256/";
	struct oci_descriptor blob = {0};
	json_t *json = NULL;
	int is_index;
	int rc;

	if (depth > DEPTH_MAX)
		return err_setx(err, -EBADMSG,
				"%s: indexes in indexes in indexes", name);
	rc = oci_descriptor_parse(&blob, entry, err);
	if (!rc)
		rc = add(blobs, &blob);
	sha256_hex(blob.digest, path + strlen(path));
	is_index = rc > 0 && oci_is_index(blob.media_type);
	oci_descriptor_fini(&blob);
	if (rc <= 0)
		return rc;
	rc = read_json(&json, dir, name, path, err);
	if (rc)
		return rc;
	if (is_index)
		rc = walk_index(blobs, dir, name, json, depth, err);
	else
		rc = walk_manifest(blobs, json, path, err);
	json_decref(json);
	return rc;
}

int oci_blobs_of(struct oci_blobs *blobs, int dir, const char *name,
		 const json_t *entry, struct err *err)
{
	return walk(blobs, dir, name, entry, 0, err);
}
