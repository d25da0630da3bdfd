/*
 * debs.h - Debian packages as file trees, by apt, mmdebstrap and dpkg.
 *
 * What a set of packages stands for is decided once, online, by apt's own
 * solver and written into the lock file: for each set the packages that it
 * needs, for each package version and SHA-256. From then on builds stay
 * offline: mmdebstrap installs a set from the locked files alone, in one
 * transaction. One thread.
 */
#pragma once

#include "err.h"
#include "image_cache.h"
#include "sbom.h"
#include "tree.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct debs - packages of one architecture; zero-initialise
 * @cache:        packages, apt's lists and finished trees
 * @architecture: "amd64"
 * @lock:         of all architectures, as the lock file has it; changed if
 *                @update
 * @lock_path:    for messages
 * @update:       go online, decide anew
 * @lock_only:    with @update: trees stay empty
 * @updated:      apt's lists are of this run
 * @fetched:      sets that were decided in this run, or NULL; owned
 * @epoch:        SOURCE_DATE_EPOCH
 * @say:          progress, or NULL
 * @say_arg:      its first argument
 */
struct debs {
	struct image_cache *cache;
	const char *architecture;
	json_t *lock;
	const char *lock_path;
	bool update;
	bool lock_only;
	bool updated;
	json_t *fetched;
	int64_t epoch;
	void (*say)(void *arg, const char *text);
	void *say_arg;
};

/**
 * debs_install() - Debian's essential packages and some more, configured
 * @packages: names; sorted, each once
 * @num:      of them
 * @tree:     gets all files, dpkg's database among them
 * @sbom:     gets the packages
 *
 * Return: 0; -ENOENT if the lock file lacks the set or the cache a package,
 * -EBADMSG if a package is not the one of the lock file, -ECHILD if a program
 * failed, or another negative errno; with @err.
 */
int debs_install(struct debs *debs, const char *const *packages, size_t num,
		 struct tree *tree, struct sbom *sbom, struct err *err);

/**
 * debs_unpack() - the files of a package, without its dependencies and scripts
 * @depends: pattern: those of its dependencies in its place, or NULL
 *
 * Kernel modules get their indexes (depmod).
 *
 * Return: as debs_install().
 */
int debs_unpack(struct debs *debs, const char *package, const char *depends,
		struct tree *tree, struct sbom *sbom, struct err *err);
