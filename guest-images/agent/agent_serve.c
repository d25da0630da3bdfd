/* agent_serve.c - listen, tell the host, a process for each connection. */
#include "agent.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define BACKLOG 64
#define SESSIONS_MAX 512

#define READY "ready" /* in the folder of lwx-init */

/*
 * @options:  as given
 * @signals:  signalfd
 * @watch:    inotify(7) on the folder of lwx-init until the host is told, or -1
 * @listener: connections of the host
 * @host:     connection on which we told it that we serve, or -1
 * @sessions: processes that serve one each
 * @num:      of them
 */
struct server {
	const struct agent_options *options;
	int signals;
	int watch;
	int listener;
	int host;
	pid_t sessions[SESSIONS_MAX];
	unsigned int num;
	bool over;
};

static int listen_vsock(struct err *err)
{
	const struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_port = AGENT_PORT,
		.svm_cid = VMADDR_CID_ANY,
	};
	AUTO_CLOSE int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_set(err, -errno, "vsock");
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, BACKLOG))
		return err_set(err, -errno, "vsock port %d", AGENT_PORT);
	return steal_fd(&fd);
}

static int listen_unix(const char *path, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_set(err, -errno, "unix socket");
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "%s", path);
	(void)strcpy(addr.sun_path, path);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, BACKLOG))
		return err_set(err, -errno, "%s", path);
	return steal_fd(&fd);
}

static uint64_t uptime_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* When process 1 began: field 22 of its stat, in ticks. */
static uint64_t process_one_us(void)
{
	char line[1024];
	FILE *file = fopen("/proc/1/stat", "re");
	size_t n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	const char *at;
	unsigned long long ticks = 0;

	if (file)
		(void)fclose(file);
	line[n] = '\0';
	at = strrchr(line, ')'); /* its name may hold anything */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoull(at + 1, NULL, 10);
	return ticks * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

/* Whole lines of the first AGENT_BOOT_MAX bytes. Return: bytes. */
static size_t read_boot(const char *run_dir, char *text)
{
	char path[256];
	size_t n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/boot", run_dir);
	file = fopen(path, "re");
	if (file) {
		n = fread(text, 1, AGENT_BOOT_MAX, file);
		(void)fclose(file);
	}
	while (n && text[n - 1] != '\n')
		n--;
	return n;
}

/* The host may listen or not. The connection stays: its end tells of ours. */
static void tell_host(struct server *server)
{
	const struct agent_options *options = server->options;
	const struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_port = AGENT_PORT,
		.svm_cid = VMADDR_CID_HOST,
	};
	AUTO_CLOSE int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t frame[256 + AGENT_BOOT_MAX];
	char boot[AGENT_BOOT_MAX];
	struct agent_message msg;
	char hostname[65];
	size_t boot_len;
	int len;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return;
	agent_message_init(&msg, AGENT_READY);
	agent_put_number(&msg, AGENT_INIT_US,
			 options->init_us ? options->init_us
					  : process_one_us());
	agent_put_number(&msg, AGENT_READY_US, uptime_us());
	if (!gethostname(hostname, sizeof(hostname)) &&
	    memchr(hostname, 0, sizeof(hostname)))
		agent_put_string(&msg, AGENT_HOSTNAME, hostname);
	boot_len = read_boot(options->run_dir, boot);
	if (boot_len)
		agent_put_bytes(&msg, AGENT_BOOT, boot, boot_len);
	len = agent_message_encode(&msg, frame, sizeof(frame));
	if (len > 0 && send(fd, frame, (size_t)len, MSG_NOSIGNAL) == len)
		server->host = steal_fd(&fd);
}

static bool is_ready(const struct server *server)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/" READY,
		       server->options->run_dir);
	return access(path, F_OK) == 0;
}

static void stop_watching(struct server *server)
{
	if (server->watch >= 0)
		(void)close(server->watch);
	server->watch = -1;
}

/* First the watch, then a look: so that nothing is missed. */
static void tell_when_ready(struct server *server)
{
	if (server->options->unix_path)
		return;
	if (server->options->wait) {
		server->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (inotify_add_watch(server->watch, server->options->run_dir,
				      IN_CREATE | IN_MOVED_TO) >= 0 &&
		    !is_ready(server))
			return;
	}
	stop_watching(server);
	tell_host(server);
}

static void look_again(struct server *server)
{
	char events[4096];

	(void)!read(server->watch, events, sizeof(events)); /* any will do */
	if (!is_ready(server))
		return;
	stop_watching(server);
	tell_host(server);
}

/* Orphans become children of process 1, which we may be. */
static void reap(struct server *server)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (unsigned int i = 0; i < server->num; i++)
			if (server->sessions[i] == pid) {
				server->num--;
				server->sessions[i] =
					server->sessions[server->num];
				break;
			}
}

static void take_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(server);
	else
		server->over = true;
}

/* Vsock has no namespaces: a container of the guest could reach us by the
 * kernel's loopback, and be root by us. Return: the connection, or -1. */
static int accept_host(const struct server *server)
{
	struct sockaddr_vm peer = {0};
	socklen_t len = sizeof(peer);
	int fd;

	if (server->options->unix_path)
		return accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
	fd = accept4(server->listener, (struct sockaddr *)&peer, &len,
		     SOCK_CLOEXEC);
	if (fd < 0 || peer.svm_cid == VMADDR_CID_HOST)
		return fd;
	(void)close(fd);
	return -1;
}

static void take_connection(struct server *server)
{
	int fd = accept_host(server);
	sigset_t none;
	pid_t pid;

	if (fd < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)close(server->listener);
		(void)close(server->signals);
		if (server->host >= 0)
			(void)close(server->host);
		stop_watching(server);
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		agent_session(fd, server->options);
		_exit(0);
	}
	if (pid > 0)
		server->sessions[server->num++] = pid;
	(void)close(fd);
}

static int take_signals(struct server *server, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	server->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signals < 0 ? err_set(err, -errno, "signalfd") : 0;
}

static void serve(struct server *server)
{
	struct pollfd fds[] = {
		{.fd = server->signals, .events = POLLIN},
		{.events = POLLIN},
		{.events = POLLIN},
	};

	while (!server->over) {
		bool full = server->num == SESSIONS_MAX;

		fds[1].fd = full ? -1 : server->listener;
		fds[2].fd = server->watch;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue; /* EINTR */
		if (fds[0].revents)
			take_signal(server);
		if (fds[1].revents)
			take_connection(server);
		if (fds[2].revents)
			look_again(server);
	}
}

int agent_serve(const struct agent_options *options, struct err *err)
{
	struct server server = {
		.options = options,
		.signals = -1,
		.watch = -1,
		.listener = -1,
		.host = -1,
	};
	int rc = take_signals(&server, err);

	if (rc)
		return rc;
	server.listener = options->unix_path
				  ? listen_unix(options->unix_path, err)
				  : listen_vsock(err);
	if (server.listener >= 0) {
		tell_when_ready(&server);
		serve(&server);
		stop_watching(&server);
		(void)close(server.listener);
	}
	if (server.host >= 0)
		(void)close(server.host);
	(void)close(server.signals);
	return server.listener < 0 ? server.listener : 0;
}
