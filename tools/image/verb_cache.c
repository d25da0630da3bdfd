/* verb_cache.c - lwx-image cache. */
#include "lwx_image.h"

#include "architecture.h"
#include "cache_transfer.h"
#include "cleanup.h"
#include "json.h"
#include "log.h"
#include "macros.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * struct options - of the command line
 * @args:   after the options and the name of the action, @arg_num of them
 * @format: of an export
 */
struct options {
	const char *dir;
	const char *name;
	const char *architecture;
	const char *output;
	enum cache_format format;
	bool insecure;
	bool keep_owners;
	bool as_json;
	char **args;
	int arg_num;
};

static int list_json(const struct image_cache_image *images, size_t num)
{
	json_t *array = json_array();
	int rc;

	for (size_t i = 0; i < num; i++)
		(void)json_array_append_new(
			array,
			json_pack("{s:s,s:s,s:I}", "name", images[i].name,
				  "digest", images[i].hex, "size",
				  (json_int_t)images[i].size));
	rc = json_dumpf(array, stdout, JSON_SORT_KEYS | JSON_INDENT(2));
	json_decref(array);
	(void)putchar('\n');
	return rc;
}

static int do_ls(struct image_cache *cache, const struct options *options,
		 struct err *err)
{
	struct image_cache_image *images = NULL;
	size_t num = 0;
	int rc = image_cache_list(cache, &images, &num, err);

	if (rc)
		return rc;
	if (options->as_json && list_json(images, num))
		rc = err_set(err, -EIO, "standard output");
	for (size_t i = 0; !options->as_json && i < num; i++) {
		char text[IMAGE_SIZE_TEXT];

		(void)printf("%10s  sha256:%s  %s\n",
			     image_size_text(images[i].size, text),
			     images[i].hex, images[i].name);
	}
	image_cache_list_free(images, num);
	return rc;
}

static int do_rm(struct image_cache *cache, const struct options *options,
		 struct err *err)
{
	char text[IMAGE_SIZE_TEXT];

	for (int i = 0; i < options->arg_num; i++) {
		uint64_t freed;
		int rc = image_cache_remove(cache, options->args[i], &freed,
					    err);

		if (rc)
			return rc;
		(void)printf("%s: %s freed\n", options->args[i],
			     image_size_text(freed, text));
	}
	return 0;
}

static int do_clean(struct image_cache *cache, const struct options *options,
		    struct err *err)
{
	char text[IMAGE_SIZE_TEXT];
	uint64_t freed;
	int rc = image_cache_clean(cache, &freed, err);

	(void)options;
	if (!rc)
		(void)printf("%s freed\n", image_size_text(freed, text));
	return rc;
}

static int do_import(struct image_cache *cache, const struct options *options,
		     struct err *err)
{
	return cache_import(cache, options->args[0], options->name,
			    options->keep_owners, err);
}

static int export_to_file(struct image_cache *cache,
			  const struct options *options, struct err *err)
{
	const char *name = options->args[0];
	AUTO_FREE char *temp = NULL;
	AUTO_CLOSE int fd = -1;
	int rc;

	if (asprintf(&temp, "%s.XXXXXX", options->output) < 0) {
		temp = NULL;
		return err_set(err, -ENOMEM, "%s", options->output);
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s", options->output);
	rc = cache_export(cache, name, options->architecture, options->format,
			  fd, err);
	if (!rc && (fchmod(fd, 0644) || rename(temp, options->output)))
		rc = err_set(err, -errno, "%s", options->output);
	if (rc)
		(void)unlink(temp); /* the first error counts */
	return rc;
}

static int do_export(struct image_cache *cache, const struct options *options,
		     struct err *err)
{
	if (options->output && strcmp(options->output, "-") != 0)
		return export_to_file(cache, options, err);
	if (isatty(STDOUT_FILENO))
		return err_setx(err, -EINVAL,
				"a tar is not for a terminal: use --output "
				"FILE");
	return cache_export(cache, options->args[0], options->architecture,
			    options->format, STDOUT_FILENO, err);
}

static int do_pull(struct image_cache *cache, const struct options *options,
		   struct err *err)
{
	int rc = 0;

	for (int i = 0; i < options->arg_num && !rc; i++) {
		log_info("pulling %s for %s", options->args[i],
			 options->architecture);
		rc = cache_pull(cache, options->args[i], options->architecture,
				options->insecure, err);
	}
	return rc;
}

static int do_push(struct image_cache *cache, const struct options *options,
		   struct err *err)
{
	log_info("pushing %s", options->args[0]);
	return cache_push(cache, options->args[0],
			  options->arg_num > 1 ? options->args[1] : NULL,
			  options->architecture, options->insecure, err);
}

static const struct {
	const char *name;
	int args_min;
	int args_max;
	int (*run)(struct image_cache *cache, const struct options *options,
		   struct err *err);
} actions[] = {
	{"ls", 0, 0, do_ls},	     {"rm", 1, 1000, do_rm},
	{"clean", 0, 0, do_clean},   {"export", 1, 1, do_export},
	{"import", 1, 1, do_import}, {"pull", 1, 1000, do_pull},
	{"push", 1, 2, do_push},
};

static bool parse_format(const char *text, enum cache_format *out)
{
	static const char *const names[] = {
		[CACHE_FORMAT_OCI] = "oci",
		[CACHE_FORMAT_DOCKER] = "docker",
		[CACHE_FORMAT_FILESYSTEM] = "filesystem",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum cache_format)i;
			return true;
		}
	}
	return false;
}

