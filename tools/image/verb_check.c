/* verb_check.c - lwx-image check: the checks of modules, run in a booted image.
 */
#include "lwx_image.h"

#include "architecture.h"
#include "check.h"
#include "definition.h"
#include "tree_dir.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 86400U

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static void tell(const json_t *check)
{
	const char *output = definition_text(check, "output");
	const json_t *status = json_object_get(check, "status");

	(void)printf("%s: %s: ", definition_text(check, "module"),
		     definition_text(check, "check"));
	if (!status)
		(void)puts("failed, it did not run");
	else if (!json_integer_value(status))
		(void)puts("ok");
	else
		(void)printf("failed, status %lld\n",
			     (long long)json_integer_value(status));
	for (const char *at = output; at && *at;) {
		int len = (int)strcspn(at, "\n");

		(void)printf("    %.*s\n", len, at);
		at += len + (at[len] == '\n');
	}
	(void)fflush(stdout);
}

/* Return: how many checks failed. */
static size_t report(const struct check_request *request,
		     const struct check_console *console)
{
	size_t failed = 0;
	size_t missing = 0;
	size_t i;
	json_t *check;

	json_array_foreach(request->checks, i, check)
	{
		const json_t *status = json_object_get(check, "status");
		bool ok = status && !json_integer_value(status);

		failed += !ok;
		missing += !status;
		if (!status && !request->as_json)
			tell(check);
		/* Without memory it is missing from the report alone. */
		(void)json_object_set_new(check, "ok", json_boolean(ok));
	}
	if (missing)
		for (i = console->num > CHECK_TAIL ? console->num - CHECK_TAIL
						   : 0;
		     i < console->num; i++)
			(void)fprintf(stderr, "| %s\n",
				      console->tail[i % CHECK_TAIL]);
	if (request->as_json)
		(void)json_dumpf(request->checks, stdout,
				 JSON_SORT_KEYS | JSON_INDENT(2));
	else
		(void)printf("%zu ok, %zu failed",
			     json_array_size(request->checks) - failed, failed);
	(void)putchar('\n');
	return failed;
}

static int check_all(struct check_request *request, char **words,
		     size_t word_num, size_t *failed, struct err *err)
{
	const char *temp = getenv("TMPDIR");
	struct check_console *console = calloc(1, sizeof(*console));
	int rc = check_prepare(request, words, word_num, err);

	if (!rc &&
	    (!console || asprintf(&request->dir, "%s/lwx-check.XXXXXX",
				  temp && *temp ? temp : "/var/tmp") < 0)) {
		request->dir = NULL;
		rc = no_memory(err);
	}
	if (!rc && !mkdtemp(request->dir)) {
		rc = err_set(err, -errno, "%s", request->dir);
		free(request->dir);
		request->dir = NULL;
	}
	if (!rc)
		rc = check_build(request, err);
	if (!rc && request->console) {
		console->copy = fopen(request->console, "we");
		if (console->copy)
			setlinebuf(console->copy);
		else
			rc = err_set(err, -errno, "%s", request->console);
	}
	if (!rc)
		rc = check_run(request, console, request->as_json ? NULL : tell,
			       err);
	if (!rc)
		*failed = report(request, console);
	if (console && console->copy && fclose(console->copy) && !rc)
		rc = err_set(err, -errno, "%s", request->console);
	free(console);
	if (request->dir)
		(void)tree_dir_remove(request->dir, NULL); /* temporary */
	return rc;
}

enum {
	OPT_ACCEL = 256,
	OPT_ARCH,
	OPT_BACKEND,
	OPT_CACHE,
	OPT_CONSOLE,
	OPT_CPUS,
	OPT_HELP,
	OPT_JSON,
	OPT_LOCK,
	OPT_MEM,
	OPT_MODULES,
	OPT_NO_OPTIONAL,
	OPT_ROLE,
	OPT_TIMEOUT,
	OPT_UPDATE_LOCK,
};

static const struct option long_options[] = {
	{"accel", required_argument, NULL, OPT_ACCEL},
	{"arch", required_argument, NULL, OPT_ARCH},
	{"backend", required_argument, NULL, OPT_BACKEND},
	{"cache", required_argument, NULL, OPT_CACHE},
	{"console", required_argument, NULL, OPT_CONSOLE},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"help", no_argument, NULL, OPT_HELP},
	{"json", no_argument, NULL, OPT_JSON},
	{"lock", required_argument, NULL, OPT_LOCK},
	{"mem", required_argument, NULL, OPT_MEM},
	{"modules", required_argument, NULL, OPT_MODULES},
	{"no-optional", no_argument, NULL, OPT_NO_OPTIONAL},
	{"quiet", no_argument, NULL, 'q'},
	{"role", required_argument, NULL, OPT_ROLE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"update-lock", no_argument, NULL, OPT_UPDATE_LOCK},
	{NULL, 0, NULL, 0}};

