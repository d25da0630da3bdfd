/*
 * oci_read.h - an image from wherever it is: OCI layout (directory or archive),
 * docker archive, plain tar, plain directory. One thread.
 */
#pragma once

#include "archive_read.h"
#include "err.h"
#include "image_cache.h"
#include "oci.h"
#include "tree.h"

#include <stdbool.h>

enum oci_kind {
	OCI_LAYOUT,	    /* directory with oci-layout */
	OCI_ARCHIVE,	    /* the same in a tar */
	OCI_DOCKER_ARCHIVE, /* docker save */
	OCI_TAR,	    /* a root file system, no configuration */
	OCI_DIRECTORY,	    /* the same */
};

/**
 * struct oci_source - what to read
 * @path:         file or directory
 * @want:         which image of it
 * @cache:        keeps decompressed layers, or NULL
 * @keep_owners:  of OCI_DIRECTORY, see tree_dir_read()
 * @origin:       of every entry, or NULL
 * @location:     of every entry, or NULL
 * @limits:       NULL: archive_limits_default
 */
struct oci_source {
	const char *path;
	struct oci_want want;
	struct image_cache *cache;
	bool keep_owners;
	const char *origin;
	const char *location;
	const struct archive_limits *limits;
};

/**
 * struct oci_layer_info - one layer as it was found
 * @digest:  of the blob, as it is
 * @diff_id: of the uncompressed tar
 * @size:    of the blob
 * @bytes:   in its files
 */
struct oci_layer_info {
	uint8_t digest[SHA256_SIZE];
	uint8_t diff_id[SHA256_SIZE];
	uint64_t size;
	uint64_t bytes;
};

/**
 * struct oci_image - an image that has been read
 * @kind:     where it was
 * @config:   empty for OCI_TAR and OCI_DIRECTORY
 * @digest:   of its manifest; of the file or tree where there is none
 * @tree:     all layers on top of each other
 * @layers:   base first
 */
struct oci_image {
	enum oci_kind kind;
	struct oci_config config;
	uint8_t digest[SHA256_SIZE];
	struct tree *tree;
	struct oci_layer_info *layers;
	size_t layer_num;
};

/**
 * oci_image_read() - read it, every digest checked
 *
 * Return: 0, then oci_image_destroy() when done; -ENOENT if there is no such
 * image, -EBADMSG if something does not fit together, or as archive_read();
 * with
 * @err.
 */
int oci_image_read(struct oci_image **out, const struct oci_source *source,
		   struct err *err);

/** oci_files_read() - the files themselves: of the layout, of the archive, of
 * the root. Return: as oci_image_read(); tree_destroy(). */
int oci_files_read(struct tree **out, const struct oci_source *source,
		   struct err *err);

/** oci_image_destroy() - NULL is fine. */
void oci_image_destroy(struct oci_image *image);
