/* vsock_conn.c - see vsock_conn.h. */
#include "vsock_conn.h"

#include "iov.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_FIELD sizeof(uint32_t) /* in front of each waiting message */
/* Room for VSOCK_BUF_ALLOC messages of one byte. */
#define MESSAGES_SIZE (VSOCK_BUF_ALLOC * (1 + LENGTH_FIELD))

uint32_t vsock_conn_peer_free(const struct vsock_conn *conn)
{
	uint32_t in_flight = conn->tx_cnt - conn->peer_fwd_cnt;

	return in_flight < conn->peer_buf_alloc
		       ? conn->peer_buf_alloc - in_flight
		       : 0;
}

uint32_t vsock_conn_own_free(const struct vsock_conn *conn)
{
	return VSOCK_BUF_ALLOC - (conn->rx_cnt - conn->fwd_cnt);
}

static bool is_messages(const struct vsock_conn *conn)
{
	return conn->type == VIRTIO_VSOCK_TYPE_SEQPACKET;
}

/*
 * The ring.
 */

static int ring_prepare(struct vsock_conn *conn)
{
	struct vsock_ring *ring = &conn->to_host;

	if (ring->bytes != NULL)
		return 0;
	ring->size = is_messages(conn) ? MESSAGES_SIZE : VSOCK_BUF_ALLOC;
	ring->bytes = malloc(ring->size);
	return ring->bytes != NULL ? 0 : -ENOMEM;
}

/* The @len bytes behind the first @skip, as one or two pieces. Return: their
 * number. */
static unsigned int ring_pieces(const struct vsock_ring *ring, size_t skip,
				size_t len, struct iovec pieces[2])
{
	size_t from = (ring->at + skip) % ring->size;
	size_t first = MIN(len, ring->size - from);

	pieces[0] = (struct iovec){ring->bytes + from, first};
	pieces[1] = (struct iovec){ring->bytes, len - first};
	return len > first ? 2 : 1;
}

static void ring_put(struct vsock_ring *ring, const void *bytes, size_t len)
{
	struct iovec pieces[2];
	unsigned int count;

	assert(len <= ring->size - ring->len); /* the credit sees to that */
	count = ring_pieces(ring, ring->len, len, pieces);
	(void)iov_scatter(pieces, count, 0, bytes, len);
	ring->len += len;
}

static void ring_put_iov(struct vsock_ring *ring, const struct iovec *iov,
			 unsigned int iovcnt, size_t len)
{
	for (unsigned int i = 0; i < iovcnt && len > 0; i++) {
		size_t n = MIN(iov[i].iov_len, len);

		ring_put(ring, iov[i].iov_base, n);
		len -= n;
	}
}

static void ring_drop(struct vsock_ring *ring, size_t len)
{
	ring->at = (ring->at + len) % ring->size;
	ring->len -= len;
}

/* Write the length of the message that ends the ring into its field. */
static void ring_close_message(struct vsock_ring *ring)
{
	uint32_t len = (uint32_t)(ring->partial - LENGTH_FIELD);
	struct iovec pieces[2];
	unsigned int count = ring_pieces(ring, ring->len - ring->partial,
					 LENGTH_FIELD, pieces);

	(void)iov_scatter(pieces, count, 0, &len, sizeof(len));
	ring->partial = 0;
}

/*
 * To the host.
 */

/* One sendmsg(). Return: bytes taken, 0 if the socket is full, -EPIPE. */
static ssize_t offer(struct vsock_conn *conn, struct iovec *iov,
		     unsigned int iovcnt)
{
	const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = iovcnt};
	ssize_t n;

	do
		n = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		return -EPIPE;
	if (n < 0)
		conn->writable = false;
	return n < 0 ? 0 : n;
}

static int flush_stream(struct vsock_conn *conn)
{
	struct vsock_ring *ring = &conn->to_host;

	while (ring->len > 0 && conn->writable) {
		struct iovec pieces[2];
		unsigned int count = ring_pieces(ring, 0, ring->len, pieces);
		ssize_t n = offer(conn, pieces, count);

		if (n < 0)
			return (int)n;
		ring_drop(ring, (size_t)n);
		conn->fwd_cnt += (uint32_t)n;
	}
	return 0;
}

static int flush_messages(struct vsock_conn *conn)
{
	struct vsock_ring *ring = &conn->to_host;

	while (ring->len > ring->partial && conn->writable) {
		struct iovec pieces[2];
		unsigned int count;
		uint32_t len;
		ssize_t n;

		count = ring_pieces(ring, 0, LENGTH_FIELD, pieces);
		(void)iov_gather(pieces, count, 0, &len, sizeof(len));
		count = ring_pieces(ring, LENGTH_FIELD, len, pieces);
		n = offer(conn, pieces, count);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		ring_drop(ring, LENGTH_FIELD + len);
		conn->fwd_cnt += len;
	}
	return 0;
}

void vsock_conn_deafen(struct vsock_conn *conn)
{
	conn->host_deaf = true;
	conn->to_host.len = 0;
	conn->to_host.partial = 0;
	conn->fwd_cnt = conn->rx_cnt;
}

int vsock_conn_flush(struct vsock_conn *conn)
{
	return is_messages(conn) ? flush_messages(conn) : flush_stream(conn);
}

static int stream_to_host(struct vsock_conn *conn, struct iovec *iov,
			  unsigned int iovcnt, uint32_t len)
{
	ssize_t n = 0;

	if (conn->to_host.len == 0 && conn->writable)
		n = offer(conn, iov, iovcnt);
	if (n < 0)
		return (int)n;
	conn->fwd_cnt += (uint32_t)n;
	if ((size_t)n == len)
		return 0;
	if (ring_prepare(conn) < 0)
		return -ENOMEM;
	(void)iov_advance(&iov, &iovcnt, (uint64_t)n);
	ring_put_iov(&conn->to_host, iov, iovcnt, len - (size_t)n);
	return flush_stream(conn);
}

