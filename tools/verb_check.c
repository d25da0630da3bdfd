/* verb_check.c - lwx-vm check: is host.cfg right, is this host fit. */
#include "lwx_vm.h"

#include "host_config.h"

#include <getopt.h>
#include <stdio.h>

static int check_file(const char *path)
{
	struct host_config *hc = NULL;
	int status = LWX_EXIT_FAILURE;
	struct err err;

	if (!host_config_load(&hc, path, &err)) {
		(void)printf("%s: no problem found\n", path);
		status = LWX_EXIT_OK;
	} else if (!hc) {
		(void)lwx_fail(&err);
	}
	for (size_t i = 0; hc && i < hc->num_problems; i++)
		(void)fprintf(stderr, "%s\n", hc->problems[i].text);
	host_config_destroy(hc);
	return status;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	int status = LWX_EXIT_OK;

	if (argc > 1 && argv[1][0] == '-')
		return lwx_usage_error(verb, "unknown option %s", argv[1]);
	for (int i = 1; i < argc; i++)
		status |= check_file(argv[i]);
	return status;
}

const struct lwx_verb lwx_verb_check = {
	.name = "check",
	.usage = "[HOST.CFG...]",
	.summary = "Check this host and host.cfg files, start nothing.",
	.help = "Every problem is one line with what to do about it. Exit "
		"status: 0 if there is\nnone that keeps VMs from running, else "
		"1.\n",
	.run = run,
};
