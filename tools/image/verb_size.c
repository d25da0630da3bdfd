/* verb_size.c - lwx-image size. */
#include "lwx_image.h"

#include "architecture.h"
#include "cleanup.h"
#include "json.h"
#include "subject.h"
#include "tree_size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * struct options - of the command line
 * @by:    "directory", "package", "file", "source"
 * @depth: of directories
 * @rows:  of the table, 0: all
 * @svg:   file to write, or NULL
 */
struct options {
	struct subject_options subject;
	const char *by;
	unsigned int depth;
	unsigned int rows;
	const char *svg;
	bool as_json;
};

/** struct owners - which package a file is of */
struct owners {
	const struct sbom_package *packages;
	size_t package_num;
	const struct sbom_file *files;
	size_t file_num;
};

static int by_path(const void *key, const void *item)
{
	const struct sbom_file *file = item;

	return strcmp(key, file->path);
}

static void by_package(void *data, const struct tree_entry *entry, char *name,
		       size_t size)
{
	const struct owners *owners = data;
	const struct sbom_file *file =
		owners->file_num
			? bsearch(entry->path, owners->files, owners->file_num,
				  sizeof(*owners->files), by_path)
			: NULL;

	if (file && file->package < owners->package_num)
		(void)snprintf(name, size, "%s",
			       owners->packages[file->package].name);
	else
		(void)snprintf(name, size, "(no package)");
}

static int group(struct tree_size *size, struct subject *subject,
		 struct options *options, struct err *err)
{
	const struct tree *tree = subject->image->tree;
	struct owners owners;
	int rc;

	if (strcmp(options->by, "file") == 0)
		return tree_size_group(size, tree, tree_size_by_file, NULL,
				       err);
	if (strcmp(options->by, "source") == 0)
		return tree_size_group(size, tree, tree_size_by_origin, NULL,
				       err);
	if (strcmp(options->by, "package") != 0)
		return tree_size_group(size, tree, tree_size_by_directory,
				       &options->depth, err);
	rc = sbom_add_files(subject->sbom, tree, err);
	if (rc)
		return rc;
	sbom_sort(subject->sbom);
	owners.packages = sbom_packages(subject->sbom, &owners.package_num);
	owners.files = sbom_files(subject->sbom, &owners.file_num);
	return tree_size_group(size, tree, by_package, &owners, err);
}

static int print_json(const struct tree_size *size)
{
	json_t *items = json_array();
	json_t *top =
		json_pack("{s:I,s:I,s:O}", "bytes", (json_int_t)size->bytes,
			  "files", (json_int_t)size->files, "items", items);
	int rc;

	for (size_t i = 0; i < size->num; i++)
		(void)json_array_append_new(
			items,
			json_pack("{s:s,s:I,s:I}", "name", size->items[i].name,
				  "bytes", (json_int_t)size->items[i].bytes,
				  "files", (json_int_t)size->items[i].files));
	rc = json_dumpf(top, stdout, JSON_SORT_KEYS | JSON_INDENT(2));
	json_decref(items);
	json_decref(top);
	(void)putchar('\n');
	return rc;
}

static void print_table(const struct tree_size *size,
			const struct options *options)
{
	size_t rows = options->rows ? options->rows : size->num;
	char text[IMAGE_SIZE_TEXT];

	(void)printf("%10s %6s %8s  %s\n", "size", "share", "files",
		     options->by);
	for (size_t i = 0; i < size->num && i < rows; i++) {
		const struct tree_size_item *item = &size->items[i];

		(void)printf("%10s %5.1f%% %8zu  %s\n",
			     image_size_text(item->bytes, text),
			     size->bytes ? 100.0 * (double)item->bytes /
						   (double)size->bytes
					 : 0.0,
			     item->files, item->name);
	}
	if (rows < size->num)
		(void)printf("%10s %6s %8s  and %zu more\n", "", "", "",
			     size->num - rows);
	(void)printf("%10s %6s %8zu  in all\n",
		     image_size_text(size->bytes, text), "", size->files);
}

