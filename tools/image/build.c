/*
 * build.c - a build step by step; see build.h.
 *
 * The root is laid out as LinuxKit does it: images of init: at the top, then
 * containers/volumes, containers/onboot/000-NAME, containers/onshutdown,
 * containers/services/NAME, and files: over all.
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"
#include "pkg.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID 100 /* of the users that containers get */

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

void build_say(const struct build *build, const char *fmt, ...)
{
	va_list args;

	if (build->options->quiet)
		return;
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
}

int build_image(struct build *build, const json_t *object,
		const char *reference, const char *location,
		struct oci_image **out, struct err *err)
{
	const struct module *module = NULL;
	int rc;

	build_say(build, "%s: %s", location, reference);
	rc = module_of_image(build->modules, reference, &module, err);
	if (!rc && module)
		rc = build_module_image(build, module, out, err);
	else if (!rc && build_is_deb(reference))
		rc = build_deb_image(build, reference, out, err);
	else if (!rc)
		rc = reference_read(&build->resolver, reference, location, out,
				    err);
	if (rc && definition_text(object, DEFINITION_AT))
		(void)err_prefix(err, "%s",
				 definition_text(object, DEFINITION_AT));
	if (rc)
		return rc;
	/* Packages that were installed here are known already. */
	return module || build_is_deb(reference)
		       ? 0
		       : sbom_add_dpkg(build->sbom, (*out)->tree, err);
}

int build_dir(struct build *build, const char *path, uint32_t mode,
	      const char *location, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = {.path = copy,
				   .type = TREE_DIR,
				   .mode = mode,
				   .mtime = build->options->epoch,
				   .location = location};

	return copy ? tree_put(build->root, &entry, err) : no_memory(err);
}

int build_text(struct build *build, const char *path, const char *text,
	       size_t size, uint32_t mode, const char *location,
	       struct err *err)
{
	const struct tree_entry like = {.mode = mode,
					.mtime = build->options->epoch,
					.location = location};

	return tree_put_bytes(build->root, path, &like, text, size, err);
}

int build_clean(struct tree *tree, bool links, struct err *err)
{
	static const char *const gone[] = {".dockerenv", ".dockerinit",
					   "Dockerfile", "dev/console",
					   "etc/hostname"};
	static char target[] = "/run/resolvconf/resolv.conf";
	static char path[] = "etc/resolv.conf";
	struct tree_entry link = {.path = path,
				  .type = TREE_SYMLINK,
				  .mode = 0777,
				  .target = target};

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		tree_remove(tree, gone[i]);
	if (!links || !tree_find(tree, "etc"))
		return 0;
	return tree_put(tree, &link, err);
}

static int build_init(struct build *build, struct err *err)
{
	const json_t *list = json_object_get(build->definition, "init");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		struct oci_image *image = NULL;
		char location[32];

		(void)snprintf(location, sizeof(location), "init[%zu]", i);
		rc = build_image(build, NULL,
				 json_string_value(json_array_get(list, i)),
				 location, &image, err);
		if (!rc)
			rc = build_clean(image->tree, true, err);
		if (!rc)
			rc = tree_merge(build->root, image->tree, "", err);
		oci_image_destroy(image);
	}
	return rc;
}

static int number_containers(struct build *build, struct err *err)
{
	static const char *const lists[] = {"onboot", "onshutdown", "services"};
	json_int_t id = FIRST_ID;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const json_t *list =
			json_object_get(build->definition, lists[l]);

		for (size_t i = 0; i < json_array_size(list); i++)
			if (json_object_set_new(
				    build->ids,
				    definition_text(json_array_get(list, i),
						    "name"),
				    json_integer(id++)))
				return no_memory(err);
	}
	return 0;
}

static int check_services(const struct build *build, struct err *err)
{
	const json_t *more = json_object_get(
		json_object_get(build->definition, "layerworx"), "services");
	const char *name;
	json_t *service;

	json_object_foreach ((json_t *)(uintptr_t)more, name, service) {
		const json_t *after = json_object_get(service, "after");

		if (!json_object_get(build->ids, name))
			return definition_fail(err, service,
					       "layerworx: there is no service "
					       "%s",
					       name);
		for (size_t i = 0; i < json_array_size(after); i++)
			if (!json_object_get(build->ids,
					     json_string_value(
						     json_array_get(after, i))))
				return definition_fail(
					err, service,
					"after: there is no "
					"service %s",
					json_string_value(
						json_array_get(after, i)));
	}
	return 0;
}

