/*
 * build_deb.c - image: deb:PACKAGE[,PACKAGE...]; see build_internal.h.
 *
 * The packages are a module of their own on the base, so they share its files
 * and what is taken out of it, and are pinned in the lock file as all others.
 */
#include "build_internal.h"

#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789+.-"

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

bool build_is_deb(const char *reference)
{
	return strncmp(reference, BUILD_DEB, strlen(BUILD_DEB)) == 0;
}

/* Debian policy, 5.6.1 */
static bool is_name(const char *name)
{
	return strlen(name) >= 2 && strspn(name, NAME_CHARS) == strlen(name) &&
	       strchr("+.-", *name) == NULL;
}

static int list_packages(json_t *list, const char *reference, struct err *err)
{
	AUTO_FREE char *copy = strdup(reference + strlen(BUILD_DEB));
	char *rest = copy;
	const char *name;

	if (!copy)
		return no_memory(err);
	while ((name = strsep(&rest, ","))) {
		if (!is_name(name))
			return err_setx(err, -EBADMSG,
					"%s: \"%.64s\" is not the name of a "
					"Debian package: deb:NAME[,NAME...]",
					reference, name);
		if (json_array_append_new(list, json_string(name)))
			return no_memory(err);
	}
	return 0;
}

/* The base, and the packages behind it. */
static int make_plan(const struct build *build, const struct module *packages,
		     struct module_plan *plan, struct err *err)
{
	const char *base = BUILD_BASE;
	const struct module_wanted wanted = {.names = &base, .num = 1};
	struct module_choice *more;
	int rc = module_resolve(plan, build->modules, &wanted, err);

	if (rc)
		return rc;
	more = reallocarray(plan->choices, plan->num + 1, sizeof(*more));
	if (!more)
		return no_memory(err);
	plan->choices = more;
	more[plan->num++] = (struct module_choice){.module = packages};
	return 0;
}

int build_deb_image(struct build *build, const char *reference,
		    struct oci_image **out, struct err *err)
{
	AUTO_FREE char *name = strdup(reference);
	char nowhere[] = "/"; /* it has no files of its own */
	json_t *list = json_array();
	struct module packages = {
		.name = name,
		.dir = nowhere,
		.content = json_pack("{s:O}", "packages", list),
	};
	struct module_plan plan = {0};
	int rc = name && list && packages.content
			 ? list_packages(list, reference, err)
			 : no_memory(err);

	if (!rc)
		rc = make_plan(build, &packages, &plan, err);
	if (!rc)
		rc = build_plan_image(build, &packages, &plan, out, err);
	module_plan_fini(&plan);
	json_decref(packages.content);
	json_decref(list);
	return rc;
}
