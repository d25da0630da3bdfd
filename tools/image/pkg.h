/*
 * pkg.h - LinuxKit's packages: a directory with a Dockerfile and build.yml that
 * becomes an image, whose tag is the hash of the directory. One thread.
 */
#pragma once

#include "definition_table.h"
#include "err.h"
#include "image_cache.h"
#include "tree.h"

#include <jansson.h>
#include <stdbool.h>

#define PKG_REFERENCE "@pkg:" /* in front of a directory */
#define PKG_ORG "linuxkit"    /* unless it says another */
#define PKG_NAME_MAX 512U
#define PKG_ARCHES_MAX 8U

extern const struct field_group pkg_group; /* build.yml */

/**
 * struct pkg_options - what the command line says; zero-initialise
 * @org: in place of that of build.yml, NULL: that
 * @yml: name of build.yml in the directory, NULL: "build.yml"
 * @tag: in place of the hash, NULL: that
 */
struct pkg_options {
	const char *org;
	const char *yml;
	const char *tag;
};

/**
 * struct pkg - a package
 * @dir:     its directory; owned
 * @content: of pkg_group; owned
 * @context: all that the build sees; owned
 * @name:    "org/image:tag"
 */
struct pkg {
	char *dir;
	json_t *content;
	struct tree *context;
	char name[PKG_NAME_MAX];
};

/** pkg_open() - read the package of a directory. Return: 0; -EBADMSG if
 * build.yml is wrong, or another negative errno; with @err; pkg_close() in
 * every case. */
int pkg_open(struct pkg *pkg, const char *dir,
	     const struct pkg_options *options, struct err *err);

/** pkg_close() - release; a zeroed one is fine. */
void pkg_close(struct pkg *pkg);

/** pkg_is_for() - does it build for @architecture? */
bool pkg_is_for(const struct pkg *pkg, const char *architecture);

/**
 * struct pkg_build - how to build; zero-initialise
 * @architectures: @num of them
 * @force:         also if it is in the cache
 * @epoch:         SOURCE_DATE_EPOCH
 */
struct pkg_build {
	const char *architectures[PKG_ARCHES_MAX];
	size_t num;
	bool force;
	int64_t epoch;
};

/**
 * pkg_build() - by buildah, into the cache
 *
 * Images that the Dockerfile names come from the cache. One image for each
 * architecture, "NAME-amd64", then pkg_index().
 *
 * Return: 0; -ENOENT if the cache lacks an image, -ECHILD if buildah failed, or
 * another negative errno; with @err.
 */
int pkg_build(const struct pkg *pkg, struct image_cache *cache,
	      const struct pkg_build *how, struct err *err);

/** pkg_index() - the image "NAME" of all architectures that are in the cache.
 * @digest: filled. Return: 0, -ENOENT if there is none, or a negative errno;
 * with @err. */
int pkg_index(const struct pkg *pkg, struct image_cache *cache,
	      char digest[SHA256_HEX_SIZE], struct err *err);

/**
 * pkg_resolve() - every "@pkg:DIR" of a definition becomes the name of that
 * package
 * @dir:   what DIR is relative to
 * @names: gets them as keys
 *
 * Return: as pkg_open().
 */
int pkg_resolve(json_t *definition, const char *dir, json_t *names,
		struct err *err);
