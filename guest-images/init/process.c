/*
 * process.c - children of the init; see process.h.
 */
#include "process.h"

#include "loop.h"
#include "macros.h"
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* A container's process is known by number before it can be watched: crun has
 * written its pid file and left. */
static struct {
	pid_t pid;
	int status;
} orphans[64];
static size_t orphan_next;

static struct child *watched;

void child_watch(struct child *child, pid_t pid)
{
	*child = (struct child){.pid = pid, .next = watched};
	watched = child;
	if (!kill(pid, 0) || errno != ESRCH)
		return;
	child->done = true;
	child->status = 255 << 8;
	for (size_t i = 0; i < ARRAY_SIZE(orphans); i++)
		if (orphans[i].pid == pid)
			child->status = orphans[i].status;
}

void child_forget(struct child *child)
{
	for (struct child **at = &watched; *at; at = &(*at)->next) {
		if (*at != child)
			continue;
		*at = child->next;
		break;
	}
	*child = (struct child){0};
}

int child_exit_code(const struct child *child)
{
	if (!child->done)
		return -1;
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status)
					  : WEXITSTATUS(child->status);
}

void process_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = watched;

		while (child && (child->pid != pid || child->done))
			child = child->next;
		if (child) {
			child->done = true;
			child->status = status;
			continue;
		}
		orphans[orphan_next].pid = pid;
		orphans[orphan_next].status = status;
		orphan_next = (orphan_next + 1) % ARRAY_SIZE(orphans);
	}
}

static void become(char *const *argv, int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	loop_child_signals();
	(void)setsid();
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	if (out >= 0) {
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(out, STDERR_FILENO);
	}
	(void)execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

pid_t process_spawn(char *const *argv, int out)
{
	pid_t pid = fork();

	if (pid == 0)
		become(argv, out);
	return pid < 0 ? -errno : pid;
}

int process_run(char *const *argv, int out, int timeout_ms, bool stoppable)
{
	uint64_t end = loop_now_ms() + (uint64_t)timeout_ms;
	struct child child;
	int rc = 0;
	pid_t pid = process_spawn(argv, out);

	if (pid < 0)
		return pid;
	child_watch(&child, pid);
	while (!child.done) {
		uint64_t now = loop_now_ms();

		if (stoppable && power_wanted())
			rc = -ECANCELED;
		else if (timeout_ms >= 0 && now >= end)
			rc = -ETIMEDOUT;
		if (rc)
			break;
		loop_wait(timeout_ms < 0 ? -1 : (int)(end - now), false);
	}
	if (rc)
		(void)kill(pid, SIGKILL);
	else
		rc = child_exit_code(&child);
	child_forget(&child);
	return rc;
}
