/*
 * fake_vmm.c - stands in for lwx-vmm where there is no /dev/kvm: same command
 * line, descriptors, events and exit status, no machine. What it does is said
 * by the words of boot.cmdline:
 *
 *	exit=N      end with status N and reason "exit" (poweroff if N is 0)
 *	after=MS    ... after so many milliseconds; default: at once
 *	reset       end with a reset instead
 *	print=TEXT  console output: TEXT and a newline
 *	deaf        ignore the power button
 *	linger=MS   take so long from the power button to the end
 *	stuck       ignore vm.kill as well
 *	slow=MS     take so long to set up
 *	booted      vm.boot tells of a guest that is ready
 *	setup-fail  say so on stderr and end with 120
 *	once=FILE   if FILE exists, remove it and do as said; else run on
 */
#include "cbor_rw.h"
#include "cleanup.h"
#include "ctl_server.h"
#include "macros.h"
#include "vm_config.h"
#include "vmm_launch.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct fake {
	struct vm_config cfg;
	struct ctl_server *server;
	int config_fd;
	int control_fd;
	int lifeline_fd;
	int status;
	const char *reason; /* NULL while it runs */
	int64_t end_ms;
	int end_status;
	const char *end_reason;
	bool paused;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Return: what follows WORD in the command line, copied to @buf, or NULL. */
static const char *find_word(const struct fake *fake, const char *word,
			     char *buf, size_t size)
{
	const char *at = fake->cfg.boot.cmdline ? fake->cfg.boot.cmdline : "";
	size_t len = strlen(word);

	while (at) {
		at += strspn(at, " ");
		if (!strncmp(at, word, len)) {
			(void)snprintf(buf, size, "%.*s",
				       (int)strcspn(at + len, " "), at + len);
			return buf;
		}
		at = strchr(at, ' ');
	}
	return NULL;
}

static void end(struct fake *fake, const char *reason, int status)
{
	fake->reason = reason;
	fake->status = status;
}

static void handle_info(void *ctx, struct ctl_request *req)
{
	const struct fake *fake = ctx;
	const struct ctl_field fields[] = {
		CTL_FIELD_TEXT("name", fake->cfg.name),
		CTL_FIELD_TEXT("state", fake->paused ? "paused" : "running"),
		CTL_FIELD_UINT("pid", (uint64_t)getpid()),
		CTL_FIELD_UINT("vcpus", fake->cfg.vcpus),
		CTL_FIELD_UINT("memory", fake->cfg.memory.size),
		CTL_FIELD_UINT("started", 1),
	};

	ctl_request_reply(req, fields, ARRAY_SIZE(fields));
}

static void handle_boot(void *ctx, struct ctl_request *req)
{
	static const struct ctl_field fields[] = {
		{.key = "began", .type = CTL_UINT, .number = 1},
		{.key = "run_us", .type = CTL_UINT, .number = 50000},
		{.key = "heard_us", .type = CTL_UINT, .number = 2150000},
		{.key = "init_us", .type = CTL_UINT, .number = 800000},
		{.key = "ready_us", .type = CTL_UINT, .number = 2000000},
		{.key = "hostname", .type = CTL_TEXT, .text = "faked"},
	};
	char buf[16];

	ctl_request_reply(req, fields,
			  find_word(ctx, "booted", buf, sizeof(buf))
				  ? ARRAY_SIZE(fields)
				  : 2);
}

static void handle_pause(void *ctx, struct ctl_request *req)
{
	struct fake *fake = ctx;

	fake->paused = !strcmp(ctl_request_name(req), "vm.pause");
	ctl_request_reply(req, NULL, 0);
}

static void handle_stop(void *ctx, struct ctl_request *req)
{
	struct fake *fake = ctx;
	char buf[16];

	(void)ctl_server_event(fake->server, VMM_EVENT_STOP_REQUESTED, NULL, 0);
	if (find_word(fake, "linger=", buf, sizeof(buf))) {
		fake->end_ms = now_ms() + atoi(buf);
		fake->end_reason = VMM_REASON_POWEROFF;
	} else if (!find_word(fake, "deaf", buf, sizeof(buf))) {
		end(fake, VMM_REASON_POWEROFF, 0);
	}
	ctl_request_reply(req, NULL, 0);
}

static void handle_kill(void *ctx, struct ctl_request *req)
{
	struct fake *fake = ctx;
	char buf[16];

	(void)ctl_server_event(fake->server, VMM_EVENT_STOP_REQUESTED, NULL, 0);
	if (!find_word(fake, "stuck", buf, sizeof(buf)))
		end(fake, VMM_REASON_HOST, VMM_STATUS_HOST_ENDED);
	ctl_request_reply(req, NULL, 0);
}

/* A console that has printed one word; its other end closes with us. */
static void handle_console(void *ctx, struct ctl_request *req)
{
	struct err err;
	int fds[2];

	(void)ctx;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		(void)err_set(&err, -errno, "console");
		ctl_request_fail(req, &err);
		return;
	}
	(void)!write(fds[1], "replay\n", 7);
	ctl_request_reply_fd(req, NULL, 0, fds[0]);
}

