/* verb_build.c - lwx-image build. */
#include "lwx_image.h"

#include "architecture.h"
#include "build.h"
#include "output.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	OPT_ARCH = 256,
	OPT_CACHE,
	OPT_DECOMPRESS,
	OPT_DIR,
	OPT_DOCKER,
	OPT_DRY_RUN,
	OPT_FORCE,
	OPT_FORMAT,
	OPT_HELP,
	OPT_INPUT_TAR,
	OPT_INSECURE,
	OPT_LOCK,
	OPT_LOCK_ONLY,
	OPT_MODULES,
	OPT_NAME,
	OPT_NO_OPTIONAL,
	OPT_NO_SBOM,
	OPT_PULL,
	OPT_SBOM_OUTPUT,
	OPT_SBOM_TIME,
	OPT_SIZE,
	OPT_UPDATE_LOCK,
};

static const struct option long_options[] = {
	{"arch", required_argument, NULL, OPT_ARCH},
	{"cache", required_argument, NULL, OPT_CACHE},
	{"decompress-kernel", no_argument, NULL, OPT_DECOMPRESS},
	{"dir", required_argument, NULL, OPT_DIR},
	{"docker", no_argument, NULL, OPT_DOCKER},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"force", no_argument, NULL, OPT_FORCE},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"help", no_argument, NULL, OPT_HELP},
	{"input-tar", required_argument, NULL, OPT_INPUT_TAR},
	{"insecure", no_argument, NULL, OPT_INSECURE},
	{"lock", required_argument, NULL, OPT_LOCK},
	{"lock-only", no_argument, NULL, OPT_LOCK_ONLY},
	{"modules", required_argument, NULL, OPT_MODULES},
	{"name", required_argument, NULL, OPT_NAME},
	{"no-optional", no_argument, NULL, OPT_NO_OPTIONAL},
	{"no-sbom", no_argument, NULL, OPT_NO_SBOM},
	{"o", required_argument, NULL, 'o'},
	{"pull", no_argument, NULL, OPT_PULL},
	{"quiet", no_argument, NULL, 'q'},
	{"sbom-current-time", no_argument, NULL, OPT_SBOM_TIME},
	{"sbom-output", required_argument, NULL, OPT_SBOM_OUTPUT},
	{"size", required_argument, NULL, OPT_SIZE},
	{"update-lock", no_argument, NULL, OPT_UPDATE_LOCK},
	{"verbose", no_argument, NULL, 'v'},
	{NULL, 0, NULL, 0}};

/* Comma-separated, and the option may be repeated. @text is cut. */
static int add_formats(struct build_options *options, char *text)
{
	char *rest = NULL;

	for (char *name = strtok_r(text, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest)) {
		if (options->format_num == BUILD_FORMATS_MAX)
			return -EINVAL;
		options->formats[options->format_num++] = name;
	}
	return 0;
}

/* Return: 0, -EINVAL with a message printed. */
static int take_option(const struct image_verb *verb,
		       struct build_options *options, int c)
{
	int rc = 0;

