/* verb_forward.c - lwx-vm forward and ctr: a unix socket of a guest on the
 * host, for a while or for one command. */
#include "lwx_vm.h"

#include "cleanup.h"
#include "guest_forward.h"
#include "macros.h"
#include "vmm_launch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTAINERD "/run/containerd/containerd.sock"

/*
 * @vm:      its name
 * @path:    of our socket
 * @client:  follows the VM's events, so that its end is seen
 * @signals: signalfd; SIGCHLD of clients and of @command
 * @command: who uses the socket, or 0: it is there until a signal comes
 * @status:  of the command
 */
struct forwarding {
	const char *vm;
	const char *path;
	struct guest_forward forward;
	struct ctl_client *client;
	int signals;
	sigset_t old;
	pid_t command;
	int status;
	bool over;
};

static int connect_agent(void *ctx, struct agent_stream **s, struct err *err)
{
	const struct forwarding *f = ctx;

	return lwx_agent(f->vm, s, err);
}

static void client_failed(void *ctx, const struct err *err)
{
	const struct forwarding *f = ctx;

	lwx_complain("%s: %s", f->vm, err->msg);
}

static int take_signals(struct forwarding *f, struct err *err)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		(void)sigaddset(&set, wanted[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &f->old);
	(void)signal(SIGPIPE, SIG_IGN);
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? err_set(err, -errno, "signalfd") : 0;
}

static int follow_vm(struct forwarding *f, struct err *err)
{
	const struct ctl_field follow = CTL_FIELD_BOOL("follow", true);
	int rc = lwx_connect(f->vm, &f->client, err);

	if (!rc)
		rc = ctl_client_send(f->client, "vm.events", &follow, 1, err);
	return rc < 0 ? rc : 0;
}

static void reap(struct forwarding *f)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != f->command)
			continue;
		f->over = true;
		f->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						: WEXITSTATUS(status);
	}
}

/* Ctrl-C reaches the command by itself; what only we got it gets from us. */
static void take_signal(struct forwarding *f)
{
	struct signalfd_siginfo info;

	if (read(f->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(f);
	else if (!f->command)
		f->over = true;
	else if (info.ssi_signo != SIGINT)
		(void)kill(f->command, (int)info.ssi_signo);
}

/* Return: whether the VM still runs. */
static bool vm_runs(struct forwarding *f)
{
	struct ctl_message msg;
	struct err err;
	int rc;

	do
		rc = ctl_client_receive(f->client, 0, &msg, NULL, &err);
	while (rc > 0);
	return rc == 0;
}

static void serve(struct forwarding *f)
{
	struct pollfd fds[] = {
		{.fd = f->forward.listener, .events = POLLIN},
		{.fd = f->signals, .events = POLLIN},
		{.fd = ctl_client_fd(f->client), .events = POLLIN},
	};

	while (!f->over) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue; /* EINTR */
		if (fds[0].revents)
			(void)guest_forward_accept(&f->forward);
		if (fds[1].revents)
			take_signal(f);
		if (fds[2].revents && !vm_runs(f)) {
			fds[2].fd = -1;
			if (!f->command)
				f->over = true; /* a command sees it itself */
		}
	}
}

static void start_command(struct forwarding *f, char *const *argv)
{
	f->command = fork();
	if (f->command)
		return;
	(void)sigprocmask(SIG_SETMASK, &f->old, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(argv[0], argv);
	lwx_complain("%s: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* With @argv: for that command. Return: exit status. */
static int forward(struct forwarding *f, char *const *argv)
{
	struct err err;
	int rc = follow_vm(f, &err);

	f->forward.connect = connect_agent;
	f->forward.failed = client_failed;
	f->forward.ctx = f;
	f->forward.listener = -1;
	f->signals = -1;
	if (!rc)
		rc = take_signals(f, &err);
	if (!rc) {
		f->forward.listener = guest_forward_listen(f->path, &err);
		rc = MIN(f->forward.listener, 0);
	}
	if (!rc) {
		if (argv)
			start_command(f, argv);
		serve(f);
		(void)unlink(f->path); /* somebody else may have done so */
		(void)close(f->forward.listener);
	}
	if (f->signals >= 0)
		(void)close(f->signals);
	ctl_client_destroy(f->client);
	return rc ? lwx_fail(&err) : f->status;
}

static int run_forward(const struct lwx_verb *verb, int argc, char **argv)
{
	struct forwarding f = {0};

	if (argc != 4 || argv[1][0] == '-')
		return lwx_usage_error(verb, "which VM, from where to where?");
	if (argv[2][0] != '/')
		return lwx_usage_error(verb, "%s: need an absolute path",
				       argv[2]);
	f.vm = argv[1];
	f.forward.path = argv[2];
	f.path = argv[3];
	return forward(&f, NULL);
}

static int run_ctr(const struct lwx_verb *verb, int argc, char **argv)
{
	char dir[] = "/tmp/lwx-ctr.XXXXXX", path[sizeof(dir) + 8];
	static char ctr[] = "ctr", address[] = "--address";
	struct forwarding f = {.forward.path = CONTAINERD, .path = path};
	AUTO_FREE char **command = NULL;
	int status;

	if (argc < 3 || argv[1][0] == '-')
		return lwx_usage_error(verb, "which VM, and what?");
	f.vm = argv[1];
	command = calloc((size_t)argc + 2, sizeof(*command));
	if (!command || !mkdtemp(dir)) {
		lwx_complain("ctr: %s", strerror(errno));
		return LWX_EXIT_FAILURE;
	}
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
	command[0] = ctr;
	command[1] = address;
	command[2] = path;
	for (int i = 2; i < argc; i++)
		command[i + 1] = argv[i];
	status = forward(&f, command);
	(void)rmdir(dir);
	return status;
}

const struct lwx_verb lwx_verb_forward = {
	.name = "forward",
	.usage = "NAME GUEST_SOCKET HOST_SOCKET",
	.summary = "Make a unix socket of a VM one of the host.",
	.help = "HOST_SOCKET is made, for its owner only, and removed at the "
		"end: with the VM, or\n"
		"by Ctrl-C. lwx-agent must run in the guest. It connects to "
		"the sockets of\n"
		"containerd, docker, podman and cri-o, and to those listed in "
		"the guest's\n"
		"/etc/lwx/agent.sockets.\n"
		"\n"
		"  lwx-vm forward web1 /run/podman/podman.sock ./podman.sock "
		"&\n"
		"  podman --remote --url unix://$PWD/podman.sock ps\n",
	.run = run_forward,
};

const struct lwx_verb lwx_verb_ctr = {
	.name = "ctr",
	.usage = "NAME ARGUMENT...",
	.summary = "Run the host's ctr on the containerd of a VM.",
	.help = "As ctr --address SOCKET ARGUMENT..., with " CONTAINERD "\n"
		"of the guest. Commands that attach to a container need "
		"lwx-vm exec NAME ctr\n"
		"instead: their pipes are files of the guest.\n"
		"\n"
		"Exit status: that of ctr.\n",
	.run = run_ctr,
};