static void handle_metrics(void *ctx, struct ctl_request *req)
{
	static const char text[] = "lwx_fake 1\n";

	(void)ctx;
	ctl_request_reply_blob(req, text, sizeof(text) - 1);
}

static const struct ctl_command commands[] = {
	{"vm.info", NULL, 0, handle_info},
	{"vm.boot", NULL, 0, handle_boot},
	{"vm.pause", NULL, 0, handle_pause},
	{"vm.resume", NULL, 0, handle_pause},
	{"vm.stop", NULL, 0, handle_stop},
	{"vm.kill", NULL, 0, handle_kill},
	{"vm.console", NULL, 0, handle_console},
	{"vm.metrics", NULL, 0, handle_metrics},
};

static int parse(struct fake *fake, int argc, char **argv)
{
	static const struct option options[] = {
		{"config-fd", required_argument, NULL, 0},
		{"control-fd", required_argument, NULL, 1},
		{"lifeline-fd", required_argument, NULL, 2},
		{0},
	};
	int *const fds[] = {&fake->config_fd, &fake->control_fd,
			    &fake->lifeline_fd};
	uint8_t bytes[4096];
	struct err err;
	ssize_t n;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c > 2)
			return -EINVAL;
		*fds[c] = atoi(optarg);
	}
	n = read(fake->config_fd, bytes, sizeof(bytes));
	if (n < 0 || vm_config_decode(&fake->cfg, bytes, (size_t)n, &err)) {
		(void)fprintf(stderr, "fake-vmm: %s\n", err.msg);
		return -EINVAL;
	}
	return 0;
}

static void plan_end(struct fake *fake)
{
	char buf[256];

	fake->end_ms = INT64_MAX;
	if (find_word(fake, "once=", buf, sizeof(buf)) && unlink(buf))
		return;
	if (find_word(fake, "exit=", buf, sizeof(buf))) {
		fake->end_status = atoi(buf);
		fake->end_reason = fake->end_status ? VMM_REASON_EXIT
						    : VMM_REASON_POWEROFF;
	} else if (find_word(fake, "reset", buf, sizeof(buf))) {
		fake->end_status = VMM_STATUS_RESET;
		fake->end_reason = VMM_REASON_RESET;
	} else {
		return;
	}
	fake->end_ms = now_ms();
	if (find_word(fake, "after=", buf, sizeof(buf)))
		fake->end_ms += atoi(buf);
}

static void serve(struct fake *fake)
{
	struct pollfd fds[] = {
		{.fd = ctl_server_fd(fake->server), .events = POLLIN},
		{.fd = fake->lifeline_fd, .events = POLLIN},
	};

	while (!fake->reason) {
		int64_t left = fake->end_ms - now_ms();

		if (left <= 0) {
			end(fake, fake->end_reason, fake->end_status);
			break;
		}
		if (poll(fds, ARRAY_SIZE(fds), (int)MIN(left, 60000)) < 0)
			continue;
		if (fds[0].revents)
			ctl_server_dispatch(fake->server);
		if (fds[1].revents)
			end(fake, VMM_REASON_HOST, VMM_STATUS_HOST_ENDED);
	}
}

static int run(struct fake *fake)
{
	struct ctl_server_config cfg = {
		.listen_fd = fake->control_fd,
		.commands = commands,
		.num_commands = ARRAY_SIZE(commands),
		.ctx = fake,
	};
	struct ctl_field fields[2];
	struct err err;
	char buf[256];

	if (find_word(fake, "setup-fail", buf, sizeof(buf))) {
		(void)fprintf(stderr, "%s: told to fail\n", fake->cfg.name);
		return VMM_STATUS_SETUP;
	}
	if (find_word(fake, "slow=", buf, sizeof(buf)))
		(void)poll(NULL, 0, atoi(buf));
	if (ctl_server_create(&fake->server, &cfg, &err))
		return VMM_STATUS_SETUP;
	(void)ctl_server_event(fake->server, VMM_EVENT_STARTED, NULL, 0);
	if (find_word(fake, "print=", buf, sizeof(buf)) &&
	    fake->cfg.console_log_fd >= 0)
		(void)dprintf(fake->cfg.console_log_fd, "%s\n", buf);
	plan_end(fake);
	serve(fake);
	fields[0] = CTL_FIELD_TEXT("reason", fake->reason);
	fields[1] = CTL_FIELD_UINT("status", (uint64_t)fake->status);
	(void)ctl_server_event(fake->server, VMM_EVENT_STOPPED, fields, 2);
	ctl_server_destroy(fake->server);
	return fake->status;
}

int main(int argc, char **argv)
{
	static struct fake fake = {.lifeline_fd = -1};
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	vm_config_init(&fake.cfg);
	status = parse(&fake, argc, argv) ? VMM_STATUS_SETUP : run(&fake);
	vm_config_fini(&fake.cfg);
	return status;
}