static int write_svg(const struct tree *tree, const char *title,
		     const char *path, struct err *err)
{
	AUTO_FREE char *temp = NULL;
	AUTO_CLOSE int fd = -1;
	struct sink_file file = {0};
	int rc;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
		temp = NULL;
		return err_set(err, -ENOMEM, "%s", path);
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	rc = sink_file_init(&file, fd, err);
	if (!rc)
		rc = tree_size_svg(tree, title, &file.sink, err);
	sink_file_fini(&file);
	if (!rc && (fchmod(fd, 0644) || rename(temp, path)))
		rc = err_set(err, -errno, "%s", path);
	if (rc)
		(void)unlink(temp); /* the first error counts */
	return rc;
}

static int show(const char *what, struct options *options)
{
	struct tree_size size = {0};
	struct subject subject;
	struct err err = {0};
	int rc = subject_load(&subject, what, &options->subject, &err);

	if (!rc && !subject.image)
		rc = err_setx(&err, -EINVAL,
			      "%s: an SPDX document does not tell sizes", what);
	if (!rc)
		rc = group(&size, &subject, options, &err);
	if (!rc && options->as_json && print_json(&size))
		rc = err_set(&err, -EIO, "standard output");
	else if (!rc && !options->as_json)
		print_table(&size, options);
	if (!rc && fflush(stdout))
		rc = err_set(&err, -errno, "standard output");
	if (!rc && options->svg)
		rc = write_svg(subject.image->tree, what, options->svg, &err);
	tree_size_fini(&size);
	subject_fini(&subject);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

static bool parse_number(const char *text, unsigned int *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*out = (unsigned int)number;
	return *text >= '0' && *text <= '9' && !*end && number <= 1000000;
}

static bool known_group(const char *by)
{
	return strcmp(by, "directory") == 0 || strcmp(by, "package") == 0 ||
	       strcmp(by, "file") == 0 || strcmp(by, "source") == 0;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct options request = {.by = "directory"};
	const char *depth = "2";
	const char *rows = "20";
	const struct image_option options[] = {
		{"arch", &request.subject.architecture, NULL},
		{"by", &request.by, NULL},
		{"cache", &request.subject.cache, NULL},
		{"depth", &depth, NULL},
		{"json", NULL, &request.as_json},
		{"name", &request.subject.name, NULL},
		{"rows", &rows, NULL},
		{"svg", &request.svg, NULL},
		{NULL, NULL, NULL}};
	int status;

	if (!image_options(verb, options, argc, argv, &status))
		return status;
	if (!known_group(request.by))
		return image_usage_error(
			verb, "--by %s: directory, package, file or source",
			request.by);
	if (!parse_number(depth, &request.depth))
		return image_usage_error(verb, "--depth %s: a number", depth);
	if (!parse_number(rows, &request.rows))
		return image_usage_error(verb, "--rows %s: a number", rows);
	if (optind + 1 != argc)
		return image_usage_error(verb, "need one image");
	return show(argv[optind], &request);
}

const struct image_verb image_verb_size = {
	.name = "size",
	.usage = "[--by GROUP] [--depth N] [--rows N] [--svg FILE] [--json] "
		 "IMAGE",
	.summary = "Tell what takes the space in an image.",
	.help = "IMAGE is what lwx-image inspect takes, an SPDX document "
		"apart.\n"
		"\n"
		"  --by GROUP   directory [default], package (of the dpkg "
		"database), file, source\n"
		"  --depth N    components of a directory [2]\n"
		"  --rows N     of the table [20], 0: all\n"
		"  --svg FILE   write a treemap too: areas are bytes\n"
		"  --json       for programs, all rows\n"
		"  --name NAME  which image, if a layout or archive holds "
		"several\n"
		"  --arch ARCH  which one, if an image is for several\n"
		"  --cache DIR  [$XDG_CACHE_HOME/lwx]\n"
		"\n"
		"A file with several names counts once.\n",
	.run = run,
};
