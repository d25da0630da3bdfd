/*
 * reference.h - what "image:" names, found on this machine; the lock file.
 *
 * In this order: a path ("/", "./", "../", relative to the definition), the
 * cache, and a registry, which only an update of the lock file may ask. One
 * thread.
 */
#pragma once

#include "err.h"
#include "image_cache.h"
#include "oci_read.h"

#include <jansson.h>
#include <stdbool.h>

/**
 * struct resolver - how references are resolved; zero-initialise
 * @cache:        images by name
 * @dir:          what paths are relative to
 * @architecture: of the image: "amd64"
 * @lock_path:    the lock file, NULL: none
 * @lock:         images of the lock file, map of references to maps of
 *                architectures to digests; owned
 * @debs:         packages of the lock file, see debs.h; owned
 * @built:        map with the names of packages that are built here: their tag
 *                is their content, no registry has them; NULL: none
 * @update:       ask registries, write the lock file
 * @insecure:     registries without certificates are fine
 */
struct resolver {
	struct image_cache *cache;
	const char *dir;
	const char *architecture;
	const char *lock_path;
	json_t *lock;
	json_t *debs;
	const json_t *built;
	bool update;
	bool insecure;
};

/** resolver_open() - read the lock file, if it is there. Return: 0, -EBADMSG or
 * another negative errno with @err; resolver_close() in both cases. */
int resolver_open(struct resolver *resolver, struct err *err);

/** resolver_close() - release. */
void resolver_close(struct resolver *resolver);

/** resolver_save() - write the lock file if it was to be updated. Return: 0 or
 * a negative errno with @err. */
int resolver_save(const struct resolver *resolver, struct err *err);

/** reference_is_path() - it names a file or directory. */
bool reference_is_path(const char *reference);

/** reference_path() - where that is. Return: NULL without memory; free(). */
char *reference_path(const struct resolver *resolver, const char *reference);

/**
 * reference_read() - the image, checked against the lock file
 * @location: of every entry, see struct tree_entry
 *
 * Return: 0, oci_image_destroy() when done; -ENOENT if it is nowhere, -ESTALE
 * if it is not the one of the lock file, or as oci_image_read(); with @err.
 */
int reference_read(struct resolver *resolver, const char *reference,
		   const char *location, struct oci_image **out,
		   struct err *err);
