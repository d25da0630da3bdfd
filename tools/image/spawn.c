/*
 * spawn.c - start a program and wait for it. See spawn.h.
 */
#include "spawn.h"

#include "cleanup.h"
#include "clock.h"
#include "interrupt.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 1024U
#define ENV_MAX 64U
#define GRACE_MS 5000 /* between SIGINT and SIGKILL */
#define STDERR_MAX 360U
#define LINES_TOLD 4U
#define SAFE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct spawn_child {
	pid_t pid; /* and process group */
	int pidfd;
	int err_fd; /* in memory: never full, so neither side waits for it */
	char name[64];
	char package[64];
};

/* The words in front of argv. */
static size_t prefix_make(const struct spawn *spawn, const char **argv)
{
	size_t num = 0;

	if (spawn->as == SPAWN_FAKEROOT) {
		argv[num++] = "fakeroot";
		argv[num++] = "--";
	}
	if (spawn->as != SPAWN_NAMESPACE && !spawn->no_network)
		return num;
	argv[num++] = "unshare";
	argv[num++] = "--user";
	if (spawn->as == SPAWN_NAMESPACE) {
		argv[num++] = "--map-root-user";
		argv[num++] = "--mount";
		argv[num++] = "--pid";
		argv[num++] = "--kill-child";
	} else {
		argv[num++] = "--map-current-user";
	}
	if (spawn->no_network)
		argv[num++] = "--net";
	argv[num++] = "--";
	return num;
}

static int argv_make(const struct spawn *spawn, const char **argv,
		     struct err *err)
{
	size_t num = prefix_make(spawn, argv);

	for (size_t i = 0; spawn->argv[i]; i++) {
		if (num + 1 >= ARGS_MAX)
			return err_setx(err, -E2BIG, "%s: too many arguments",
					spawn->argv[0]);
		argv[num++] = spawn->argv[i];
	}
	argv[num] = NULL;
	return 0;
}

/**
 * struct environment - what the program gets
 * @words: ends with NULL
 * @own:   those of them that were made here, room for their text
 */
struct environment {
	const char *words[ENV_MAX];
	char path[4096];
	char home[4096];
	char epoch[64];
};

static int env_make(const struct spawn *spawn, struct environment *env,
		    struct err *err)
{
	const char *path = getenv("PATH");
	const char *home = getenv("HOME");
	size_t num = 0;

	/* mkfs.* are in sbin, which a user's PATH may lack. */
	(void)snprintf(env->path, sizeof(env->path), "PATH=%s%s" SAFE_PATH,
		       path ? path : "", path ? ":" : "");
	(void)snprintf(env->home, sizeof(env->home), "HOME=%s",
		       home ? home : "/");
	(void)snprintf(env->epoch, sizeof(env->epoch), "SOURCE_DATE_EPOCH=%lld",
		       (long long)spawn->epoch);
	env->words[num++] = env->path;
	env->words[num++] = env->home;
	env->words[num++] = env->epoch;
	env->words[num++] = "LC_ALL=C";
	env->words[num++] = "TZ=UTC";
	for (size_t i = 0; spawn->env && spawn->env[i]; i++) {
		if (num + 1 >= ENV_MAX)
			return err_setx(err, -E2BIG, "%s: too many variables",
					spawn->argv[0]);
		env->words[num++] = spawn->env[i];
	}
	env->words[num] = NULL;
	return 0;
}

/* In the child: give it only the descriptors that it should have. */
static int fds_set(const struct spawn *spawn, int err_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int in = spawn->in ? spawn->in : null;
	int out = spawn->out ? spawn->out : null;

	if (null < 0)
		return -1;
	/* Away from 0 to 2, or one dup2() destroys the source of the next. */
	in = fcntl(in, F_DUPFD_CLOEXEC, 3);
	out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	err_fd = fcntl(err_fd, F_DUPFD_CLOEXEC, 3);
	if (in < 0 || out < 0 || err_fd < 0)
		return -1;
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err_fd, 2) < 0)
		return -1;
	for (size_t i = 0; i < spawn->keep_num; i++) {
		if (fcntl(spawn->keep[i], F_SETFD, 0) < 0)
			return -1;
	}
	return 0;
}

