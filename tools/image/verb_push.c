/* verb_push.c - lwx-image push. */
#include "lwx_image.h"

#include "cleanup.h"
#include "cloud.h"
#include "file_io.h"
#include "json.h"
#include "macros.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE_MAX 4096U

enum {
	OPT_VALUE = 256, /* and enum cloud_value */
	OPT_DRY_RUN = OPT_VALUE + CLOUD_VALUES,
	OPT_HELP,
	OPT_JSON,
};

/**
 * struct request - one call
 * @values: of the command line; those of the file are owned
 * @path:   of the file; owned
 */
struct request {
	const struct cloud *cloud;
	const char *values[CLOUD_VALUES];
	bool dry_run;
	bool as_json;
	char *path;
	uint64_t size;
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* What is named is the file, or the image whose file that is. */
static int find_file(struct request *request, const char *word, struct err *err)
{
	const struct cloud *cloud = request->cloud;

	if (access(word, F_OK) == 0) {
		request->path = strdup(word);
		return request->path ? 0 : no_memory(err);
	}
	for (size_t i = 0; cloud->suffixes[i]; i++) {
		AUTO_FREE char *path = NULL;

		if (asprintf(&path, "%s%s", word, cloud->suffixes[i]) < 0) {
			path = NULL;
			return no_memory(err);
		}
		if (access(path, F_OK))
			continue;
		request->path = steal_ptr(&path);
		return 0;
	}
	return err_setx(err, -ENOENT,
			"neither %s nor %s%s is there: build with --format %s",
			word, word, cloud->suffixes[0], cloud->format);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) &&
	       strcmp(text + length - strlen(end), end) == 0;
}

/* The image's name: the file without a suffix. Return: NULL without memory. */
static char *image_name(const struct request *request, const char *base)
{
	size_t length = strlen(base);

	for (size_t i = 0; request->cloud->suffixes[i]; i++) {
		const char *suffix = request->cloud->suffixes[i];

		if (ends_with(base, suffix) &&
		    strlen(base) - strlen(suffix) < length)
			length = strlen(base) - strlen(suffix);
	}
	return strndup(base, length);
}

static int print(const struct request *request, const json_t *commands,
		 struct err *err)
{
	json_t *top;
	int rc = 0;

	if (!request->as_json) {
		for (size_t i = 0; i < json_array_size(commands); i++)
			(void)puts(
				json_string_value(json_array_get(commands, i)));
	} else {
		top = json_pack("{s:s,s:s,s:I,s:O}", "cloud",
				request->cloud->name, "file", request->path,
				"size", (json_int_t)request->size, "commands",
				commands);
		rc = !top ||
		     json_dumpf(top, stdout, JSON_SORT_KEYS | JSON_INDENT(2));
		json_decref(top);
		(void)putchar('\n');
	}
	return rc || fflush(stdout) ? err_setx(err, -EIO, "standard output")
				    : 0;
}

