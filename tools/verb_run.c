/*
 * verb_run.c - lwx-vm run: a VM for one command.
 *
 * DOC: who cleans up
 *
 * A child supervises the VM as lwx-vm start would, and removes what belongs to
 * it when it ends. If we are killed, the child is told by PR_SET_PDEATHSIG and
 * ends the VM. If the child is killed, its end of the lifeline closes, which
 * ends the VM, and we sweep. If lwx-vmm is killed, the child sees it.
 */
#include "lwx_vm.h"

#include "cleanup.h"
#include "guest_exec.h"
#include "host_agent.h"
#include "macros.h"
#include "run_config.h"
#include "run_options.h"
#include "run_report.h"
#include "supervisor.h"
#include "vm_process.h"
#include "vmm_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define NOT_FOUND 127
#define NOT_RUN 126
#define CONSOLE_TAIL 4096 /* bytes shown of a VM that did not come up */

/*
 * @child:    supervises the VM
 * @up:       a byte comes when the VM runs; closed when the child ends
 * @console:  what the VM printed, when it is not shown
 * @reason:   why there is no status of the command's own
 * @started:  CLOCK_MONOTONIC, seconds
 */
struct run {
	struct run_options options;
	struct vm_config cfg;
	char name[32];
	char vmm_path[PATH_MAX];
	pid_t child;
	int up;
	int console;
	struct err err;
	const char *reason;
	double started;
};

/* For the handlers: the child, and whether they have acted. */
static volatile sig_atomic_t supervisor_pid;
static volatile sig_atomic_t timed_out;
static volatile sig_atomic_t interrupted;

static void end_vm(int sig)
{
	if (sig == SIGALRM)
		timed_out = 1;
	else
		interrupted = sig;
	if (supervisor_pid)
		(void)kill((pid_t)supervisor_pid, SIGTERM);
}

static double now_seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void report(void *ctx, const char *name, bool important,
		   const char *text)
{
	const struct run *run = ctx;

	/* Its exit status is ours. How a VM ends that has an agent is told by
	 * the one who asked, but not why. */
	if (strncmp(text, VMM_EVENT_SHARE_GONE, strlen(VMM_EVENT_SHARE_GONE)) ==
		    0 ||
	    (important && !run_has_agent(&run->options) &&
	     strncmp(text, "exit status ", 12) != 0))
		lwx_complain("%s: %s", name, text);
}

static void report_up(void *ctx, int status)
{
	struct run *run = ctx;
	uint8_t byte = (uint8_t)status;

	if (write(run->up, &byte, 1) != 1)
		return; /* the other half is gone, and we shall be told */
	(void)close(run->up);
	run->up = -1;
}

