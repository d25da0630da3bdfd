/*
 * sbom.h - which packages and files an image consists of; SPDX 2.3 as JSON.
 *
 * The document depends on its packages, files and SOURCE_DATE_EPOCH alone, not
 * on the order in which they were added. One thread.
 */
#pragma once

#include "err.h"
#include "sha256.h"
#include "tree.h"

#include <stddef.h>
#include <stdint.h>

/**
 * struct sbom_package - one package; texts NULL when not known
 * @name:         "libc6"
 * @version:      "2.36-9+deb12u10"
 * @architecture: "amd64"
 * @supplier:     "Organization: Debian"
 * @purl:         "pkg:deb/debian/libc6@2.36-9?arch=amd64"
 * @sha256:       of the package file, hexadecimal
 * @source:       where it comes from: an URL, NULL: NOASSERTION
 */
struct sbom_package {
	char *name;
	char *version;
	char *architecture;
	char *supplier;
	char *purl;
	char *sha256;
	char *source;
};

/**
 * struct sbom_file - one file
 * @path:    as in a tree
 * @sha1:    which SPDX 2.3 demands, hexadecimal
 * @sha256:  hexadecimal
 * @package: index of the package that it belongs to, SIZE_MAX: none
 */
struct sbom_file {
	char *path;
	char *sha1;
	char *sha256;
	size_t package;
};

struct sbom;

/** sbom_create() - an empty one. Return: 0 or -ENOMEM with @err. */
int sbom_create(struct sbom **out, struct err *err);

/** sbom_destroy() - NULL is fine. */
void sbom_destroy(struct sbom *sbom);

/**
 * sbom_add_package() - one more; the same name, version and architecture again
 * adds nothing
 * @package: copied; @package->name is needed
 * @index:   where it is now, or NULL
 *
 * Return: 0 or a negative errno with @err.
 */
int sbom_add_package(struct sbom *sbom, const struct sbom_package *package,
		     size_t *index, struct err *err);

/**
 * sbom_add_dpkg() - the packages of the dpkg database in @tree, if there is one
 *
 * Remembers which files are whose, for sbom_add_files(). So it comes first, and
 * before the database is taken out of the tree.
 *
 * Return: 0 or a negative errno with @err.
 */
int sbom_add_dpkg(struct sbom *sbom, const struct tree *tree, struct err *err);

/**
 * sbom_add_deb() - one Debian package
 * @version:      may be NULL
 * @architecture: may be NULL
 * @sha256:       of the package file, hexadecimal, or NULL
 * @index:        as sbom_add_package()
 *
 * Return: as sbom_add_package().
 */
int sbom_add_deb(struct sbom *sbom, const char *name, const char *version,
		 const char *architecture, const char *sha256, size_t *index,
		 struct err *err);

/** sbom_own() - the file @path of the image belongs to package @index. Return:
 * 0 or a negative errno with @err. */
int sbom_own(struct sbom *sbom, const char *path, size_t index,
	     struct err *err);

/** sbom_add_files() - every file of @tree with its digests. Return: 0 or a
 * negative errno with @err. */
int sbom_add_files(struct sbom *sbom, const struct tree *tree, struct err *err);

/** sbom_read() - add what an SPDX 2 JSON document holds, ours or another's:
 * documents of parts become one. Return: 0, -EBADMSG or -ENOMEM with @err. */
int sbom_read(struct sbom *sbom, const char *text, size_t size,
	      const char *name, struct err *err);

/** sbom_sort() - by name, version, architecture; files by path. Indexes change.
 */
void sbom_sort(struct sbom *sbom);

/** sbom_packages() - all of them, @num in number; valid until the next change.
 */
const struct sbom_package *sbom_packages(const struct sbom *sbom, size_t *num);

/** sbom_files() - as sbom_packages(). */
const struct sbom_file *sbom_files(const struct sbom *sbom, size_t *num);

/**
 * sbom_write() - the document; sorts
 * @name:  of the image
 * @epoch: SOURCE_DATE_EPOCH
 * @text:  ends with a newline; free()
 *
 * Return: 0 or -ENOMEM with @err.
 */
int sbom_write(struct sbom *sbom, const char *name, int64_t epoch, char **text,
	       size_t *size, struct err *err);
