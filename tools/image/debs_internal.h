/* debs_internal.h - shared by the files that implement debs.h. */
#pragma once

#include "debs.h"

#define DEBS_PACKAGES "packages" /* of the lock: name to struct deb */
#define DEBS_SETS "sets"	 /* of the lock: set to names */

#define DEBS_SOURCES "sources" /* of the lock: source package to its files */

/* Starts the name of a set that source packages need: the packages are not in
 * the name. */
#define DEBS_SOURCE_PREFIX "source:"

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

/**
 * struct debs_apt - apt for one architecture
 * @debs:     whose
 * @dir:      of its lists; owned
 * @packages: where package files go; owned
 * @config:   "APT_CONFIG=..."; owned
 * @lock:     held while it is used
 */
struct debs_apt {
	struct debs *debs;
	char *dir;
	char *packages;
	char *config;
	int lock;
};

/** debs_apt_open() - with its lists, which are fetched once in a run; waits for
 * others. Return: 0 or a negative errno with @err; debs_apt_close() in any
 * case. */
int debs_apt_open(struct debs_apt *apt, struct debs *debs, struct err *err);

/** debs_apt_close() - release. */
void debs_apt_close(struct debs_apt *apt);

/** debs_apt_run() - one of apt's programs in @dir; what it says into @text,
 * free(). Return: as spawn_read(). */
int debs_apt_run(const struct debs_apt *apt, const char *dir,
		 const char *const *argv, char **text, struct err *err);

/** debs_parse_inst() - "Inst NAME (VERSION ORIGIN [ARCHITECTURE])", as apt
 * simulates it; @line is cut. Return: whether it is such a line. */
bool debs_parse_inst(char *line, struct deb *deb);

/** debs_lock_section() - a map of the lock, made if @make. Return: NULL if it
 * is not there or without memory; borrowed. */
json_t *debs_lock_section(const struct debs *debs, const char *name, bool make);

/** debs_is_word() - may @text name a file in a folder of ours? */
bool debs_is_word(const char *text);

/** debs_fetch_source() - fetch a source package and put it into the lock, with
 * the packages that it needs to be built, and @packages, as @set. Return: 0 or
 * a negative errno with @err. */
int debs_fetch_source(struct debs *debs, const char *source,
		      const char *const *packages, size_t num, const char *set,
		      struct err *err);
