/* verb_events.c - lwx-vm events: what has happened to a VM. */
#include "lwx_vm.h"

#include "cbor_json.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ULL

static void print_json_event(const struct ctl_message *msg)
{
	json_t *fields = ctl_fields_to_json(msg), *event = json_object();

	/* The name first, then the fields in their order. */
	(void)json_object_set_new(event, "event", json_string(msg->name));
	(void)json_object_update(event, fields);
	json_print(event, true);
	json_decref(fields);
	json_decref(event);
}

static void print_field(const struct ctl_field *field)
{
	if (field->type == CTL_TEXT)
		(void)printf(" %s=\"%s\"", field->key, field->text);
	else if (field->type == CTL_UINT)
		(void)printf(" %s=%llu", field->key,
			     (unsigned long long)field->number);
	else
		(void)printf(" %s=%s", field->key,
			     field->boolean ? "true" : "false");
}

static void print_event(const struct ctl_message *msg)
{
	uint64_t ns = ctl_message_uint(msg, "time", 0);
	time_t seconds = (time_t)(ns / NSEC_PER_SEC);
	char when[32] = "-";
	struct tm tm;

	if (ns && localtime_r(&seconds, &tm))
		(void)strftime(when, sizeof(when), "%F %T", &tm);
	(void)printf("%llu %s.%03u %s%s%s",
		     (unsigned long long)ctl_message_uint(msg, "seq", 0), when,
		     (unsigned int)(ns / 1000000 % 1000), lwx_colour("1"),
		     msg->name, lwx_colour(NULL));
	for (unsigned int i = 0; i < msg->num_fields; i++)
		if (strcmp(msg->fields[i].key, "seq") != 0 &&
		    strcmp(msg->fields[i].key, "time") != 0)
			print_field(&msg->fields[i]);
	(void)putchar('\n');
}

static int read_events(struct ctl_client *client, uint64_t since, bool follow,
		       bool as_json, struct err *err)
{
	const struct ctl_field args[] = {
		CTL_FIELD_UINT("since", since),
		CTL_FIELD_BOOL("follow", follow),
	};
	struct ctl_message msg;
	uint64_t last;
	int rc;

	rc = ctl_client_call(client, "vm.events", args, 2, LWX_CALL_TIMEOUT_MS,
			     &msg, NULL, err);
	if (rc)
		return rc;
	last = follow ? UINT64_MAX : ctl_message_uint(&msg, "last", 0);
	while (since < last) {
		rc = ctl_client_receive(client, -1, &msg, NULL, err);
		if (rc == -ECONNRESET)
			return 0; /* the VM has ended, and told so before */
		if (rc < 0)
			return rc;
		if (!rc || msg.kind != CTL_EVENT)
			continue;
		since = ctl_message_uint(&msg, "seq", since);
		if (as_json)
			print_json_event(&msg);
		else
			print_event(&msg);
		if (fflush(stdout))
			return err_set(err, -errno, "stdout");
	}
	return 0;
}

static int show_events(const char *name, uint64_t since, bool follow,
		       bool as_json)
{
	struct ctl_client *client = NULL;
	struct err err;
	int rc = lwx_connect(name, &client, &err);

	if (!rc)
		rc = read_events(client, since, follow, as_json, &err);
	ctl_client_destroy(client);
	return rc ? lwx_fail(&err) : LWX_EXIT_OK;
}

static int parse_since(const char *text, uint64_t *since)
{
	char *end;

	errno = 0;
	*since = strtoull(text, &end, 10);
	return errno || end == text || *end || text[0] == '-' ||
			       *since > INT64_MAX
		       ? -EINVAL
		       : 0;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"follow", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{"since", required_argument, NULL, 's'},
		{0},
	};
	bool follow = false, as_json = false;
	uint64_t since = 0;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "f", options, NULL)) >= 0) {
		if (c == 'f')
			follow = true;
		else if (c == 'j')
			as_json = true;
		else if (c != 's')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		else if (parse_since(optarg, &since))
			return lwx_usage_error(
				verb, "--since %s: need a number", optarg);
	}
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	return show_events(argv[optind], since, follow, as_json);
}

const struct lwx_verb lwx_verb_events = {
	.name = "events",
	.usage = "[--follow] [--since N] [--json] NAME",
	.summary = "Print the numbered events of a VM.",
	.help = "A VM keeps its last 1024 events for late readers. Older ones, "
		"and those a slow\n"
		"reader missed, appear as one event events.lost with their "
		"number.\n"
		"\n"
		"  -f, --follow  go on until the VM ends\n"
		"  --since N     only events after number N\n"
		"  --json        one object a line; time in ns since 1970\n",
	.run = run,
};
