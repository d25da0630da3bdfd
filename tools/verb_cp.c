/* verb_cp.c - lwx-vm cp: files into a VM and out of it. */
#include "lwx_vm.h"

#include "agent_files.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* "NAME:PATH"; a path of the host has a slash before any colon, or none. */
static const char *split(const char *place, char *name, size_t size)
{
	size_t len = strcspn(place, ":/");

	if (place[len] != ':' || !len || len >= size)
		return NULL;
	(void)snprintf(name, size, "%.*s", (int)len, place);
	return place + len + 1;
}

static int copy(const char *vm, const char *from, const char *to, bool into)
{
	struct agent_stream *s = NULL;
	struct err err;
	int rc = lwx_agent(vm, &s, &err);

	(void)signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = into ? agent_files_put(s, from, to, &err)
			  : agent_files_get(s, from, to, &err);
	agent_stream_destroy(s);
	return rc ? lwx_fail(&err) : LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	char source_vm[256], target_vm[256];
	const char *source, *target;

	if (argc == 4 && strcmp(argv[1], "--") == 0)
		argv++;
	else if (argc != 3 || argv[1][0] == '-')
		return lwx_usage_error(verb, "from where to where?");
	source = split(argv[1], source_vm, sizeof(source_vm));
	target = split(argv[2], target_vm, sizeof(target_vm));
	if (!source == !target)
		return lwx_usage_error(verb, "one of the two is NAME:PATH");
	return source ? copy(source_vm, source, argv[2], false)
		      : copy(target_vm, argv[1], target, true);
}

const struct lwx_verb lwx_verb_cp = {
	.name = "cp",
	.usage = "NAME:PATH PATH | PATH NAME:PATH",
	.summary = "Copy files into a VM or out of it.",
	.help = "A file, or a folder with all that is in it; links stay links; "
		"devices, sockets and\n"
		"pipes are left out. If the target is a folder, into it. Files "
		"that exist are\n"
		"replaced. lwx-agent must run in the guest. Whatever the guest "
		"sends, nothing is\n"
		"written outside of the target.\n",
	.run = run,
};
