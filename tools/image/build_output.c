/*
 * build_output.c - the composed root in every format; see build_internal.h.
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"
#include "file_io.h"
#include "lwx_image.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * struct plan - what is to be made
 * @formats: @num of them
 * @name:    of the image
 * @base:    directory and name of the files; owned
 */
struct plan {
	const struct output_format *formats[BUILD_FORMATS_MAX];
	size_t num;
	char name[256];
	char *base;
};

static int add_format(struct plan *plan, const char *name, const json_t *output,
		      struct err *err)
{
	int rc;

	if (plan->num == BUILD_FORMATS_MAX)
		return err_setx(err, -EINVAL, "more than %u formats",
				BUILD_FORMATS_MAX);
	rc = output_format_find(name, &plan->formats[plan->num], err);
	if (rc && definition_text(output, DEFINITION_AT))
		(void)err_prefix(err, "%s",
				 definition_text(output, DEFINITION_AT));
	if (!rc)
		plan->num++;
	return rc;
}

static int plan_formats(const struct build *build, struct plan *plan,
			struct err *err)
{
	const struct build_options *options = build->options;
	const json_t *outputs = json_object_get(build->definition, "outputs");
	int rc = 0;

	for (size_t i = 0; i < options->format_num && !rc; i++)
		rc = add_format(plan, options->formats[i], NULL, err);
	if (!options->format_num)
		for (size_t i = 0; i < json_array_size(outputs) && !rc; i++)
			rc = add_format(
				plan,
				definition_text(json_array_get(outputs, i),
						"format"),
				json_array_get(outputs, i), err);
	if (!rc && !plan->num)
		rc = add_format(plan, build->kernel ? "kernel+initrd" : "tar",
				NULL, err);
	return rc;
}

static void plan_name(const struct build *build, struct plan *plan)
{
	const json_t *layerworx =
		json_object_get(build->definition, "layerworx");
	const char *name = build->options->name;
	const char *file = build->options->files[0];
	const char *slash = strrchr(file, '/');
	char *dot;

	if (!name)
		name = definition_text(layerworx, "name");
	if (name) {
		(void)snprintf(plan->name, sizeof(plan->name), "%s", name);
		return;
	}
	if (strcmp(file, "-") == 0)
		file = "image";
	(void)snprintf(plan->name, sizeof(plan->name), "%s",
		       slash ? slash + 1 : file);
	dot = strrchr(plan->name, '.');
	if (dot && dot != plan->name &&
	    (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0))
		*dot = '\0';
}

static void told(void *arg, const char *text)
{
	build_say(arg, "  %s", text);
}

/* What layerworx: disk says; --size wins. */
static int fill_sizes(const json_t *disk, struct output_input *input,
		      struct err *err)
{
	const struct {
		const char *key;
		uint64_t *to;
	} sizes[] = {{"size", &input->size},
		     {"esp", &input->esp},
		     {"root", &input->slot},
		     {"data", &input->data}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const char *text = definition_text(disk, sizes[i].key);

		if (!text || *sizes[i].to)
			continue;
		if (image_bytes(text, sizes[i].to) || !*sizes[i].to)
			return definition_fail(err, disk,
					       "disk: %s: %.32s: expected a "
					       "size, as 1024M or 2G",
					       sizes[i].key, text);
	}
	return 0;
}

static int fill_input(struct build *build, const struct plan *plan,
		      struct output_input *input, struct err *err)
{
	const json_t *layerworx =
		json_object_get(build->definition, "layerworx");
	const char *role = definition_text(layerworx, "role");
	const char *initrd = definition_text(layerworx, "initrd");

	*input = (struct output_input){
		.root = build->root,
		.kernel = build->kernel,
		.cmdline = build->cmdline,
		.ucode = build->ucode,
		.arch = strcmp(build->options->architecture, "arm64") == 0
				? OUTPUT_ARM64
				: OUTPUT_X86_64,
		.role = !role				 ? OUTPUT_VM
			: strcmp(role, "host") == 0	 ? OUTPUT_HOST
			: strcmp(role, "container") == 0 ? OUTPUT_CONTAINER
							 : OUTPUT_VM,
		.name = plan->name,
		.version = definition_text(layerworx, "version"),
		.initrd = COMPRESSION_GZIP,
		.size = build->options->size,
		.epoch = build->options->epoch,
		.progress = told,
		.progress_arg = build,
	};
	if (initrd && compression_parse(initrd, &input->initrd))
		return definition_fail(err, layerworx,
				       "initrd: %s is not known: none, gzip, "
				       "zstd, lz4",
				       initrd);
	return fill_sizes(json_object_get(layerworx, "disk"), input, err);
}

static int make_one(struct build *build, const struct plan *plan,
		    const struct output_format *format,
		    const struct output_input *input, struct err *err)
{
	struct output_result result = {0};
	char size[IMAGE_SIZE_TEXT];
	int rc;

	build_say(build, "format %s", format->name);
	rc = output_make(format, input, plan->base, build->options->output,
			 &result, err);
	for (size_t i = 0; i < OUTPUT_FILES_MAX && !rc; i++)
		if (result.paths[i]) {
			build_say(build, "  %s (%s)", result.paths[i],
				  image_size_text(result.sizes[i], size));
			rc = build_made(build, result.paths[i], err);
		}
	output_result_fini(&result);
	return rc;
}

static int write_sbom(struct build *build, const struct plan *plan,
		      struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *temp = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_CLOSE int fd = -1;
	size_t size = 0;
	int rc;

	if (build->options->no_sbom)
		return 0;
	if (build->options->sbom_output)
		path = strdup(build->options->sbom_output);
	else if (asprintf(&path, "%s.spdx.json", plan->base) < 0)
		path = NULL;
	if (!path || asprintf(&temp, "%s.XXXXXX", path) < 0)
		return err_set(err, -ENOMEM, "SBOM");
	rc = sbom_add_files(build->sbom, build->root, err);
	if (!rc)
		rc = sbom_write(build->sbom, plan->name,
				build->options->sbom_epoch, &text, &size, err);
	if (rc)
		return rc;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	rc = file_write(fd, text, size, 0, path, err);
	if (!rc && (fchmod(fd, 0644) || fsync(fd) || rename(temp, path)))
		rc = err_set(err, -errno, "%s", path);
	if (rc)
		(void)unlink(temp); /* the first error is the one to tell */
	return rc ? rc : build_made(build, path, err);
}

int build_outputs(struct build *build, struct err *err)
{
	struct output_input input;
	struct plan plan = {0};
	int rc = plan_formats(build, &plan, err);

	plan_name(build, &plan);
	if (!rc && build->options->output &&
	    (plan.num != 1 || plan.formats[0]->suffixes[1]))
		rc = err_setx(err, -EINVAL,
			      "-o is for one format of one file; use --dir and "
			      "--name");
	if (!rc && asprintf(&plan.base, "%s/%s",
			    build->options->dir ? build->options->dir : ".",
			    plan.name) < 0)
		rc = err_set(err, -ENOMEM, "%s", plan.name);
	if (!rc)
		rc = fill_input(build, &plan, &input, err);
	for (size_t i = 0; i < plan.num && !rc; i++)
		rc = output_format_check(plan.formats[i], &input, err);
	for (size_t i = 0; i < plan.num && !rc; i++)
		rc = make_one(build, &plan, plan.formats[i], &input, err);
	if (!rc)
		rc = write_sbom(build, &plan, err);
	free(plan.base);
	return rc;
}
