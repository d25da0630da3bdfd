/* verb_start.c - lwx-vm start: load host.cfg, supervise its VMs. */
#include "lwx_vm.h"

#include "cleanup.h"
#include "host_config.h"
#include "supervisor.h"
#include "vm_process.h"
#include "vmm_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>

/**
 * struct start - one lwx-vm start
 * @detach:   -d
 * @recreate: --recreate
 * @status_fd: pipe to the parent that waits for us to be up, or -1
 * @away:      nobody reads our stderr any more: messages go to syslog
 */
struct start {
	bool detach;
	bool recreate;
	int status_fd;
	bool away;
	size_t num_vms;
};

static void report(void *ctx, const char *name, bool important,
		   const char *text)
{
	const struct start *start = ctx;

	if (start->away)
		syslog(important ? LOG_WARNING : LOG_INFO, "%s: %s", name,
		       text);
	else if (important || start->num_vms > 1)
		lwx_complain("%s: %s", name, text);
}

/* From here on nobody waits for us. */
static void up(void *ctx, int status)
{
	struct start *start = ctx;
	uint8_t byte = (uint8_t)status;
	int null;

	if (start->status_fd < 0)
		return;
	if (write(start->status_fd, &byte, 1) != 1)
		lwx_complain("start: nobody waits for it any more");
	(void)close(start->status_fd);
	start->status_fd = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (null >= 0)
		(void)close(null);
	(void)!chdir("/"); /* lwx-vmm's path and the file's are absolute */
	openlog("lwx-vm", LOG_PID, LOG_DAEMON);
	start->away = true;
}

static int supervise(struct start *start, const struct host_config *hc,
		     struct vm_config **vms)
{
	struct supervisor_config cfg = {
		.vms = vms,
		.num_vms = start->num_vms,
		.source = hc->path,
		.file = hc,
		.detached = start->detach,
		.recreate = start->recreate,
		.stdout_fd = start->detach ? -1 : STDOUT_FILENO,
		.report = report,
		.up = up,
		.ctx = start,
	};
	char vmm_path[PATH_MAX];
	struct err err;
	int rc = vm_process_find(vmm_path, sizeof(vmm_path), &err);

	cfg.vmm_path = vmm_path;
	if (!rc)
		rc = vm_registry_open(&cfg.reg, &err);
	if (!rc)
		rc = supervisor_run(&cfg, &err);
	vm_registry_close(cfg.reg);
	if (rc < 0) {
		(void)lwx_fail(&err);
		return VMM_STATUS_SETUP;
	}
	return rc;
}

/* The background half is in a session of its own: pass Ctrl-C on. */
static volatile sig_atomic_t background;

static void interrupt_background(int sig)
{
	(void)kill((pid_t)background, sig);
}

static uint8_t wait_until_up(int fd, pid_t pid)
{
	struct sigaction action = {.sa_handler = interrupt_background};
	uint8_t status = VMM_STATUS_SETUP;

	background = pid;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	/* End of file: it failed before any VM, and has said why. */
	while (read(fd, &status, 1) < 0 && errno == EINTR)
		;
	return status;
}

/* The child supervises; we stay until it says how the start went. */
static int supervise_detached(struct start *start, const struct host_config *hc,
			      struct vm_config **vms)
{
	uint8_t status;
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) || (pid = fork()) < 0) {
		lwx_complain("start: %s", strerror(errno));
		return VMM_STATUS_SETUP;
	}
	if (!pid) {
		(void)close(pipe_fds[0]);
		start->status_fd = pipe_fds[1];
		(void)setsid(); /* cannot fail in a new process */
		return supervise(start, hc, vms);
	}
	(void)close(pipe_fds[1]);
	status = wait_until_up(pipe_fds[0], pid);
	(void)close(pipe_fds[0]);
	return status;
}

static int load(const char *path, struct host_config **hc)
{
	struct err err;
	int rc = host_config_load(hc, path, &err);

	if (!rc)
		return 0;
	if (!*hc)
		(void)lwx_fail(&err);
	for (size_t i = 0; *hc && i < (*hc)->num_problems; i++)
		(void)fprintf(stderr, "%s\n", (*hc)->problems[i].text);
	return VMM_STATUS_SETUP;
}

/* What a caller left open (a lock of flock(1), say) must not live on in VMs.
 * A supervisor of many VMs needs many descriptors of its own. */
static void tidy_descriptors(void)
{
	struct rlimit limit;

	(void)close_range(STDERR_FILENO + 1, UINT_MAX, 0);
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int start_file(struct start *start, const char *path,
		      const char *const *names, size_t num_names)
{
	AUTO_FREE struct vm_config **vms = NULL;
	struct host_config *hc = NULL;
	struct err err;
	int rc = load(path, &hc);

	if (rc)
		goto out;
	tidy_descriptors();
	rc = VMM_STATUS_SETUP;
	vms = calloc(hc->num_vms + 1, sizeof(struct vm_config *));
	if (!vms)
		goto out;
	rc = host_config_select(hc, names, num_names, vms, &err);
	if (rc <= 0) {
		if (rc < 0)
			(void)lwx_fail(&err);
		else
			lwx_complain("%s: no VM in it", path);
		rc = VMM_STATUS_SETUP;
		goto out;
	}
	start->num_vms = (size_t)rc;
	rc = start->detach ? supervise_detached(start, hc, vms)
			   : supervise(start, hc, vms);
out:
	host_config_destroy(hc);
	return rc;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"detach", no_argument, NULL, 'd'},
		{"recreate", no_argument, NULL, 'r'},
		{0},
	};
	struct start start = {.status_fd = -1};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "d", options, NULL)) >= 0) {
		if (c == 'd')
			start.detach = true;
		else if (c == 'r')
			start.recreate = true;
		else
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
	}
	if (optind == argc)
		return lwx_usage_error(verb, "which host.cfg?");
	return start_file(&start, argv[optind],
			  (const char *const *)(argv + optind + 1),
			  (size_t)(argc - optind - 1));
}

const struct lwx_verb lwx_verb_start = {
	.name = "start",
	.usage = "[-d] [--recreate] HOST.CFG [NAME...]",
	.summary = "Start the VMs of a host.cfg, or those named, and watch "
		   "over them.",
	.help = "In the foreground the VMs' console output goes to stdout "
		"(with the VM's name\n"
		"in front when there are several) and the VMs end with this "
		"command, whatever\n"
		"ends it. Ctrl-C presses every power button and kills what is "
		"left after the\n"
		"VM's stop_grace; a second Ctrl-C kills at once.\n"
		"\n"
		"  -d, --detach    return when all VMs run; they outlive this "
		"command and its\n"
		"                  background half, and the next start of the "
		"same file adopts\n"
		"                  those still running\n"
		"      --recreate  stop a VM that runs with another "
		"configuration and start it\n"
		"                  anew, instead of refusing\n"
		"\n"
		"Exit status: of one VM: its own. Of several: 0 if all ended "
		"with 0, else that\n"
		"of the first that did not; each is told on stderr. 0 to 255 "
		"come from the guest\n"
		"(0: powered off) except for:\n"
		"  120  set-up failed (configuration, image, host): no guest "
		"ran\n"
		"  121  the VM itself failed\n"
		"  122  triple fault of the guest\n"
		"  123  panic of the guest\n"
		"  124  the guest asked for a reset and on_reboot is \"exit\"\n"
		"  125  ended by the host\n"
		"  2    wrong usage\n",
	.run = run,
};
