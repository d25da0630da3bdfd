/*
 * vsock_table.c - the connections of a vsock device: made, found, timed out,
 * closed.
 *
 * A connection that is closed shuts its socket down at once, but its memory,
 * descriptor and engine slot stay until the engine has given its watch back.
 */
#include "vsock_internal.h"

#include "macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL
#define RETRY_TICK_MS 10U /* the same while a backlog is full */
#define HOST_PORT_FIRST (1U << 30)
#define HOST_PORTS (1U << 30)
#define BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

static void conn_event(struct io_op *op, int res);
static void tick_done(struct io_op *op, int res);

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

int vsock_socket_type(uint16_t type)
{
	return type == VIRTIO_VSOCK_TYPE_SEQPACKET ? SOCK_SEQPACKET
						   : SOCK_STREAM;
}

/*
 * Addresses.
 */

static unsigned int bucket_of(uint32_t guest_port, uint32_t host_port)
{
	return (guest_port * 2654435761U ^ host_port) % VSOCK_BUCKETS;
}

struct vsock_conn *vsock_find(const struct virtio_vsock *vsock,
			      uint32_t guest_port, uint32_t host_port,
			      uint16_t type)
{
	struct vsock_conn *conn =
		vsock->buckets[bucket_of(guest_port, host_port)];

	while (conn != NULL &&
	       (conn->guest_port != guest_port ||
		conn->host_port != host_port || conn->type != type))
		conn = conn->hash_next;
	return conn;
}

static void publish(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;
	struct vsock_conn **bucket =
		&vsock->buckets[bucket_of(conn->guest_port, conn->host_port)];

	conn->hash_next = *bucket;
	*bucket = conn;
}

static void unpublish(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;
	struct vsock_conn **at =
		&vsock->buckets[bucket_of(conn->guest_port, conn->host_port)];

	while (*at != NULL && *at != conn)
		at = &(*at)->hash_next;
	if (*at == conn)
		*at = conn->hash_next;
}

/* An unused host port: there are far more than connections. */
static void pick_port(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;

	do
		conn->host_port =
			HOST_PORT_FIRST + vsock->next_port++ % HOST_PORTS;
	while (vsock_find(vsock, conn->guest_port, conn->host_port,
			  conn->type) != NULL);
}

/*
 * Time.
 */

void vsock_arm_tick(struct virtio_vsock *vsock, unsigned int ms)
{
	if (vsock->tick_armed)
		return;
	vsock->tick_armed = true;
	vsock->tick.done = tick_done;
	io_engine_timer(vsock->dev.engine, &vsock->tick,
			now_ns() + ms * NSEC_PER_MSEC);
}

void vsock_give_up_in(struct vsock_conn *conn, unsigned int ms)
{
	conn->deadline_ns = ms == 0 ? 0 : now_ns() + ms * NSEC_PER_MSEC;
	if (ms != 0)
		vsock_arm_tick(conn->owner, conn->state == VSOCK_CONNECTING
						    ? RETRY_TICK_MS
						    : VSOCK_TICK_MS);
}

/*
 * Life of a connection.
 */

struct vsock_conn *vsock_new(struct virtio_vsock *vsock, uint16_t type)
{
	struct vsock_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	conn->owner = vsock;
	conn->type = type;
	conn->fd = -1;
	conn->file = -1;
	conn->next = vsock->all;
	if (vsock->all != NULL)
		vsock->all->prev = conn;
	vsock->all = conn;
	vsock->count++;
	vsock_count(&vsock->stats.connections, 1);
	return conn;
}

static void forget(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;

	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		vsock->all = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	vsock->count--;
	vsock_count(&vsock->stats.connections, (uint64_t)-1);
	if (conn->file >= 0)
		io_engine_file_remove(vsock->dev.engine, conn->file);
	vsock_conn_free(conn);
}

int vsock_attach(struct vsock_conn *conn, int fd)
{
	struct virtio_vsock *vsock = conn->owner;

	conn->fd = fd;
	conn->file = io_engine_file_add(vsock->dev.engine, fd);
	if (conn->file < 0)
		return conn->file;
	conn->readable = true;
	conn->writable = true;
	conn->watching = true;
	conn->watch.done = conn_event;
	io_engine_watch(vsock->dev.engine, &conn->watch, conn->file,
			EPOLLIN | EPOLLOUT | EPOLLET);
	return 0;
}

void vsock_close(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;

	if (conn->state == VSOCK_CLOSED)
		return;
	conn->state = VSOCK_CLOSED;
	conn->deadline_ns = 0;
	vsock_leave_line(conn);
	unpublish(conn);
	if (!conn->watching) {
		forget(conn);
		return;
	}
	(void)shutdown(conn->fd, SHUT_RDWR); /* it may be gone already */
	io_engine_cancel(vsock->dev.engine, &conn->watch);
}

