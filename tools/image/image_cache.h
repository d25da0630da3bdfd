/*
 * image_cache.h - what builds keep: images, unpacked layers, results.
 *
 * A directory that is an OCI image layout (oci-layout, index.json,
 * blobs/sha256) with two more folders: unpacked (decompressed layers by the
 * digest of the layer) and results (anything by the digest of what it was made
 * from). Every file appears at once, complete, under the name that its content
 * or its inputs give it; so builds share a cache without waiting, and a kill or
 * a full disk leaves what was there before. One thread per object.
 */
#pragma once

#include "err.h"
#include "sha256.h"

#include <stdint.h>

#define IMAGE_CACHE_LOGS "logs" /* folder: of builds that failed */

struct image_cache;
struct tree;

enum image_cache_area {
	IMAGE_CACHE_BLOBS,
	IMAGE_CACHE_UNPACKED,
	IMAGE_CACHE_RESULTS,
};

/**
 * image_cache_open() - use a cache, made if it is missing
 * @dir: NULL: $XDG_CACHE_HOME/lwx, else ~/.cache/lwx
 *
 * Holds a shared lock until image_cache_close(). Whoever is alone removes what
 * a killed process has left.
 *
 * Return: 0 or a negative errno with @err.
 */
int image_cache_open(struct image_cache **out, const char *dir,
		     struct err *err);

/** image_cache_close() - NULL is fine. */
void image_cache_close(struct image_cache *cache);

/** image_cache_path() - the directory, as long as @cache lives. */
const char *image_cache_path(const struct image_cache *cache);

/** image_cache_scratch() - a directory for what the caller removes again, on
 * the file system of the cache; as long as @cache lives. */
const char *image_cache_scratch(const struct image_cache *cache);

/** image_cache_scratch_dir() - a new directory "NAME.XXXXXX" in there; the
 * caller removes it, else a later sweep. @out: its path, free(). Return: 0 or a
 * negative errno with @err. */
int image_cache_scratch_dir(const struct image_cache *cache, const char *name,
			    char **out, struct err *err);

/** image_cache_get() - open what is kept under @key. Return: a descriptor for
 * reading, -ENOENT without @err if there is none, or a negative errno with
 * @err. */
int image_cache_get(struct image_cache *cache, enum image_cache_area area,
		    const uint8_t key[SHA256_SIZE], struct err *err);

/**
 * struct image_cache_file - a file on its way into the cache
 * @fd:   write here, from its start
 * @path: its name until then, NULL: nameless
 */
struct image_cache_file {
	int fd;
	char *path;
};

/** image_cache_begin() - Return: 0 or a negative errno with @err;
 * image_cache_commit() or image_cache_abort() must follow. */
int image_cache_begin(struct image_cache *cache, struct image_cache_file *file,
		      struct err *err);

/**
 * image_cache_commit() - keep it under @key
 *
 * If somebody else was faster theirs stays. @file->fd is closed.
 *
 * Return: 0 or a negative errno with @err.
 */
int image_cache_commit(struct image_cache *cache, struct image_cache_file *file,
		       enum image_cache_area area,
		       const uint8_t key[SHA256_SIZE], struct err *err);

/** image_cache_abort() - forget it; one that was committed is fine. */
void image_cache_abort(struct image_cache_file *file);

/**
 * image_cache_import() - take images of another layout
 * @layout: a directory that is an OCI image layout
 * @name:   the one to take, NULL: all that have a name
 * @as:     its name here, NULL: the same
 * @architecture: what it is known to be for, NULL: what the layout says
 *
 * Every blob is checked against its digest. An image of the same name
 * and architecture is replaced.
 *
 * Return: 0; -ENOENT if there is no such image, -EBADMSG if a blob is damaged,
 * or another negative errno; with @err.
 */
int image_cache_import(struct image_cache *cache, const char *layout,
		       const char *name, const char *as,
		       const char *architecture, struct err *err);

/**
 * image_cache_export() - one image as a layout of its own
 * @architecture: the one to prefer if several have the name, or NULL
 * @out: empty tree; gets oci-layout, index.json and the blobs
 *
 * Return: 0, -ENOENT if there is no such image, or a negative errno; with @err.
 */
int image_cache_export(struct image_cache *cache, const char *name,
		       const char *architecture, struct tree *out,
		       struct err *err);

/**
 * struct image_cache_image - one image of the cache
 * @name:   org.opencontainers.image.ref.name
 * @digest: of its manifest or index
 * @size:   bytes of all its blobs
 */
struct image_cache_image {
	char *name;
	char hex[SHA256_HEX_SIZE];
	uint64_t size;
};

/** image_cache_list() - all images by name; image_cache_list_free() when done.
 * Return: 0 or a negative errno with @err. */
int image_cache_list(struct image_cache *cache, struct image_cache_image **out,
		     size_t *num, struct err *err);

/** image_cache_list_free() - NULL is fine. */
void image_cache_list_free(struct image_cache_image *images, size_t num);

/**
 * image_cache_remove() - forget an image and the blobs that no other one needs
 * @freed: bytes that are free now
 *
 * Waits until no build uses the cache.
 *
 * Return: 0, -ENOENT if there is no such image, or a negative errno; with @err.
 */
int image_cache_remove(struct image_cache *cache, const char *name,
		       uint64_t *freed, struct err *err);

/** image_cache_clean() - forget everything. Waits until no build uses the
 * cache. Return: 0 or a negative errno with @err. */
int image_cache_clean(struct image_cache *cache, uint64_t *freed,
		      struct err *err);
