/*
 * image_make.c - one format of an image from a directory: the table of
 * output.h without a definition.
 *
 *	image_make [OPTION=VALUE]... FORMAT BASE
 */
#include "interrupt.h"
#include "output.h"
#include "tree_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct output_input input = {.name = "test", .epoch = 1700000000};
static struct tree *root;

static int load(const char *path, struct tree_content **content,
		struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -1, "%s", path);
	rc = tree_content_file(content, fd, 0, (uint64_t)st.st_size, err);
	(void)close(fd); /* duplicated */
	return rc;
}

static int option(const char *name, const char *value, struct err *err)
{
	if (strcmp(name, "root") == 0)
		return tree_dir_read(root, value, NULL, err);
	if (strcmp(name, "kernel") == 0)
		return load(value, &input.kernel, err);
	if (strcmp(name, "ucode") == 0)
		return load(value, &input.ucode, err);
	if (strcmp(name, "cmdline") == 0)
		input.cmdline = value;
	else if (strcmp(name, "name") == 0)
		input.name = value;
	else if (strcmp(name, "version") == 0)
		input.version = value;
	else if (strcmp(name, "root-init") == 0)
		input.root_init = value;
	else if (strcmp(name, "efi-dir") == 0)
		input.efi_dir = value;
	else if (strcmp(name, "size") == 0)
		input.size = strtoull(value, NULL, 10);
	else if (strcmp(name, "esp") == 0)
		input.esp = strtoull(value, NULL, 10);
	else if (strcmp(name, "slot") == 0)
		input.slot = strtoull(value, NULL, 10);
	else if (strcmp(name, "data") == 0)
		input.data = strtoull(value, NULL, 10);
	else if (strcmp(name, "epoch") == 0)
		input.epoch = strtoll(value, NULL, 10);
	else if (strcmp(name, "arch") == 0)
		input.arch = strcmp(value, "arm64") == 0 ? OUTPUT_ARM64
							 : OUTPUT_X86_64;
	else if (strcmp(name, "role") == 0)
		input.role =
			strcmp(value, "host") == 0 ? OUTPUT_HOST : OUTPUT_VM;
	else
		return err_setx(err, -1, "%s: no such option", name);
	return 0;
}

static void progress(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "  %s\n", text);
}

static int make(int argc, char **argv, struct err *err)
{
	const struct output_format *format;
	struct output_result result = {0};
	int rc = tree_create(&root, err);
	int i = 1;

	for (; !rc && i < argc && strchr(argv[i], '='); i++) {
		char *value = strchr(argv[i], '=');

		*value++ = '\0';
		rc = option(argv[i], value, err);
	}
	if (!rc && argc - i != 2)
		rc = err_setx(err, -1,
			      "usage: image_make [OPTION=VALUE]... FORMAT "
			      "BASE");
	input.root = root;
	if (!rc)
		rc = output_format_find(argv[i], &format, err);
	if (!rc)
		rc = output_make(format, &input, argv[i + 1], NULL, &result,
				 err);
	for (i = 0; i < OUTPUT_FILES_MAX; i++)
		if (result.paths[i])
			(void)puts(result.paths[i]);
	output_result_fini(&result);
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	int rc;

	interrupt_init();
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < output_format_num(); i++)
			(void)puts(output_format_at(i)->name);
		return 0;
	}
	if (getenv("IMAGE_MAKE_VERBOSE"))
		input.progress = progress;
	input.initrd = COMPRESSION_GZIP;
	rc = make(argc, argv, &err);
	tree_destroy(root);
	tree_content_unref(input.kernel);
	tree_content_unref(input.ucode);
	if (rc)
		(void)fprintf(stderr, "image_make: %s\n", err.msg);
	return rc ? 1 : 0;
}
