/* oci_reading.h - shared by the files that implement oci_read.h. */
#pragma once

#include "oci_read.h"

#include <stddef.h>

/**
 * struct oci_reading - an image on its way
 * @files: of the layout or archive
 */
struct oci_reading {
	const struct oci_source *source;
	struct tree *files;
	struct oci_image *image;
};

/** oci_reading_text() - a whole file of @reading->files, OCI_JSON_MAX at
 * most. Return: 0 or a negative errno with @err; free(). */
int oci_reading_text(const struct oci_reading *reading, const char *path,
		     char **text, size_t *size, struct err *err);

/** oci_reading_layers() - room for @num layers; the configuration has been
 * parsed. Return: 0 or a negative errno with @err. */
int oci_reading_layers(const struct oci_reading *reading, size_t num,
		       struct err *err);

/** oci_reading_fits() - is it for the wanted architecture? Return: 0 or -ENOENT
 * with @err. */
int oci_reading_fits(const struct oci_reading *reading, struct err *err);

/**
 * oci_layer_read() - put a layer on @reading->image->tree
 * @entry:    the blob
 * @info:     filled
 * @expected: its "sha256:..." diff_id
 *
 * Return: 0 or a negative errno with @err.
 */
int oci_layer_read(const struct oci_reading *reading,
		   const struct tree_entry *entry, struct oci_layer_info *info,
		   const char *expected, struct err *err);

/** oci_layout_read() - index, manifest, configuration, layers. Return: 0 or a
 * negative errno with @err. */
int oci_layout_read(const struct oci_reading *reading, struct err *err);

/** oci_docker_read() - the same of a docker archive. */
int oci_docker_read(const struct oci_reading *reading, struct err *err);
