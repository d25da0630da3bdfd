/* verb_stop.c - lwx-vm stop: power button, grace time, kill. */
#include "lwx_vm.h"

#include "cbor_rw.h"
#include "host_network.h"
#include "macros.h"
#include "vm_process.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KILL_WAIT_MS 3000 /* from vm.kill to SIGKILL */
#define GONE_WAIT_MS 5000 /* for the supervisor to clear up */
#define GONE_STEP_MS 10
#define GRACE_DEFAULT_S 30
#define GRACE_MAX_S 86400

/**
 * struct target - a VM to stop
 * @order: its start_order: higher ones stop first
 * @grace: seconds
 * @done:  nothing left to do
 */
struct target {
	const char *name;
	int32_t order;
	uint32_t grace;
	struct ctl_client *client;
	struct vm_process proc;
	int64_t deadline_ms;
	unsigned int stage;
	bool done;
	bool failed;
};

struct stop {
	struct vm_registry *reg;
	struct target *targets;
	size_t num;
	int64_t grace; /* -1: the VM's own */
	bool now;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void load_order(struct stop *stop, struct target *target)
{
	static uint8_t bytes[CBOR_MESSAGE_MAX];
	static struct vm_config cfg;
	struct err err;
	ssize_t len;

	target->grace = GRACE_DEFAULT_S;
	len = vm_registry_load(stop->reg, target->name, "config.cbor", bytes,
			       sizeof(bytes));
	if (len < 0)
		return;
	if (!vm_config_decode(&cfg, bytes, (size_t)len, &err)) {
		target->order = cfg.start_order;
		target->grace = cfg.stop_grace;
	}
	vm_config_fini(&cfg);
}

static void fail(struct target *target, const struct err *err)
{
	(void)lwx_fail(err);
	target->failed = target->done = true;
}

static int attach(struct target *target, struct err *err)
{
	struct ctl_message msg;
	int rc;

	rc = ctl_client_call(target->client, "vm.info", NULL, 0,
			     LWX_CALL_TIMEOUT_MS, &msg, NULL, err);
	if (!rc)
		rc = vm_process_attach(&target->proc,
				       (pid_t)ctl_message_uint(&msg, "pid", 0),
				       err);
	/* Still connected: so the id is still the VM's. */
	if (!rc)
		rc = ctl_client_call(target->client, "vm.info", NULL, 0,
				     LWX_CALL_TIMEOUT_MS, &msg, NULL, err);
	return rc;
}

static int call(struct target *target, const char *verb, struct err *err)
{
	struct ctl_message msg;

	return ctl_client_call(target->client, verb, NULL, 0,
			       LWX_CALL_TIMEOUT_MS, &msg, NULL, err);
}

static void next_stage(struct target *target)
{
	struct err err;

	if (target->stage++ == 0 && !call(target, "vm.kill", &err)) {
		target->deadline_ms = now_ms() + KILL_WAIT_MS;
		return;
	}
	target->deadline_ms = INT64_MAX;
	vm_process_kill(&target->proc);
}

static void begin(struct stop *stop, struct target *target)
{
	struct err err = {0};
	int rc;

	rc = vm_registry_connect(stop->reg, target->name, &target->client,
				 &err);
	if (rc == -ESRCH && vm_registry_exists(stop->reg, target->name)) {
		/* Between two runs: its supervisor looks before the next. */
		rc = vm_registry_mark_stop(stop->reg, target->name, &err);
		if (!rc)
			target->done = true;
	} else if (!rc) {
		rc = attach(target, &err);
	}
	if (rc)
		fail(target, &err);
	if (target->done)
		return;
	target->deadline_ms = now_ms() + (int64_t)target->grace * 1000;
	if (stop->now || call(target, "vm.stop", &err))
		next_stage(target);
}

static void check(struct target *target)
{
	if (target->done)
		return;
	if (vm_process_ended(&target->proc)) {
		(void)vm_process_reap(&target->proc, NULL);
		target->done = true;
	} else if (now_ms() >= target->deadline_ms) {
		next_stage(target);
	}
}

/* All of one order at once. */
static void stop_group(struct stop *stop, size_t first, size_t end)
{
	bool busy = true;

	for (size_t i = first; i < end; i++)
		begin(stop, &stop->targets[i]);
	while (busy) {
		int64_t deadline = INT64_MAX;
		struct pollfd pfd = {.fd = -1, .events = POLLIN};

		busy = false;
		for (size_t i = first; i < end; i++) {
			check(&stop->targets[i]);
			if (stop->targets[i].done)
				continue;
			busy = true;
			pfd.fd = stop->targets[i].proc.pidfd;
			deadline = MIN(deadline, stop->targets[i].deadline_ms);
		}
		deadline = MIN(deadline - now_ms(), (int64_t)1000);
		if (busy)
			(void)poll(&pfd, 1, (int)MAX(deadline, (int64_t)0));
	}
}

static void wait_gone(struct stop *stop, const struct target *target)
{
	int64_t until = now_ms() + GONE_WAIT_MS;

	while (now_ms() < until && vm_registry_exists(stop->reg, target->name))
		(void)poll(NULL, 0, GONE_STEP_MS);
}

static int compare_order(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return (x->order < y->order) - (x->order > y->order);
}

static int stop_all(struct stop *stop)
{
	int status = LWX_EXIT_OK;

	for (size_t i = 0; i < stop->num; i++) {
		load_order(stop, &stop->targets[i]);
		if (stop->grace >= 0)
			stop->targets[i].grace = (uint32_t)stop->grace;
	}
	qsort(stop->targets, stop->num, sizeof(stop->targets[0]),
	      compare_order);
	for (size_t first = 0, end; first < stop->num; first = end) {
		end = first + 1;
		while (end < stop->num &&
		       stop->targets[end].order == stop->targets[first].order)
			end++;
		stop_group(stop, first, end);
	}
	for (size_t i = 0; i < stop->num; i++) {
		if (stop->targets[i].failed)
			status = LWX_EXIT_FAILURE;
		else
			wait_gone(stop, &stop->targets[i]);
		ctl_client_destroy(stop->targets[i].client);
	}
	return status;
}

static int stop_names(struct stop *stop, char **names, size_t num)
{
	int status;

	stop->num = num;
	stop->targets = calloc(num + 1, sizeof(stop->targets[0]));
	if (!stop->targets) {
		lwx_complain("stop: %s", strerror(ENOMEM));
		return LWX_EXIT_FAILURE;
	}
	for (size_t i = 0; i < num; i++)
		stop->targets[i] = (struct target){
			.name = names[i],
			.proc = {.pidfd = -1},
		};
	status = stop_all(stop);
	free(stop->targets);
	return status;
}

static int parse_grace(const char *text, int64_t *grace)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' ||
	    value > GRACE_MAX_S)
		return -EINVAL;
	*grace = (int64_t)value;
	return 0;
}

