/* verb_inspect.c - lwx-image inspect. */
#include "lwx_image.h"

#include "architecture.h"
#include "json.h"
#include "macros.h"
#include "subject.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct totals {
	size_t files;
	size_t entries;
	uint64_t bytes;
};

static struct totals totals_of(const struct subject *subject)
{
	struct totals totals = {0};
	const struct tree *tree = subject->image ? subject->image->tree : NULL;

	if (!tree) {
		(void)sbom_files(subject->sbom, &totals.files);
		totals.entries = totals.files;
		return totals;
	}
	totals.entries = tree_num(tree);
	for (size_t i = 0; i < totals.entries; i++) {
		totals.files += tree_at(tree, i)->type == TREE_FILE;
		totals.bytes += tree_at(tree, i)->size;
	}
	return totals;
}

static json_t *list_json(const struct oci_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->num; i++)
		(void)json_array_append_new(array, json_string(list->items[i]));
	return array;
}

static json_t *config_json(const struct oci_config *config)
{
	json_t *labels = json_object();
	json_t *top = json_object();

	for (size_t i = 0; i < config->label_num; i++)
		(void)json_put(labels, config->labels[i].key,
			       config->labels[i].value);
	(void)json_put(top, "architecture", config->architecture);
	(void)json_put(top, "os", config->os);
	(void)json_put(top, "created", config->created);
	(void)json_put(top, "user", config->user);
	(void)json_put(top, "workdir", config->workdir);
	(void)json_object_set_new(top, "env", list_json(&config->env));
	(void)json_object_set_new(top, "entrypoint",
				  list_json(&config->entrypoint));
	(void)json_object_set_new(top, "cmd", list_json(&config->cmd));
	(void)json_object_set_new(top, "labels", labels);
	return top;
}

static json_t *layers_json(const struct oci_image *image)
{
	json_t *array = json_array();

	for (size_t i = 0; i < image->layer_num; i++) {
		const struct oci_layer_info *layer = &image->layers[i];
		char digest[SHA256_HEX_SIZE];
		char diff_id[SHA256_HEX_SIZE];

		sha256_hex(layer->digest, digest);
		sha256_hex(layer->diff_id, diff_id);
		(void)json_array_append_new(
			array, json_pack("{s:s,s:s,s:I,s:I}", "digest", digest,
					 "diff_id", diff_id, "size",
					 (json_int_t)layer->size, "bytes",
					 (json_int_t)layer->bytes));
	}
	return array;
}

static json_t *packages_json(const struct subject *subject)
{
	const struct sbom_package *packages;
	json_t *array = json_array();
	size_t num;

	packages = sbom_packages(subject->sbom, &num);
	for (size_t i = 0; i < num; i++) {
		json_t *object = json_object();

		(void)json_put(object, "name", packages[i].name);
		(void)json_put(object, "version", packages[i].version);
		(void)json_put(object, "architecture",
			       packages[i].architecture);
		(void)json_array_append_new(array, object);
	}
	return array;
}

/* A member that is missing for want of memory is not printed: the last one
 * tells whether there was enough. */
static int print_json(const struct subject *subject, const char *digest)
{
	struct totals totals = totals_of(subject);
	json_t *top = json_object();
	int rc;

	(void)json_put(top, "kind", subject_kind(subject));
	if (subject->image) {
		(void)json_put(top, "digest", digest);
		(void)json_object_set_new(top, "config",
					  config_json(&subject->image->config));
		(void)json_object_set_new(top, "layers",
					  layers_json(subject->image));
	}
	(void)json_object_set_new(top, "packages", packages_json(subject));
	(void)json_object_set_new(top, "entries",
				  json_integer((json_int_t)totals.entries));
	(void)json_object_set_new(top, "bytes",
				  json_integer((json_int_t)totals.bytes));
	rc = json_object_set_new(top, "files",
				 json_integer((json_int_t)totals.files));
	if (!rc)
		rc = json_dumpf(top, stdout, JSON_SORT_KEYS | JSON_INDENT(2));
	json_decref(top);
	(void)putchar('\n');
	return rc;
}

