/*
 * oci_read_layout.c - an OCI image layout: index, manifest, configuration,
 * layers. See oci_read.h.
 */
#include "oci_reading.h"

#include "cleanup.h"
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_DEPTH_MAX 4U
#define BLOB_PATH_SIZE (sizeof("blobs/sha256/") + SHA256_HEX_SIZE)

static void blob_path(const uint8_t digest[SHA256_SIZE],
		      char path[BLOB_PATH_SIZE])
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(digest, hex);
	(void)snprintf(path, BLOB_PATH_SIZE, "blobs/sha256/%s", hex);
}

/* Has the blob the size and the digest that its descriptor says? */
static int blob_check(const struct oci_reading *reading,
		      const struct oci_descriptor *descriptor,
		      const struct tree_entry **out, struct err *err)
{
	char path[BLOB_PATH_SIZE];
	uint8_t digest[SHA256_SIZE];
	const struct tree_entry *entry;
	int rc;

	blob_path(descriptor->digest, path);
	entry = tree_follow(reading->files, path);
	if (!entry || entry->type != TREE_FILE)
		return err_setx(err, -EBADMSG, "%s: has no %s",
				reading->source->path, path);
	if (entry->size != descriptor->size)
		return err_setx(err, -EBADMSG,
				"%s: %s has %llu bytes, not %llu",
				reading->source->path, path,
				(unsigned long long)entry->size,
				(unsigned long long)descriptor->size);
	rc = tree_content_digest(entry->content, digest, err);
	if (rc)
		return rc;
	if (memcmp(digest, descriptor->digest, SHA256_SIZE) != 0)
		return err_setx(err, -EBADMSG,
				"%s: %s is damaged: its digest differs",
				reading->source->path, path);
	*out = entry;
	return 0;
}

static int blob_text(const struct oci_reading *reading,
		     const struct oci_descriptor *descriptor, char **text,
		     size_t *size, struct err *err)
{
	const struct tree_entry *entry;
	char path[BLOB_PATH_SIZE];
	int rc = blob_check(reading, descriptor, &entry, err);

	if (rc)
		return rc;
	blob_path(descriptor->digest, path);
	return oci_reading_text(reading, path, text, size, err);
}

static int manifest_layers(const struct oci_reading *reading,
			   const struct oci_manifest *manifest, struct err *err)
{
	struct oci_image *image = reading->image;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = blob_text(reading, &manifest->config, &text, &size, err);

	if (!rc)
		rc = oci_config_parse(&image->config, text, size,
				      "image configuration", err);
	if (!rc)
		rc = oci_reading_fits(reading, err);
	if (!rc)
		rc = oci_reading_layers(reading, manifest->layer_num, err);
	for (size_t i = 0; i < manifest->layer_num && !rc; i++) {
		const struct tree_entry *entry;

		rc = blob_check(reading, &manifest->layers[i], &entry, err);
		if (!rc)
			rc = oci_layer_read(reading, entry, &image->layers[i],
					    image->config.diff_ids.items[i],
					    err);
	}
	return rc;
}

/* From the index, through indexes in it, to a manifest. */
static int manifest_find(const struct oci_reading *reading,
			 struct oci_descriptor *found, struct err *err)
{
	struct oci_want want = reading->source->want;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = oci_reading_text(reading, "index.json", &text, &size, err);

	if (!rc)
		rc = oci_index_pick(found, text, size, reading->source->path,
				    &want, err);
	want.name = NULL; /* names are in the outermost index only */
	for (unsigned int depth = 0; !rc && oci_is_index(found->media_type);
	     depth++) {
		AUTO_FREE char *inner = NULL;

		if (depth == INDEX_DEPTH_MAX)
			return err_setx(err, -EBADMSG,
					"%s: indexes in indexes in indexes",
					reading->source->path);
		rc = blob_text(reading, found, &inner, &size, err);
		oci_descriptor_fini(found);
		if (!rc)
			rc = oci_index_pick(found, inner, size,
					    reading->source->path, &want, err);
	}
	return rc;
}

int oci_layout_read(const struct oci_reading *reading, struct err *err)
{
	struct oci_descriptor found = {0};
	struct oci_manifest manifest = {0};
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = manifest_find(reading, &found, err);

	if (!rc)
		rc = blob_text(reading, &found, &text, &size, err);
	if (!rc)
		rc = oci_manifest_parse(&manifest, text, size, "manifest", err);
	if (!rc) {
		memcpy(reading->image->digest, found.digest, SHA256_SIZE);
		rc = manifest_layers(reading, &manifest, err);
	}
	oci_manifest_fini(&manifest);
	oci_descriptor_fini(&found);
	return rc;
}
