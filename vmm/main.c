/*
 * main.c - lwx-vmm: one process, one VM. Reads the configuration, builds the
 * machine, gives up its privileges, serves the control socket until the VM is
 * over, and returns the guest's exit code. See lwx-vmm(8).
 */
#include "agent_watch.h"
#include "cbor_rw.h"
#include "cleanup.h"
#include "clock.h"
#include "ctl_server.h"
#include "kvm_probe.h"
#include "log.h"
#include "machine.h"
#include "macros.h"
#include "notices.h"
#include "sandbox.h"
#include "vm_commands.h"
#include "vm_config.h"
#include "vmm_launch.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/**
 * struct options - the command line
 *
 * File descriptors handed over by the launcher (vmm_launch.h), -1 if absent.
 */
struct options {
	int config_fd;
	int control_fd;
	int lifeline_fd;
};

/** struct vmm - what the control thread works with */
struct vmm {
	struct options opt;
	struct vm_config cfg;
	struct notices notices;
	struct agent_watch agent;
	int signal_fd;
	struct vm_context ctx;
};

static void usage(FILE *to)
{
	(void)fputs("Usage: lwx-vmm --config-fd N --control-fd N "
		    "[--lifeline-fd N]\n"
		    "       lwx-vmm --probe | --version | --help\n"
		    "\n"
		    "Runs one virtual machine. Started by lwx-vm(1); the file "
		    "descriptors are\n"
		    "described in lwx-vmm(8).\n"
		    "\n"
		    "  --config-fd N    configuration, CBOR\n"
		    "  --control-fd N   listening socket of the control "
		    "protocol\n"
		    "  --lifeline-fd N  pipe: the VM ends when its other end "
		    "closes\n"
		    "  --probe          print what this host's KVM can do, as "
		    "JSON\n"
		    "  --version        print the version\n"
		    "  --help           print this text\n",
		    to);
}

static int parse_fd(const char *option, const char *text, struct err *err)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || end == text || value < 0 || value > INT_MAX)
		return err_setx(err, -EINVAL,
				"--%s: \"%s\" is not a file descriptor number",
				option, text);
	return (int)value;
}

static void print_probe(void)
{
	struct kvm_probe probe;

	kvm_probe_run(&probe);
	kvm_probe_print(&probe, stdout);
}

static int parse_options(struct options *opt, int argc, char **argv,
			 struct err *err)
{
	enum {
		CONFIG,
		CONTROL,
		LIFELINE,
		PROBE,
		VERSION_,
		HELP
	};
	static const struct option options[] = {
		{"config-fd", required_argument, NULL, CONFIG},
		{"control-fd", required_argument, NULL, CONTROL},
		{"lifeline-fd", required_argument, NULL, LIFELINE},
		{"probe", no_argument, NULL, PROBE},
		{"version", no_argument, NULL, VERSION_},
		{"help", no_argument, NULL, HELP},
		{NULL, 0, NULL, 0},
	};
	int *const fds[] = {&opt->config_fd, &opt->control_fd,
			    &opt->lifeline_fd};
	int which, index = 0;

	*opt = (struct options){-1, -1, -1};
	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		switch (which) {
		case CONFIG:
		case CONTROL:
		case LIFELINE:
			*fds[which] =
				parse_fd(options[index].name, optarg, err);
			if (*fds[which] < 0)
				return *fds[which];
			break;
		case PROBE:
			print_probe();
			exit(EXIT_SUCCESS);
		case VERSION_:
			(void)puts("lwx-vmm " PACKAGE_VERSION);
			exit(EXIT_SUCCESS);
		case HELP:
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			return err_setx(err, -EINVAL, "see lwx-vmm --help");
		}
	}
	if (optind < argc)
		return err_setx(err, -EINVAL, "unexpected argument \"%s\"",
				argv[optind]);
	if (opt->config_fd < 0 || opt->control_fd < 0)
		return err_setx(err, -EINVAL,
				"--config-fd and --control-fd are needed");
	return 0;
}

static int read_config(struct vmm *vmm, struct err *err)
{
	AUTO_FREE uint8_t *bytes = malloc(CBOR_MESSAGE_MAX + 1);
	size_t len = 0;

	if (!bytes)
		return err_set(err, -ENOMEM, "configuration");
	while (len <= CBOR_MESSAGE_MAX) {
		ssize_t n = read(vmm->opt.config_fd, bytes + len,
				 CBOR_MESSAGE_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "configuration: read");
		if (!n)
			break;
		len += (size_t)n;
	}
	(void)close(vmm->opt.config_fd);
	if (len > CBOR_MESSAGE_MAX)
		return err_setx(err, -E2BIG,
				"configuration: more than %d bytes",
				CBOR_MESSAGE_MAX);
	return vm_config_decode(&vmm->cfg, bytes, len, err);
}

