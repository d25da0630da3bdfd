/*
 * fuzz_vsock_device.c - packets of a hostile guest against the socket device,
 * with clients and listeners of the host that come, talk and go.
 *
 * Input: commands of 8 bytes, see run_command(). However it ends, a reset
 * leaves no connection behind.
 */
#include "fake_engine.h"
#include "log.h"
#include "macros.h"
#include "vsock_rig.h"
#include "vsock_unix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 64U
#define SOCKETS 4U
#define LISTENERS 2U
#define NAPS_MAX 2U /* they cost real time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vsock_rig rig;
static int listeners[LISTENERS];
static int sockets[SOCKETS]; /* the host's ends, -1: none */
static unsigned int next_socket;
static unsigned int naps;
static uint32_t asked_port; /* host port of the last REQUEST to the guest */

/* The listeners are watched to the end: only the files go. */
static void tear_down(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", rig.dir);
	if (system(command) != 0)
		abort();
}

static void set_up(void)
{
	static const int types[LISTENERS] = {SOCK_STREAM, SOCK_SEQPACKET};
	const struct virtio_vsock_options options = {
		.handshake_ms = 1, .request_ms = 1, .shutdown_ms = 1};

	log_init("", LOG_LEVEL_ERR);
	vsock_rig_init(&rig, IO_ENGINE_AUTO, &options);
	(void)atexit(tear_down);
	for (uint32_t i = 0; i < LISTENERS; i++) {
		char path[96];

		(void)snprintf(path, sizeof(path), "%s_%u", rig.path, i);
		listeners[i] = vsock_unix_listen(path, types[i], NULL);
		if (listeners[i] < 0)
			abort();
	}
	for (unsigned int i = 0; i < SOCKETS; i++)
		sockets[i] = -1;
}

static void keep_socket(int fd)
{
	int *place = &sockets[next_socket++ % SOCKETS];

	if (fd < 0)
		return;
	if (*place >= 0)
		(void)close(*place);
	*place = fd;
}

static void guest_packet(const uint8_t *c)
{
	static const uint32_t credits[] = {0, 1, 4096, 262144, UINT32_MAX};
	static struct vsock_packet packet;

	packet.src_port = 10 + (c[1] & 1);
	packet.dst_port = (c[1] & 2) != 0 ? asked_port : (c[1] >> 2) & 3U;
	packet.type = c[2] & 3;
	packet.op = c[3] % 10;
	packet.flags = c[4] & 3;
	packet.buf_alloc = credits[c[5] % ARRAY_SIZE(credits)];
	packet.fwd_cnt = c[6];
	packet.len = c[7] * 8U;
	memset(packet.payload, c[7], packet.len);
	(void)vsock_rig_try_send(&rig, &packet);
}

static void client(const uint8_t *c)
{
	static const char *const lines[] = {"CONNECT 10\n", "connect 11\nhello",
					    "CONN", "bad\n"};
	const char *line = lines[c[2] & 3];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	bool stream = (c[1] & 1) == 0;
	int fd = socket(AF_UNIX,
			(stream ? SOCK_STREAM : SOCK_SEQPACKET) |
				SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s%s",
		       rig.path, stream ? "" : ".seqpacket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		(void)send(fd, line, strlen(line), MSG_NOSIGNAL);
	keep_socket(fd);
}

static void host_action(const uint8_t *c)
{
	static uint8_t bytes[80000];
	int fd = sockets[c[1] % SOCKETS];

	if (fd < 0)
		return;
	switch (c[2] % 5) {
	case 0:
		(void)send(fd, bytes, c[3] * 300UL,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 1:
		(void)recv(fd, bytes, 1 + c[3] * 270UL, MSG_DONTWAIT);
		break;
	case 2:
		(void)shutdown(fd, c[3] % 3);
		break;
	case 3:
		(void)close(fd);
		sockets[c[1] % SOCKETS] = -1;
		break;
	default:
		keep_socket(accept4(listeners[c[3] % LISTENERS], NULL, NULL,
				    SOCK_NONBLOCK | SOCK_CLOEXEC));
		break;
	}
}

/* Let all deadlines that are set now pass, and the timer that looks for them
 * fire once: it is armed 100 ms ahead. */
static void pass_time(void)
{
	struct timespec ts;

	if (naps++ >= NAPS_MAX)
		return;
	(void)usleep(1100);
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	fake_engine_set_time(rig.rig.engine,
			     (uint64_t)ts.tv_sec * 1000000000ULL +
				     (uint64_t)ts.tv_nsec + 100000000ULL);
}

static void run_command(const uint8_t *c)
{
	static struct vsock_packet packet;

	switch (c[0] % 5) {
	case 0:
	case 1:
		guest_packet(c);
		break;
	case 2:
		client(c);
		break;
	case 3:
		host_action(c);
		break;
	default:
		pass_time();
		break;
	}
	fake_engine_settle(rig.rig.engine);
	while (vsock_rig_try_recv(&rig, &packet)) {
		if (packet.op == VIRTIO_VSOCK_OP_REQUEST)
			asked_port = packet.src_port;
		fake_engine_settle(rig.rig.engine);
	}
}

static void clean_up(void)
{
	struct virtio_vsock_stats stats;

	fake_driver_reset(&rig.rig.driver);
	fake_engine_settle(rig.rig.engine);
	for (unsigned int i = 0; i < SOCKETS; i++) {
		if (sockets[i] >= 0)
			(void)close(sockets[i]);
		sockets[i] = -1;
	}
	for (unsigned int i = 0; i < LISTENERS; i++) {
		int fd;

		while ((fd = accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC)) >=
		       0)
			(void)close(fd);
	}
	fake_engine_settle(rig.rig.engine);
	virtio_vsock_stats(rig.rig.dev, &stats);
	if (stats.connections != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (rig.rig.dev == NULL)
		set_up();
	asked_port = 0;
	naps = 0;
	vsock_rig_start(&rig, ~0ULL);
	for (unsigned int i = 0; i < COMMANDS_MAX && size >= 8; i++) {
		run_command(data);
		data += 8;
		size -= 8;
	}
	clean_up();
	return 0;
}
