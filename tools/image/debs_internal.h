/* debs_internal.h - shared by the files that implement debs.h. */
#pragma once

#include "debs.h"

#define DEBS_PACKAGES "packages" /* of the lock: name to struct deb */
#define DEBS_SETS "sets"	 /* of the lock: set to names */

/* Else apt would take usrmerge, and perl with it. */
#define DEBS_MERGED "usr-is-merged"

/**
 * struct deb - one package file; texts belong to the lock
 * @name:    "libc6"
 * @version: "2.36-9+deb12u10"
 * @arch:    "amd64", "all"
 * @sha256:  of the file, hexadecimal
 */
struct deb {
	const char *name;
	const char *version;
	const char *arch;
	const char *sha256;
};

/** debs_path() - of the file in the cache, named as apt does. Return: NULL
 * without memory; free(). */
char *debs_path(const struct debs *debs, const struct deb *deb);

/** debs_dir() - where the cache has files of packages (@lists: what apt knows
 * of the architecture); made if missing. Return: 0 or a negative errno with
 * @err; free(). */
int debs_dir(const struct debs *debs, bool lists, char **out, struct err *err);

/** debs_set_name() - how the lock calls a set of packages. Return: NULL without
 * memory; free(). */
char *debs_set_name(const char *const *packages, size_t num);

/** debs_locked_set() - the names that a set consists of. Return: NULL, -ENOENT
 * with @err, if the lock has not got it; borrowed. */
const json_t *debs_locked_set(const struct debs *debs, const char *set,
			      struct err *err);

/** debs_locked() - a package of the lock. Return: 0, or -EBADMSG with @err if
 * it is not there or not whole. */
int debs_locked(const struct debs *debs, const char *name, struct deb *deb,
		struct err *err);

/** debs_record() - put a package into the lock. Return: 0 or -ENOMEM with @err.
 */
int debs_record(struct debs *debs, const struct deb *deb, struct err *err);

/** debs_record_set() - put a set into the lock; @names is taken. Return: 0 or
 * -ENOMEM with @err. */
int debs_record_set(struct debs *debs, const char *set, json_t *names,
		    struct err *err);

/** debs_fetch_set() - decide, online, what a set consists of, and fetch it.
 * Return: 0 or a negative errno with @err. */
int debs_fetch_set(struct debs *debs, const char *const *packages, size_t num,
		   const char *set, struct err *err);

/** debs_fetch_alone() - the same for debs_unpack(). */
int debs_fetch_alone(struct debs *debs, const char *package,
		     const char *depends, const char *set, struct err *err);
