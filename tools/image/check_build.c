/* check_build.c - the image that runs the checks of modules; see check.h. */
#include "check.h"

#include "architecture.h"
#include "cleanup.h"
#include "definition.h"
#include "lwx_image.h"
#include "module_check.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* Modules beside the definition come first, as in its build. */
static int read_modules(struct check_request *request, struct err *err)
{
	AUTO_FREE char *copy = strdup(request->file ? request->file : "./x");

	if (!copy)
		return no_memory(err);
	return module_set_find(&request->set, dirname(copy),
			       request->options.modules,
			       request->options.module_num, err);
}

/* What boots is a machine, also if the definition is that of a container. */
static const char *role_of(const struct check_request *request)
{
	const char *role = definition_text(
		json_object_get(request->definition, "layerworx"), "role");

	if (request->role)
		return request->role;
	return role && strcmp(role, "host") == 0 ? "host" : "vm";
}

static int find_kernel(struct check_request *request, struct err *err)
{
	const json_t *kernel = json_object_get(request->definition, "kernel");
	const char *image = definition_text(kernel, "image");
	const char *usual = strcmp(request->role, "host") == 0 ? "kernel-host"
							       : "kernel-stock";

	if (image)
		return module_of_image(request->set, image, &request->kernel,
				       err);
	if (!request->kernel)
		request->kernel = module_find(request->set, usual);
	return request->kernel
		       ? 0
		       : err_setx(err, -ENOENT, "there is no module %s", usual);
}

/* A kernel is not one of the modules in the root. */
static int add_name(struct check_request *request, const char *name,
		    struct err *err)
{
	const struct module *module = module_find(request->set, name);

	if (!module)
		return err_setx(err, -ENOENT,
				"there is no module %s; see lwx-image module "
				"list",
				name);
	if (definition_text(module->content, "kernel"))
		request->kernel = module;
	else if (request->name_num == CHECK_NAMES_MAX)
		return err_setx(err, -E2BIG, "more than %u modules",
				CHECK_NAMES_MAX);
	else
		request->names[request->name_num++] = name;
	return 0;
}

static int collect(struct check_request *request, const struct module *module,
		   struct err *err)
{
	int rc = module_checks(request->checks, module, err);

	return rc ? rc : module_check_files(request->files, module, err);
}

/* The checks of all that is in the image. */
static int find_checks(struct check_request *request, struct err *err)
{
	const json_t *more = json_object_get(
		json_object_get(request->definition, "layerworx"), "modules");
	const char *names[2 * CHECK_NAMES_MAX];
	struct module_wanted wanted = {
		.names = names,
		.role = request->role,
		.no_optional = request->options.no_optional,
	};
	struct module_plan plan;
	int rc;

	for (size_t i = 0; i < json_array_size(more) && i < CHECK_NAMES_MAX;
	     i++)
		names[wanted.num++] =
			json_string_value(json_array_get(more, i));
	for (size_t i = 0; i < request->name_num; i++)
		names[wanted.num++] = request->names[i];
	rc = module_resolve(&plan, request->set, &wanted, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < plan.num && !rc; i++)
		rc = collect(request, plan.choices[i].module, err);
	if (!rc && request->kernel)
		rc = collect(request, request->kernel, err);
	module_plan_fini(&plan);
	return rc;
}

int check_prepare(struct check_request *request, char **words, size_t num,
		  struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < num; i++) {
		if (image_is_definition(words[i]) && request->file)
			return err_setx(err, -EINVAL,
					"%s: one definition at a time",
					words[i]);
		if (image_is_definition(words[i]))
			request->file = words[i];
	}
	if (request->file)
		rc = definition_read(&request->definition, &request->file, 1,
				     err);
	if (!rc)
		rc = read_modules(request, err);
	request->role = role_of(request);
	if (!rc)
		rc = add_name(request, "init", err);
	for (size_t i = 0; i < num && !rc; i++)
		if (!image_is_definition(words[i]))
			rc = add_name(request, words[i], err);
	if (!rc)
		rc = find_kernel(request, err);
	return rc ? rc : find_checks(request, err);
}

char *check_path(const struct check_request *request, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", request->dir, name) < 0 ? NULL : path;
}

/* The definition that goes on top. */
static int write_definition(const struct check_request *request,
			    const char *path, struct err *err)
{
	const char *given = definition_text(
		json_object_get(request->definition, "kernel"), "cmdline");
	AUTO_FREE char *box = check_path(request, "box");
	AUTO_FREE char *kernel = NULL;
	AUTO_FREE char *cmdline = NULL;
	struct module_check_image image = {
		.role = request->role,
		.modules = request->names,
		.module_num = request->name_num,
		.box = box,
		.seconds = request->seconds,
	};
	json_t *json;
	int rc;

	if (asprintf(&cmdline,
		     "%s console=%s quiet panic=-1 "
		     "cryptomgr.notests",
		     given ? given : "",
		     architecture_console(request->options.architecture)) < 0)
		cmdline = NULL;
	if (request->kernel && asprintf(&kernel, MODULE_IMAGE_PREFIX "%s",
					request->kernel->name) < 0)
		kernel = NULL;
	if (!box || !cmdline || (request->kernel && !kernel))
		return no_memory(err);
	image.kernel = kernel;
	image.cmdline = cmdline;
	rc = module_check_box(box, err);
	json = rc ? NULL
		  : module_check_definition(&image, request->checks,
					    request->files);
	if (!rc && !json)
		rc = no_memory(err);
	if (!rc && json_dump_file(json, path, JSON_INDENT(2)))
		rc = err_setx(err, -EIO, "%s: cannot be written", path);
	json_decref(json);
	return rc;
}

int check_build(struct check_request *request, struct err *err)
{
	AUTO_FREE char *path = check_path(request, "check.yml");
	struct build_options *options = &request->options;
	const char *files[2];
	int rc = path ? write_definition(request, path, err) : no_memory(err);

	if (rc)
		return rc;
	options->files = files;
	if (request->file)
		files[options->file_num++] = request->file;
	files[options->file_num++] = path;
	if (!request->file && !options->lock)
		options->lock = "layerworx.lock";
	options->formats[options->format_num++] = "kernel+erofs";
	options->name = "check";
	options->dir = request->dir;
	options->no_sbom = true;
	return build_run(options, err);
}