static int act(const struct image_verb *verb, const char *name,
	       const struct options *options)
{
	struct image_cache *cache = NULL;
	struct err err = {0};
	size_t i = 0;
	int rc;

	while (i < ARRAY_SIZE(actions) && strcmp(actions[i].name, name) != 0)
		i++;
	if (i == ARRAY_SIZE(actions))
		return image_usage_error(verb, "no such action: %s", name);
	if (options->arg_num < actions[i].args_min ||
	    options->arg_num > actions[i].args_max)
		return image_usage_error(verb, "%s: %s arguments", name,
					 options->arg_num < actions[i].args_min
						 ? "missing"
						 : "too many");
	rc = image_cache_open(&cache, options->dir, &err);
	if (!rc)
		rc = actions[i].run(cache, options, &err);
	if (!rc && fflush(stdout))
		rc = err_set(&err, -errno, "standard output");
	image_cache_close(cache);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct options request = {.architecture = architecture_native()};
	const char *format = "oci";
	const struct image_option options[] = {
		{"arch", &request.architecture, NULL},
		{"cache", &request.dir, NULL},
		{"format", &format, NULL},
		{"insecure", NULL, &request.insecure},
		{"json", NULL, &request.as_json},
		{"keep-owners", NULL, &request.keep_owners},
		{"name", &request.name, NULL},
		{"output", &request.output, NULL},
		{NULL, NULL, NULL}};
	int status;

	if (!image_options(verb, options, argc, argv, &status))
		return status;
	if (!parse_format(format, &request.format))
		return image_usage_error(
			verb, "--format %s: oci, docker or filesystem", format);
	if (optind == argc)
		return image_usage_error(verb, "need an action");
	request.args = argv + optind + 1;
	request.arg_num = argc - optind - 1;
	return act(verb, argv[optind], &request);
}

const struct image_verb image_verb_cache = {
	.name = "cache",
	.usage = "[--cache DIR] ACTION [ARGUMENT...]",
	.summary = "Images that builds keep: list, remove, export, import, "
		   "pull, push.",
	.help = "  ls [--json]        size, digest and name of every image\n"
		"  rm IMAGE...        forget images, and blobs that no other "
		"one needs\n"
		"  clean              forget everything, results of builds "
		"too\n"
		"  import FILE        an OCI layout or archive, a docker "
		"archive, a tar or a\n"
		"                     directory; --name NAME: which one, or "
		"how to call it;\n"
		"                     --keep-owners: else a directory is all "
		"root's\n"
		"  export IMAGE       as a tar: --format oci [default], docker "
		"(by skopeo),\n"
		"                     filesystem; --output FILE, else standard "
		"output\n"
		"  pull IMAGE...      from a registry, by skopeo\n"
		"  push IMAGE [NAME]  to a registry, by skopeo\n"
		"\n"
		"  --cache DIR  [$XDG_CACHE_HOME/lwx], an OCI image layout\n"
		"  --arch ARCH  export, pull, push: which one [of this "
		"machine]\n"
		"  --insecure   pull, push: HTTP and unknown certificates are "
		"fine\n"
		"\n"
		"rm and clean wait until no build uses the cache.\n",
	.run = run,
};