/* Return: false if its argument is wrong. */
static bool take_option(struct check_request *request, int c)
{
	struct build_options *options = &request->options;
	unsigned int number;

	switch (c) {
	case OPT_ACCEL:
		request->accel = optarg;
		return true;
	case OPT_ARCH:
		options->architecture = architecture_parse(optarg);
		return options->architecture;
	case OPT_BACKEND:
		request->backend = optarg;
		return !strcmp(optarg, "qemu") || !strcmp(optarg, "lwx-vm");
	case OPT_CACHE:
		options->cache = optarg;
		return true;
	case OPT_CONSOLE:
		request->console = optarg;
		return true;
	case OPT_CPUS:
		request->cpus = optarg;
		return !image_number(optarg, NUMBER_MAX, &number);
	case OPT_JSON:
		request->as_json = true;
		return true;
	case OPT_LOCK:
		options->lock = optarg;
		return true;
	case OPT_MEM:
		request->mem = optarg;
		return !image_number(optarg, NUMBER_MAX, &number);
	case OPT_MODULES:
		if (options->module_num == BUILD_MODULES_MAX)
			return false;
		options->modules[options->module_num++] = optarg;
		return true;
	case OPT_NO_OPTIONAL:
		options->no_optional = true;
		return true;
	case OPT_ROLE:
		request->role = optarg;
		return !strcmp(optarg, "vm") || !strcmp(optarg, "host");
	case OPT_TIMEOUT:
		return !image_number(optarg, NUMBER_MAX, &request->seconds);
	case OPT_UPDATE_LOCK:
		options->update_lock = true;
		return true;
	default:
		options->quiet = true;
		return true;
	}
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct check_request request = {.options.architecture =
						architecture_native(),
					.backend = "lwx-vm",
					.cpus = "1",
					.mem = "1024",
					.seconds = 120};
	struct err err = {0};
	size_t failed = 0;
	int rc;
	int c;

	if (image_epoch(&request.options.epoch))
		return image_usage_error(verb, "SOURCE_DATE_EPOCH is not a "
					       "number of seconds");
	request.options.sbom_epoch = request.options.epoch;
	while ((c = getopt_long_only(argc, argv, "q", long_options, NULL)) !=
	       -1) {
		if (c == OPT_HELP)
			return image_help(verb);
		if (c == '?')
			return image_usage_error(verb, "%s", "");
		if (!take_option(&request, c))
			return image_usage_error(verb, "%s: not understood",
						 optarg);
	}
	if (optind == argc)
		return image_usage_error(verb, "need modules or a definition");
	request.checks = json_array();
	request.files = json_array();
	rc = request.checks && request.files
		     ? check_all(&request, argv + optind,
				 (size_t)(argc - optind), &failed, &err)
		     : no_memory(&err);
	free(request.dir);
	json_decref(request.checks);
	json_decref(request.files);
	json_decref(request.definition);
	module_set_destroy(request.set);
	if (rc)
		return image_fail(&err);
	return failed ? IMAGE_EXIT_FAILURE : IMAGE_EXIT_OK;
}

const struct image_verb image_verb_check = {
	.name = "check",
	.usage = "[OPTION...] MODULE|FILE.yml...",
	.summary = "Boot an image and run the checks of its modules.",
	.help = "The image has the modules that are named, all that they "
		"include and init; with\n"
		"FILE.yml it is that of the definition, and modules that are "
		"named come on top.\n"
		"Once its services are up, the checks of all these modules and "
		"of its kernel run\n"
		"one after another, in its root, as root. It has an empty disk "
		"with label\n"
		"lwx-data and no network. A line for each check; status 1 if "
		"one failed.\n"
		"\n"
		"  --backend lwx-vm|qemu  [lwx-vm]\n"
		"  --arch ARCH            amd64 or arm64, the latter under "
		"QEMU [of this\n"
		"                         machine]\n"
		"  --accel NAME[:NAME]    of QEMU, the first that works "
		"[kvm:tcg]\n"
		"  --cpus NUMBER          [1]\n"
		"  --mem MIB              [1024]\n"
		"  --timeout SECONDS      for each check [120]\n"
		"  --role vm|host         of the image [that of FILE.yml, else "
		"vm]\n"
		"  --modules DIR          more modules; may be repeated\n"
		"  --no-optional          without modules that also-add names\n"
		"  --cache DIR            [$XDG_CACHE_HOME/lwx]\n"
		"  --lock FILE            [layerworx.lock beside FILE.yml or "
		"here]\n"
		"  --update-lock          ask apt, pin what it has\n"
		"  --console FILE         keep what the console says\n"
		"  --json                 for scripts: module, check, command, "
		"ok, status, output\n"
		"  -q, --quiet            no progress of the build\n",
	.run = run,
};
