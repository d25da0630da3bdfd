/* verb_pause.c - lwx-vm pause and resume. */
#include "lwx_vm.h"

#include <getopt.h>

static int call_each(const struct lwx_verb *verb, const char *name, int argc,
		     char **argv)
{
	int status = LWX_EXIT_OK;

	if (argc < 2)
		return lwx_usage_error(verb, "which VM?");
	for (int i = 1; i < argc; i++) {
		struct ctl_client *client = NULL;
		struct ctl_message msg;
		struct err err;
		int rc;

		if (argv[i][0] == '-')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[i]);
		rc = lwx_connect(argv[i], &client, &err);
		if (!rc) {
			rc = ctl_client_call(client, name, NULL, 0,
					     LWX_CALL_TIMEOUT_MS, &msg, NULL,
					     &err);
			if (rc)
				(void)err_prefix(&err, "%s", argv[i]);
		}
		if (rc)
			status = lwx_fail(&err);
		ctl_client_destroy(client);
	}
	return status;
}

static int run_pause(const struct lwx_verb *verb, int argc, char **argv)
{
	return call_each(verb, "vm.pause", argc, argv);
}

static int run_resume(const struct lwx_verb *verb, int argc, char **argv)
{
	return call_each(verb, "vm.resume", argc, argv);
}

const struct lwx_verb lwx_verb_pause = {
	.name = "pause",
	.usage = "NAME...",
	.summary = "Halt the virtual CPUs until resume.",
	.help = "Returns when they stand still.\n",
	.run = run_pause,
};

const struct lwx_verb lwx_verb_resume = {
	.name = "resume",
	.usage = "NAME...",
	.summary = "Let a paused VM go on.",
	.help = "Resuming a VM that runs is no error.\n",
	.run = run_resume,
};
