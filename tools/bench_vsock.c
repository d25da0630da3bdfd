/* bench_vsock.c - packets a second from a guest to a unix socket of the host,
 * and round trips. */
#include "bench_vsock.h"

#include "bench_guest.h"
#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEMORY MIB(64)
#define PORT 5000 /* of bench-vsock */

static const struct load {
	const char *name;
	unsigned int chunk;
	bool echo;
} loads[] = {
	{"stream 4K", 4096, false},
	{"stream 64K", 65536, false},
	{"round trip 1", 1, true},
	{"round trip 4K", 4096, true},
};

static const char *const columns[] = {"lwx-vmm"};

/**
 * struct peer - the host's side of the stream
 * @listening: accepts the one connection
 * @echo:      sends everything back
 */
struct peer {
	int listening;
	bool echo;
};

static void *serve(void *arg)
{
	const struct peer *peer = arg;
	AUTO_CLOSE int fd = accept4(peer->listening, NULL, NULL, SOCK_CLOEXEC);
	AUTO_FREE char *buffer = malloc(KIB(64));
	ssize_t n;

	while (fd >= 0 && buffer && (n = read(fd, buffer, KIB(64))) > 0) {
		if (peer->echo &&
		    send(fd, buffer, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	return NULL;
}

static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1))
		return err_set(err, -errno, "%s", path);
	return steal_fd(&fd);
}

static int run_guest(struct bench_matrix *matrix, size_t row, size_t column,
		     const struct bench_load_options *opt, const char *path,
		     struct err *err)
{
	char cmdline[160];
	const struct bench_guest_config cfg = {
		.kernel = opt->payload,
		.cmdline = cmdline,
		.memory = MEMORY,
		.vsock = path,
	};

	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=bench-vsock chunk=%u echo=%d ticks=%.0f",
		       loads[row].chunk, loads[row].echo,
		       bench_tsc_hz() * opt->seconds);
	return bench_load_run(matrix, row, column, BENCH_LWX, &cfg, err);
}

static int run_cell(struct bench_matrix *matrix, size_t row, size_t column,
		    void *arg, struct err *err)
{
	char dir[] = "/tmp/lwx-bench-XXXXXX", path[48], port[64], messages[64];
	struct peer peer = {.echo = loads[row].echo};
	pthread_t thread;
	int rc;

	if (!mkdtemp(dir))
		return err_set(err, -errno, "%s", dir);
	(void)snprintf(path, sizeof(path), "%s/vsock", dir);
	(void)snprintf(port, sizeof(port), "%s_%d", path, PORT);
	(void)snprintf(messages, sizeof(messages), "%s.seqpacket", path);
	rc = peer.listening = listen_at(port, err);
	if (rc >= 0) {
		rc = -pthread_create(&thread, NULL, serve, &peer);
		if (!rc) {
			rc = run_guest(matrix, row, column, arg, path, err);
			/* Nobody may have called. */
			(void)shutdown(peer.listening, SHUT_RDWR);
			(void)pthread_join(thread, NULL);
		}
		(void)close(peer.listening); /* nothing to lose */
	}
	(void)unlink(port);
	(void)unlink(path); /* a VM that is killed leaves these two */
	(void)unlink(messages);
	(void)rmdir(dir);
	return rc;
}

int bench_vsock(const struct bench_load_options *opt, struct err *err)
{
	const char *rows[ARRAY_SIZE(loads)];
	struct bench_matrix matrix = {
		.title = "vsock packets a second",
		.cases = rows,
		.num_cases = ARRAY_SIZE(loads),
		.variants = columns,
		.num_variants = ARRAY_SIZE(columns),
	};
	struct bench_load_options options = *opt;

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		rows[i] = loads[i].name;
	return bench_load_rounds(opt, &matrix, run_cell, &options, err);
}
