/*
 * vsock_internal.h - what virtio_vsock.c (device, packets), vsock_rx.c (packets
 * to the guest), vsock_table.c (connections, timeouts) and vsock_listen.c
 * share. Private to them; everything on the I/O thread.
 */
#pragma once

#include "virtio_vsock.h"
#include "vsock_conn.h"

#define VSOCK_RX 0U
#define VSOCK_TX 1U
#define VSOCK_EVENT 2U
#define VSOCK_HOST_CID 2U
#define VSOCK_CHAIN_MAX 64U
#define VSOCK_BUCKETS 1024U
/* Resets owed to the guest. Packets are taken from it while at most half of
 * that waits; the other half is for connections that end by themselves. */
#define VSOCK_RESETS_MAX 2048U
_Static_assert(VSOCK_RESETS_MAX / 2 > VIRTIO_VSOCK_CONNECTIONS_MAX,
	       "one for each connection");

/** struct vsock_owed_reset - a RST for an address without a connection (now) */
struct vsock_owed_reset {
	uint64_t cid; /* whose: the host's, or whom the guest asked for */
	uint32_t guest_port;
	uint32_t host_port;
	uint16_t type;
};

/**
 * struct vsock_listener - one of the two listening sockets
 * @watch: edge-triggered
 * @vsock: owner
 * @fd:    -1 if none
 * @file:  engine slot
 * @type:  VIRTIO_VSOCK_TYPE_* of its clients
 * @ready: accept() may find somebody
 * @path:  to be removed
 */
struct vsock_listener {
	struct io_op watch;
	struct virtio_vsock *vsock;
	int fd;
	int file;
	uint16_t type;
	bool ready;
	char path[VSOCK_UNIX_PATH_MAX + 16];
};

/**
 * struct virtio_vsock - the device
 * @dev:         embedded first
 * @config:      config space
 * @options:     times
 * @listeners:   streams, messages
 * @all:         every connection, @count of them
 * @buckets:     those the guest can address, by ports and type
 * @ready_first: connections with something for the guest, served in turn
 * @ready_last:  end of that line
 * @resets:      ring of owed resets, @resets_len of them from @resets_at on
 * @rx:          a receive chain that is popped and not used yet
 * @rx_iov:      its entries
 * @round:       serve both queues and publish, once per batch of events
 * @tick:        timer that looks for deadlines and full backlogs
 * @stats:       written here, read by any thread
 * @next_port:   host port to try next
 * @rx_held:     @rx is valid
 * @tx_pending:  the transmit queue may hold packets
 * @round_armed: @round is under way
 * @tick_armed:  @tick is under way
 * @path:        P
 */
struct virtio_vsock {
	struct virtio_device dev;
	struct virtio_vsock_config config;
	struct virtio_vsock_options options;
	struct vsock_listener listeners[2];
	struct vsock_conn *all;
	struct vsock_conn *buckets[VSOCK_BUCKETS];
	struct vsock_conn *ready_first;
	struct vsock_conn *ready_last;
	struct vsock_owed_reset resets[VSOCK_RESETS_MAX];
	struct virtqueue_chain rx;
	struct iovec rx_iov[VSOCK_CHAIN_MAX];
	struct io_op round;
	struct io_op tick;
	struct virtio_vsock_stats stats;
	unsigned int count;
	unsigned int resets_at;
	unsigned int resets_len;
	uint32_t next_port;
	bool rx_held;
	bool tx_pending;
	bool round_armed;
	bool tick_armed;
	char path[VSOCK_UNIX_PATH_MAX + 1];
};

/** vsock_count() - add to a counter; only the I/O thread writes. */
static inline void vsock_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/*
 * virtio_vsock.c
 */

/** vsock_wake() - something changed: pump and publish at the end of the batch.
 */
void vsock_wake(struct virtio_vsock *vsock);

/** vsock_type_allowed() - may the guest use sockets of @type? */
bool vsock_type_allowed(const struct virtio_vsock *vsock, uint16_t type);

