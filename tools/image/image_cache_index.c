/*
 * image_cache_index.c - the images of a cache: index.json and the blobs that it
 * leads to. See image_cache.h.
 */
#include "image_cache.h"

#include "cleanup.h"
#include "image_cache_internal.h"
#include "interrupt.h"
#include "json.h"
#include "oci.h"
#include "oci_blobs.h"
#include "sink.h"
#include "tree_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int index_write(struct image_cache *cache, const json_t *index,
		       struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	int rc = json_write(index, &text, &size, err);

	return rc ? rc
		  : image_cache_put_text(cache, "index.json", text, size, err);
}

/* Take the blob over, checked on the way. */
static int import_blob(struct image_cache *cache, int layout,
		       const char *layout_name,
		       const uint8_t digest[SHA256_SIZE], struct err *err)
{
	struct image_cache_file file = {.fd = -1};
	char name[IMAGE_CACHE_NAME_SIZE];
	struct tree_content *content = NULL;
	struct sink_file sink = {0};
	uint8_t found[SHA256_SIZE];
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int have = -1;
	int rc;

	have = image_cache_get(cache, IMAGE_CACHE_BLOBS, digest, err);
	if (have >= 0)
		return 0;
	if (have != -ENOENT)
		return have;
	image_cache_name(IMAGE_CACHE_BLOBS, digest, name);
	from = openat(layout, name, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_set(err, -errno, "%s/%s", layout_name, name);
	rc = oci_blob_content(&content, from, err);
	if (!rc)
		rc = image_cache_begin(cache, &file, err);
	if (!rc)
		rc = sink_file_init(&sink, file.fd, err);
	if (!rc)
		rc = sink_content(&sink.sink, content, err);
	if (!rc) {
		sink_file_digest(&sink, found);
		if (memcmp(found, digest, SHA256_SIZE) != 0)
			rc = err_setx(err, -EBADMSG,
				      "%s/%s is damaged: its digest differs",
				      layout_name, name);
	}
	if (!rc)
		rc = image_cache_commit(cache, &file, IMAGE_CACHE_BLOBS, digest,
					err);
	sink_file_fini(&sink);
	image_cache_abort(&file);
	tree_content_unref(content);
	return rc;
}

/* Replace the entry of that name and architecture, or append. */
static int index_put(json_t *index, json_t *entry, const char *name)
{
	json_t *manifests = json_object_get(index, "manifests");
	const char *arch = oci_entry_architecture(entry);

	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *old = json_array_get(manifests, i);
		const char *other = oci_entry_name(old);
		const char *its = oci_entry_architecture(old);

		if (other && strcmp(other, name) == 0 &&
		    (!arch || !its || strcmp(arch, its) == 0))
			return json_array_set(manifests, i, entry) ? -ENOMEM
								   : 0;
	}
	return json_array_append(manifests, entry) ? -ENOMEM : 0;
}

static int put_platform(json_t *entry, const char *architecture)
{
	return json_object_set_new(entry, "platform",
				   json_pack("{s:s,s:s}", "architecture",
					     architecture, "os", "linux"));
}

static int put_entry(struct image_cache *cache, const json_t *entry,
		     const char *name, const char *architecture,
		     struct err *err)
{
	AUTO_CLOSE int lock = image_cache_lock_index(cache, err);
	json_t *copy = json_deep_copy(entry);
	json_t *index = NULL;
	json_t *notes;
	int rc = lock < 0 ? lock
			  : oci_index_read(&index, cache->fd, cache->path, err);

	notes = json_object_get(copy, "annotations");
	if (!rc && !notes &&
	    json_object_set_new(copy, "annotations", json_object()))
		rc = err_set(err, -ENOMEM, "cache");
	notes = json_object_get(copy, "annotations");
	if (!rc && (json_put(notes, OCI_REF_NAME, name) ||
		    (architecture && put_platform(copy, architecture)) ||
		    index_put(index, copy, name)))
		rc = err_set(err, -ENOMEM, "cache");
	if (!rc)
		rc = index_write(cache, index, err);
	json_decref(copy);
	json_decref(index);
	return rc;
}

static int import_one(struct image_cache *cache, int layout,
		      const char *layout_name, const json_t *entry,
		      const char *as, const char *architecture, struct err *err)
{
	struct oci_blobs blobs = {0};
	int rc = oci_blobs_of(&blobs, layout, layout_name, entry, err);

	for (size_t i = 0; i < blobs.num && !rc; i++)
		rc = import_blob(cache, layout, layout_name,
				 blobs.items[i].digest, err);
	oci_blobs_fini(&blobs);
	return rc ? rc : put_entry(cache, entry, as, architecture, err);
}