/* What NAME-cmdline has, where the cloud starts a kernel. */
static int read_cmdline(struct request *request, char **out, struct err *err)
{
	size_t length = strlen(request->path) - strlen("-kernel");
	AUTO_FREE char *path = NULL;
	AUTO_FREE void *text = NULL;
	size_t size = 0;
	int rc;

	if (!ends_with(request->path, "-kernel"))
		return 0;
	if (asprintf(&path, "%.*s-cmdline", (int)length, request->path) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = file_load(path, &text, &size, CMDLINE_MAX, err);
	if (!rc) {
		*out = steal_ptr(&text);
		(*out)[strcspn(*out, "\n")] = '\0';
	}
	return rc;
}

static int push(struct request *request, const char *word, struct err *err)
{
	const char *slash;
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *cmdline = NULL;
	json_t *commands = NULL;
	int rc = find_file(request, word, err);

	if (!rc)
		rc = request->cloud->check(request->path, &request->size, err);
	if (!rc)
		rc = read_cmdline(request, &cmdline, err);
	if (rc)
		return rc;
	slash = strrchr(request->path, '/');
	request->values[CLOUD_FILE] = request->path;
	request->values[CLOUD_BASE] = slash ? slash + 1 : request->path;
	name = image_name(request, request->values[CLOUD_BASE]);
	if (!name)
		return no_memory(err);
	if (!request->values[CLOUD_NAME])
		request->values[CLOUD_NAME] = name;
	if (cmdline) {
		request->values[CLOUD_CMDLINE] = cmdline;
		request->values[CLOUD_BASE] = name; /* of three files */
	}
	if (ends_with(request->path, "-efi.qcow2"))
		request->values[CLOUD_UEFI] = "uefi";
	rc = cloud_commands(&commands, request->cloud, request->values, err);
	if (!rc)
		rc = print(request, commands, err);
	json_decref(commands);
	return rc;
}

static int take_options(const struct image_verb *verb, struct request *request,
			int argc, char **argv)
{
	struct option options[CLOUD_VALUES + 8] = {
		{"dry-run", no_argument, NULL, OPT_DRY_RUN},
		{"help", no_argument, NULL, OPT_HELP},
		{"json", no_argument, NULL, OPT_JSON},
		/* As LinuxKit calls them. */
		{"img-name", required_argument, NULL, OPT_VALUE + CLOUD_NAME},
		{"resource-group", required_argument, NULL,
		 OPT_VALUE + CLOUD_GROUP},
		{"storage-account", required_argument, NULL,
		 OPT_VALUE + CLOUD_ACCOUNT},
	};
	int c;

	for (size_t i = CLOUD_OPTION_FIRST, at = 6; i < CLOUD_VALUES; i++)
		options[at++] = (struct option){
			cloud_value_name((enum cloud_value)i),
			required_argument, NULL, (int)(OPT_VALUE + i)};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == OPT_HELP)
			return image_help(verb) + 1;
		if (c == OPT_DRY_RUN)
			request->dry_run = true;
		else if (c == OPT_JSON)
			request->as_json = true;
		else if (c >= OPT_VALUE)
			request->values[c - OPT_VALUE] = optarg;
		else
			return -image_usage_error(verb, "%s", "");
	}
	return 0;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct request request = {0};
	struct err err = {0};
	int rc = take_options(verb, &request, argc, argv);

	if (rc)
		return rc > 0 ? IMAGE_EXIT_OK : IMAGE_EXIT_USAGE;
	if (optind + 2 != argc)
		return image_usage_error(verb, "need a cloud and a file");
	request.cloud = cloud_find(argv[optind], &err);
	if (!request.cloud)
		return image_usage_error(verb, "%s", err.msg);
	if (!request.dry_run)
		(void)err_setx(&err, -ENOTSUP,
			       "push: nothing is uploaded from here, that is "
			       "for the cloud's own tool, which has your "
			       "credentials: --dry-run prints its commands");
	else
		(void)push(&request, argv[optind + 1], &err);
	free(request.path);
	return err.code ? image_fail(&err) : IMAGE_EXIT_OK;
}

const struct image_verb image_verb_push = {
	.name = "push",
	.usage = "--dry-run [OPTION...] CLOUD FILE",
	.summary = "Check an image for a cloud, print how it gets there.",
	.help = "FILE is an image, or its name without the ending. If it is "
		"what CLOUD takes, the\n"
		"commands of the cloud's own tool are printed, for a shell. "
		"Without --dry-run\n"
		"there is nothing: no credential is known here.\n"
		"\n"
		"  aws           raw disk (format aws); --bucket, --region\n"
		"  azure         fixed VHD (vhd); --account, --container, "
		"--group, --region\n"
		"  equinixmetal  kernel and initrd (kernel+initrd); --url, "
		"--project, --region,\n"
		"                --plan\n"
		"  gcp           disk.raw in a tar.gz (gcp); --bucket, "
		"--project, --family\n"
		"  openstack     qcow2 (qcow2-bios, qcow2-efi)\n"
		"  scaleway      qcow2 (qcow2-efi); --bucket, --region\n"
		"  vcenter       stream-optimized VMDK (vmdk); --datastore\n"
		"\n"
		"  --name NAME   of the image there [of the file]; as "
		"--img-name\n"
		"  --dry-run     check, and print the commands\n"
		"  --json        for programs\n"
		"\n"
		"  --account NAME, --bucket NAME, --container NAME, "
		"--datastore NAME,\n"
		"  --family NAME, --group NAME, --plan NAME, --project NAME, "
		"--region NAME,\n"
		"  --url URL     put into the commands; what is left out is a "
		"variable there\n",
	.run = run,
};
