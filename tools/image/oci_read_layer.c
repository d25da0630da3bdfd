/*
 * oci_read_layer.c - one layer of an image: decompressed, checked, applied. See
 * oci_read.h.
 */
#include "oci_reading.h"

#include "cleanup.h"
#include "oci_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_cached(const struct oci_reading *reading,
		       const uint8_t digest[SHA256_SIZE], struct err *err)
{
	if (!reading->source->cache)
		return -ENOENT;
	return image_cache_get(reading->source->cache, IMAGE_CACHE_UNPACKED,
			       digest, err);
}

/* Decompress into the cache, or into a nameless file without one. */
static int unpack(const struct oci_reading *reading,
		  const struct archive_input *input,
		  const uint8_t digest[SHA256_SIZE], bool *plain,
		  struct err *err)
{
	struct image_cache *cache = reading->source->cache;
	struct image_cache_file file = {.fd = -1};
	int rc;
	int fd;

	if (cache)
		rc = image_cache_begin(cache, &file, err);
	else
		rc = file.fd = archive_temp_file(err);
	if (rc < 0)
		return rc;
	rc = archive_decompress(input, file.fd, plain, err);
	fd = rc || *plain ? -1 : fcntl(file.fd, F_DUPFD_CLOEXEC, 0);
	if (!rc && !*plain && fd < 0)
		rc = err_set(err, -errno, "%s", input->name);
	if (!rc && !*plain && cache)
		rc = image_cache_commit(cache, &file, IMAGE_CACHE_UNPACKED,
					digest, err);
	image_cache_abort(&file);
	if (rc && fd >= 0)
		(void)close(fd);
	return rc ? rc : fd;
}

/* @input becomes the uncompressed tar of the layer. Return: a descriptor to
 * close, or -1 with 0 in @rc if it was not compressed. */
static int layer_open(const struct oci_reading *reading,
		      struct archive_input *input,
		      const struct oci_layer_info *info, struct err *err)
{
	bool plain = false;
	int fd = open_cached(reading, info->digest, err);

	if (fd == -ENOENT)
		fd = unpack(reading, input, info->digest, &plain, err);
	if (plain) /* unpack() made nothing */
		return fcntl(input->fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0) {
		input->offset = 0;
		input->size = 0;
	}
	return fd;
}

static int diff_id_of(const struct archive_input *input, uint64_t size,
		      uint8_t digest[SHA256_SIZE], struct err *err)
{
	struct tree_content *content = NULL;
	struct stat st;
	int rc;

	if (fstat(input->fd, &st))
		return err_set(err, -errno, "%s", input->name);
	if (!input->size)
		size = (uint64_t)st.st_size;
	rc = tree_content_file(&content, input->fd, input->offset, size, err);
	if (rc)
		return rc;
	rc = tree_content_digest(content, digest, err);
	tree_content_unref(content);
	return rc;
}

static uint64_t bytes_in(const struct tree *tree)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < tree_num(tree); i++)
		bytes += tree_at(tree, i)->size;
	return bytes;
}

/* Read the tar and put it on what is there. */
static int layer_put(const struct oci_reading *reading,
		     const struct archive_input *input,
		     struct oci_layer_info *info, struct err *err)
{
	struct tree *layer = NULL;
	int rc = tree_create(&layer, err);

	if (!rc)
		rc = archive_read(layer, input, err);
	if (!rc) {
		info->bytes = bytes_in(layer);
		rc = oci_layer_apply(reading->image->tree, layer, err);
	}
	tree_destroy(layer);
	return rc;
}

/* @expected: "sha256:..." of the configuration. */
int oci_layer_read(const struct oci_reading *reading,
		   const struct tree_entry *entry, struct oci_layer_info *info,
		   const char *expected, struct err *err)
{
	const struct oci_source *source = reading->source;
	struct archive_input input = {
		.name = source->path,
		.below = reading->image->tree,
		.origin = source->origin,
		.location = source->location,
		.limits = source->limits,
		.size = entry->size,
	};
	AUTO_CLOSE int blob = -1;
	AUTO_CLOSE int fd = -1;
	char hex[SHA256_HEX_SIZE];
	int rc;

	info->size = entry->size;
	rc = tree_content_digest(entry->content, info->digest, err);
	if (rc)
		return rc;
	if (!entry->content)
		return err_setx(err, -EBADMSG, "%s: %s is empty", source->path,
				entry->path);
	blob = tree_content_open(entry->content, &input.offset, err);
	if (blob < 0)
		return blob;
	input.fd = blob;
	fd = layer_open(reading, &input, info, err);
	if (fd < 0)
		return fd;
	input.fd = fd;
	rc = diff_id_of(&input, input.size, info->diff_id, err);
	if (rc)
		return rc;
	sha256_hex(info->diff_id, hex);
	if (expected && (strncmp(expected, "sha256:", 7) != 0 ||
			 strcmp(expected + 7, hex) != 0))
		return err_setx(err, -EBADMSG,
				"%s: %s is damaged: its content differs from "
				"its diff_id",
				source->path, entry->path);
	return layer_put(reading, &input, info, err);
}