int image_cache_import(struct image_cache *cache, const char *layout,
		       const char *name, const char *as,
		       const char *architecture, struct err *err)
{
	AUTO_CLOSE int dir = open(layout, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *index = NULL;
	json_t *manifests;
	size_t taken = 0;
	int rc;

	if (dir < 0)
		return err_set(err, -errno, "%s", layout);
	rc = oci_index_read(&index, dir, layout, err);
	if (rc)
		return rc;
	manifests = json_object_get(index, "manifests");
	for (size_t i = 0; i < json_array_size(manifests) && !rc; i++) {
		const json_t *entry = json_array_get(manifests, i);
		const char *other = oci_entry_name(entry);

		if (name ? !other || strcmp(other, name) != 0 : !other && !as)
			continue;
		rc = import_one(cache, dir, layout, entry, as ? as : other,
				architecture, err);
		taken++;
	}
	json_decref(index);
	if (!rc && !taken)
		rc = err_setx(err, -ENOENT, "%s: no image %s in it", layout,
			      name ? name : "with a name");
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct image_cache_image *left = a;
	const struct image_cache_image *right = b;

	return strcmp(left->name, right->name);
}

static int list_one(struct image_cache *cache, const json_t *entry,
		    struct image_cache_image *image, struct err *err)
{
	struct oci_blobs blobs = {0};
	int rc = oci_blobs_of(&blobs, cache->fd, cache->path, entry, err);

	if (!rc && blobs.num)
		sha256_hex(blobs.items[0].digest, image->hex);
	for (size_t i = 0; i < blobs.num; i++)
		image->size += blobs.items[i].size;
	oci_blobs_fini(&blobs);
	image->name = strdup(oci_entry_name(entry));
	if (!rc && !image->name)
		rc = err_set(err, -ENOMEM, "cache");
	return rc;
}

int image_cache_list(struct image_cache *cache, struct image_cache_image **out,
		     size_t *num, struct err *err)
{
	struct image_cache_image *images;
	json_t *index = NULL;
	json_t *manifests;
	size_t used = 0;
	int rc = oci_index_read(&index, cache->fd, cache->path, err);

	if (rc)
		return rc;
	manifests = json_object_get(index, "manifests");
	images = calloc(json_array_size(manifests) + 1, sizeof(*images));
	if (!images)
		rc = err_set(err, -ENOMEM, "cache");
	for (size_t i = 0; i < json_array_size(manifests) && !rc; i++) {
		const json_t *entry = json_array_get(manifests, i);

		if (oci_entry_name(entry))
			rc = list_one(cache, entry, &images[used++], err);
	}
	json_decref(index);
	if (rc) {
		image_cache_list_free(images, used);
		return rc;
	}
	qsort(images, used, sizeof(*images), by_name);
	*out = images;
	*num = used;
	return 0;
}

void image_cache_list_free(struct image_cache_image *images, size_t num)
{
	for (size_t i = 0; images && i < num; i++)
		free(images[i].name);
	free(images);
}

/* Remove the files of @area that are not in @kept. */
static int remove_unused(struct image_cache *cache, enum image_cache_area area,
			 const struct oci_blobs *kept, uint64_t *freed,
			 struct err *err)
{
	static const uint8_t zero[SHA256_SIZE];
	char name[IMAGE_CACHE_NAME_SIZE];
	const struct dirent *entry;
	DIR *dir;
	int fd;

	image_cache_name(area, zero, name);
	*strrchr(name, '/') = '\0';
	fd = openat(cache->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int rc =
			err_set(err, -errno, "cache: %s/%s", cache->path, name);

		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	while ((entry = readdir(dir))) {
		uint8_t digest[SHA256_SIZE];
		struct stat st;

		if (sha256_parse(entry->d_name, digest) ||
		    oci_blobs_has(kept, digest))
			continue;
		if (fstatat(fd, entry->d_name, &st, 0) == 0 &&
		    unlinkat(fd, entry->d_name, 0) == 0)
			*freed += (uint64_t)st.st_size;
	}
	(void)closedir(dir); /* only ever read */
	return 0;
}

static int collect_garbage(struct image_cache *cache, const json_t *index,
			   uint64_t *freed, struct err *err)
{
	const json_t *manifests = json_object_get(index, "manifests");
	struct oci_blobs kept = {0};
	int rc = 0;

	for (size_t i = 0; i < json_array_size(manifests) && !rc; i++)
		rc = oci_blobs_of(&kept, cache->fd, cache->path,
				  json_array_get(manifests, i), err);
	if (!rc)
		rc = remove_unused(cache, IMAGE_CACHE_BLOBS, &kept, freed, err);
	if (!rc)
		rc = remove_unused(cache, IMAGE_CACHE_UNPACKED, &kept, freed,
				   err);
	oci_blobs_fini(&kept);
	return rc;
}

int image_cache_remove(struct image_cache *cache, const char *name,
		       uint64_t *freed, struct err *err)
{
	json_t *index = NULL;
	json_t *manifests;
	bool found = false;
	int rc = image_cache_lock_alone(cache, err);

	*freed = 0;
	if (!rc)
		rc = oci_index_read(&index, cache->fd, cache->path, err);
	manifests = json_object_get(index, "manifests");
	for (size_t i = json_array_size(manifests); i-- && !rc;) {
		const char *other =
			oci_entry_name(json_array_get(manifests, i));

		if (other && strcmp(other, name) == 0) {
			(void)json_array_remove(manifests, i); /* in range */
			found = true;
		}
	}
	if (!rc && !found)
		rc = err_setx(err, -ENOENT, "cache: no image %s", name);
	if (!rc)
		rc = index_write(cache, index, err);
	if (!rc)
		rc = collect_garbage(cache, index, freed, err);
	json_decref(index);
	return rc;
}

static int remove_logs(const struct image_cache *cache, struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/" IMAGE_CACHE_LOGS, cache->path) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "cache");
	}
	return tree_dir_remove(path, err);
}

int image_cache_clean(struct image_cache *cache, uint64_t *freed,
		      struct err *err)
{
	static const char empty[] =
		"{\"manifests\":[],\"mediaType\":\"" OCI_INDEX
		"\",\"schemaVersion\":2}\n";
	const struct oci_blobs none = {0};
	int rc = image_cache_lock_alone(cache, err);

	*freed = 0;
	if (!rc)
		rc = image_cache_put_text(cache, "index.json", empty,
					  strlen(empty), err);
	for (int area = IMAGE_CACHE_BLOBS; area <= IMAGE_CACHE_RESULTS && !rc;
	     area++)
		rc = remove_unused(cache, (enum image_cache_area)area, &none,
				   freed, err);
	return rc ? rc : remove_logs(cache, err);
}