static void on_disk_error(void *opaque, const char *disk, const char *op,
			  uint64_t sector, int error)
{
	struct vmm *vmm = opaque;
	struct disk_notice notice = {.sector = sector, .error = error};

	(void)snprintf(notice.disk, sizeof(notice.disk), "%s", disk);
	(void)snprintf(notice.op, sizeof(notice.op), "%s", op);
	notices_post(&vmm->notices, &notice);
}

static void publish_notices(struct vmm *vmm)
{
	struct disk_notice notice;

	while (notices_take(&vmm->notices, &notice)) {
		const struct ctl_field fields[] = {
			CTL_FIELD_TEXT("disk", notice.disk),
			CTL_FIELD_TEXT("op", notice.op),
			CTL_FIELD_UINT("sector", notice.sector),
			CTL_FIELD_UINT("errno", (uint64_t)notice.error),
			CTL_FIELD_TEXT("message", strerror(notice.error)),
		};

		log_warn("%s: %s at sector %llu: %s", notice.disk, notice.op,
			 (unsigned long long)notice.sector,
			 strerror(notice.error));
		(void)ctl_server_event(vmm->ctx.server, "disk.error", fields,
				       ARRAY_SIZE(fields));
	}
}

/* Readiness of later is that of an agent that was started again. */
static void note_ready(struct vm_start_times *boot,
		       const struct agent_news *news)
{
	if (boot->heard_ns || !news->ready)
		return;
	boot->heard_ns = clock_ns();
	boot->init_us = news->init_us;
	boot->ready_us = news->ready_us;
	memcpy(boot->hostname, news->hostname, sizeof(boot->hostname));
}

static void publish_agent(struct vmm *vmm)
{
	struct agent_news news;
	struct ctl_field fields[4];

	if (!agent_watch_ready(&vmm->agent, &news))
		return;
	note_ready(&vmm->ctx.boot, &news);
	fields[0] = CTL_FIELD_UINT("init_us", news.init_us);
	fields[1] = CTL_FIELD_UINT("ready_us", news.ready_us);
	fields[2] = CTL_FIELD_TEXT("hostname", news.hostname);
	fields[3] = CTL_FIELD_TEXT("boot", news.boot);
	(void)ctl_server_event(vmm->ctx.server,
			       news.ready ? VMM_EVENT_READY : VMM_EVENT_GONE,
			       fields, news.ready ? ARRAY_SIZE(fields) : 0);
}

/* SIGTERM and SIGINT end the VM like vm.kill; the launcher is the one that
 * knows grace. SIGPIPE must not end it. */
static int take_signals(struct vmm *vmm, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_set(err, -errno, "sigprocmask");
	vmm->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (vmm->signal_fd < 0)
		return err_set(err, -errno, "signalfd");
	return 0;
}

static uint64_t realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static int set_up(struct vmm *vmm, struct err *err)
{
	const struct machine_events events = {
		.disk_error = on_disk_error,
		.opaque = vmm,
	};
	struct ctl_server_config server = {
		.listen_fd = vmm->opt.control_fd,
		.ctx = &vmm->ctx,
	};
	int rc;

	rc = read_config(vmm, err);
	if (rc)
		return rc;
	log_init(vmm->cfg.name, LOG_LEVEL_INFO);
	rc = take_signals(vmm, err);
	if (!rc)
		rc = notices_init(&vmm->notices, err);
	if (!rc)
		rc = machine_create(&vmm->ctx.machine, &vmm->cfg, &events, err);
	if (rc)
		return rc;
	vmm->ctx.started_ns = realtime_ns();
	vmm->ctx.cfg = &vmm->cfg;
	agent_watch_init(&vmm->agent, vmm->cfg.vsock.agent_fd);
	server.num_commands = vm_commands(&server.commands);
	rc = ctl_server_create(&vmm->ctx.server, &server, err);
	if (!rc)
		rc = sandbox_enter(err);
	vmm->ctx.boot.run_ns = clock_ns();
	if (!rc)
		rc = machine_start(vmm->ctx.machine, err);
	if (!rc)
		(void)ctl_server_event(vmm->ctx.server, VMM_EVENT_STARTED, NULL,
				       0);
	return rc;
}

#define FIRST_SHARE 6 /* behind the other descriptors of serve() */

/* The peer's end is all that is looked for: an I/O thread talks to it. */
static void watch_shares(const struct vmm *vmm, struct pollfd *fds)
{
	for (size_t i = 0; i < VM_SHARES_MAX; i++)
		fds[i] = (struct pollfd){.fd = i < vmm->cfg.num_shares
						       ? vmm->cfg.shares[i].fd
						       : -1};
}