/* In the child. Return: the VM's exit status. */
static int supervise(struct run *run, pid_t parent)
{
	struct vm_config *vms[] = {&run->cfg};
	struct supervisor_config cfg = {
		.vms = vms,
		.num_vms = 1,
		.source = "lwx-vm run",
		.vmm_path = run->vmm_path,
		.need_shares = true,
		.stdout_fd = run->console,
		.report = report,
		.up = report_up,
		.ctx = run,
	};
	struct err err;
	int rc;

	(void)setpgid(0, 0); /* Ctrl-C is for the other half, which forwards */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return VMM_STATUS_HOST_ENDED;
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

static void handle_signals(const struct run *run)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
	struct sigaction action = {.sa_handler = end_vm};
	const struct itimerval timer = {
		.it_value = {
			.tv_sec = (time_t)run->options.timeout,
			.tv_usec = (suseconds_t)((run->options.timeout -
						  (double)(time_t)run->options
							  .timeout) *
						 1e6),
		}};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		(void)sigaction(ends[i], &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (run->options.timeout > 0)
		(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static int start(struct run *run)
{
	pid_t parent = getpid();
	sigset_t all, old;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_set(&run->err, -errno, "pipe");
	/* A signal between fork and handlers would be lost. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	run->child = fork();
	if (run->child == 0) {
		(void)close(ends[0]);
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
		run->up = ends[1];
		_exit(supervise(run, parent));
	}
	(void)close(ends[1]);
	run->up = ends[0];
	supervisor_pid = run->child;
	handle_signals(run);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return run->child < 0 ? err_set(&run->err, -errno, "fork") : 0;
}

/* Return: whether the VM runs. */
static bool wait_up(struct run *run)
{
	uint8_t status = VMM_STATUS_SETUP;
	ssize_t n;

	do
		n = read(run->up, &status, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && status == 0;
}

/* Return: 0 when the agent serves, or a negative errno: the VM has ended. */
static int wait_ready(struct run *run)
{
	const struct ctl_field follow = CTL_FIELD_BOOL("follow", true);
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	int rc = lwx_connect(run->name, &client, &run->err);

	if (!rc)
		rc = ctl_client_send(client, "vm.events", &follow, 1,
				     &run->err);
	while (rc >= 0) {
		rc = ctl_client_receive(client, -1, &msg, NULL, &run->err);
		if (rc > 0 && msg.kind == CTL_EVENT &&
		    strcmp(msg.name, VMM_EVENT_READY) == 0)
			break;
	}
	ctl_client_destroy(client);
	return rc < 0 ? rc : 0;
}

/* The command has ended or will not run: the VM is of no more use. */
static int finish(struct run *run)
{
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	struct err err;
	int status;

	if (lwx_connect(run->name, &client, &err) == 0)
		(void)ctl_client_call(client, "vm.kill", NULL, 0,
				      LWX_CALL_TIMEOUT_MS, &msg, NULL, &err);
	ctl_client_destroy(client);
	(void)kill(run->child, SIGTERM); /* should that have failed */
	while (waitpid(run->child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The end of what the VM has printed: why it did not come up. */
static void show_console(const struct run *run)
{
	char text[CONSOLE_TAIL + 1];
	off_t size = run->console < 0 ? 0 : lseek(run->console, 0, SEEK_END);
	ssize_t n = 0;

	if (size > 0)
		n = pread(run->console, text, CONSOLE_TAIL,
			  MAX(size - CONSOLE_TAIL, 0));
	if (n > 0)
		(void)fprintf(stderr, "%.*s%s", (int)n, text,
			      text[n - 1] == '\n' ? "" : "\n");
}

/* The VM ended before the command did. Return: the exit status. */
static int ended_early(struct run *run, int child)
{
	static const char early[] = "the VM ended before the command did";

	if (timed_out) {
		run->reason = "timed out";
		lwx_complain("run: timed out after %g s", run->options.timeout);
		return VMM_STATUS_HOST_ENDED;
	}
	if (interrupted) {
		run->reason = "interrupted";
		return VMM_STATUS_HOST_ENDED;
	}
	if (WIFEXITED(child) && WEXITSTATUS(child) == VMM_STATUS_SETUP) {
		run->reason = "the VM could not be set up";
		return VMM_STATUS_SETUP;
	}
	run->reason = early;
	lwx_complain("run: %s", early);
	if (WIFSIGNALED(child))
		return VMM_STATUS_FAULT;
	return WEXITSTATUS(child) ? WEXITSTATUS(child) : VMM_STATUS_HOST_ENDED;
}

/* Return: exit status of a command that could not be run. */
static int refused(struct run *run)
{
	lwx_complain("run: %s", run->err.msg);
	run->reason = run->err.msg;
	return run->err.code == -ENOENT ? NOT_FOUND : NOT_RUN;
}

static int run_command(struct run *run)
{
	const struct guest_exec exec = {
		.argv = run->options.command,
		.env = run->options.env,
		.dir = run->options.dir,
		.tty = run->options.tty,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.errors = STDERR_FILENO,
	};
	struct agent_stream *s = NULL;
	bool ready = false, connected = false;
	int rc = wait_up(run) ? 0 : -ECONNRESET;
	int status = 0, child;

	if (!rc)
		rc = wait_ready(run);
	ready = !rc;
	if (!rc)
		rc = host_agent_connect(&s, run->cfg.vsock.path, run->name,
					LWX_CALL_TIMEOUT_MS, &run->err);
	connected = !rc;
	if (!rc)
		rc = guest_exec_run(s, &exec, &status, &run->err);
	agent_stream_destroy(s);
	child = finish(run);
	if (!rc)
		return status;
	if (connected && rc != -ECONNRESET && rc != -EPROTO && !timed_out)
		return refused(run);
	if (!ready && !timed_out && !interrupted)
		show_console(run);
	return ended_early(run, child);
}

/* Without an agent: the VM's end is the result. */
static int wait_end(struct run *run)
{
	int status;

	while (waitpid(run->child, &status, 0) < 0 && errno == EINTR)
		;
	if (timed_out)
		return ended_early(run, status);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	run->reason = "its supervisor was killed";
	return VMM_STATUS_FAULT;
}

/* What the child could not remove because it was killed. */
static void sweep(void)
{
	struct vm_registry *reg = NULL;
	struct err err;

	(void)vm_registry_open(&reg, &err); /* opening it sweeps */
	vm_registry_close(reg);
}

static void write_report(struct run *run, int status)
{
	struct run_result result = {
		.seconds = now_seconds() - run->started,
		.status = status,
		.reason = run->reason,
	};
	AUTO_FREE char *name = NULL;
	size_t size = 0;
	FILE *words = open_memstream(&name, &size);
	struct err err;

	for (char **word = run->options.command; words && *word; word++)
		(void)fprintf(words, "%s%s", *word, word[1] ? " " : "");
	if (!words || fclose(words))
		return;
	result.name = name;
	if (run_report_junit(run->options.junit, &result, &err))
		(void)lwx_fail(&err);
}

static int open_console(struct run *run)
{
	run->console = STDOUT_FILENO;
	if (!run_has_agent(&run->options))
		return 0;
	run->console = STDERR_FILENO;
	if (run->options.verbose)
		return 0;
	run->console = memfd_create("lwx-console", MFD_CLOEXEC);
	return run->console < 0 ? err_set(&run->err, -errno, "console") : 0;
}

static int set_up(struct run *run)
{
	struct vm_registry *reg = NULL;
	int rc = vm_process_find(run->vmm_path, sizeof(run->vmm_path),
				 &run->err);

	vm_config_init(&run->cfg);
	(void)snprintf(run->name, sizeof(run->name), "run-%d", (int)getpid());
	if (!rc)
		rc = vm_registry_open(&reg, &run->err);
	if (!rc)
		rc = run_config_make(&run->options, vm_registry_root(reg),
				     run->name, &run->cfg, &run->err);
	vm_registry_close(reg);
	if (!rc)
		rc = open_console(run);
	return rc;
}

static int run_vm(struct run *run)
{
	int rc = set_up(run);
	int status;

	run->started = now_seconds();
	if (!rc)
		rc = start(run);
	if (rc) {
		(void)lwx_fail(&run->err);
		run->reason = run->err.msg;
		status = VMM_STATUS_SETUP;
	} else {
		status = run_has_agent(&run->options) ? run_command(run)
						      : wait_end(run);
		sweep();
	}
	if (run->options.junit)
		write_report(run, status);
	vm_config_fini(&run->cfg);
	return status;
}

static int run_verb(const struct lwx_verb *verb, int argc, char **argv)
{
	static struct run run = {.up = -1, .console = -1};
	int rc = run_options_parse(verb, &run.options, argc, argv);

	return rc ? rc : run_vm(&run);
}

const struct lwx_verb lwx_verb_run = {
	.name = "run",
	.usage = "[OPTION...] --root DIR|--image FILE [--] COMMAND "
		 "[ARGUMENT...]\n"
		 "       lwx-vm run [OPTION...] --kernel FILE [--] [WORD...]",
	.summary = "Start a VM for one command, return its exit status, leave "
		   "nothing.",
	.help = "The VM's root is a folder of the host (--root /: its own) or "
		"a disk file. It stays\n"
		"as it is: what the command writes there goes to the VM's "
		"memory and with it.\n"
		"Shared folders are written to. Input, output and errors of "
		"the command are ours,\n"
		"apart; SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 "
		"go to it. When it has\n"
		"ended the VM is killed: nothing of it is left, also if any "
		"of its processes is.\n"
		"\n"
		"  --root DIR          folder that becomes the root "
		"(virtio-fs; needs virtiofsd)\n"
		"  --image FILE        file with a file system that becomes "
		"it: ext4, squashfs, erofs\n"
		"  --kernel FILE       bzImage or ELF (default: the host's, "
		"/boot/vmlinuz-*)\n"
		"  --modules DIR       its lib/modules/RELEASE (default: "
		"found by its release)\n"
		"  --share DIR:/PATH[:ro]  a folder of the host, at PATH\n"
		"  --disk FILE[:ro]    a further disk: a raw file or block "
		"device\n"
		"  --net none|user     no network (default), or that of the "
		"user who runs it, by\n"
		"                      passt, with address and names by "
		"DHCP\n"
		"  --vsock PATH        without a root: sockets there are the "
		"guest's vsock\n"
		"  -e, --env NAME=VALUE    a variable of the command's "
		"environment\n"
		"  -w, --dir DIR       where the command works (default: /; "
		"with --root /: here)\n"
		"  -t, --tty           give the command a terminal\n"
		"  --announce HOW      devices by acpi (default), or by "
		"cmdline "
		"for kernels without\n"
		"  --cpus N            1 to 64 (1)\n"
		"  --memory SIZE       (512M)\n"
		"  --timeout SECONDS   end it then\n"
		"  --junit FILE        write the result as JUnit's XML\n"
		"  -v, --verbose       the VM's console goes to stderr\n"
		"\n"
		"Without a root the kernel (a payload, a unikernel; with "
		"--initrd FILE) gets the WORDs\n"
		"as its command line, its console is our stdout and the VM's "
		"end is the result.\n"
		"\n"
		"The initrd (lwx-run-init and the kernel's modules) is kept in "
		"/var/cache/layerworx,\n"
		"or $XDG_CACHE_HOME/layerworx.\n"
		"\n"
		"Exit status: that of the command; 128 and the number of the "
		"signal that ended it;\n"
		"127: not found; 126: cannot be run; or of the VM: 120 set-up "
		"failed, 121 it failed,\n"
		"122 triple fault, 123 panic, 124 reset, 125 ended by the "
		"host, by a time-out or\n"
		"before the command. --junit tells the two apart.\n",
	.run = run_verb,
};
