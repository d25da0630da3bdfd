/*
 * oci_write.h - trees as the layers of an image; one thread.
 *
 * The result is a tree of files again: archive_write_tar() makes an archive of
 * it, tree_dir_write() a directory. A layer depends on its tree and the epoch
 * alone, so images share the digest of a layer that they share.
 */
#pragma once

#include "err.h"
#include "oci.h"
#include "tree.h"

#include <stddef.h>
#include <stdint.h>

/**
 * struct oci_output - an image to write
 * @name:      "layerworx/base:1", NULL: none
 * @config:    @config->diff_ids and created are not used
 * @layers:    base first; whiteouts are entries of theirs
 * @layer_num: of them, 1 at least
 * @epoch:     SOURCE_DATE_EPOCH: creation time, and no file is younger
 * @level:     of gzip, 0: default
 */
struct oci_output {
	const char *name;
	const struct oci_config *config;
	const struct tree *const *layers;
	size_t layer_num;
	int64_t epoch;
	int level;
};

/**
 * oci_write_layout() - oci-layout, index.json, blobs/sha256/...; layers gzip
 * @out: empty tree
 *
 * Return: 0 or a negative errno with @err.
 */
int oci_write_layout(struct tree *out, const struct oci_output *output,
		     struct err *err);

/**
 * oci_write_docker() - what "docker load" and "podman load" take:
 * manifest.json, the configuration, layers that are not compressed
 * @out: empty tree
 *
 * Return: 0 or a negative errno with @err.
 */
int oci_write_docker(struct tree *out, const struct oci_output *output,
		     struct err *err);