static int compose(struct build *build, struct err *err)
{
	int rc = number_containers(build, err);

	if (!rc)
		rc = check_services(build, err);
	if (!rc)
		rc = build_packages(build, err);
	if (!rc)
		rc = build_kernel(build, err);
	if (!rc)
		rc = build_init(build, err);
	if (!rc)
		rc = build_volumes(build, err);
	if (!rc)
		rc = build_bundles(build, err);
	if (!rc)
		rc = build_network(build, err);
	if (!rc)
		rc = build_files(build, err);
	return rc ? rc : build_users(build, err);
}

static int print_definition(const struct build *build, struct err *err)
{
	json_t *copy = definition_copy(build->definition);
	int rc = copy &&
				 !json_dumpf(copy, stdout,
					     JSON_SORT_KEYS | JSON_INDENT(2)) &&
				 putchar('\n') != EOF && !fflush(stdout)
			 ? 0
			 : err_setx(err, -EIO, "standard output");

	json_decref(copy);
	return rc;
}

static void told(void *arg, const char *text)
{
	build_say(arg, "  %s", text);
}

static int run(struct build *build, struct err *err)
{
	int rc = definition_read(&build->definition, build->options->files,
				 build->options->file_num, err);

	if (!rc)
		rc = pkg_resolve(build->definition, build->resolver.dir,
				 build->built, err);
	if (rc)
		return rc;
	rc = build_modules(build, err);
	if (rc)
		return rc;
	if (build->options->dry_run)
		return print_definition(build, err);
	rc = image_cache_open(&build->resolver.cache, build->options->cache,
			      err);
	if (!rc)
		rc = resolver_open(&build->resolver, err);
	build->debs = (struct debs){
		.cache = build->resolver.cache,
		.architecture = build->options->architecture,
		.lock = build->resolver.debs,
		.lock_path = build->resolver.lock_path,
		.update = build->options->update_lock,
		.lock_only = build->options->lock_only,
		.epoch = build->options->epoch,
		.say = told,
		.say_arg = build,
	};
	if (!rc && !build->options->update_lock)
		rc = build_unchanged(build, err);
	if (rc == 1 && !build->options->force) {
		build_say(build, "nothing has changed");
		return 0;
	}
	if (rc >= 0)
		rc = tree_create(&build->root, err);
	if (!rc)
		rc = sbom_create(&build->sbom, err);
	if (!rc)
		rc = compose(build, err);
	if (!rc && !build->options->lock_only)
		rc = build_outputs(build, err);
	if (!rc && build->options->update_lock)
		return resolver_save(&build->resolver, err);
	return rc ? rc : build_remember(build, err);
}

int build_run(const struct build_options *options, struct err *err)
{
	AUTO_FREE char *first = strdup(options->files[0]);
	AUTO_FREE char *lock = NULL;
	struct build build = {.options = options,
			      .ids = json_object(),
			      .unpacked = json_object(),
			      .built = json_object(),
			      .made = json_object()};
	int rc = first && build.ids && build.unpacked && build.made &&
				 build.built
			 ? 0
			 : no_memory(err);

	if (!rc) {
		build.resolver = (struct resolver){
			.dir = dirname(first),
			.architecture = options->architecture,
			.lock_path = options->lock,
			.built = build.built,
			.update = options->update_lock,
			.insecure = options->insecure,
		};
		if (!options->lock && asprintf(&lock, "%s/layerworx.lock",
					       build.resolver.dir) < 0)
			rc = no_memory(err);
		else if (!options->lock)
			build.resolver.lock_path = lock;
	}
	if (!rc)
		rc = run(&build, err);
	build_sources_end(&build);
	tree_content_unref(build.kernel);
	tree_content_unref(build.ucode);
	json_decref(build.debs.fetched);
	module_plan_fini(&build.plan);
	module_set_destroy(build.modules);
	sbom_destroy(build.sbom);
	tree_destroy(build.root);
	resolver_close(&build.resolver);
	image_cache_close(build.resolver.cache);
	json_decref(build.definition);
	json_decref(build.unpacked);
	json_decref(build.built);
	json_decref(build.made);
	json_decref(build.ids);
	return rc;
}
