/*
 * debs_lock.c - what the lock file knows of packages; see debs.h.
 *
 * {"amd64": {"packages": {"bash": {"version": ..., "architecture": ...,
 * "sha256": ...}}, "sets": {"bash,crun": ["bash", "crun", "libc6", ...]}}}
 */
#include "debs_internal.h"

#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

int debs_dir(const struct debs *debs, bool lists, char **out, struct err *err)
{
	const char *cache = image_cache_path(debs->cache);
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *deep = NULL;

	if (asprintf(&dir, lists ? "%s/apt-%s" : "%s/packages", cache,
		     debs->architecture) < 0) {
		dir = NULL;
		return no_memory(err);
	}
	if (asprintf(&deep, lists ? "%s/lists" : "%s/partial", dir) < 0) {
		deep = NULL;
		return no_memory(err);
	}
	if ((mkdir(dir, 0755) && errno != EEXIST) ||
	    (mkdir(deep, 0755) && errno != EEXIST))
		return err_set(err, -errno, "%s", dir);
	*out = steal_ptr(&dir);
	return 0;
}

char *debs_path(const struct debs *debs, const struct deb *deb)
{
	const char *colon = strchr(deb->version, ':');
	int epoch = colon ? (int)(colon - deb->version) : 0;
	char *path;

	/* apt writes the colon of an epoch as %3a. */
	if (asprintf(&path, "%s/packages/%s_%.*s%s%s_%s.deb",
		     image_cache_path(debs->cache), deb->name, epoch,
		     deb->version, colon ? "%3a" : "",
		     colon ? colon + 1 : deb->version, deb->arch) < 0)
		return NULL;
	return path;
}

char *debs_set_name(const char *const *packages, size_t num)
{
	size_t size = 1;
	char *name;
	char *at;

	for (size_t i = 0; i < num; i++)
		size += strlen(packages[i]) + 1;
	name = malloc(size);
	if (!name)
		return NULL;
	at = name;
	for (size_t i = 0; i < num; i++)
		at = stpcpy(stpcpy(at, i ? "," : ""), packages[i]);
	*at = '\0';
	return name;
}

json_t *debs_lock_section(const struct debs *debs, const char *name, bool make)
{
	json_t *arch = json_object_get(debs->lock, debs->architecture);
	json_t *map;

	if (!arch && make) {
		arch = json_object();
		if (json_object_set_new(debs->lock, debs->architecture, arch))
			return NULL;
	}
	map = json_object_get(arch, name);
	if (!map && make) {
		map = json_object();
		if (json_object_set_new(arch, name, map))
			return NULL;
	}
	return map;
}

const json_t *debs_locked_set(const struct debs *debs, const char *set,
			      struct err *err)
{
	const json_t *names =
		json_object_get(debs_lock_section(debs, DEBS_SETS, false), set);

	if (json_is_array(names))
		return names;
	(void)err_setx(err, -ENOENT,
		       "%s has no packages for %s on %s: use --update-lock",
		       debs->lock_path, set, debs->architecture);
	return NULL;
}

/* Nothing of it may lead out of a folder or be taken for an option. */
bool debs_is_word(const char *text)
{
	return text && *text && *text != '-' && *text != '.' &&
	       !strpbrk(text, "/ \t\n");
}

int debs_locked(const struct debs *debs, const char *name, struct deb *deb,
		struct err *err)
{
	const json_t *entry = json_object_get(
		debs_lock_section(debs, DEBS_PACKAGES, false), name);

	*deb = (struct deb){
		.name = name,
		.version = json_string_value(json_object_get(entry, "version")),
		.arch = json_string_value(
			json_object_get(entry, "architecture")),
		.sha256 = json_string_value(json_object_get(entry, "sha256")),
	};
	if (debs_is_word(name) && debs_is_word(deb->version) &&
	    debs_is_word(deb->arch) && deb->sha256)
		return 0;
	return err_setx(err, -EBADMSG,
			"%s: package %.64s: not whole: use --update-lock",
			debs->lock_path, name);
}

int debs_record(struct debs *debs, const struct deb *deb, struct err *err)
{
	json_t *packages = debs_lock_section(debs, DEBS_PACKAGES, true);

	if (!packages ||
	    json_object_set_new(packages, deb->name,
				json_pack("{s:s,s:s,s:s}", "version",
					  deb->version, "architecture",
					  deb->arch, "sha256", deb->sha256)))
		return no_memory(err);
	return 0;
}

int debs_record_set(struct debs *debs, const char *set, json_t *names,
		    struct err *err)
{
	json_t *sets = debs_lock_section(debs, DEBS_SETS, true);

	if (!sets) {
		json_decref(names);
		return no_memory(err);
	}
	return json_object_set_new(sets, set, names) ? no_memory(err) : 0;
}

const char *debs_version(const struct debs *debs, const char *name)
{
	const json_t *packages = debs_lock_section(debs, DEBS_PACKAGES, false);

	return json_string_value(
		json_object_get(json_object_get(packages, name), "version"));
}
