/* vsock_end.c - see vsock_end.h. */
#include "vsock_end.h"

#include "engines.h"
#include "macros.h"
#include "vsock_unix.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GUEST_BUFFER 262144U /* bytes of credit the device gets */
#define WAIT_MS 60000

struct vsock_rig rig;

void vsock_end_start(void **state, const struct virtio_vsock_options *options)
{
	vsock_rig_init(&rig, engine_kind(state), options);
	vsock_rig_start(&rig, ALL);
}

void vsock_end_packet(struct vsock_packet *packet, const struct vsock_end *end,
		      uint16_t op)
{
	memset(packet, 0, sizeof(*packet));
	packet->src_port = end->guest_port;
	packet->dst_port = end->host_port;
	packet->type = end->type;
	packet->op = op;
	packet->buf_alloc = GUEST_BUFFER;
	packet->fwd_cnt = end->received;
}

void vsock_end_send(const struct vsock_end *end, uint16_t op, uint32_t flags)
{
	static struct vsock_packet packet;

	vsock_end_packet(&packet, end, op);
	packet.flags = flags;
	vsock_rig_send(&rig, &packet);
}

void vsock_end_send_data(struct vsock_end *end, const void *bytes, uint32_t len,
			 uint32_t flags)
{
	static struct vsock_packet packet;

	vsock_end_packet(&packet, end, VIRTIO_VSOCK_OP_RW);
	packet.flags = flags;
	packet.len = len;
	memcpy(packet.payload, bytes, len);
	vsock_rig_send(&rig, &packet);
	end->sent += len;
}

void vsock_end_book(struct vsock_end *end, const struct vsock_packet *packet)
{
	assert_int_equal(packet->src_cid, 2);
	assert_int_equal(packet->src_port, end->host_port);
	assert_int_equal(packet->dst_port, end->guest_port);
	assert_int_equal(packet->type, end->type);
	end->peer_buf_alloc = packet->buf_alloc;
	end->peer_fwd_cnt = packet->fwd_cnt;
	if (packet->op == VIRTIO_VSOCK_OP_RW)
		end->received += packet->len;
}

void vsock_end_expect(struct vsock_end *end, uint16_t op,
		      struct vsock_packet *packet)
{
	vsock_rig_expect(&rig, op, packet);
	vsock_end_book(end, packet);
}

void vsock_end_expect_data(struct vsock_end *end, const void *want,
			   uint32_t len)
{
	struct vsock_packet packet;

	vsock_end_expect(end, VIRTIO_VSOCK_OP_RW, &packet);
	assert_int_equal(packet.len, len);
	assert_memory_equal(packet.payload, want, len);
}

int host_listen(uint32_t port, int type)
{
	char path[96];
	struct err err = {0};
	int fd;

	(void)snprintf(path, sizeof(path), "%s_%u", rig.path, port);
	fd = vsock_unix_listen(path, type, &err);
	if (fd < 0)
		fail_msg("%s", err.msg);
	return fd;
}

void host_wait(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
}

int host_accept(int listener)
{
	int fd;

	host_wait(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Read exactly @len bytes of a stream. */
void host_read(int fd, void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n;

		host_wait(fd, POLLIN);
		n = read(fd, (char *)bytes + done, len - done);
		assert_true(n > 0);
		done += (size_t)n;
	}
}

void host_expect(int fd, const char *want)
{
	char have[256];

	assert_true(strlen(want) <= sizeof(have));
	host_read(fd, have, strlen(want));
	assert_memory_equal(have, want, strlen(want));
}

/* The end of what comes, without a byte before it. */
void host_expect_eof(int fd)
{
	char byte;
	ssize_t n;

	host_wait(fd, POLLIN);
	n = read(fd, &byte, 1);
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* The guest connects to @port of the host. */
int guest_connects(struct vsock_end *end, uint32_t guest_port, uint32_t port,
		   uint16_t type, int listener)
{
	struct vsock_packet packet;

	*end = (struct vsock_end){
		.guest_port = guest_port, .host_port = port, .type = type};
	vsock_end_send(end, VIRTIO_VSOCK_OP_REQUEST, 0);
	vsock_end_expect(end, VIRTIO_VSOCK_OP_RESPONSE, &packet);
	return host_accept(listener);
}

int host_client(const char *suffix, int type)
{
	char path[96];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)snprintf(path, sizeof(path), "%s%s", rig.path, suffix);
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void host_say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

/* A client of the host connects to @port of the guest, which accepts. */
int host_connects(struct vsock_end *end, uint32_t port, int socket_type)
{
	bool stream = socket_type == SOCK_STREAM;
	int fd = host_client(stream ? "" : ".seqpacket", socket_type);
	struct vsock_packet packet;
	char line[32];

	(void)snprintf(line, sizeof(line), "CONNECT %u\n", port);
	host_say(fd, line);
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_REQUEST, &packet);
	assert_int_equal(packet.dst_port, port);
	assert_in_range(packet.src_port, 1U << 30, (1U << 31) - 1);
	*end = (struct vsock_end){
		.guest_port = port,
		.host_port = packet.src_port,
		.type = stream ? STREAM : SEQPACKET,
	};
	vsock_end_book(end, &packet);
	vsock_end_send(end, VIRTIO_VSOCK_OP_RESPONSE, 0);
	(void)snprintf(line, sizeof(line), "OK %u\n", packet.src_port);
	host_expect(fd, line);
	return fd;
}

uint64_t refused(void)
{
	struct virtio_vsock_stats stats;

	virtio_vsock_stats(rig.rig.dev, &stats);
	return stats.refused;
}

uint64_t connections(void)
{
	struct virtio_vsock_stats stats;

	virtio_vsock_stats(rig.rig.dev, &stats);
	return stats.connections;
}

void wait_connections(uint64_t want)
{
	for (unsigned int i = 0; i < WAIT_MS && connections() != want; i++)
		(void)usleep(1000);
	assert_int_equal(connections(), want);
}

/* Send as the credit allows; returns when it is used up or @max is reached. */
uint32_t vsock_end_send_within_credit(struct vsock_end *end, uint32_t max)
{
	struct vsock_packet packet;
	uint32_t before = end->sent;

	vsock_end_packet(&packet, end, VIRTIO_VSOCK_OP_RW);
	while (end->sent - before < max) {
		uint32_t room =
			end->peer_buf_alloc - (end->sent - end->peer_fwd_cnt);

		room = MIN(room, max - (end->sent - before));
		packet.len = MIN(room, VSOCK_RIG_PAYLOAD);
		if (packet.len == 0)
			break;
		for (uint32_t i = 0; i < packet.len; i++)
			packet.payload[i] = (uint8_t)((end->sent + i) * 13 +
						      ((end->sent + i) >> 8));
		vsock_rig_send(&rig, &packet);
		end->sent += packet.len;
		while (vsock_rig_try_recv(&rig, &packet)) {
			vsock_end_book(end, &packet);
			vsock_end_packet(&packet, end, VIRTIO_VSOCK_OP_RW);
		}
	}
	return end->sent - before;
}

bool vsock_end_credit_is_used_up(const struct vsock_end *end)
{
	return end->sent - end->peer_fwd_cnt == end->peer_buf_alloc;
}
