/*
 * vsock_conn.h - one vsock connection: its unix socket, its credit, and the
 * bytes the host has not taken yet. Knows nothing of virtqueues.
 *
 * Thread rule: everything on the I/O thread. Nothing blocks.
 *
 * The guest may send VSOCK_BUF_ALLOC bytes beyond what the host's socket has
 * taken; those wait in a ring that is allocated when a reader is first too
 * slow. So a slow reader costs memory of its own connection and nobody's time.
 */
#pragma once

#include "io_engine.h"
#include "vsock_unix.h"

#include <linux/virtio_vsock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VSOCK_BUF_ALLOC 65536U	 /* bytes: credit the guest gets */
#define VSOCK_MESSAGE_MAX 65536U /* bytes: longest message from the host */

enum vsock_state {
	VSOCK_HANDSHAKE,  /* host's client: its CONNECT line is awaited */
	VSOCK_REQUESTED,  /* host's client: the guest's RESPONSE is awaited */
	VSOCK_CONNECTING, /* guest's: the listener's backlog is full, retry */
	VSOCK_OPEN,
	VSOCK_FLUSHING, /* over for the guest, the host still reads */
	VSOCK_CLOSED,	/* waits for the end of its watch */
};

/* Packets a connection owes to the guest, in the order they are sent. */
enum vsock_owed {
	VSOCK_OWE_REQUEST = 1 << 0,
	VSOCK_OWE_RESPONSE = 1 << 1,
	VSOCK_OWE_CREDIT_UPDATE = 1 << 2,
	VSOCK_OWE_CREDIT_REQUEST = 1 << 3,
	VSOCK_OWE_SHUTDOWN = 1 << 4,
};

/**
 * struct vsock_ring - bytes that wait for the host
 * @bytes:   @size bytes, NULL until needed
 * @at:      where the first byte is
 * @len:     bytes in the ring
 * @partial: messages: bytes at the end that belong to a message still coming
 *           in, its length field included; 0 if none
 */
struct vsock_ring {
	uint8_t *bytes;
	size_t size;
	size_t at;
	size_t len;
	size_t partial;
};

/**
 * struct vsock_conn - one connection
 * @watch:     edge-triggered watch of @fd
 * @watching:  @watch is under way
 * @owner:     the device
 * @hash_next: same bucket
 * @prev:      list of all connections
 * @next:      likewise
 * @ready_next: line of those with something for the guest
 * @ready:     stands in that line
 * @state:     see enum vsock_state
 * @type:      VIRTIO_VSOCK_TYPE_*
 * @fd:        unix socket, -1 while CONNECTING
 * @file:      engine slot of @fd, -1 if none
 * @guest_port: the guest's end
 * @host_port: our end
 * @deadline_ns: CLOCK_MONOTONIC at which it is given up, 0: never
 * @owed:      enum vsock_owed
 * @readable:  a read may find something
 * @writable:  a write may be taken
 * @host_eof:  the host will send nothing more
 * @host_deaf: the host takes nothing more
 * @guest_shut: VIRTIO_VSOCK_SHUTDOWN_* flags the guest has sent
 * @told_shut: those we have sent or owe
 * @peer_buf_alloc: the guest's buffer, bytes
 * @peer_fwd_cnt: bytes the guest has taken out of it
 * @tx_cnt:    bytes we have sent to the guest
 * @rx_cnt:    bytes the guest has sent to us
 * @fwd_cnt:   of those, taken by the host
 * @told_fwd_cnt: @fwd_cnt as the guest knows it
 * @asked:     a CREDIT_REQUEST was sent since credit ran out
 * @to_host:   bytes that wait for the host
 * @message:   from the host, being sent to the guest; NULL until needed
 * @message_at: next byte of @message to send
 * @message_len: bytes of it, 0: none
 * @line:      CONNECT line as far as it has come
 * @line_len:  bytes of @line
 */
struct vsock_conn {
	struct io_op watch;
	bool watching;
	void *owner;
	struct vsock_conn *hash_next;
	struct vsock_conn *prev;
	struct vsock_conn *next;
	struct vsock_conn *ready_next;
	bool ready;
	enum vsock_state state;
	uint16_t type;
	int fd;
	int file;
	uint32_t guest_port;
	uint32_t host_port;
	uint64_t deadline_ns;
	uint32_t owed;
	bool readable;
	bool writable;
	bool host_eof;
	bool host_deaf;
	bool asked;
	uint32_t guest_shut;
	uint32_t told_shut;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t tx_cnt;
	uint32_t rx_cnt;
	uint32_t fwd_cnt;
	uint32_t told_fwd_cnt;
	struct vsock_ring to_host;
	uint8_t *message;
	size_t message_at;
	size_t message_len;
	char line[VSOCK_UNIX_LINE_MAX];
	size_t line_len;
};

/** vsock_conn_peer_free() - Return: bytes the guest has room for. */
uint32_t vsock_conn_peer_free(const struct vsock_conn *conn);

/** vsock_conn_own_free() - Return: bytes the guest may still send. */
uint32_t vsock_conn_own_free(const struct vsock_conn *conn);

/**
 * vsock_conn_read_line() - take bytes of the CONNECT line, none behind it
 *
 * Return: 1 if the line is complete, 0 if more has to come, -EPROTO if it is
 * too long, -ECONNRESET if the client is gone.
 */
int vsock_conn_read_line(struct vsock_conn *conn);

/**
 * vsock_conn_to_host() - bytes from the guest
 * @iov:  @len bytes in all, inside the credit; used up
 * @last: they end a message (SEQPACKET)
 *
 * What the socket does not take waits. Return: 0; -ENOMEM; -EPIPE if the host
 * is gone.
 */
int vsock_conn_to_host(struct vsock_conn *conn, struct iovec *iov,
		       unsigned int iovcnt, uint32_t len, bool last);

/** vsock_conn_flush() - offer the socket what waits. Return: 0, also if
 * something is left, or -EPIPE. */
int vsock_conn_flush(struct vsock_conn *conn);

/** vsock_conn_deafen() - the host takes nothing more: forget what waits. */
void vsock_conn_deafen(struct vsock_conn *conn);

/**
 * vsock_conn_from_host() - bytes for the guest
 * @iov:  where to
 * @max:  at most so many bytes, not 0
 * @last: set if they end a message
 *
 * Return: bytes; 0 at the end of what the host sends; -EAGAIN if there is
 * nothing now; -EMSGSIZE for a message over VSOCK_MESSAGE_MAX; -ENOMEM; another
 * negative errno if the connection broke.
 */
int vsock_conn_from_host(struct vsock_conn *conn, const struct iovec *iov,
			 unsigned int iovcnt, uint32_t max, bool *last);

/** vsock_conn_free() - close and free; no operation is in flight. */
void vsock_conn_free(struct vsock_conn *conn);
