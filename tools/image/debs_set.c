/*
 * debs_set.c - sets of packages: decided once, then found in the lock file; see
 * debs.h.
 */
#include "debs_internal.h"

#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* Once in a run is enough. */
static bool is_due(struct debs *debs, const char *set)
{
	if (!debs->update || json_object_get(debs->fetched, set))
		return false;
	if (!debs->fetched)
		debs->fetched = json_object();
	/* Without memory it is decided again. */
	(void)json_object_set_new(debs->fetched, set, json_true());
	return true;
}

/* @rc: of what has decided it, or 0. */
static int find_names(const struct debs *debs, struct debs_set *set, int rc,
		      struct err *err)
{
	set->names = rc ? NULL : debs_locked_set(debs, set->name, err);
	if (set->names)
		return 0;
	debs_set_fini(set);
	return rc ? rc : -ENOENT;
}

int debs_set_find(struct debs *debs, const char *const *packages, size_t num,
		  struct debs_set *set, struct err *err)
{
	int rc = 0;

	*set = (struct debs_set){.name = debs_set_name(packages, num),
				 .install = true};
	if (!set->name)
		return no_memory(err);
	if (is_due(debs, set->name))
		rc = debs_fetch_set(debs, packages, num, set->name, err);
	return find_names(debs, set, rc, err);
}

int debs_set_find_alone(struct debs *debs, const char *package,
			const char *depends, struct debs_set *set,
			struct err *err)
{
	int rc = 0;

	*set = (struct debs_set){0};
	if (asprintf(&set->name, "unpack:%s%s%s", package, depends ? ":" : "",
		     depends ? depends : "") < 0) {
		set->name = NULL;
		return no_memory(err);
	}
	if (is_due(debs, set->name))
		rc = debs_fetch_alone(debs, package, depends, set->name, err);
	return find_names(debs, set, rc, err);
}

int debs_set_find_source(struct debs *debs, const char *source,
			 const char *const *packages, size_t num,
			 struct debs_set *set, struct err *err)
{
	AUTO_FREE char *more = debs_set_name(packages, num);
	int rc = 0;

	*set = (struct debs_set){.install = true};
	if (!more || asprintf(&set->name, DEBS_SOURCE_PREFIX "%s:%s", source,
			      more) < 0) {
		set->name = NULL;
		return no_memory(err);
	}
	if (is_due(debs, set->name))
		rc = debs_fetch_source(debs, source, packages, num, set->name,
				       err);
	return find_names(debs, set, rc, err);
}

void debs_set_fini(struct debs_set *set)
{
	free(set->name);
	*set = (struct debs_set){0};
}

int debs_set_record(const struct debs *debs, const struct debs_set *set,
		    struct sbom *sbom, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(set->names) && !rc; i++) {
		struct deb deb;

		rc = debs_locked(
			debs, json_string_value(json_array_get(set->names, i)),
			&deb, err);
		if (!rc)
			rc = sbom_add_deb(sbom, deb.name, deb.version, deb.arch,
					  deb.sha256, NULL, err);
	}
	return rc;
}

int debs_install(struct debs *debs, const char *const *packages, size_t num,
		 struct tree *tree, struct sbom *sbom, struct err *err)
{
	struct debs_set set;
	int rc = debs_set_find(debs, packages, num, &set, err);

	if (rc || debs->lock_only) {
		debs_set_fini(&set);
		return rc;
	}
	rc = debs_set_take(debs, &set, tree, err);
	if (!rc)
		rc = debs_set_record(debs, &set, sbom, err);
	debs_set_fini(&set);
	return rc ? rc : sbom_add_dpkg(sbom, tree, err);
}

int debs_unpack(struct debs *debs, const char *package, const char *depends,
		struct tree *tree, struct sbom *sbom, struct err *err)
{
	struct debs_set set;
	int rc = debs_set_find_alone(debs, package, depends, &set, err);

	if (!rc && !debs->lock_only)
		rc = debs_set_take(debs, &set, tree, err);
	if (!rc && !debs->lock_only)
		rc = debs_set_record(debs, &set, sbom, err);
	debs_set_fini(&set);
	return rc;
}
