/*
 * host_network_keeper.c - the process that stays with a network until its last
 * user has gone, see host_network.h. One thread.
 */
#include "host_network_priv.h"

#include "cleanup.h"
#include "host_facts.h"
#include "host_program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>

#define READY_MS 5000
#define READY_STEP_MS 5
#define AGAIN_MS 1000

/**
 * struct keeper - the process
 * @bridge:    its network
 * @dir:       directory of the network
 * @lock:      tells that we are there
 * @users:     FIFO
 * @signal_fd: SIGCHLD
 * @dnsmasq:   its process, or 0
 * @wanted:    there is something to do for dnsmasq
 */
struct keeper {
	struct vm_registry *reg;
	char bridge[16];
	int dir;
	int lock;
	int users;
	int signal_fd;
	pid_t dnsmasq;
	bool wanted;
};

static void close_others(const int *kept, size_t num)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		bool keep = fd <= STDERR_FILENO || fd == dirfd(d);

		for (size_t i = 0; i < num; i++)
			keep |= fd == kept[i];
		if (!keep)
			(void)close(fd);
	}
	if (d)
		(void)closedir(d);
}

/* Return: text to be freed, or NULL. */
static char *conf_option(const struct vm_registry *reg, const char *bridge)
{
	char *option;

	if (asprintf(&option, "--conf-file=%s/networks/%s/dnsmasq.conf",
		     reg->root, bridge) < 0)
		return NULL;
	return option;
}

/* Is it the process that reads our file? */
static bool is_dnsmasq(pid_t pid, const char *option)
{
	char path[32], text[2048] = "";
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	return n > 0 && memmem(text, (size_t)n, option, strlen(option) + 1);
}

/* It changes its user, so no signal of the kernel can tell it of our end. The
 * pidfd keeps what is compared and what is killed the same. */
void network_end_dnsmasq(struct vm_registry *reg, int dir, const char *bridge)
{
	AUTO_CLOSE int file =
		openat(dir, "dnsmasq.pid", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FREE char *option = conf_option(reg, bridge);
	char text[16] = "";
	AUTO_CLOSE int pidfd = -1;
	pid_t pid;

	if (!option || file < 0 || read(file, text, sizeof(text) - 1) <= 0)
		return;
	pid = (pid_t)strtol(text, NULL, 10);
	pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd < 0 || !is_dnsmasq(pid, option))
		return;
	if (!syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0))
		(void)poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1,
			   READY_MS);
}

static void exec_dnsmasq(const char *path, const char *conf, int said)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)dup2(said, STDERR_FILENO);
	(void)execl(path, "dnsmasq", "--keep-in-foreground", conf,
		    (char *)NULL);
	_exit(EXIT_FAILURE);
}

/* Its process id is written when its sockets are open. */
static int wait_ready(struct keeper *k, int said, struct err *err)
{
	char text[256];

	for (int ms = 0; ms < READY_MS; ms += READY_STEP_MS) {
		if (!faccessat(k->dir, "dnsmasq.pid", F_OK, 0))
			return 0;
		if (waitpid(k->dnsmasq, NULL, WNOHANG) == k->dnsmasq) {
			k->dnsmasq = 0;
			return err_setx(err, -EIO, "dnsmasq failed: %s",
					host_program_complaint(said, text,
							       sizeof(text)));
		}
		(void)poll(NULL, 0, READY_STEP_MS);
	}
	return err_setx(err, -ETIMEDOUT, "dnsmasq does not get ready");
}

static const char *dnsmasq_user(void)
{
	if (getpwnam("dnsmasq"))
		return "dnsmasq";
	return getpwnam("nobody") ? "nobody" : "root";
}

/* A configuration for the members there are. The registry's lock is held, or
 * whoever holds it waits for us. */
static int configure(struct keeper *k, struct err *err)
{
	struct network_state state;
	AUTO_FREE char *conf = NULL;
	char dir[PATH_MAX + 32];
	int rc = network_state_load(&state, k->dir, k->bridge);

	(void)snprintf(dir, sizeof(dir), "%s/networks/%s", k->reg->root,
		       k->bridge);
	k->wanted = !rc && network_needs_dnsmasq(&state);
	if (k->wanted)
		conf = network_dnsmasq(&state, dir, dnsmasq_user());
	network_state_fini(&state);
	if (!k->wanted)
		return rc;
	rc = conf ? vm_registry_write(k->dir, "dnsmasq.conf", conf,
				      strlen(conf))
		  : -ENOMEM;
	return rc ? err_set(err, rc, "dnsmasq.conf") : 0;
}

static int start_dnsmasq(struct keeper *k, struct err *err)
{
	AUTO_CLOSE int said = memfd_create("lwx-dnsmasq", MFD_CLOEXEC);
	AUTO_FREE char *conf = conf_option(k->reg, k->bridge);
	char path[HOST_FACTS_PATH_SIZE];

	if (!host_facts_find_program("dnsmasq", path))
		return err_setx(err, -ENOENT,
				"dnsmasq is not installed: apt-get install "
				"dnsmasq-base");
	if (!conf)
		return err_set(err, -ENOMEM, "dnsmasq");
	network_end_dnsmasq(k->reg, k->dir, k->bridge);
	(void)unlinkat(k->dir, "dnsmasq.pid", 0);
	k->dnsmasq = fork();
	if (k->dnsmasq < 0)
		return err_set(err, -errno, "dnsmasq");
	if (!k->dnsmasq)
		exec_dnsmasq(path, conf, said);
	return wait_ready(k, said, err);
}

