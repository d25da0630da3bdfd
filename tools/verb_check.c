/* verb_check.c - lwx-vm check: is host.cfg right, is this host fit. */
#include "lwx_vm.h"

#include "cleanup.h"
#include "host_check.h"
#include "host_config.h"
#include "vm_process.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Read a file and tell its problems. Return: it, or NULL if it has any. */
static struct host_config *check_file(const char *path, json_t *problems)
{
	struct host_config *hc = NULL;
	struct err err;

	if (!host_config_load(&hc, path, &err))
		return hc;
	for (size_t i = 0; hc && i < hc->num_problems; i++)
		if (problems)
			(void)json_array_append_new(
				problems, json_string(hc->problems[i].text));
		else
			(void)printf("%s\n", hc->problems[i].text);
	if (!hc && problems)
		(void)json_array_append_new(problems, json_string(err.msg));
	else if (!hc)
		(void)printf("%s\n", err.msg);
	host_config_destroy(hc);
	return NULL;
}

static void print_results(const struct host_check *check)
{
	static const char *const colours[] = {
		[HOST_CHECK_OK] = "32",
		[HOST_CHECK_WARN] = "33",
		[HOST_CHECK_FAIL] = "1;31",
	};
	const struct host_check_result *result;

	for (size_t i = 0; i < check->num; i++) {
		result = &check->results[i];
		(void)printf("%s%-4s%s  %-10s %s\n",
			     lwx_colour(colours[result->status]),
			     host_check_status_name(result->status),
			     lwx_colour(NULL), result->name, result->detail);
		if (result->advice[0])
			(void)printf("%17s-> %s\n", "", result->advice);
	}
}

/* {"problems":[...],"results":[...]} */
static void print_json(const struct host_check *check, json_t *problems)
{
	AUTO_FREE char *text = host_check_json(check);
	json_t *root = text ? json_loads(text, 0, NULL) : NULL;

	if (root) {
		(void)json_object_set(root, "problems", problems);
		(void)json_dumpf(root, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	}
	json_decref(root);
}

/* The host is measured against one file, or against none. */
static int check_host(const struct host_config *hc, json_t *problems)
{
	AUTO_FREE struct host_check *check = calloc(1, sizeof(*check));
	char vmm[PATH_MAX];
	struct err err;

	if (!check) {
		(void)err_set(&err, -ENOMEM, "check");
		return lwx_fail(&err);
	}
	host_check_run(check,
		       vm_process_find(vmm, sizeof(vmm), &err) ? NULL : vmm,
		       hc);
	if (problems)
		print_json(check, problems);
	else
		print_results(check);
	return host_check_worst(check) == HOST_CHECK_FAIL ? LWX_EXIT_FAILURE
							  : LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	struct host_config *hc = NULL;
	json_t *problems = NULL;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c != 'j')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		json_decref(problems);
		problems = json_array();
	}
	if (argc - optind > 1)
		return lwx_usage_error(verb, "unexpected %s", argv[optind + 1]);
	if (optind < argc)
		hc = check_file(argv[optind], problems);
	status = check_host(hc, problems);
	if (optind < argc && !hc)
		status = LWX_EXIT_FAILURE;
	else if (hc && !problems)
		(void)printf("%s: %zu VM%s, no problem found\n", argv[optind],
			     hc->num_vms, hc->num_vms == 1 ? "" : "s");
	host_config_destroy(hc);
	json_decref(problems);
	return status;
}

const struct lwx_verb lwx_verb_check = {
	.name = "check",
	.usage = "[--json] [HOST.CFG]",
	.summary = "Check this host and a host.cfg, start nothing.",
	.help = "Tells what is wrong with the file, then what this host has "
		"and "
		"lacks, each with\nwhat to do about it. \"warn\" keeps some "
		"VMs "
		"from running, \"fail\" all of them, or\none of the file. Exit "
		"status: 0 if nothing failed, else 1.\n"
		"\n"
		"  --json  an object with problems (of the file) and results "
		"(of "
		"the host)\n",
	.run = run,
};