static void print_list(const char *title, const struct oci_list *list)
{
	if (!list->num)
		return;
	(void)printf("%-13s", title);
	for (size_t i = 0; i < list->num; i++)
		(void)printf(" %s", list->items[i]);
	(void)putchar('\n');
}

static void print_image(const struct oci_image *image, const char *digest)
{
	const struct oci_config *config = &image->config;
	char text[IMAGE_SIZE_TEXT];
	char hex[SHA256_HEX_SIZE];

	(void)printf("digest        sha256:%s\n", digest);
	if (config->architecture)
		(void)printf("platform      %s/%s\n",
			     config->os ? config->os : "linux",
			     config->architecture);
	if (config->created)
		(void)printf("created       %s\n", config->created);
	if (config->user)
		(void)printf("user          %s\n", config->user);
	print_list("entrypoint", &config->entrypoint);
	print_list("cmd", &config->cmd);
	print_list("env", &config->env);
	for (size_t i = 0; i < config->label_num; i++)
		(void)printf("label         %s=%s\n", config->labels[i].key,
			     config->labels[i].value);
	for (size_t i = 0; i < image->layer_num; i++) {
		sha256_hex(image->layers[i].digest, hex);
		(void)printf("layer %-7zu sha256:%s %s\n", i + 1, hex,
			     image_size_text(image->layers[i].size, text));
	}
}

static void print_text(const struct subject *subject, const char *digest)
{
	struct totals totals = totals_of(subject);
	char text[IMAGE_SIZE_TEXT];
	size_t num;

	(void)sbom_packages(subject->sbom, &num);
	(void)printf("kind          %s\n", subject_kind(subject));
	if (subject->image)
		print_image(subject->image, digest);
	(void)printf("packages      %zu\n", num);
	(void)printf("files         %zu, %s\n", totals.files,
		     image_size_text(totals.bytes, text));
}

static int inspect(const char *what, const struct subject_options *options,
		   bool as_json)
{
	char digest[SHA256_HEX_SIZE] = "";
	struct subject subject;
	struct err err = {0};
	int rc = subject_load(&subject, what, options, &err);

	if (!rc) {
		sbom_sort(subject.sbom);
		if (subject.image)
			sha256_hex(subject.image->digest, digest);
		if (as_json && print_json(&subject, digest))
			rc = err_set(&err, -EIO, "standard output");
		else if (!as_json)
			print_text(&subject, digest);
	}
	if (!rc && fflush(stdout))
		rc = err_set(&err, -errno, "standard output");
	subject_fini(&subject);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct subject_options subject = {0};
	bool as_json = false;
	const struct image_option options[] = {
		{"arch", &subject.architecture, NULL},
		{"cache", &subject.cache, NULL},
		{"json", NULL, &as_json},
		{"name", &subject.name, NULL},
		{NULL, NULL, NULL}};
	int status;

	if (!image_options(verb, options, argc, argv, &status))
		return status;
	if (optind + 1 != argc)
		return image_usage_error(verb, "need one image");
	return inspect(argv[optind], &subject, as_json);
}

const struct image_verb image_verb_inspect = {
	.name = "inspect",
	.usage = "[--json] [--name NAME] [--arch ARCH] [--cache DIR] IMAGE",
	.summary = "Tell what an image is: configuration, layers, packages.",
	.help = "IMAGE is a tar (compressed or not), an OCI layout (directory "
		"or archive), a\n"
		"docker archive, a directory, an SPDX document, or the name "
		"of an image in the\n"
		"cache. Every digest is checked on the way.\n"
		"\n"
		"  --json       for programs\n"
		"  --name NAME  which image, if a layout or archive holds "
		"several\n"
		"  --arch ARCH  amd64, arm64...: which one, if an image is for "
		"several\n"
		"  --cache DIR  [$XDG_CACHE_HOME/lwx]\n",
	.run = run,
};