static void publish_share(const struct vmm *vmm, const char *path)
{
	AUTO_FREE char *message = NULL;
	struct ctl_field fields[2];

	if (asprintf(&message, "the file server of %s has ended", path) < 0) {
		message = NULL; /* the event matters more */
		log_warn("a file server has ended");
	} else {
		log_warn("%s", message);
	}
	fields[0] = CTL_FIELD_TEXT("path", path);
	fields[1] = CTL_FIELD_TEXT("message", message ? message : "");
	(void)ctl_server_event(vmm->ctx.server, VMM_EVENT_SHARE_GONE, fields,
			       ARRAY_SIZE(fields));
}

/* Each end is told once. */
static void publish_shares(const struct vmm *vmm, struct pollfd *fds)
{
	for (size_t i = 0; i < vmm->cfg.num_shares; i++) {
		if (!(fds[i].revents & POLLHUP))
			continue;
		fds[i].fd = -1;
		publish_share(vmm, vmm->cfg.shares[i].path);
	}
}

/* Serve until the VM is over. */
static void serve(struct vmm *vmm, struct machine_outcome *outcome)
{
	struct pollfd fds[FIRST_SHARE + VM_SHARES_MAX] = {
		{.fd = machine_event_fd(vmm->ctx.machine), .events = POLLIN},
		{.fd = ctl_server_fd(vmm->ctx.server), .events = POLLIN},
		{.fd = vmm->notices.fd, .events = POLLIN},
		{.fd = vmm->signal_fd, .events = POLLIN},
		{.fd = vmm->opt.lifeline_fd, .events = POLLIN},
		{.events = POLLIN},
	};
	int timeout_ms;

	watch_shares(vmm, fds + FIRST_SHARE);
	while (!machine_outcome(vmm->ctx.machine, outcome)) {
		fds[5].fd = agent_watch_fd(&vmm->agent, &timeout_ms);
		if (poll(fds, ARRAY_SIZE(fds), timeout_ms) < 0)
			continue; /* EINTR; nothing else can happen here */
		if (fds[1].revents)
			ctl_server_dispatch(vmm->ctx.server);
		if (fds[2].revents)
			publish_notices(vmm);
		if (fds[3].revents || fds[4].revents)
			machine_end(vmm->ctx.machine, MACHINE_HOST, 0);
		if (fds[5].revents)
			publish_agent(vmm);
		publish_shares(vmm, fds + FIRST_SHARE);
	}
}

static int exit_status(const struct machine_outcome *outcome)
{
	static const int statuses[] = {
		[MACHINE_POWEROFF] = 0,
		[MACHINE_EXIT] = -1, /* the guest's own */
		[MACHINE_RESET] = VMM_STATUS_RESET,
		[MACHINE_TRIPLE] = VMM_STATUS_TRIPLE,
		[MACHINE_PANIC] = VMM_STATUS_PANIC,
		[MACHINE_FAULT] = VMM_STATUS_FAULT,
		[MACHINE_HOST] = VMM_STATUS_HOST_ENDED,
	};
	int status = statuses[outcome->reason];

	return status < 0 ? (int)(outcome->code & 0xff) : status;
}

/* The machine goes first, so that "stopped" means that nothing of the VM is in
 * flight any more. */
static int shut_down(struct vmm *vmm, const struct machine_outcome *outcome)
{
	int status = exit_status(outcome);
	const struct ctl_field fields[] = {
		CTL_FIELD_TEXT("reason", machine_reason_name(outcome->reason)),
		CTL_FIELD_UINT("status", (uint64_t)status),
	};

	machine_destroy(vmm->ctx.machine);
	vmm->ctx.machine = NULL;
	publish_notices(vmm);
	(void)ctl_server_event(vmm->ctx.server, VMM_EVENT_STOPPED, fields,
			       ARRAY_SIZE(fields));
	return status;
}

static int run_vm(struct vmm *vmm)
{
	struct machine_outcome outcome;
	struct err err = {0};
	int status = VMM_STATUS_SETUP;

	vmm->signal_fd = -1;
	vmm->notices.fd = -1;
	agent_watch_init(&vmm->agent, -1);
	vm_config_init(&vmm->cfg);
	if (set_up(vmm, &err)) {
		log_err("%s", err.msg);
		machine_destroy(vmm->ctx.machine);
	} else {
		serve(vmm, &outcome);
		status = shut_down(vmm, &outcome);
	}
	ctl_server_destroy(vmm->ctx.server);
	agent_watch_fini(&vmm->agent);
	notices_fini(&vmm->notices);
	if (vmm->signal_fd >= 0)
		(void)close(vmm->signal_fd);
	vm_config_fini(&vmm->cfg);
	return status;
}

int main(int argc, char **argv)
{
	static struct vmm vmm;
	struct err err = {0};

	log_init("lwx-vmm", LOG_LEVEL_INFO);
	vmm.ctx.boot.began_real_ns = realtime_ns();
	vmm.ctx.boot.began_ns = clock_ns();
	if (parse_options(&vmm.opt, argc, argv, &err)) {
		log_err("%s", err.msg);
		usage(stderr);
		return VMM_STATUS_SETUP;
	}
	return run_vm(&vmm);
}