static void child_run(const struct spawn *spawn, const char **argv,
		      const char **env, pid_t parent, int err_fd)
{
	static const int defaults[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

	/* A killed script of fakeroot would leave its daemon behind. */
	int last = spawn->as == SPAWN_FAKEROOT ? SIGINT : SIGKILL;

	if (setpgid(0, 0) || prctl(PR_SET_PDEATHSIG, last) ||
	    getppid() != parent)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		(void)signal(defaults[i], SIG_DFL); /* valid numbers */
	interrupt_unblock();
	(void)umask(022);
	if (fds_set(spawn, err_fd))
		return;
	if (spawn->dir && chdir(spawn->dir))
		return;
	/* Neither is changed: exec's prototype is older than const. */
	(void)execvpe(argv[0], (char *const *)(uintptr_t)argv,
		      (char *const *)(uintptr_t)env);
}

static int child_fork(struct spawn_child *child, const struct spawn *spawn,
		      const char **argv, const char **env, struct err *err)
{
	AUTO_CLOSE int exec_read = -1;
	AUTO_CLOSE int exec_write = -1;
	pid_t parent = getpid();
	int pair[2];
	int code = 0;
	ssize_t n;

	child->err_fd = memfd_create("stderr", MFD_CLOEXEC);
	if (child->err_fd < 0)
		return err_set(err, -errno, "%s: stderr", child->name);
	if (pipe2(pair, O_CLOEXEC))
		return err_set(err, -errno, "%s: pipe", child->name);
	exec_read = pair[0];
	exec_write = pair[1];

	interrupt_block();
	child->pid = fork();
	if (child->pid == 0) {
		child_run(spawn, argv, env, parent, child->err_fd);
		code = errno ? errno : ECHILD;
		/* The parent sees the end of the pipe if this fails. */
		n = write(exec_write, &code, sizeof(code));
		_exit(n == sizeof(code) ? 127 : 126);
	}
	if (child->pid < 0 || interrupt_add_group(child->pid)) {
		code = child->pid < 0 ? -errno : -EAGAIN;
		interrupt_unblock();
		return err_set(err, code, "%s: start", child->name);
	}
	(void)setpgid(child->pid, child->pid); /* whoever comes first */
	interrupt_unblock();
	exec_write = (close(exec_write), -1);
	do
		n = read(exec_read, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(code))
		return 0;
	if (code != ENOENT)
		return err_set(err, -code, "%s: start", child->name);
	return err_setx(err, -ENOENT,
			*child->package
				? "%s: no such program: install the Debian "
				  "package %s"
				: "%s: no such program",
			argv[0], child->package);
}

static void child_destroy(struct spawn_child *child)
{
	if (child->pid > 0) {
		/* Not reaped yet, so the number cannot be another group's. */
		(void)kill(-child->pid, SIGKILL);
		interrupt_remove_group(child->pid);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (child->pidfd >= 0)
		(void)close(child->pidfd);
	if (child->err_fd >= 0)
		(void)close(child->err_fd);
	free(child);
}

int spawn_start(struct spawn_child **out, const struct spawn *spawn,
		struct err *err)
{
	struct spawn_child *child = calloc(1, sizeof(*child));
	const char **argv = calloc(ARGS_MAX, sizeof(*argv));
	struct environment *env = calloc(1, sizeof(*env));
	int rc;

	if (!child || !argv || !env) {
		rc = err_set(err, -ENOMEM, "%s", spawn->argv[0]);
		goto fail;
	}
	child->pidfd = -1;
	child->err_fd = -1;
	(void)snprintf(child->name, sizeof(child->name), "%s",
		       spawn->name ? spawn->name : spawn->argv[0]);
	(void)snprintf(child->package, sizeof(child->package), "%s",
		       spawn->package ? spawn->package : "");
	rc = interrupt_check(err);
	if (!rc)
		rc = argv_make(spawn, argv, err);
	if (!rc)
		rc = env_make(spawn, env, err);
	if (!rc)
		rc = child_fork(child, spawn, argv, env->words, err);
	if (rc)
		goto fail;
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0) {
		rc = err_set(err, -errno, "%s: watch", child->name);
		goto fail;
	}
	free(argv);
	free(env);
	*out = child;
	return 0;
fail:
	free(argv);
	free(env);
	if (child)
		child_destroy(child);
	return rc;
}

/* The last lines of its stderr in one line. */
static void last_words(const struct spawn_child *child, char *out, size_t size)
{
	char text[STDERR_MAX + 1];
	struct stat st;
	off_t from = 0;
	ssize_t len;
	char *at;

	out[0] = '\0';
	if (fstat(child->err_fd, &st) == 0 && st.st_size > STDERR_MAX)
		from = st.st_size - STDERR_MAX;
	len = pread(child->err_fd, text, STDERR_MAX, from);
	while (len > 0 && strchr("\n\r\t ", text[len - 1]))
		len--;
	if (len <= 0)
		return;
	text[len] = '\0';
	at = text + len;
	for (unsigned int lines = 0; at > text; at--) {
		if (at[-1] == '\n' && ++lines == LINES_TOLD)
			break;
	}
	for (char *c = at; *c; c++) {
		if ((unsigned char)*c < ' ')
			*c = *c == '\n' ? '|' : ' ';
	}
	(void)snprintf(out, size, ": %s", at);
}

/* Until it has ended; it stays a zombie, so its numbers stay its own. */
static int wait_end(struct spawn_child *child, siginfo_t *info, struct err *err)
{
	struct pollfd pollfd = {.fd = child->pidfd, .events = POLLIN};
	uint64_t deadline = 0;

	for (;;) {
		int n = poll(&pollfd, 1, deadline ? 100 : 1000);

		if (n < 0 && errno != EINTR)
			return err_set(err, -errno, "%s: wait", child->name);
		if (n > 0)
			break;
		if (!interrupt_signal())
			continue;
		if (!deadline)
			deadline = clock_ns() + GRACE_MS * 1000000ULL;
		/* Once more: a shell between two commands may have missed it.
		 */
		(void)kill(-child->pid,
			   clock_ns() < deadline ? SIGINT : SIGKILL);
	}
	if (waitid(P_PID, (id_t)child->pid, info, WEXITED | WNOWAIT))
		return err_set(err, -errno, "%s: wait", child->name);
	return 0;
}

int spawn_wait(struct spawn_child *child, struct err *err)
{
	char words[384];
	siginfo_t info;
	int rc;

	rc = wait_end(child, &info, err);
	if (!rc)
		rc = interrupt_check(err);
	if (!rc && (info.si_code != CLD_EXITED || info.si_status != 0)) {
		last_words(child, words, sizeof(words));
		rc = err_setx(err, -ECHILD,
			      info.si_code == CLD_EXITED
				      ? "%s failed (exit status %d)%s"
				      : "%s was killed by signal %d%s",
			      child->name, info.si_status, words);
	}
	child_destroy(child);
	return rc;
}

int spawn_run(const struct spawn *spawn, struct err *err)
{
	struct spawn_child *child = NULL;
	int rc = spawn_start(&child, spawn, err);

	return rc ? rc : spawn_wait(child, err);
}

int spawn_read(const struct spawn *spawn, char **text, size_t *size, size_t max,
	       struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("stdout", MFD_CLOEXEC);
	AUTO_FREE char *buf = NULL;
	struct spawn with_out = *spawn;
	struct stat st;
	size_t len;
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s: stdout", spawn->argv[0]);
	with_out.out = fd;
	rc = spawn_run(&with_out, err);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_set(err, -errno, "%s: stdout", spawn->argv[0]);
	len = (size_t)st.st_size;
	if (len > max)
		return err_setx(err, -EFBIG, "%s: wrote more than %zu bytes",
				spawn->argv[0], max);
	buf = malloc(len + 1);
	if (!buf)
		return err_set(err, -ENOMEM, "%s: stdout", spawn->argv[0]);
	if (pread(fd, buf, len, 0) != (ssize_t)len)
		return err_setx(err, -EIO, "%s: stdout: short read",
				spawn->argv[0]);
	buf[len] = '\0';
	*text = steal_ptr(&buf);
	if (size)
		*size = len;
	return 0;
}
