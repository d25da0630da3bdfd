/*
 * build_module.c - modules of an image; see build_internal.h and module.h.
 *
 * Their containers and files are put in front of those of the definition, which
 * so has the last word. Their packages become one tree at the bottom of the
 * root.
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int read_set(struct build *build, struct err *err)
{
	return module_set_find(&build->modules, build->resolver.dir,
			       build->options->modules,
			       build->options->module_num, err);
}

static int resolve(struct build *build, const json_t *layerworx,
		   struct err *err)
{
	const json_t *list = json_object_get(layerworx, "modules");
	const char **names = calloc(json_array_size(list) + 1, sizeof(*names));
	struct module_wanted wanted = {
		.names = names,
		.num = json_array_size(list),
		.role = definition_text(layerworx, "role"),
		.no_optional = build->options->no_optional,
	};
	int rc;

	if (!names)
		return no_memory(err);
	for (size_t i = 0; i < wanted.num; i++)
		names[i] = json_string_value(json_array_get(list, i));
	if (!wanted.role)
		wanted.role = "vm";
	rc = module_resolve(&build->plan, build->modules, &wanted, err);
	if (rc && definition_text(layerworx, DEFINITION_AT))
		(void)err_prefix(err, "%s",
				 definition_text(layerworx, DEFINITION_AT));
	free(names);
	return rc;
}

/* The files of a module with sources that do not depend on where we are. */
static int module_files(json_t **out, const struct module *module,
			struct err *err)
{
	json_t *files =
		json_deep_copy(json_object_get(module->content, "files"));

	AUTO_FREE char *dir = realpath(module->dir, NULL);

	*out = files ? files : json_array();
	if (!*out)
		return no_memory(err);
	if (!dir)
		return err_set(err, -errno, "%s", module->dir);
	for (size_t i = 0; i < json_array_size(files); i++) {
		json_t *file = json_array_get(files, i);
		const char *source = definition_text(file, "source");
		AUTO_FREE char *path = NULL;

		if (!source || source[0] == '/' ||
		    strncmp(source, BUILD_PROGRAM, strlen(BUILD_PROGRAM)) == 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, source) < 0)
			path = NULL;
		if (!path ||
		    json_object_set_new(file, "source", json_string(path)))
			return no_memory(err);
	}
	return 0;
}

/* @list of @from behind what is at @key of @to. */
static int extend(json_t *to, const char *key, const json_t *list,
		  struct err *err)
{
	json_t *there = json_object_get(to, key);

	if (!json_array_size(list))
		return 0;
	if (!there) {
		there = json_array();
		if (json_object_set_new(to, key, there))
			return no_memory(err);
	}
	return json_array_extend(there, (json_t *)(uintptr_t)list)
		       ? no_memory(err)
		       : 0;
}

static int add_module(json_t *to, const struct module *module, struct err *err)
{
	static const char *const lists[] = {"volumes", "onboot", "onshutdown",
					    "services"};
	json_t *layerworx = json_object_get(module->content, "layerworx");
	json_t *files = NULL;
	json_t *mine;
	int rc = module_files(&files, module, err);

	for (size_t i = 0; i < ARRAY_SIZE(lists) && !rc; i++)
		rc = extend(to, lists[i],
			    json_object_get(module->content, lists[i]), err);
	if (!rc)
		rc = extend(to, "files", files, err);
	json_decref(files);
	if (rc || !layerworx)
		return rc;
	mine = json_pack("{s:O}", "layerworx", layerworx);
	rc = mine ? definition_merge(to, mine, err) : no_memory(err);
	json_decref(mine);
	return rc;
}

int build_modules(struct build *build, struct err *err)
{
	json_t *layerworx = json_object_get(build->definition, "layerworx");
	json_t *below = json_object();
	int rc = below ? read_set(build, err) : no_memory(err);

	if (!rc)
		rc = resolve(build, layerworx, err);
	for (size_t i = 0; i < build->plan.num && !rc; i++)
		rc = add_module(below, build->plan.choices[i].module, err);
	/* The merge shares values: what is changed later must not be theirs. */
	if (!rc && build->plan.num) {
		json_t *copy = json_deep_copy(below);

		rc = copy ? definition_merge(copy, build->definition, err)
			  : no_memory(err);
		if (!rc)
			rc = definition_check(copy, err);
		json_decref(build->definition);
		build->definition = copy;
	}
	json_decref(below);
	return rc;
}

static int install(struct build *build, const struct module_plan *plan,
		   struct tree *tree, struct err *err)
{
	struct build_names names = {0};
	int rc = 0;

	for (size_t i = 0; i < plan->num && !rc; i++)
		rc = build_names_add(
			&names, build,
			json_object_get(plan->choices[i].module->content,
					"packages"),
			err);
	build_names_sort(&names);
	if (!rc && names.num)
		rc = debs_install(&build->debs,
				  (const char *const *)names.names, names.num,
				  tree, build->sbom, err);
	build_names_fini(&names);
	return rc;
}

