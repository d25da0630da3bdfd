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
#include <stdbool.h>
#include <stdio.h>
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
	if (entry->size > OCI_JSON_MAX)
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

static int put_whole(struct tree *files, const char *dir, char *name,
		     struct err *err)
{
	struct tree_entry entry = {.path = name, .mode = 0644};
	AUTO_FREE char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "%s", dir);
	}
	rc = tree_content_whole(&entry.content, path, err);
	if (rc)
		return rc;
	entry.size = tree_content_size(entry.content);
	rc = tree_put(files, &entry, err);
	tree_content_unref(entry.content);
	return rc;
}

/*
 * Only what belongs to the layout: beside it a cache has files that come and
 * go. The index stays open, so it is one index even if it is replaced
 * meanwhile.
 */
static int read_layout(struct tree *files, const char *path, struct err *err)
{
	static char index[] = "index.json";
	static char layout[] = "oci-layout";
	AUTO_FREE char *dir = NULL;
	struct tree *blobs = NULL;
	int rc = put_whole(files, path, layout, err);

	if (!rc)
		rc = put_whole(files, path, index, err);
	if (!rc && asprintf(&dir, "%s/blobs", path) < 0) {
		dir = NULL;
		rc = err_set(err, -ENOMEM, "%s", path);
	}
	if (!rc)
		rc = tree_create(&blobs, err);
	if (!rc && access(dir, F_OK) == 0)
		rc = tree_dir_read(blobs, dir, NULL, err);
	if (!rc)
		rc = tree_merge(files, blobs, "blobs", err);
	tree_destroy(blobs);
	return rc;
}

static bool has_file(const char *dir, const char *name)
{
	AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return false;
	}
	return access(path, F_OK) == 0;
}

static int read_directory(struct tree *files, const struct oci_source *source,
			  struct err *err)
{
	struct tree_dir_options options = {
		.keep_owners = source->keep_owners,
		.origin = source->origin,
		.location = source->location,
	};

	if (has_file(source->path, "oci-layout") &&
	    has_file(source->path, "index.json"))
		return read_layout(files, source->path, err);
	return tree_dir_read(files, source->path, &options, err);
}

static int read_archive(struct tree *files, const struct oci_source *source,
			int fd, struct err *err)
{
	struct archive_input input = {
		.fd = fd,
		.name = source->path,
		.origin = source->origin,
		.location = source->location,
		.limits = source->limits,
	};

	return archive_read_file(files, &input, err);
}

static int files_read(struct tree **out, const struct oci_source *source,
		      bool *is_dir, struct err *err)
{
	AUTO_CLOSE int fd = open(source->path, O_RDONLY | O_CLOEXEC);
	struct tree *files = NULL;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, "%s", source->path);
	*is_dir = S_ISDIR(st.st_mode);
	rc = tree_create(&files, err);
	if (!rc)
		rc = *is_dir ? read_directory(files, source, err)
			     : read_archive(files, source, fd, err);
	if (rc) {
		tree_destroy(files);
		return rc;
	}
	*out = files;
	return 0;
}

int oci_files_read(struct tree **out, const struct oci_source *source,
		   struct err *err)
{
	bool is_dir;

	return files_read(out, source, &is_dir, err);
}

static int read_as_it_is(struct oci_reading *reading, bool is_dir,
			 struct err *err)
{
	struct oci_image *image = reading->image;

	if (tree_find(reading->files, "oci-layout") &&
	    tree_find(reading->files, "index.json")) {
		image->kind = is_dir ? OCI_LAYOUT : OCI_ARCHIVE;
		return oci_layout_read(reading, err);
	}
	if (!is_dir && tree_find(reading->files, "manifest.json")) {
		image->kind = OCI_DOCKER_ARCHIVE;
		return oci_docker_read(reading, err);
	}
	image->kind = is_dir ? OCI_DIRECTORY : OCI_TAR;
	tree_destroy(image->tree);
	image->tree = steal_ptr(&reading->files);
	return tree_digest(image->tree, image->digest, err);
}

int oci_image_read(struct oci_image **out, const struct oci_source *source,
		   struct err *err)
{
	struct oci_reading reading = {.source = source};
	bool is_dir = false;
	int rc;

	reading.image = calloc(1, sizeof(*reading.image));
	if (!reading.image)
		return err_set(err, -ENOMEM, "%s", source->path);
	rc = files_read(&reading.files, source, &is_dir, err);
	if (!rc)
		rc = tree_create(&reading.image->tree, err);
	if (!rc)
		rc = read_as_it_is(&reading, is_dir, err);
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
