/* image_cache_internal.h - shared by the files that implement image_cache.h. */
#pragma once

#include "image_cache.h"

#include <stddef.h>

#define IMAGE_CACHE_NAME_SIZE (sizeof("blobs/sha256/") + SHA256_HEX_SIZE)

/**
 * struct image_cache - an open cache
 * @path:    absolute
 * @scratch: @path/tmp
 * @fd:      of @path
 * @lock:    held shared while it is used, alone to remove something
 */
struct image_cache {
	char *path;
	char *scratch;
	int fd;
	int lock;
};

/** image_cache_name() - a file below the cache. */
void image_cache_name(enum image_cache_area area,
		      const uint8_t key[SHA256_SIZE],
		      char name[IMAGE_CACHE_NAME_SIZE]);

/** image_cache_put_text() - replace the file @name of the cache at once.
 * Return: 0 or a negative errno with @err. */
int image_cache_put_text(struct image_cache *cache, const char *name,
			 const char *text, size_t size, struct err *err);

/** image_cache_lock_alone() - wait until nobody else uses the cache. Return: 0
 * or a negative errno with @err. */
int image_cache_lock_alone(struct image_cache *cache, struct err *err);

/** image_cache_lock_index() - index.json is changed by one at a time. Return: a
 * descriptor to close, or a negative errno with @err. */
int image_cache_lock_index(struct image_cache *cache, struct err *err);