void vsock_reset(struct vsock_conn *conn)
{
	const struct vsock_owed_reset reset = {
		.cid = VSOCK_HOST_CID,
		.guest_port = conn->guest_port,
		.host_port = conn->host_port,
		.type = conn->type,
	};

	vsock_owe_reset(conn->owner, &reset);
	vsock_close(conn);
}

/* Does a whole byte or message wait for the host? */
static bool has_waiting(const struct vsock_conn *conn)
{
	return conn->to_host.len > conn->to_host.partial;
}

void vsock_let_go(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;

	if (conn->state != VSOCK_OPEN || !has_waiting(conn)) {
		vsock_close(conn);
		return;
	}
	vsock_leave_line(conn);
	unpublish(conn);
	conn->state = VSOCK_FLUSHING;
	vsock_give_up_in(conn, vsock->options.shutdown_ms);
}

struct vsock_conn *vsock_open(struct virtio_vsock *vsock, uint32_t guest_port,
			      uint32_t host_port, uint16_t type)
{
	struct vsock_conn *conn;
	int fd;

	if (vsock->count >= VIRTIO_VSOCK_CONNECTIONS_MAX)
		return NULL;
	fd = vsock_unix_connect(vsock->path, host_port,
				vsock_socket_type(type));
	if (fd < 0 && fd != -EAGAIN)
		return NULL;
	conn = vsock_new(vsock, type);
	if (conn == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	conn->guest_port = guest_port;
	conn->host_port = host_port;
	publish(conn);
	vsock_count(&vsock->stats.from_guest, 1);
	if (fd < 0) {
		conn->state = VSOCK_CONNECTING;
		vsock_give_up_in(conn, vsock->options.request_ms);
		return conn;
	}
	if (vsock_attach(conn, fd) < 0) {
		vsock_close(conn);
		return NULL;
	}
	conn->state = VSOCK_OPEN;
	vsock_owe(conn, VSOCK_OWE_RESPONSE);
	return conn;
}

static void refuse(struct vsock_conn *conn, bool tell_guest)
{
	struct virtio_vsock *vsock = conn->owner;

	vsock_count(&vsock->stats.refused, 1);
	if (tell_guest)
		vsock_reset(conn);
	else
		vsock_close(conn);
}

static void retry_connect(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;
	int fd = vsock_unix_connect(vsock->path, conn->host_port,
				    vsock_socket_type(conn->type));

	if (fd == -EAGAIN)
		return;
	if (fd < 0 || vsock_attach(conn, fd) < 0) {
		refuse(conn, true);
		return;
	}
	conn->state = VSOCK_OPEN;
	vsock_give_up_in(conn, 0);
	vsock_owe(conn, VSOCK_OWE_RESPONSE);
}

/*
 * A host's client: CONNECT line, REQUEST to the guest, OK.
 */

static void handshake(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;
	int rc = vsock_conn_read_line(conn);

	if (rc == 0)
		return;
	if (rc < 0 || !vsock_type_allowed(vsock, conn->type) ||
	    vsock_unix_parse_connect(conn->line, conn->line_len,
				     &conn->guest_port) < 0) {
		refuse(conn, false);
		return;
	}
	pick_port(conn);
	publish(conn);
	conn->state = VSOCK_REQUESTED;
	vsock_give_up_in(conn, vsock->options.request_ms);
	vsock_owe(conn, VSOCK_OWE_REQUEST);
}

void vsock_established(struct vsock_conn *conn)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "OK %" PRIu32 "\n",
			   conn->host_port);

	/* Nothing was written before: a socket that is alive takes it all. */
	if (send(conn->fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    len) {
		refuse(conn, true);
		return;
	}
	conn->state = VSOCK_OPEN;
	vsock_give_up_in(conn, 0);
	vsock_owe(conn, 0);
}

/*
 * Events.
 */

/*
 * Owe the guest its credit if there is something to tell and it knows of half
 * of its room or less: it may hold the rest of a message back. Or if @drained,
 * nothing waits any more: it may hold back a packet that takes all the room.
 */
static void tell_credit(struct vsock_conn *conn, bool drained)
{
	uint32_t used = conn->rx_cnt - conn->told_fwd_cnt;

	if (conn->fwd_cnt != conn->told_fwd_cnt &&
	    (drained || used >= VSOCK_BUF_ALLOC / 2))
		vsock_owe(conn, VSOCK_OWE_CREDIT_UPDATE);
}