/*
 * vsock_rx.c
 */

/** vsock_owe() - @conn owes packets (enum vsock_owed), or may have data: put
 * it in line if it has anything to send. */
void vsock_owe(struct vsock_conn *conn, uint32_t owed);

/** vsock_owe_reset() - a RST for an address; dropped if too many wait. */
void vsock_owe_reset(struct virtio_vsock *vsock,
		     const struct vsock_owed_reset *reset);

/** vsock_leave_line() - @conn has nothing to send any more. */
void vsock_leave_line(struct vsock_conn *conn);

/** vsock_pump() - send what is owed while there are receive buffers. Return:
 * true if a round's worth was sent and there may be more. */
bool vsock_pump(struct virtio_vsock *vsock);

/** vsock_return_rx() - give an unused receive chain back, empty. */
void vsock_return_rx(struct virtio_vsock *vsock);

/*
 * vsock_table.c
 */

#define VSOCK_TICK_MS 100U /* how late a deadline may be noticed */

/** vsock_socket_type() - SOCK_* of a VIRTIO_VSOCK_TYPE_*. */
int vsock_socket_type(uint16_t type);

/** vsock_arm_tick() - look at the connections in @ms at the latest. */
void vsock_arm_tick(struct virtio_vsock *vsock, unsigned int ms);

/** vsock_new() - a connection in VSOCK_HANDSHAKE, without a socket. Return:
 * NULL without memory. */
struct vsock_conn *vsock_new(struct virtio_vsock *vsock, uint16_t type);

/** vsock_attach() - give @conn its socket, which is its own from now on, and
 * watch it. Return: 0 or a negative errno: vsock_close() it. */
int vsock_attach(struct vsock_conn *conn, int fd);

/** vsock_find() - Return: the connection of an address, or NULL. */
struct vsock_conn *vsock_find(const struct virtio_vsock *vsock,
			      uint32_t guest_port, uint32_t host_port,
			      uint16_t type);

/**
 * vsock_open() - a connection the guest asks for
 *
 * Its RESPONSE is owed, or it is CONNECTING. Return: NULL if there are too many
 * connections, or nobody listens.
 */
struct vsock_conn *vsock_open(struct virtio_vsock *vsock, uint32_t guest_port,
			      uint32_t host_port, uint16_t type);

/** vsock_close() - end @conn at once; the guest is told nothing. */
void vsock_close(struct vsock_conn *conn);

/** vsock_reset() - end @conn at once and send the guest a RST. */
void vsock_reset(struct vsock_conn *conn);

/** vsock_let_go() - the guest is done with @conn: flush what the host has not
 * taken, then close. */
void vsock_let_go(struct vsock_conn *conn);

/** vsock_established() - the guest's RESPONSE to @conn: tell the client. */
void vsock_established(struct vsock_conn *conn);

/** vsock_give_up_in() - set the deadline of @conn; 0: none. */
void vsock_give_up_in(struct vsock_conn *conn, unsigned int ms);

/** vsock_after_write() - the host took bytes, or is gone (@rc): tell the guest
 * about the room, finish what waited for the last byte. */
void vsock_after_write(struct vsock_conn *conn, int rc);

/** vsock_close_all() - end every connection: the guest is gone. */
void vsock_close_all(struct virtio_vsock *vsock);

/** vsock_table_fini() - free all connections; [engine stopped]. */
void vsock_table_fini(struct virtio_vsock *vsock);

/*
 * vsock_listen.c
 */

/** vsock_listen() - bind both listeners; [control thread, before the engine
 * runs]. Return: 0 or a negative errno. */
int vsock_listen(struct virtio_vsock *vsock, struct err *err);

/** vsock_accept() - take clients that wait, if there is room. */
void vsock_accept(struct virtio_vsock *vsock);

/** vsock_listen_fini() - close and remove both; [engine stopped]. */
void vsock_listen_fini(struct virtio_vsock *vsock);
