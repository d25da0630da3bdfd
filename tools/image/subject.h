/*
 * subject.h - what a verb looks at: a tar, an OCI layout, a docker archive, a
 * directory, an image of the cache, an SBOM. One thread.
 */
#pragma once

#include "err.h"
#include "oci_read.h"
#include "sbom.h"

/**
 * struct subject_options - how to find it
 * @cache:        directory, NULL: the default one
 * @name:         which image of a layout or archive, or NULL
 * @architecture: or NULL
 */
struct subject_options {
	const char *cache;
	const char *name;
	const char *architecture;
};

/**
 * struct subject - what was found
 * @image: NULL if it is only an SBOM
 * @sbom:  its packages: of the SBOM, or of a dpkg database in the tree; files
 *         only of an SBOM
 */
struct subject {
	struct oci_image *image;
	struct sbom *sbom;
};

/** subject_load() - a path, or the name of an image in the cache. Return: 0 or
 * a negative errno with @err; subject_fini() in both cases. */
int subject_load(struct subject *subject, const char *what,
		 const struct subject_options *options, struct err *err);

/** subject_fini() - release. */
void subject_fini(struct subject *subject);

/** subject_kind() - in words. */
const char *subject_kind(const struct subject *subject);