void vsock_after_write(struct vsock_conn *conn, int rc)
{
	struct virtio_vsock *vsock = conn->owner;

	if (rc == -ENOMEM) {
		vsock_reset(conn);
		return;
	}
	if (rc < 0 && !conn->host_deaf) {
		vsock_conn_deafen(conn);
		conn->told_shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
		if (conn->state == VSOCK_OPEN)
			vsock_owe(conn, VSOCK_OWE_SHUTDOWN);
		if (conn->told_shut == BOTH)
			vsock_give_up_in(conn, vsock->options.shutdown_ms);
	}
	if (has_waiting(conn)) {
		if (conn->deadline_ns != 0) /* slow, but alive */
			vsock_give_up_in(conn, vsock->options.shutdown_ms);
	} else if (conn->state == VSOCK_FLUSHING) {
		vsock_close(conn);
		return;
	} else if (conn->guest_shut == BOTH) {
		vsock_reset(conn);
		return;
	} else if ((conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0) {
		(void)shutdown(conn->fd, SHUT_WR); /* or it is gone */
	}
	if (conn->state == VSOCK_OPEN)
		tell_credit(conn, false);
}

static void open_event(struct vsock_conn *conn, bool hung_up)
{
	uint32_t before = conn->fwd_cnt;
	bool waited = has_waiting(conn);
	int rc = 0;

	if (hung_up)
		rc = -EPIPE;
	else if (waited)
		rc = vsock_conn_flush(conn);
	if (rc < 0 || conn->fwd_cnt != before)
		vsock_after_write(conn, rc);
	if (conn->state != VSOCK_OPEN)
		return;
	tell_credit(conn, waited && !has_waiting(conn));
	vsock_owe(conn, 0);
}

static void conn_event(struct io_op *op, int res)
{
	struct vsock_conn *conn = container_of(op, struct vsock_conn, watch);
	struct virtio_vsock *vsock = conn->owner;
	bool hung_up = res > 0 && (res & (EPOLLHUP | EPOLLERR)) != 0;

	if (res < 0)
		conn->watching = false;
	if (conn->state == VSOCK_CLOSED) {
		if (res < 0) {
			forget(conn);
			vsock_accept(vsock);
		}
		return;
	}
	if (res < 0) { /* the engine cannot watch it any more */
		refuse(conn, conn->state != VSOCK_HANDSHAKE);
		return;
	}
	conn->readable |= (res & EPOLLIN) != 0 || hung_up;
	conn->writable |= (res & EPOLLOUT) != 0;
	if (conn->state == VSOCK_HANDSHAKE)
		handshake(conn);
	else if (conn->state != VSOCK_REQUESTED)
		open_event(conn, hung_up);
	else if (hung_up)
		refuse(conn, (conn->owed & VSOCK_OWE_REQUEST) == 0);
}

static void expire(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;

	switch (conn->state) {
	case VSOCK_HANDSHAKE:
		refuse(conn, false);
		break;
	case VSOCK_REQUESTED: /* a guest that was not asked need not know */
		refuse(conn, (conn->owed & VSOCK_OWE_REQUEST) == 0);
		break;
	case VSOCK_CONNECTING:
		refuse(conn, true);
		break;
	case VSOCK_OPEN:
		vsock_reset(conn);
		break;
	case VSOCK_FLUSHING:
		vsock_close(conn);
		break;
	case VSOCK_CLOSED:
		break;
	}
	vsock_wake(vsock);
}

static void tick_done(struct io_op *op, int res)
{
	struct virtio_vsock *vsock =
		container_of(op, struct virtio_vsock, tick);
	struct vsock_conn *conn, *next;
	uint64_t now = now_ns();
	unsigned int again = 0;

	(void)res;
	vsock->tick_armed = false;
	for (conn = vsock->all; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->deadline_ns == 0)
			continue;
		if (again == 0)
			again = VSOCK_TICK_MS;
		if (conn->deadline_ns <= now) {
			expire(conn);
		} else if (conn->state == VSOCK_CONNECTING) {
			again = RETRY_TICK_MS;
			retry_connect(conn);
		}
	}
	vsock_accept(vsock);
	if (again != 0)
		vsock_arm_tick(vsock, again);
}

/*
 * The end.
 */

void vsock_close_all(struct virtio_vsock *vsock)
{
	struct vsock_conn *conn, *next;

	for (conn = vsock->all; conn != NULL; conn = next) {
		next = conn->next;
		vsock_close(conn);
	}
}

void vsock_table_fini(struct virtio_vsock *vsock)
{
	while (vsock->all != NULL) {
		struct vsock_conn *conn = vsock->all;

		vsock->all = conn->next;
		if (conn->file >= 0)
			io_engine_file_remove(vsock->dev.engine, conn->file);
		vsock_conn_free(conn);
	}
}
