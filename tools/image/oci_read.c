/*
 * oci_read.c - tells what an image is in and reads it. See oci_read.h.
 *
 * A layout or archive is itself read as a tree: its blobs are contents.
 */
#include "oci_read.h"

#include "cleanup.h"
#include "json.h"
#include "oci_reading.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int oci_reading_text(const struct oci_reading *reading, const char *path,
		     char **text, size_t *size, struct err *err)
{
	const struct tree_entry *entry = tree_follow(reading->files, path);
	AUTO_FREE char *buf = NULL;
	int rc;

	if (!entry || entry->type != TREE_FILE)
		return err_setx(err, -EBADMSG, "%s: has no file %s",
				reading->source->path, path);
	if (entry->size > JSON_BYTES_MAX)
		return err_setx(err, -EBADMSG, "%s: %s is too large",
				reading->source->path, path);
	buf = malloc(entry->size + 1);
	if (!buf)
		return err_set(err, -ENOMEM, "%s", path);
	if (entry->size) {
		rc = tree_content_read(entry->content, 0, buf, entry->size,
				       err);
		if (rc)
			return rc;
	}
	buf[entry->size] = '\0';
	*size = entry->size;
	*text = steal_ptr(&buf);
	return 0;
}

int oci_reading_layers(const struct oci_reading *reading, size_t num,
		       struct err *err)
{
	struct oci_image *image = reading->image;
	const char *path = reading->source->path;

	if (num > OCI_LAYERS_MAX)
		return err_setx(err, -EBADMSG, "%s: more than %u layers", path,
				OCI_LAYERS_MAX);
	if (num != image->config.diff_ids.num)
		return err_setx(err, -EBADMSG,
				"%s: %zu layers, but %zu diff_ids", path, num,
				image->config.diff_ids.num);
	image->layers = calloc(num ? num : 1, sizeof(*image->layers));
	if (!image->layers)
		return err_set(err, -ENOMEM, "%s", path);
	image->layer_num = num;
	return 0;
}

int oci_reading_fits(const struct oci_reading *reading, struct err *err)
{
	const char *want = reading->source->want.architecture;
	const char *have = reading->image->config.architecture;

	if (!want || !have || strcmp(want, have) == 0)
		return 0;
	return err_setx(err, -ENOENT, "%s: an image for %s, not for %s",
			reading->source->path, have, want);
}

/* Move what was read as an archive to where an image has it: it is the image.
 */
static int is_root(const struct oci_reading *reading, enum oci_kind kind,
		   struct err *err)
{
	struct oci_image *image = reading->image;

	image->kind = kind;
	tree_destroy(image->tree);
	image->tree = NULL;
	return tree_digest(reading->files, image->digest, err);
}

static int read_directory(struct oci_reading *reading, struct err *err)
{
	const struct oci_source *source = reading->source;
	struct tree_dir_options options = {
		.keep_owners = source->keep_owners,
		.origin = source->origin,
		.location = source->location,
	};
	int rc = tree_dir_read(reading->files, source->path, &options, err);

	if (rc)
		return rc;
	if (!tree_find(reading->files, "oci-layout") ||
	    !tree_find(reading->files, "index.json"))
		return is_root(reading, OCI_DIRECTORY, err);
	reading->image->kind = OCI_LAYOUT;
	return oci_layout_read(reading, err);
}

static int read_archive(struct oci_reading *reading, int fd, struct err *err)
{
	const struct oci_source *source = reading->source;
	struct archive_input input = {
		.fd = fd,
		.name = source->path,
		.origin = source->origin,
		.location = source->location,
		.limits = source->limits,
	};
	int rc = archive_read_file(reading->files, &input, err);

	if (rc)
		return rc;
	if (tree_find(reading->files, "oci-layout") &&
	    tree_find(reading->files, "index.json")) {
		reading->image->kind = OCI_ARCHIVE;
		return oci_layout_read(reading, err);
	}
	if (tree_find(reading->files, "manifest.json")) {
		reading->image->kind = OCI_DOCKER_ARCHIVE;
		return oci_docker_read(reading, err);
	}
	return is_root(reading, OCI_TAR, err);
}

int oci_image_read(struct oci_image **out, const struct oci_source *source,
		   struct err *err)
{
	struct oci_reading reading = {.source = source};
	AUTO_CLOSE int fd = open(source->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, "%s", source->path);
	reading.image = calloc(1, sizeof(*reading.image));
	if (!reading.image)
		return err_set(err, -ENOMEM, "%s", source->path);
	rc = tree_create(&reading.files, err);
	if (!rc)
		rc = tree_create(&reading.image->tree, err);
	if (!rc && S_ISDIR(st.st_mode))
		rc = read_directory(&reading, err);
	else if (!rc)
		rc = read_archive(&reading, fd, err);
	if (!rc && !reading.image->tree)
		reading.image->tree = steal_ptr(&reading.files);
	tree_destroy(reading.files);
	if (rc) {
		oci_image_destroy(reading.image);
		return rc;
	}
	*out = reading.image;
	return 0;
}

void oci_image_destroy(struct oci_image *image)
{
	if (!image)
		return;
	oci_config_fini(&image->config);
	tree_destroy(image->tree);
	free(image->layers);
	free(image);
}
