/*
 * vsock_end.h - both ends of vsock connections in a test: the guest's, which
 * speaks packets, and the host's, which has unix sockets. One device under
 * test at a time: @rig.
 */
#pragma once

#include "test.h"
#include "vsock_rig.h"

#define STREAM VIRTIO_VSOCK_TYPE_STREAM
#define SEQPACKET VIRTIO_VSOCK_TYPE_SEQPACKET
#define BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)
#define ALL (~0ULL) /* features */

extern struct vsock_rig rig;

/** struct vsock_end - the guest's end of a connection: its ports, its credit */
struct vsock_end {
	uint32_t guest_port;
	uint32_t host_port;
	uint16_t type;
	uint32_t sent;
	uint32_t received;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
};

/** vsock_end_start() - make @rig for a test of run_on_engines(). */
void vsock_end_start(void **state, const struct virtio_vsock_options *options);

/*
 * The guest's end.
 */

/** vsock_end_packet() - fill a packet of this connection, without payload. */
void vsock_end_packet(struct vsock_packet *packet, const struct vsock_end *end,
		      uint16_t op);

/** vsock_end_send() - send one without payload. */
void vsock_end_send(const struct vsock_end *end, uint16_t op, uint32_t flags);

/** vsock_end_send_data() - send RW, whatever the credit. */
void vsock_end_send_data(struct vsock_end *end, const void *bytes, uint32_t len,
			 uint32_t flags);

/** vsock_end_send_within_credit() - send bytes of a pattern (of the number of
 * each byte) until the credit is used up or @max is reached. Return: bytes. */
uint32_t vsock_end_send_within_credit(struct vsock_end *end, uint32_t max);

/** vsock_end_credit_is_used_up() - may the guest send nothing? */
bool vsock_end_credit_is_used_up(const struct vsock_end *end);

/** vsock_end_book() - @packet must belong to @end: note its credit. */
void vsock_end_book(struct vsock_end *end, const struct vsock_packet *packet);

/** vsock_end_expect() - the next packet must be @op, of this connection. */
void vsock_end_expect(struct vsock_end *end, uint16_t op,
		      struct vsock_packet *packet);

/** vsock_end_expect_data() - the next packet must be RW with these bytes. */
void vsock_end_expect_data(struct vsock_end *end, const void *want,
			   uint32_t len);

/** guest_connects() - the guest connects to @port of the host. Return: the
 * socket that @listener gives. */
int guest_connects(struct vsock_end *end, uint32_t guest_port, uint32_t port,
		   uint16_t type, int listener);

/*
 * The host's end.
 */

/** host_listen() - listen on P_@port; non-blocking. */
int host_listen(uint32_t port, int type);

/** host_wait() - wait for poll() events, up to a minute. */
void host_wait(int fd, short events);

/** host_accept() - wait for a connection. */
int host_accept(int listener);

/** host_read() - read exactly @len bytes of a stream. */
void host_read(int fd, void *bytes, size_t len);

/** host_expect() - the next bytes must be this text. */
void host_expect(int fd, const char *want);

/** host_expect_eof() - the end of what comes, without a byte before it. */
void host_expect_eof(int fd);

/** host_client() - connect to P and @suffix. */
int host_client(const char *suffix, int type);

/** host_say() - send text. */
void host_say(int fd, const char *text);

/** host_connects() - a client of the host connects to @port of the guest,
 * which accepts. Return: the client. */
int host_connects(struct vsock_end *end, uint32_t port, int socket_type);

/*
 * Counters of the device.
 */

uint64_t refused(void);
uint64_t connections(void);

/** wait_connections() - wait until there are @want, up to a minute. */
void wait_connections(uint64_t want);
