/* agent_command.c - a command with pipes or a terminal. One thread. */
#include "agent.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * @theirs: standard input, output and error of the command
 * @ours:   the other ends; for a terminal the first two are one file
 */
struct plan {
	char **argv;
	char **env;
	const char *dir;
	bool tty;
	struct winsize size;
	int theirs[3];
	int ours[3];
};

/* What the command's process tells before it has become the command. */
struct failure {
	int code;
	char what[8];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int open_terminal(struct plan *plan)
{
	char name[64];
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	plan->ours[0] = fd;
	if (grantpt(fd) || unlockpt(fd))
		return -errno;
	if (ptsname_r(fd, name, sizeof(name)))
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(plan->theirs); i++) {
		plan->theirs[i] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (plan->theirs[i] < 0)
			return -errno;
	}
	if (plan->size.ws_row)
		(void)ioctl(fd, TIOCSWINSZ, &plan->size);
	plan->ours[1] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return plan->ours[1] < 0 ? -errno : 0;
}

static int open_pipes(struct plan *plan)
{
	for (size_t i = 0; i < ARRAY_SIZE(plan->theirs); i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC))
			return -errno;
		plan->theirs[i] = ends[i == 0 ? 0 : 1];
		plan->ours[i] = ends[i == 0 ? 1 : 0];
	}
	return 0;
}

static int open_streams(struct plan *plan)
{
	int rc = plan->tty ? open_terminal(plan) : open_pipes(plan);

	for (size_t i = 0; !rc && i < ARRAY_SIZE(plan->ours); i++)
		if (plan->ours[i] >= 0 &&
		    fcntl(plan->ours[i], F_SETFL, O_NONBLOCK))
			rc = -errno;
	return rc;
}

__attribute__((noreturn)) static void give_up(int report, const char *what)
{
	struct failure failure = {.code = errno};

	(void)snprintf(failure.what, sizeof(failure.what), "%s", what);
	(void)!write(report, &failure, sizeof(failure));
	_exit(127);
}

/* In the new process. */
__attribute__((noreturn)) static void become(const struct plan *plan,
					     int report)
{
	sigset_t none;

	(void)sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL); /* those that can be */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid(); /* a new process leads no group */
	if (plan->tty && ioctl(plan->theirs[0], TIOCSCTTY, 0))
		give_up(report, "tty");
	for (int i = 0; i < (int)ARRAY_SIZE(plan->theirs); i++)
		if (dup2(plan->theirs[i], i) < 0)
			give_up(report, "dup2");
	if (plan->dir && chdir(plan->dir))
		give_up(report, "chdir");
	for (size_t i = 0; plan->env && plan->env[i]; i++)
		(void)putenv(plan->env[i]); /* fails for lack of memory only */
	if (!getenv("PATH"))
		(void)setenv("PATH", DEFAULT_PATH, 1);
	(void)execvp(plan->argv[0], plan->argv);
	give_up(report, "exec");
}

static int failed(const struct plan *plan, const struct failure *failure,
		  struct err *err)
{
	const char *noun = plan->argv[0];

	if (strcmp(failure->what, "chdir") == 0)
		noun = plan->dir;
	else if (strcmp(failure->what, "exec") != 0)
		noun = failure->what;
	return err_set(err, -failure->code, "%s", noun);
}

/* Return: 0 if the process has become the command. */
static int wait_for_exec(const struct plan *plan, int report, struct err *err)
{
	struct failure failure;
	ssize_t n;

	do
		n = read(report, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	return n == sizeof(failure) ? failed(plan, &failure, err) : 0;
}

static int start(const struct plan *plan, struct agent_command *command,
		 struct err *err)
{
	AUTO_CLOSE int report = -1;
	int ends[2];
	int rc;

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, -errno, "pipe");
	report = ends[0];
	command->pid = fork();
	if (command->pid == 0)
		become(plan, ends[1]);
	rc = command->pid < 0 ? err_set(err, -errno, "fork") : 0;
	(void)close(ends[1]);
	if (rc)
		return rc;
	command->pidfd = pidfd_open(command->pid, 0);
	if (command->pidfd < 0)
		rc = err_set(err, -errno, "pidfd_open");
	else
		rc = wait_for_exec(plan, report, err);
	if (rc) {
		(void)kill(command->pid, SIGKILL);
		(void)waitpid(command->pid, NULL, 0);
	}
	return rc;
}

static int read_request(struct plan *plan, const struct agent_message *request)
{
	const struct agent_value *values = request->values;
	int num = agent_strings(&values[AGENT_ARGV], &plan->argv);

	if (num < 0)
		return num;
	if (!num || !plan->argv[0][0])
		return -EINVAL;
	if (agent_has(request, AGENT_DIR))
		plan->dir = values[AGENT_DIR].bytes;
	plan->tty = values[AGENT_TTY].number;
	plan->size.ws_row = (unsigned short)values[AGENT_ROWS].number;
	plan->size.ws_col = (unsigned short)values[AGENT_COLS].number;
	if (!agent_has(request, AGENT_ENV))
		return 0;
	num = agent_strings(&values[AGENT_ENV], &plan->env);
	return num < 0 ? num : 0;
}

int agent_command_start(struct agent_command *command,
			const struct agent_message *request, struct err *err)
{
	struct plan plan = {.theirs = {-1, -1, -1}, .ours = {-1, -1, -1}};
	int rc = read_request(&plan, request);

	*command = (struct agent_command){
		.pidfd = -1, .in = -1, .out = -1, .errors = -1};
	if (rc)
		rc = err_set(err, rc, "command");
	if (!rc) {
		rc = open_streams(&plan);
		if (rc)
			rc = err_set(err, rc, plan.tty ? "terminal" : "pipes");
	}
	if (!rc)
		rc = start(&plan, command, err);
	for (size_t i = 0; i < ARRAY_SIZE(plan.theirs); i++)
		close_fd(&plan.theirs[i]);
	command->in = plan.ours[0];
	command->out = plan.ours[1];
	command->errors = plan.ours[2];
	if (rc)
		agent_command_close(command);
	free(plan.argv);
	free(plan.env);
	return rc;
}

void agent_command_close(struct agent_command *command)
{
	close_fd(&command->pidfd);
	close_fd(&command->in);
	close_fd(&command->out);
	close_fd(&command->errors);
}
