/* verb_wait.c - lwx-vm wait: until a VM is ready, has ended, or an event came.
 */
#include "lwx_vm.h"

#include "macros.h"
#include "vmm_launch.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_TIMED_OUT 124 /* as timeout(1) has it */

struct wait {
	const char *event;
	int64_t deadline_ms; /* -1: none */
	bool ready;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Return: whether it is what is waited for. */
static bool look_at(struct wait *wait, const struct ctl_message *msg)
{
	if (strcmp(msg->name, VMM_EVENT_READY) == 0)
		wait->ready = true;
	if (strcmp(msg->name, VMM_EVENT_GONE) == 0)
		wait->ready = false;
	if (strcmp(msg->name, wait->event) != 0)
		return false;
	if (strcmp(msg->name, VMM_EVENT_STOPPED) == 0)
		(void)printf("%llu\n", (unsigned long long)ctl_message_uint(
					       msg, "status", 0));
	return true;
}

/* Return: 0 when it came, -ETIMEDOUT, -ECONNRESET if the VM ended before, or
 * another negative errno with @err. */
static int follow(struct ctl_client *client, struct wait *wait, struct err *err)
{
	const struct ctl_field follow = CTL_FIELD_BOOL("follow", true);
	bool state = strcmp(wait->event, VMM_EVENT_READY) == 0;
	struct ctl_message msg;
	uint64_t last, seq = 0;
	int rc;

	rc = ctl_client_call(client, "vm.events", &follow, 1,
			     LWX_CALL_TIMEOUT_MS, &msg, NULL, err);
	if (rc)
		return rc;
	last = ctl_message_uint(&msg, "last", 0);
	for (;;) {
		int64_t left = wait->deadline_ms < 0
				       ? -1
				       : MAX(wait->deadline_ms - now_ms(), 0);

		rc = ctl_client_receive(client, (int)MIN(left, 1 << 30), &msg,
					NULL, err);
		if (rc < 0)
			return rc;
		if (!rc && left == 0)
			return err_set(err, -ETIMEDOUT, "%s", wait->event);
		if (!rc || msg.kind != CTL_EVENT)
			continue;
		seq = ctl_message_uint(&msg, "seq", seq);
		/* Readiness of before may be over. */
		if (look_at(wait, &msg) && (!state || seq >= last))
			return 0;
		if (state && wait->ready && seq >= last)
			return 0;
	}
}

static int wait_for(const char *name, struct wait *wait)
{
	struct ctl_client *client = NULL;
	struct err err;
	int rc = lwx_connect(name, &client, &err);

	if (!rc)
		rc = follow(client, wait, &err);
	ctl_client_destroy(client);
	if (rc == -ECONNRESET)
		lwx_complain("%s: ended before %s", name, wait->event);
	else if (rc == -ETIMEDOUT)
		lwx_complain("%s: %s", name, err.msg);
	else if (rc)
		(void)lwx_fail(&err);
	if (rc == -ETIMEDOUT)
		return WAIT_TIMED_OUT;
	return rc ? LWX_EXIT_FAILURE : LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"for", required_argument, NULL, 'f'},
		{"timeout", required_argument, NULL, 't'},
		{0},
	};
	struct wait wait = {.event = VMM_EVENT_STOPPED, .deadline_ms = -1};
	double seconds;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'f' && strcmp(optarg, "ready") == 0)
			wait.event = VMM_EVENT_READY;
		else if (c == 'f' && strcmp(optarg, "exit") == 0)
			wait.event = VMM_EVENT_STOPPED;
		else if (c == 'f')
			wait.event = optarg;
		else if (c != 't')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		else if (lwx_seconds(optarg, &seconds))
			return lwx_usage_error(
				verb, "--timeout %s: need seconds", optarg);
		else
			wait.deadline_ms = now_ms() + (int64_t)(seconds * 1000);
	}
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	return wait_for(argv[optind], &wait);
}

const struct lwx_verb lwx_verb_wait = {
	.name = "wait",
	.usage = "[--for ready|exit|EVENT] [--timeout SECONDS] NAME",
	.summary = "Wait until a VM is ready, has ended, or an event came.",
	.help = "  --for ready        lwx-agent serves in the guest (host.cfg: "
		"vsock.agent)\n"
		"  --for exit         the VM has ended; prints its status "
		"(default)\n"
		"  --for EVENT        an event of that name, also of before\n"
		"  --timeout SECONDS  wait no longer\n"
		"\n"
		"Exit status: 0 when it came; 124 after the time; 1 if the VM "
		"is not there or\n"
		"ended before.\n",
	.run = run,
};
