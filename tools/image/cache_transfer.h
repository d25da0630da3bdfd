/*
 * cache_transfer.h - images into the cache and out of it; one thread.
 *
 * Registries are skopeo's job, and so is what only its own formats need. It
 * works in a scratch directory; the cache takes over what it has checked.
 */
#pragma once

#include "err.h"
#include "image_cache.h"

#include <stdbool.h>

enum cache_format {
	CACHE_FORMAT_OCI,
	CACHE_FORMAT_DOCKER,
	CACHE_FORMAT_FILESYSTEM,
};

/**
 * cache_pull() - an image of a registry
 * @architecture: of the image
 * @insecure:     HTTP and unknown certificates are fine
 *
 * Return: 0 or a negative errno with @err.
 */
int cache_pull(struct image_cache *cache, const char *name,
	       const char *architecture, bool insecure, struct err *err);

/** cache_push() - to a registry as @as, NULL: as @name. Return: as
 * cache_pull(). */
int cache_push(struct image_cache *cache, const char *name, const char *as,
	       const char *architecture, bool insecure, struct err *err);

/**
 * cache_import() - a file or directory that holds an image
 * @path: OCI layout or archive, docker archive; a tar or directory becomes an
 *        image of one layer
 * @name: which, of several, and how it is called here; NULL: as there
 * @keep_owners: of a directory, see tree_dir_read()
 *
 * Return: 0, -EINVAL if it has no name of its own, or a negative errno; with
 * @err.
 */
int cache_import(struct image_cache *cache, const char *path, const char *name,
		 bool keep_owners, struct err *err);

/**
 * cache_export() - an image as a tar
 * @fd: where to write
 *
 * Return: 0 or a negative errno with @err.
 */
int cache_export(struct image_cache *cache, const char *name,
		 const char *architecture, enum cache_format format, int fd,
		 struct err *err);