static int unpack(struct build *build, const struct module *module,
		  struct tree *tree, struct err *err)
{
	const json_t *list = json_object_get(module->content, "unpack");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		const json_t *one = json_array_get(list, i);
		AUTO_FREE char *name =
			build_name(build, definition_text(one, "package"));

		rc = name ? debs_unpack(&build->debs, name,
					definition_text(one, "depends"), tree,
					build->sbom, err)
			  : no_memory(err);
	}
	return rc;
}

static bool matches(const struct module_plan *plan, const char *key,
		    const char *path)
{
	for (size_t i = 0; i < plan->num; i++) {
		const json_t *list =
			json_object_get(plan->choices[i].module->content, key);

		for (size_t j = 0; j < json_array_size(list); j++)
			if (fnmatch(json_string_value(json_array_get(list, j)),
				    path, 0) == 0)
				return true;
	}
	return false;
}

/* Note that the directory of @path has something in it. */
static int mark_parent(json_t *full, char *path, struct err *err)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return 0;
	*slash = '\0';
	return json_object_set_new(full, path, json_true()) ? no_memory(err)
							    : 0;
}

/* What is below a directory comes before it here: one in which something stays,
 * stays too. Return: the number of paths put into @doomed, or -ENOMEM. */
static ssize_t choose(const struct module_plan *plan, const struct tree *tree,
		      char **doomed, struct err *err)
{
	json_t *full = json_object();
	ssize_t num = 0;
	int rc = full ? 0 : no_memory(err);

	for (size_t i = tree_num(tree); i-- > 1 && !rc;) {
		AUTO_FREE char *path = strdup(tree_at(tree, i)->path);

		if (!path)
			rc = no_memory(err);
		else if (matches(plan, "remove", path) &&
			 !matches(plan, "keep", path) &&
			 !json_object_get(full, path))
			doomed[num++] = steal_ptr(&path);
		else
			rc = mark_parent(full, path, err);
	}
	json_decref(full);
	for (; rc && num > 0; num--)
		free(doomed[num - 1]);
	return rc ? rc : num;
}

/* Chosen first and removed then: each change of the tree costs its order. */
static int strip(const struct module_plan *plan, struct tree *tree,
		 struct err *err)
{
	char **doomed = calloc(tree_num(tree), sizeof(*doomed));
	ssize_t num;

	if (!doomed)
		return no_memory(err);
	num = choose(plan, tree, doomed, err);
	for (ssize_t i = 0; i < num; i++) {
		tree_remove(tree, doomed[i]);
		free(doomed[i]);
	}
	free(doomed);
	return num < 0 ? (int)num : 0;
}

static int make_packages(struct build *build, const struct module_plan *plan,
			 struct tree *tree, struct err *err)
{
	int rc = install(build, plan, tree, err);

	for (size_t i = 0; i < plan->num && !rc; i++)
		rc = unpack(build, plan->choices[i].module, tree, err);
	for (size_t i = 0; i < plan->num && !rc; i++)
		rc = build_sources(build, plan->choices[i].module, tree, err);
	return rc ? rc : strip(plan, tree, err);
}

/* A path of @base is the same file in @tree. */
static int check_same(const struct tree *tree, const struct tree_entry *base,
		      struct err *err)
{
	const struct tree_entry *here = tree_find(tree, base->path);
	uint8_t digests[2][TREE_DIGEST_SIZE];
	int rc;

	if (!here || here->type != TREE_FILE || here->mode != base->mode)
		return err_setx(err, -ESTALE,
				"%s is not as the module " BUILD_BASE
				" alone has it",
				base->path);
	rc = tree_content_digest(here->content, digests[0], err);
	if (!rc)
		rc = tree_content_digest(base->content, digests[1], err);
	if (!rc && memcmp(digests[0], digests[1], sizeof(digests[0])) != 0)
		rc = err_setx(err, -ESTALE,
			      "%s is not as the module " BUILD_BASE
			      " alone has it: use --update-lock",
			      base->path);
	return rc;
}

/* Which files below usr are the base's: layerworx-digest reads it. */
static int list_base(const struct tree *base, const struct tree *tree,
		     char **text, size_t *size, struct err *err)
{
	FILE *out = open_memstream(text, size);
	int rc = out ? 0 : no_memory(err);

	for (size_t i = 0; i < tree_num(base) && !rc; i++) {
		const struct tree_entry *entry = tree_at(base, i);

		if (entry->type != TREE_FILE ||
		    strncmp(entry->path, "usr/", 4) != 0)
			continue;
		rc = check_same(tree, entry, err);
		if (fprintf(out, "%s\n", entry->path) < 0 && !rc)
			rc = no_memory(err);
	}
	if (out && fclose(out) && !rc)
		rc = no_memory(err);
	return rc;
}

/* The base is the same in all images: proven here, and by the image itself. */
static int put_base_list(struct build *build, struct tree *tree,
			 struct err *err)
{
	static const char path[] = "usr/lib/layerworx/base.files";
	const char *name = BUILD_BASE;
	const struct module_wanted wanted = {.names = &name, .num = 1};
	const struct tree_entry like = {.mode = 0644,
					.mtime = build->options->epoch};
	struct module_plan plan = {0};
	struct tree *base = NULL;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = module_resolve(&plan, build->modules, &wanted, err);