static int run_stop(struct stop *stop, bool all, char **names, size_t num)
{
	char **listed = NULL;
	struct err err;
	int status = LWX_EXIT_FAILURE, found;

	if (vm_registry_open(&stop->reg, &err))
		return lwx_fail(&err);
	if (all) {
		found = vm_registry_list(stop->reg, &listed, &err);
		status = found < 0 ? lwx_fail(&err)
				   : stop_names(stop, listed, (size_t)found);
		vm_registry_free_list(listed, found);
	} else {
		status = stop_names(stop, names, num);
	}
	host_network_settle(stop->reg);
	vm_registry_close(stop->reg);
	return status;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"grace", required_argument, NULL, 'g'},
		{"now", no_argument, NULL, 'n'},
		{0},
	};
	struct stop stop = {.grace = -1};
	bool all = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'a')
			all = true;
		else if (c == 'n')
			stop.now = true;
		else if (c != 'g')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		else if (parse_grace(optarg, &stop.grace))
			return lwx_usage_error(verb,
					       "--grace %s: need seconds from "
					       "0 to %d",
					       optarg, GRACE_MAX_S);
	}
	if (all == (optind < argc))
		return lwx_usage_error(verb, "name VMs, or --all");
	return run_stop(&stop, all, argv + optind, (size_t)(argc - optind));
}

const struct lwx_verb lwx_verb_stop = {
	.name = "stop",
	.usage = "[--grace SECONDS | --now] NAME... | --all",
	.summary = "Press the power button; kill a VM that does not end.",
	.help = "  --grace SECONDS  time from the power button to the kill; "
		"without it the VM's\n"
		"                   stop_grace (30 unless host.cfg says "
		"otherwise)\n"
		"  --now            kill at once\n"
		"  --all            every VM of this user, in descending "
		"start_order\n"
		"\n"
		"A VM stopped so is not restarted, whatever its restart "
		"policy. Exit status: 0\n"
		"when all have ended, 1 if one could not be reached.\n",
	.run = run,
};
