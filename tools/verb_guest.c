/* verb_guest.c - lwx-vm logs, services, containers and shutdown: of a guest, by
 * its agent. What the guest says is printed without its control characters,
 * but for logs, which are passed on as they are. */
#include "lwx_vm.h"

#include "cbor_json.h"
#include "cleanup.h"
#include "guest_query.h"
#include "macros.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 8
#define CELL_MAX 256

/* The services of a guest, or its containers. */
struct table {
	enum agent_type question;
	const char *key; /* of the array; NULL: the answer is the array */
	struct {
		const char *title;
		const char *key;
		int width;
	} columns[COLUMNS_MAX];
};

static const struct table services = {
	AGENT_SERVICES,
	"services",
	{{"NAME", "name", -24},
	 {"STATE", "state", -11},
	 {"PID", "pid", 7},
	 {"RESTARTS", "restarts", 9},
	 {"EXIT", "exit", 5},
	 {"HEALTH", "health", -10}},
};

static const struct table containers = {
	AGENT_CONTAINERS,
	NULL,
	{{"NAME", "id", -24},
	 {"STATE", "status", -11},
	 {"PID", "pid", 7},
	 {"CREATED", "created", -32}},
};

/* Numbers and texts; anything else is a "-". */
static void print_cell(const json_t *value, int width)
{
	const char *text = json_string_value(value);
	char cell[CELL_MAX] = "-";

	if (json_is_integer(value))
		(void)snprintf(cell, sizeof(cell), "%lld",
			       (long long)json_integer_value(value));
	else if (text)
		(void)snprintf(cell, sizeof(cell), "%s", text);
	for (char *at = cell; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	(void)printf("%*s ", width, cell);
}

static void print_table(const struct table *table, const json_t *rows)
{
	size_t num = 0;

	for (; num < COLUMNS_MAX && table->columns[num].title; num++)
		(void)printf("%*s ", table->columns[num].width,
			     table->columns[num].title);
	(void)putchar('\n');
	for (size_t i = 0; i < json_array_size(rows); i++) {
		for (size_t c = 0; c < num; c++)
			print_cell(json_object_get(json_array_get(rows, i),
						   table->columns[c].key),
				   table->columns[c].width);
		(void)putchar('\n');
	}
}

/* Return: exit status. */
static int print_answer(const struct table *table, const char *vm,
			const char *text, size_t len, bool as_json)
{
	json_t *answer = json_loadb(text, len, 0, NULL);
	json_t *rows =
		table->key ? json_object_get(answer, table->key) : answer;
	int status = LWX_EXIT_FAILURE;

	/* crun 1.8 says null of none. */
	if (!table->key && json_is_null(answer)) {
		json_decref(answer);
		rows = answer = json_array();
	}
	if (!json_is_array(rows)) {
		lwx_complain("%s: the guest's answer is no list", vm);
	} else {
		if (as_json)
			json_print(rows, false);
		else
			print_table(table, rows);
		status = LWX_EXIT_OK;
	}
	json_decref(answer);
	return status;
}

/* Return: exit status. */
static int ask(const struct table *table, const char *vm, bool as_json)
{
	AUTO_FREE char *text = NULL;
	struct agent_stream *s = NULL;
	struct err err;
	size_t len = 0;
	int rc = lwx_agent(vm, &s, &err);
	bool connected = !rc;

	if (!rc)
		rc = guest_query(s, table->question, &text, &len, &err);
	agent_stream_destroy(s);
	if (!rc)
		return print_answer(table, vm, text, len, as_json);
	if (connected)
		(void)err_prefix(&err, "%s", vm);
	return lwx_fail(&err);
}

static int run_table(const struct table *table, const struct lwx_verb *verb,
		     int argc, char **argv)
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
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	return ask(table, argv[optind], as_json);
}

static int run_services(const struct lwx_verb *verb, int argc, char **argv)
{
	return run_table(&services, verb, argc, argv);
}

static int run_containers(const struct lwx_verb *verb, int argc, char **argv)
{
	return run_table(&containers, verb, argc, argv);
}

/*
 * Lines of all services, each with its name in front.
 * @last: whose line was written last; a line that goes on is not marked anew
 * @open: it has no end yet
 */
struct mixed {
	char last[CELL_MAX];
	bool open;
};

