/* verb_boot_chart.c - lwx-vm boot-chart: what a VM's start was spent on. */
#include "lwx_vm.h"

#include "boot_chart.h"
#include "cbor_json.h"
#include "cleanup.h"
#include "guest_query.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* Return: 0 or a negative errno with @err. */
static int read_times(const char *name, struct boot_times *times,
		      struct err *err)
{
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	const char *hostname;
	int rc = lwx_connect(name, &client, err);

	if (rc)
		return rc;
	rc = ctl_client_call(client, "vm.boot", NULL, 0, LWX_CALL_TIMEOUT_MS,
			     &msg, NULL, err);
	if (!rc) {
		*times = (struct boot_times){
			.run_us = ctl_message_uint(&msg, "run_us", 0),
			.heard_us = ctl_message_uint(&msg, "heard_us", 0),
			.init_us = ctl_message_uint(&msg, "init_us", 0),
			.ready_us = ctl_message_uint(&msg, "ready_us", 0),
		};
		hostname = ctl_message_text(&msg, "hostname");
		(void)snprintf(times->hostname, sizeof(times->hostname), "%s",
			       hostname ? hostname : "");
	}
	ctl_client_destroy(client);
	if (rc)
		return err_prefix(err, "%s", name);
	if (times->heard_us)
		return 0;
	return err_setx(err, -EAGAIN,
			"%s: the guest has not said that it is ready: "
			"lwx-vm wait --for ready %s. It needs vsock.agent in "
			"host.cfg and lwx-agent in the guest",
			name, name);
}

/* Without them there is still a chart. *@steps is to be freed. */
static void read_steps(const char *name, char **steps, size_t *len)
{
	struct agent_stream *s = NULL;
	struct err err;
	int rc = lwx_agent(name, &s, &err);

	if (!rc)
		rc = guest_query(s, AGENT_STEPS, steps, len, &err);
	agent_stream_destroy(s);
	if (!rc)
		return;
	*len = 0;
	if (rc != -ENOENT) /* it runs without lwx-init */
		lwx_complain("no steps of the guest: %s", err.msg);
}

static int write_svg(const struct boot_chart *chart, const char *path,
		     struct err *err)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return err_set(err, -errno, "%s", path);
	boot_chart_svg(chart, file);
	if (ferror(file) | fclose(file))
		return err_setx(err, -EIO, "%s: cannot be written", path);
	return 0;
}

static void print_json(const struct boot_chart *chart)
{
	json_t *json = boot_chart_json(chart);

	json_print(json, false);
	json_decref(json);
}

/* Return: exit status. */
static int show(const char *name, bool as_json, const char *svg)
{
	static struct boot_chart chart;
	AUTO_FREE char *steps = NULL;
	struct boot_times times;
	struct err err;
	size_t len = 0;
	int rc = read_times(name, &times, &err);

	if (rc)
		return lwx_fail(&err);
	read_steps(name, &steps, &len);
	boot_chart_read(&chart, name, &times, steps, len);
	if (svg)
		rc = write_svg(&chart, svg, &err);
	if (rc)
		return lwx_fail(&err);
	if (as_json)
		print_json(&chart);
	else if (!svg)
		boot_chart_text(&chart, stdout);
	return LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"svg", required_argument, NULL, 's'},
		{0},
	};
	const char *svg = NULL;
	bool as_json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'j')
			as_json = true;
		else if (c == 's')
			svg = optarg;
		else
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	return show(argv[optind], as_json, svg);
}

const struct lwx_verb lwx_verb_boot_chart = {
	.name = "boot-chart",
	.usage = "[--json] [--svg FILE] NAME",
	.summary = "Show what the start of a VM was spent on.",
	.help = "From the start of lwx-vmm until the guest was ready: the VMM, "
		"the kernel, the init,\n"
		"each container and service, in seconds. lwx-agent must run in "
		"the guest, with\n"
		"vsock.agent in host.cfg; steps and services are those of "
		"lwx-init. Bars are full\n"
		"while something is on its way, thin while it runs.\n"
		"\n"
		"  --json      an object; times in us since lwx-vmm began\n"
		"  --svg FILE  a drawing\n",
	.run = run,
};