static void stop_dnsmasq(struct keeper *k)
{
	if (k->dnsmasq <= 0)
		return;
	(void)kill(k->dnsmasq, SIGKILL); /* it keeps nothing */
	while (waitpid(k->dnsmasq, NULL, 0) < 0 && errno == EINTR)
		;
	k->dnsmasq = 0;
}

static void restart_dnsmasq(struct keeper *k)
{
	struct err err;

	stop_dnsmasq(k);
	if (k->wanted && start_dnsmasq(k, &err)) {
		syslog(LOG_WARNING, "network %s: %s", k->bridge, err.msg);
		stop_dnsmasq(k);
	}
}

static void take_news(struct keeper *k)
{
	AUTO_CLOSE int lock = -1;
	struct err err;
	char bytes[64];

	while (read(k->users, bytes, sizeof(bytes)) > 0)
		;
	lock = vm_registry_lock(k->reg, &err);
	if (lock < 0 || configure(k, &err))
		syslog(LOG_WARNING, "network %s: %s", k->bridge, err.msg);
	else
		restart_dnsmasq(k);
}

static void reap(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == sizeof(info))
		;
	if (k->dnsmasq > 0 && waitpid(k->dnsmasq, NULL, WNOHANG) == k->dnsmasq)
		k->dnsmasq = 0; /* in a second again */
}

/* Return: has it gone? */
static bool take_away(struct keeper *k)
{
	AUTO_CLOSE int lock = vm_registry_lock(k->reg, NULL);

	if (lock >= 0 && network_is_used(k->dir))
		return false; /* somebody came */
	stop_dnsmasq(k);
	network_link_remove(k->bridge);
	network_forget(k->reg, k->dir, k->bridge);
	return true;
}

static void loop(struct keeper *k)
{
	struct pollfd pfds[] = {
		{.fd = k->users, .events = POLLIN},
		{.fd = k->signal_fd, .events = POLLIN},
	};
	bool down;

	for (;;) {
		down = k->wanted && !k->dnsmasq;
		if (poll(pfds, 2, down ? AGAIN_MS : -1) == 0)
			restart_dnsmasq(k);
		if (pfds[1].revents)
			reap(k);
		if (pfds[0].revents & POLLIN)
			take_news(k);
		else if ((pfds[0].revents & POLLHUP) && take_away(k))
			return;
	}
}

static int set_up(struct keeper *k, struct err *err)
{
	sigset_t set;
	int rc;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &set, NULL))
		return err_set(err, -errno, "signals");
	k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k->signal_fd < 0)
		return err_set(err, -errno, "signalfd");
	rc = configure(k, err);
	return rc || !k->wanted ? rc : start_dnsmasq(k, err);
}

static void leave_caller(const struct keeper *k, int report)
{
	const int kept[] = {
		k->dir,		k->lock,
		k->users,	k->reg->root_fd,
		k->reg->vms_fd, k->reg->claims_fd,
		report,		k->reg->networks_fd,
	};
	int null;

	(void)setsid(); /* a new process cannot lead a group */
	(void)prctl(PR_SET_NAME, "lwx-network");
	close_others(kept, sizeof(kept) / sizeof(kept[0]));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (null >= 0)
		(void)close(null);
	(void)!chdir("/"); /* all paths are absolute */
	closelog();
	openlog("lwx-vm", LOG_PID, LOG_DAEMON);
}

/* @report: told the reason, or nothing. Whoever made us takes the network away
 * if there is a reason. */
static void run(struct keeper *k, int report)
{
	struct err err = {0};
	int rc;

	leave_caller(k, report);
	rc = set_up(k, &err);
	if (rc && write(report, err.msg, strlen(err.msg)) < 0)
		syslog(LOG_WARNING, "network %s: %s", k->bridge, err.msg);
	if (rc)
		stop_dnsmasq(k);
	(void)close(report);
	if (!rc)
		loop(k);
	_exit(rc ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Twice, so that it is nobody's child. */
static int fork_away(struct keeper *k, int report, struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, -errno, "network: fork");
	if (!pid) {
		pid = fork();
		if (!pid)
			run(k, report);
		_exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

int network_keeper_start(struct vm_registry *reg, int dir, const char *bridge,
			 struct err *err)
{
	struct keeper k = {.reg = reg, .dir = dir};
	AUTO_CLOSE int lock = openat(
		dir, "keeper", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	AUTO_CLOSE int users = openat(
		dir, "users", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int reader = -1;
	char text[256];
	int pipe_fds[2], rc;
	ssize_t n;

	if (lock < 0 || users < 0 || flock(lock, LOCK_EX | LOCK_NB))
		return err_set(err, -errno, "network: keeper");
	if (pipe2(pipe_fds, O_CLOEXEC))
		return err_set(err, -errno, "network: pipe");
	reader = pipe_fds[0];
	(void)snprintf(k.bridge, sizeof(k.bridge), "%s", bridge);
	k.lock = lock;
	k.users = users;
	rc = fork_away(&k, pipe_fds[1], err);
	(void)close(pipe_fds[1]);
	if (rc)
		return rc;
	while ((n = read(reader, text, sizeof(text) - 1)) < 0 && errno == EINTR)
		;
	text[n > 0 ? n : 0] = '\0';
	return n ? err_setx(err, -EIO, "%s", text) : 0;
}