static int take_one(void *ctx, const char *service, const char *bytes,
		    size_t len)
{
	(void)ctx;
	(void)service;
	(void)fwrite(bytes, 1, len, stdout);
	return fflush(stdout) ? -errno : 0;
}

static int take_mixed(void *ctx, const char *service, const char *bytes,
		      size_t len)
{
	struct mixed *mixed = ctx;

	if (mixed->open && strcmp(mixed->last, service) != 0) {
		(void)putchar('\n');
		mixed->open = false;
	}
	(void)snprintf(mixed->last, sizeof(mixed->last), "%s", service);
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t line = end ? (size_t)(end - bytes) + 1 : len;

		if (!mixed->open)
			(void)printf("%-16s | ", service);
		(void)fwrite(bytes, 1, line, stdout);
		mixed->open = !end;
		bytes += line;
		len -= line;
	}
	return fflush(stdout) ? -errno : 0;
}

static int run_logs(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"follow", no_argument, NULL, 'f'},
		{0},
	};
	struct mixed mixed = {0};
	struct agent_stream *s = NULL;
	const char *service;
	bool follow = false;
	struct err err;
	int c, rc;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "f", options, NULL)) >= 0) {
		if (c != 'f')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		follow = true;
	}
	if (optind + 1 != argc && optind + 2 != argc)
		return lwx_usage_error(verb, "which VM, which service?");
	service = argv[optind + 1];
	(void)signal(SIGPIPE, SIG_IGN);
	rc = lwx_agent(argv[optind], &s, &err);
	if (rc)
		return lwx_fail(&err);
	rc = guest_logs(s, service, follow, service ? take_one : take_mixed,
			&mixed, &err);
	agent_stream_destroy(s);
	if (!rc || rc == -EPIPE || (follow && rc == -ECONNRESET))
		return LWX_EXIT_OK;
	(void)err_prefix(&err, "%s", argv[optind]);
	return lwx_fail(&err);
}

static int run_shutdown(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"reboot", no_argument, NULL, AGENT_REBOOT},
		{"halt", no_argument, NULL, AGENT_HALT},
		{0},
	};
	enum agent_power action = AGENT_POWEROFF;
	struct agent_stream *s = NULL;
	struct err err;
	int c, rc;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == '?')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		action = (enum agent_power)c;
	}
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	rc = lwx_agent(argv[optind], &s, &err);
	if (rc)
		return lwx_fail(&err);
	rc = guest_shutdown(s, action, &err);
	agent_stream_destroy(s);
	if (!rc)
		return LWX_EXIT_OK;
	(void)err_prefix(&err, "%s", argv[optind]);
	return lwx_fail(&err);
}

const struct lwx_verb lwx_verb_logs = {
	.name = "logs",
	.usage = "[--follow] NAME [SERVICE]",
	.summary = "Show what the services of a VM wrote last.",
	.help = "lwx-init and lwx-agent must run in the guest. Of each "
		"container the last 64 KiB\n"
		"are kept, also after its end. Without SERVICE: those of all, "
		"each line with its\n"
		"name in front.\n"
		"\n"
		"  -f, --follow  and what they write from now on, until the VM "
		"ends\n",
	.run = run_logs,
};

const struct lwx_verb lwx_verb_services = {
	.name = "services",
	.usage = "[--json] NAME",
	.summary = "List the services of a VM: state, restarts, health.",
	.help = "lwx-init and lwx-agent must run in the guest. States: "
		"waiting, running,\n"
		"restarting, stopping, stopped, done, failed.\n"
		"\n"
		"  --json  an array of objects; also with starts, checks and "
		"failures\n",
	.run = run_services,
};

const struct lwx_verb lwx_verb_containers = {
	.name = "containers",
	.usage = "[--json] NAME",
	.summary = "List the containers that crun runs in a VM.",
	.help = "lwx-agent and crun must be in the guest.\n"
		"\n"
		"  --json  an array of objects, as crun list\n",
	.run = run_containers,
};

const struct lwx_verb lwx_verb_shutdown = {
	.name = "shutdown",
	.usage = "[--reboot|--halt] NAME",
	.summary = "Ask the agent of a VM to turn it off.",
	.help = "By lwx-init, or by the guest's poweroff, reboot or halt. "
		"Returns once it began;\n"
		"lwx-vm wait NAME waits for the end. lwx-vm stop needs no "
		"agent, and ends a VM that\n"
		"does not end itself.\n",
	.run = run_shutdown,
};
