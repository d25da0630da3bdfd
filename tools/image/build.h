/*
 * build.h - from definitions to images. One thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILD_FORMATS_MAX 32U
#define BUILD_MODULES_MAX 16U

/**
 * struct build_options - what to build; zero-initialise
 * @files:       definitions, later ones on top; "-": standard input
 * @file_num:    of them, 1 at least
 * @formats:     as output_format_find() takes them; none: of the definition,
 *               else kernel+initrd
 * @format_num:  of them
 * @name:        of the image, NULL: of the definition, else of the first file
 * @dir:         where the files go, NULL: here
 * @output:      exact path for one format of one file, NULL: see @dir
 * @cache:       directory, NULL: the default one
 * @architecture: "amd64" or "arm64", NULL: of this machine
 * @size:        of disks in bytes, 0: of the content
 * @modules:     further directories with modules, looked at after the one
 * beside the first definition
 * @module_num:  of them
 * @no_optional: leave out modules that only also-add names
 * @lock:        lock file, NULL: layerworx.lock beside the first definition
 * @update_lock: ask registries, write the lock file
 * @lock_only:   with @update_lock: make no image
 * @insecure:    registries without certificates are fine
 * @decompress_kernel: unpack a kernel that is gzip
 * @no_sbom:     no SBOM
 * @sbom_output: its path, NULL: beside the image
 * @epoch:       SOURCE_DATE_EPOCH
 * @sbom_epoch:  the time in the SBOM
 * @dry_run:     print the merged definition, build nothing
 * @force:       also if nothing has changed
 * @quiet:       no progress
 */
struct build_options {
	const char *const *files;
	size_t file_num;
	const char *formats[BUILD_FORMATS_MAX];
	size_t format_num;
	const char *name;
	const char *dir;
	const char *output;
	const char *cache;
	const char *architecture;
	uint64_t size;
	const char *modules[BUILD_MODULES_MAX];
	size_t module_num;
	bool no_optional;
	const char *lock;
	bool update_lock;
	bool lock_only;
	bool insecure;
	bool decompress_kernel;
	bool no_sbom;
	const char *sbom_output;
	int64_t epoch;
	int64_t sbom_epoch;
	bool dry_run;
	bool force;
	bool quiet;
};

/**
 * build_run() - build
 *
 * Return: 0; -EBADMSG if a definition is wrong, -ENOENT if an image is nowhere,
 * or a negative errno of output_make() and the like; with @err.
 */
int build_run(const struct build_options *options, struct err *err);
