/* vm_process.c - lwx-vmm as a child with a pidfd. */
#include "vm_process.h"

#include "cleanup.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

/* Everything optional comes last and is left out as a pair. */
#define ARGS_MAX 8

int vm_process_find(char *path, size_t size, struct err *err)
{
	const char *chosen = getenv("LWX_VMM");
	char self[PATH_MAX];
	char *slash;
	ssize_t n;

	if (chosen && chosen[0]) {
		/* Absolute: a background supervisor works in "/". */
		if (!realpath(chosen, self) || access(self, X_OK))
			return err_set(err, -errno, "LWX_VMM %s", chosen);
		(void)snprintf(path, size, "%s", self);
		return 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			slash[1] = '\0';
		(void)snprintf(path, size, "%slwx-vmm", self);
		if (!access(path, X_OK))
			return 0;
	}
	(void)snprintf(path, size, "%s/lwx-vmm", LWX_LIBEXECDIR);
	if (access(path, X_OK))
		return err_set(err, -errno, "%s", path);
	return 0;
}

static int set_actions(posix_spawn_file_actions_t *actions,
		       const struct vm_process_config *cfg)
{
	const int named[] = {cfg->config_fd, cfg->control_fd, cfg->lifeline_fd};
	int rc;

	rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
					      "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, cfg->log_fd,
						      STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, cfg->log_fd,
						      STDERR_FILENO);
	/* dup2 of an fd onto itself only clears its FD_CLOEXEC. */
	for (size_t i = 0; !rc && i < ARRAY_SIZE(named); i++)
		if (named[i] >= 0)
			rc = posix_spawn_file_actions_adddup2(actions, named[i],
							      named[i]);
	for (unsigned int i = 0; !rc && i < cfg->num_fds; i++)
		rc = posix_spawn_file_actions_adddup2(actions, cfg->fds[i],
						      cfg->fds[i]);
	return -rc;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int rc;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP |
						    POSIX_SPAWN_SETSIGMASK |
						    POSIX_SPAWN_SETSIGDEF);
	if (!rc)
		rc = posix_spawnattr_setpgroup(attr, 0);
	if (!rc)
		rc = posix_spawnattr_setsigmask(attr, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(attr, &all);
	return -rc;
}

static void set_args(const struct vm_process_config *cfg, char *args[ARGS_MAX],
		     char numbers[3][12])
{
	static char program[] = "lwx-vmm", config[] = "--config-fd",
		    control[] = "--control-fd", lifeline[] = "--lifeline-fd";
	unsigned int n = 0;

	(void)snprintf(numbers[0], 12, "%d", cfg->config_fd);
	(void)snprintf(numbers[1], 12, "%d", cfg->control_fd);
	(void)snprintf(numbers[2], 12, "%d", cfg->lifeline_fd);
	args[n++] = program;
	args[n++] = config;
	args[n++] = numbers[0];
	args[n++] = control;
	args[n++] = numbers[1];
	if (cfg->lifeline_fd >= 0) {
		args[n++] = lifeline;
		args[n++] = numbers[2];
	}
	args[n] = NULL;
}

static int spawn(struct vm_process *proc, const struct vm_process_config *cfg)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *args[ARGS_MAX];
	char numbers[3][12];
	int rc;

	set_args(cfg, args, numbers);
	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return -rc;
	rc = posix_spawnattr_init(&attr);
	if (rc) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -rc;
	}
	rc = set_actions(&actions, cfg);
	if (!rc)
		rc = set_attributes(&attr);
	if (!rc)
		rc = -posix_spawn(&proc->pid, cfg->path, &actions, &attr, args,
				  environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

int vm_process_spawn(struct vm_process *proc,
		     const struct vm_process_config *cfg, struct err *err)
{
	int rc;

	assert(cfg->num_fds <= VM_PROCESS_FDS_MAX);
	*proc = (struct vm_process){.pidfd = -1, .child = true};
	rc = spawn(proc, cfg);
	if (rc)
		return err_set(err, rc, "%s: start %s", cfg->name, cfg->path);
	/* Not reaped yet, so the id is still its own. */
	proc->pidfd = pidfd_open(proc->pid, 0);
	if (proc->pidfd < 0) {
		rc = err_set(err, -errno, "%s: pidfd_open", cfg->name);
		(void)kill(proc->pid, SIGKILL);
		(void)waitpid(proc->pid, NULL, 0);
		proc->pid = 0;
	}
	return rc;
}

int vm_process_attach(struct vm_process *proc, pid_t pid, struct err *err)
{
	*proc = (struct vm_process){.pid = pid};
	proc->pidfd = pidfd_open(pid, 0);
	if (proc->pidfd < 0)
		return err_set(err, -errno, "pidfd_open %d", (int)pid);
	return 0;
}

bool vm_process_ended(const struct vm_process *proc)
{
	struct pollfd pfd = {.fd = proc->pidfd, .events = POLLIN};

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN);
}

int vm_process_reap(struct vm_process *proc, int *status)
{
	siginfo_t info = {0};
	int sig = 0;

	if (proc->child &&
	    !waitid(P_PIDFD, (id_t)proc->pidfd, &info, WEXITED)) {
		if (info.si_code == CLD_EXITED)
			*status = info.si_status;
		else
			sig = info.si_status;
	}
	(void)close(proc->pidfd);
	*proc = (struct vm_process){.pidfd = -1};
	return sig;
}

void vm_process_kill(const struct vm_process *proc)
{
	if (proc->pidfd >= 0)
		(void)pidfd_send_signal(proc->pidfd, SIGKILL, NULL, 0);
}