	switch (c) {
	case OPT_ARCH:
		options->architecture = architecture_parse(optarg);
		rc = options->architecture ? 0 : -EINVAL;
		break;
	case OPT_CACHE:
		options->cache = optarg;
		break;
	case OPT_DECOMPRESS:
		options->decompress_kernel = true;
		break;
	case OPT_DIR:
		options->dir = optarg;
		break;
	case OPT_DRY_RUN:
		options->dry_run = true;
		break;
	case OPT_FORCE:
		options->force = true;
		break;
	case OPT_FORMAT:
		rc = add_formats(options, optarg);
		break;
	case OPT_DOCKER:
	case OPT_INPUT_TAR:
		(void)fprintf(stderr,
			      "lwx-image build: warning: %s has no effect: the "
			      "cache serves for it\n",
			      c == OPT_DOCKER ? "--docker" : "--input-tar");
		break;
	case OPT_INSECURE:
		options->insecure = true;
		break;
	case OPT_LOCK:
		options->lock = optarg;
		break;
	case OPT_LOCK_ONLY:
		options->lock_only = true;
		options->update_lock = true;
		break;
	case OPT_MODULES:
		if (options->module_num == BUILD_MODULES_MAX)
			rc = -EINVAL;
		else
			options->modules[options->module_num++] = optarg;
		break;
	case OPT_NAME:
		options->name = optarg;
		break;
	case OPT_NO_OPTIONAL:
		options->no_optional = true;
		break;
	case OPT_NO_SBOM:
		options->no_sbom = true;
		break;
	case OPT_SBOM_OUTPUT:
		options->sbom_output = optarg;
		break;
	case OPT_SBOM_TIME:
		options->sbom_epoch = (int64_t)time(NULL);
		break;
	case OPT_SIZE:
		rc = image_bytes(optarg, &options->size);
		break;
	case OPT_PULL:
	case OPT_UPDATE_LOCK:
		options->update_lock = true;
		break;
	case 'o':
		options->output = optarg;
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'v':
		break; /* all there is to tell is told */
	default:
		(void)image_usage_error(verb, "%s", "");
		return -EINVAL;
	}
	if (rc)
		(void)image_usage_error(verb, "%s: not understood", optarg);
	return rc;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct build_options options = {.architecture = architecture_native()};
	struct err err = {0};
	int c;

	if (image_epoch(&options.epoch))
		return image_usage_error(verb, "SOURCE_DATE_EPOCH is not a "
					       "number of seconds");
	options.sbom_epoch = options.epoch;
	while ((c = getopt_long_only(argc, argv, "o:qv", long_options, NULL)) !=
	       -1) {
		if (c == OPT_HELP)
			return image_help(verb);
		if (take_option(verb, &options, c))
			return IMAGE_EXIT_USAGE;
	}
	if (optind == argc)
		return image_usage_error(verb, "need a definition");
	options.files = (const char *const *)(argv + optind);
	options.file_num = (size_t)(argc - optind);
	return build_run(&options, &err) ? image_fail(&err) : IMAGE_EXIT_OK;
}

const struct image_verb image_verb_build = {
	.name = "build",
	.usage = "[OPTION...] FILE.yml...",
	.summary = "Build images from a definition.",
	.help = "Later files go on top of earlier ones; \"-\" is standard "
		"input. See\n"
		"lwx-image.yml(5). Nothing is fetched unless --update-lock is "
		"given. A build\n"
		"that fails leaves the files of the one before.\n"
		"\n"
		"  --format FORMAT[,...]  what to make; may be repeated "
		"[kernel+initrd]\n"
		"  --name NAME            of the files [of the first "
		"definition]\n"
		"  --dir DIR              where they go [.]\n"
		"  -o, --o FILE           exact path, for a format of one "
		"file\n"
		"  --size SIZE            of disks: 1024M, 2G [as the content "
		"needs]\n"
		"  --arch ARCH            amd64 or arm64 [of this machine]\n"
		"  --decompress-kernel    unpack a kernel that is gzip\n"
		"  --cache DIR            [$XDG_CACHE_HOME/lwx]\n"
		"  --modules DIR          more modules; may be repeated "
		"[modules beside the\n"
		"                         definition, then those installed]\n"
		"  --no-optional          without modules that also-add names\n"
		"  --lock FILE            [layerworx.lock beside the "
		"definition]\n"
		"  --update-lock          ask apt and registries, pin what "
		"they "
		"have\n"
		"  --lock-only            the same, and make no image\n"
		"  --pull                 as --update-lock\n"
		"  --insecure             registries without certificates\n"
		"  --no-sbom              no SPDX document beside the image\n"
		"  --sbom-output FILE     where it goes [NAME.spdx.json]\n"
		"  --sbom-current-time    the present time in it\n"
		"  --force                also if nothing has changed\n"
		"  --dry-run              print the merged definition as JSON\n"
		"  --docker, --input-tar FILE  taken for LinuxKit's sake: the "
		"cache has all\n"
		"                         images, and what it unpacked before\n"
		"  -q, --quiet            no progress\n"
		"  -v, --verbose          taken for LinuxKit's sake too\n",
	.run = run,
};