/* An empty message would look like the end of the connection to the host's
 * reader: it is not passed on. */
static int message_to_host(struct vsock_conn *conn, struct iovec *iov,
			   unsigned int iovcnt, uint32_t len, bool last)
{
	struct vsock_ring *ring = &conn->to_host;
	const uint32_t unknown = 0;
	ssize_t n = 0;

	if (len > 0 && last && ring->len == 0 && conn->writable)
		n = offer(conn, iov, iovcnt);
	if (n < 0)
		return (int)n;
	if (n > 0) {
		conn->fwd_cnt += len;
		return 0;
	}
	if (len == 0 && ring->partial == 0)
		return 0;
	if (ring_prepare(conn) < 0)
		return -ENOMEM;
	if (ring->partial == 0) {
		ring_put(ring, &unknown, LENGTH_FIELD);
		ring->partial = LENGTH_FIELD;
	}
	ring_put_iov(ring, iov, iovcnt, len);
	ring->partial += len;
	if (last && ring->partial > 0)
		ring_close_message(ring);
	return flush_messages(conn);
}

int vsock_conn_to_host(struct vsock_conn *conn, struct iovec *iov,
		       unsigned int iovcnt, uint32_t len, bool last)
{
	assert(len <= vsock_conn_own_free(conn));
	conn->rx_cnt += len;
	if (conn->host_deaf) {
		conn->fwd_cnt += len; /* nobody will ever read it */
		return 0;
	}
	if (is_messages(conn))
		return message_to_host(conn, iov, iovcnt, len, last);
	return len > 0 ? stream_to_host(conn, iov, iovcnt, len) : 0;
}

/*
 * From the host.
 */

/* One recvmsg() with MSG_TRUNC's meaning. -EAGAIN clears @readable. */
static ssize_t take(struct vsock_conn *conn, struct iovec *iov,
		    unsigned int iovcnt, int flags, bool *truncated)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = iovcnt};
	ssize_t n;

	do
		n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		conn->readable = false;
	*truncated = (msg.msg_flags & MSG_TRUNC) != 0;
	return n < 0 ? -errno : n;
}

static int stream_from_host(struct vsock_conn *conn, const struct iovec *iov,
			    unsigned int iovcnt, uint32_t max)
{
	struct iovec cut[64];
	unsigned int count = 0;
	bool truncated;

	assert(iovcnt <= ARRAY_SIZE(cut));
	while (count < iovcnt && max > 0) {
		cut[count] = iov[count];
		cut[count].iov_len = MIN(iov[count].iov_len, (size_t)max);
		max -= (uint32_t)cut[count].iov_len;
		count++;
	}
	return (int)take(conn, cut, count, 0, &truncated);
}

static int load_message(struct vsock_conn *conn)
{
	struct iovec whole;
	bool truncated;
	ssize_t n;

	if (conn->message == NULL)
		conn->message = malloc(VSOCK_MESSAGE_MAX);
	if (conn->message == NULL)
		return -ENOMEM;
	whole = (struct iovec){conn->message, VSOCK_MESSAGE_MAX};
	n = take(conn, &whole, 1, 0, &truncated);
	if (n > 0 && truncated)
		return -EMSGSIZE;
	if (n > 0) {
		conn->message_at = 0;
		conn->message_len = (size_t)n;
	}
	return (int)n;
}

static int message_from_host(struct vsock_conn *conn, const struct iovec *iov,
			     unsigned int iovcnt, uint32_t max, bool *last)
{
	size_t n;
	int rc;

	if (conn->message_len == 0) {
		rc = load_message(conn);
		if (rc <= 0)
			return rc;
	}
	n = iov_scatter(iov, iovcnt, 0, conn->message + conn->message_at,
			MIN((size_t)max, conn->message_len - conn->message_at));
	conn->message_at += n;
	*last = conn->message_at == conn->message_len;
	if (*last)
		conn->message_len = 0;
	return (int)n;
}

int vsock_conn_from_host(struct vsock_conn *conn, const struct iovec *iov,
			 unsigned int iovcnt, uint32_t max, bool *last)
{
	*last = false;
	if (is_messages(conn))
		return message_from_host(conn, iov, iovcnt, max, last);
	return stream_from_host(conn, iov, iovcnt, max);
}

/*
 * The handshake.
 */

int vsock_conn_read_line(struct vsock_conn *conn)
{
	for (;;) {
		struct iovec room = {
			.iov_base = conn->line + conn->line_len,
			.iov_len = sizeof(conn->line) - conn->line_len,
		};
		const char *newline;
		bool truncated;
		ssize_t n;

		if (room.iov_len == 0)
			return -EPROTO;
		/* Look first: what follows the line is the guest's. */
		n = take(conn, &room, 1, is_messages(conn) ? 0 : MSG_PEEK,
			 &truncated);
		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return -ECONNRESET;
		if (is_messages(conn)) {
			conn->line_len = (size_t)n;
			return truncated ? -EPROTO : 1;
		}
		newline = memchr(room.iov_base, '\n', (size_t)n);
		room.iov_len =
			newline != NULL
				? (size_t)(newline + 1 - (char *)room.iov_base)
				: (size_t)n;
		n = take(conn, &room, 1, 0, &truncated);
		if (n < 0)
			return -ECONNRESET;
		conn->line_len += (size_t)n;
		if (newline != NULL)
			return 1;
	}
}

void vsock_conn_free(struct vsock_conn *conn)
{
	if (conn->fd >= 0)
		(void)close(conn->fd); /* a socket */
	free(conn->to_host.bytes);
	free(conn->message);
	free(conn);
}
