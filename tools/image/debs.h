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

/**
 * struct debs_set - packages that the lock file has under one name
 * @name:    of the set; owned
 * @names:   of the packages; borrowed from the lock
 * @install: with dependencies and configured, else only their files
 */
struct debs_set {
	char *name;
	const json_t *names;
	bool install;
};

/** debs_set_find() - the set that debs_install() takes; with @debs->update it
 * is decided and fetched. Return: as debs_install(); debs_set_fini() when done.
 */
int debs_set_find(struct debs *debs, const char *const *packages, size_t num,
		  struct debs_set *set, struct err *err);

/** debs_set_find_alone() - the set that debs_unpack() takes. Return: as
 * debs_set_find(). */
int debs_set_find_alone(struct debs *debs, const char *package,
			const char *depends, struct debs_set *set,
			struct err *err);

/** debs_set_fini() - release; a zeroed one is fine. */
void debs_set_fini(struct debs_set *set);

/** debs_set_digest() - what the tree of a set is made of: its packages and
 * SOURCE_DATE_EPOCH. Return: 0, -EBADMSG or -ENOMEM with @err. */
int debs_set_digest(const struct debs *debs, const struct debs_set *set,
		    uint8_t key[SHA256_SIZE], struct err *err);

/** debs_set_take() - put the finished tree into @tree; it is made if the cache
 * has not got it. Return: as debs_install(). */
int debs_set_take(const struct debs *debs, const struct debs_set *set,
		  struct tree *tree, struct err *err);

/** debs_set_record() - name the packages in @sbom. Return: 0, -EBADMSG or
 * -ENOMEM with @err. */
int debs_set_record(const struct debs *debs, const struct debs_set *set,
		    struct sbom *sbom, struct err *err);

/** debs_version() - of a package of the lock. Return: NULL if it has not got
 * it; borrowed. */
const char *debs_version(const struct debs *debs, const char *name);

/** debs_set_find_source() - what the source package @source needs to be built,
 * and @packages; with @debs->update all of it and the source package itself are
 * decided and fetched. Return: as debs_set_find(). */
int debs_set_find_source(struct debs *debs, const char *source,
			 const char *const *packages, size_t num,
			 struct debs_set *set, struct err *err);

/**
 * debs_source() - the files of a source package
 * @tree:    gets them below @prefix
 * @version: of the package; borrowed from the lock
 *
 * Return: as debs_unpack().
 */
int debs_source(const struct debs *debs, const char *source, struct tree *tree,
		const char *prefix, const char **version, struct err *err);