	if (!rc)
		rc = tree_create(&base, err);
	if (!rc)
		rc = make_packages(build, &plan, base, err);
	if (!rc)
		rc = list_base(base, tree, &text, &size, err);
	if (!rc)
		rc = tree_put_bytes(tree, path, &like, text, size, err);
	tree_destroy(base);
	module_plan_fini(&plan);
	return rc;
}

static int make_tree(struct build *build, const struct module_plan *plan,
		     struct tree *tree, struct err *err)
{
	int rc = make_packages(build, plan, tree, err);

	for (size_t i = 0; i < plan->num && !rc; i++)
		if (strcmp(plan->choices[i].module->name, BUILD_BASE) == 0)
			rc = put_base_list(build, tree, err);
	return rc;
}

int build_packages(struct build *build, struct err *err)
{
	struct tree *tree = NULL;
	int rc;

	if (!build->plan.num)
		return 0;
	for (size_t i = 0; i < build->plan.num; i++)
		build_say(build, "module %s",
			  build->plan.choices[i].module->name);
	rc = tree_create(&tree, err);
	if (!rc)
		rc = make_tree(build, &build->plan, tree, err);
	if (!rc)
		rc = tree_merge(build->root, tree, "", err);
	tree_destroy(tree);
	return rc;
}

/* The kernel gets the name that kernel: binary has where it says nothing. */
static int name_kernel(const struct module *module, struct tree *tree,
		       struct err *err)
{
	const char *pattern = definition_text(module->content, "kernel");

	if (!pattern)
		return 0;
	for (size_t i = 0; i < tree_num(tree); i++) {
		AUTO_FREE char *path = NULL;

		if (tree_at(tree, i)->type != TREE_FILE ||
		    fnmatch(pattern, tree_at(tree, i)->path, 0) != 0)
			continue;
		path = strdup(tree_at(tree, i)->path);
		if (!path)
			return no_memory(err);
		return tree_link(tree, "kernel", path, err);
	}
	return definition_fail(err, module->content,
			       "kernel: there is no file %s", pattern);
}

static int copy_texts(const json_t *run, const char *key, struct oci_list *list,
		      struct err *err)
{
	const json_t *texts = json_object_get(run, key);

	for (size_t i = 0; i < json_array_size(texts); i++)
		if (oci_list_add(list,
				 json_string_value(json_array_get(texts, i))))
			return no_memory(err);
	return 0;
}

static int fill_config(const struct build *build, const struct module *module,
		       struct oci_config *config, struct err *err)
{
	const json_t *run = json_object_get(module->content, "image");
	const char *workdir = definition_text(run, "workdir");
	const char *label = definition_text(run, "label");
	int rc;

	config->os = strdup("linux");
	config->architecture = strdup(build->options->architecture);
	config->workdir = workdir ? strdup(workdir) : NULL;
	if (!config->os || !config->architecture ||
	    (workdir && !config->workdir) ||
	    (label &&
	     oci_config_set_label(config, "org.mobyproject.config", label)))
		return no_memory(err);
	rc = copy_texts(run, "entrypoint", &config->entrypoint, err);
	if (!rc)
		rc = copy_texts(run, "cmd", &config->cmd, err);
	return rc ? rc : copy_texts(run, "env", &config->env, err);
}

static int put_files(struct build *build, const struct module_plan *plan,
		     struct tree *tree, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < plan->num && !rc; i++) {
		json_t *files = NULL;

		rc = module_files(&files, plan->choices[i].module, err);
		if (!rc)
			rc = build_put_files(build, tree, files, err);
		json_decref(files);
	}
	return rc;
}

int build_plan_image(struct build *build, const struct module *module,
		     const struct module_plan *plan, struct oci_image **out,
		     struct err *err)
{
	struct oci_image *image = calloc(1, sizeof(*image));
	int rc = image ? tree_create(&image->tree, err) : no_memory(err);

	if (!rc)
		rc = make_tree(build, plan, image->tree, err);
	if (!rc)
		rc = put_files(build, plan, image->tree, err);
	if (!rc && !build->options->lock_only)
		rc = name_kernel(module, image->tree, err);
	if (!rc)
		rc = fill_config(build, module, &image->config, err);
	if (rc) {
		oci_image_destroy(image);
		return rc;
	}
	image->kind = OCI_DIRECTORY;
	*out = image;
	return 0;
}

int build_module_image(struct build *build, const struct module *module,
		       struct oci_image **out, struct err *err)
{
	const char *name = module->name;
	const struct module_wanted wanted = {
		.names = &name,
		.num = 1,
		.no_optional = build->options->no_optional,
	};
	struct module_plan plan = {0};
	int rc = module_resolve(&plan, build->modules, &wanted, err);

	if (!rc)
		rc = build_plan_image(build, module, &plan, out, err);
	module_plan_fini(&plan);
	return rc;
}
