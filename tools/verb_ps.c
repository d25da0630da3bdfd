/* verb_ps.c - lwx-vm ps: the VMs of this user. */
#include "lwx_vm.h"

#include "cbor_json.h"
#include "schema.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define INFO_TIMEOUT_MS 3000
#define NSEC_PER_SEC 1000000000ULL

/* State of a VM that answers no vm.info. */
static const char *silent_state(int rc)
{
	/* Its name is claimed but nobody listens: between two runs. */
	return rc == -ESRCH ? "restarting" : "silent";
}

static void format_uptime(uint64_t started_ns, char *buf, size_t size)
{
	uint64_t now = (uint64_t)time(NULL),
		 started = started_ns / NSEC_PER_SEC;
	uint64_t s = now > started ? now - started : 0;

	(void)snprintf(buf, size, "%llu:%02u:%02u",
		       (unsigned long long)(s / 3600),
		       (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
}

static void print_row(const char *name, const struct ctl_message *info)
{
	const char *state = ctl_message_text(info, "state");
	char memory[32], uptime[32];

	format_uptime(ctl_message_uint(info, "started", 0), uptime,
		      sizeof(uptime));
	(void)printf(
		"%-20s %s%-10s%s %5llu %8s %8llu %10s\n", name,
		lwx_colour(state && !strcmp(state, "running") ? "32" : "33"),
		state ? state : "?", lwx_colour(NULL),
		(unsigned long long)ctl_message_uint(info, "vcpus", 0),
		schema_format_size(ctl_message_uint(info, "memory", 0), memory,
				   sizeof(memory)),
		(unsigned long long)ctl_message_uint(info, "pid", 0), uptime);
}

static void show(struct vm_registry *reg, const char *name, json_t *array)
{
	struct ctl_message info = {0};
	struct ctl_client *client = NULL;
	struct err err;
	int rc;

	rc = vm_registry_connect(reg, name, &client, &err);
	if (!rc)
		rc = ctl_client_call(client, "vm.info", NULL, 0,
				     INFO_TIMEOUT_MS, &info, NULL, &err);
	if (rc && array)
		(void)json_array_append_new(
			array, json_pack("{s:s, s:s}", "name", name, "state",
					 silent_state(rc)));
	else if (rc)
		(void)printf("%-20s %s%s%s\n", name, lwx_colour("33"),
			     silent_state(rc), lwx_colour(NULL));
	else if (array)
		(void)json_array_append_new(array, ctl_fields_to_json(&info));
	else
		print_row(name, &info);
	ctl_client_destroy(client);
}

static int run_ps(bool as_json)
{
	struct vm_registry *reg = NULL;
	json_t *array = as_json ? json_array() : NULL;
	char **names = NULL;
	struct err err;
	int num;

	if (vm_registry_open(&reg, &err))
		return lwx_fail(&err);
	num = vm_registry_list(reg, &names, &err);
	if (num >= 0 && !as_json)
		(void)printf("%-20s %-10s %5s %8s %8s %10s\n", "NAME", "STATE",
			     "VCPUS", "MEMORY", "PID", "UPTIME");
	for (int i = 0; i < num; i++)
		show(reg, names[i], array);
	if (array && num >= 0)
		json_print(array, false);
	json_decref(array);
	vm_registry_free_list(names, num);
	vm_registry_close(reg);
	return num < 0 ? lwx_fail(&err) : LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	bool as_json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c != 'j')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		as_json = true;
	}
	if (optind < argc)
		return lwx_usage_error(verb, "unexpected %s", argv[optind]);
	return run_ps(as_json);
}

const struct lwx_verb lwx_verb_ps = {
	.name = "ps",
	.usage = "[--json]",
	.summary = "List the VMs of this user.",
	.help = "States: running, paused, restarting (its supervisor waits "
		"before the next\n"
		"run), silent (does not answer).\n"
		"\n"
		"  --json  an array of objects; memory in bytes, started in ns "
		"since 1970\n",
	.run = run,
};
