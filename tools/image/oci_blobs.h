/*
 * oci_blobs.h - which blobs of a layout directory an image needs; one thread.
 */
#pragma once

#include "err.h"
#include "oci.h"
#include "tree.h"

#include <jansson.h>
#include <stdbool.h>

/** struct oci_blob - one of them */
struct oci_blob {
	uint8_t digest[SHA256_SIZE];
	uint64_t size;
};

/** struct oci_blobs - a set, in the order in which they were met */
struct oci_blobs {
	struct oci_blob *items;
	size_t num;
};

/**
 * oci_index_read() - index.json of a layout
 * @dir:  the layout
 * @name: of it, for messages
 *
 * Return: 0, then json_decref(); its member manifests is an array of objects;
 * or a negative errno with @err.
 */
int oci_index_read(json_t **out, int dir, const char *name, struct err *err);

/** oci_entry_name() - the name of an entry of an index, or NULL. */
const char *oci_entry_name(const json_t *entry);

/** oci_entry_architecture() - what an entry of an index is for, or NULL. */
const char *oci_entry_architecture(const json_t *entry);

/**
 * oci_blobs_of() - add what @entry, a descriptor, leads to: itself first
 *
 * Blobs that are missing are still part of it; manifests and indexes must be
 * there.
 *
 * Return: 0 or a negative errno with @err; oci_blobs_fini() in both cases.
 */
int oci_blobs_of(struct oci_blobs *blobs, int dir, const char *name,
		 const json_t *entry, struct err *err);

/** oci_blobs_has() - is it one of them? */
bool oci_blobs_has(const struct oci_blobs *blobs,
		   const uint8_t digest[SHA256_SIZE]);

/** oci_blobs_fini() - release. */
void oci_blobs_fini(struct oci_blobs *blobs);

/** oci_blob_content() - a whole file. Return: 0 or a negative errno with @err.
 */
int oci_blob_content(struct tree_content **out, int fd, struct err *err);
