/*
 * vsock_rx.c - packets to the guest: resets first, then the connections that
 * have something, one packet each in turn.
 *
 * A receive chain cannot be put back once popped. One is held when the socket
 * that was to fill it turned out to be empty; the next packet uses it.
 */
#include "vsock_internal.h"

#include "iov.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>

#define HEADER_SIZE sizeof(struct virtio_vsock_hdr)
#define ROUND_PACKETS 256U
#define BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

/*
 * The line.
 */

static bool wants(const struct vsock_conn *conn)
{
	if (conn->owed != 0)
		return true;
	if (conn->state != VSOCK_OPEN || conn->host_eof ||
	    (conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) != 0)
		return false;
	return (conn->readable || conn->message_len > 0) &&
	       (vsock_conn_peer_free(conn) > 0 || !conn->asked);
}

void vsock_owe(struct vsock_conn *conn, uint32_t owed)
{
	struct virtio_vsock *vsock = conn->owner;

	conn->owed |= owed;
	if (conn->ready || !wants(conn))
		return;
	conn->ready = true;
	conn->ready_next = NULL;
	if (vsock->ready_first == NULL)
		vsock->ready_first = conn;
	else
		vsock->ready_last->ready_next = conn;
	vsock->ready_last = conn;
	vsock_wake(vsock);
}

void vsock_leave_line(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;
	struct vsock_conn *before = NULL;
	struct vsock_conn *at = vsock->ready_first;

	conn->owed = 0;
	if (!conn->ready)
		return;
	conn->ready = false;
	while (at != conn) {
		before = at;
		at = at->ready_next;
	}
	if (before == NULL)
		vsock->ready_first = conn->ready_next;
	else
		before->ready_next = conn->ready_next;
	if (vsock->ready_last == conn)
		vsock->ready_last = before;
}

void vsock_owe_reset(struct virtio_vsock *vsock,
		     const struct vsock_owed_reset *reset)
{
	unsigned int at = vsock->resets_at + vsock->resets_len;

	if (vsock->resets_len == VSOCK_RESETS_MAX)
		return; /* the guest's own timeout will do */
	vsock->resets[at % VSOCK_RESETS_MAX] = *reset;
	vsock->resets_len++;
	vsock_wake(vsock);
}

/*
 * Receive chains.
 */

static bool hold_rx(struct virtio_vsock *vsock)
{
	struct virtqueue *vq = &vsock->dev.queues[VSOCK_RX];
	int rc;

	if (vsock->rx_held)
		return true;
	vsock->rx.iov = vsock->rx_iov;
	vsock->rx.iov_max = VSOCK_CHAIN_MAX;
	rc = virtqueue_pop(vq, &vsock->rx);
	if (rc < 0)
		virtio_device_fail(&vsock->dev, "bad receive chain");
	if (rc <= 0)
		return false;
	if (vsock->rx.readable > 0 || vsock->rx.writable_len <= HEADER_SIZE) {
		virtio_device_fail(&vsock->dev, "unusable receive buffer");
		virtqueue_push(vq, vsock->rx.head, 0);
		return false;
	}
	vsock->rx_held = true;
	return true;
}

static void push_rx(struct virtio_vsock *vsock, uint32_t written)
{
	virtqueue_push(&vsock->dev.queues[VSOCK_RX], vsock->rx.head, written);
	vsock->rx_held = false;
}

void vsock_return_rx(struct virtio_vsock *vsock)
{
	if (vsock->rx_held)
		push_rx(vsock, 0);
}

/* Put @header in front of @len bytes that are in the held chain already. */
static void send_header(struct virtio_vsock *vsock,
			struct virtio_vsock_hdr *header, uint32_t len)
{
	header->dst_cid = vsock->config.guest_cid;
	header->len = htole32(len);
	(void)iov_scatter(vsock->rx.iov, vsock->rx.writable, 0, header,
			  HEADER_SIZE);
	push_rx(vsock, (uint32_t)HEADER_SIZE + len);
}

static void send_reset(struct virtio_vsock *vsock)
{
	const struct vsock_owed_reset *reset = &vsock->resets[vsock->resets_at];
	struct virtio_vsock_hdr header = {
		.src_cid = htole64(reset->cid),
		.src_port = htole32(reset->host_port),
		.dst_port = htole32(reset->guest_port),
		.type = htole16(reset->type),
		.op = htole16(VIRTIO_VSOCK_OP_RST),
	};

	vsock->resets_at = (vsock->resets_at + 1) % VSOCK_RESETS_MAX;
	vsock->resets_len--;
	send_header(vsock, &header, 0);
}

/* Every packet of a connection carries its credit (5.10.6.3). */
static void send_packet(struct vsock_conn *conn, uint16_t op, uint32_t flags,
			uint32_t len)
{
	struct virtio_vsock_hdr header = {
		.src_cid = htole64(VSOCK_HOST_CID),
		.src_port = htole32(conn->host_port),
		.dst_port = htole32(conn->guest_port),
		.type = htole16(conn->type),
		.op = htole16(op),
		.flags = htole32(flags),
		.buf_alloc = htole32(VSOCK_BUF_ALLOC),
		.fwd_cnt = htole32(conn->fwd_cnt),
	};

	conn->told_fwd_cnt = conn->fwd_cnt;
	conn->owed &= ~(uint32_t)VSOCK_OWE_CREDIT_UPDATE;
	send_header(conn->owner, &header, len);
}

/*
 * One packet of a connection.
 */

/* The host sends nothing more: say so behind the last byte. */
static void send_end(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;

	conn->host_eof = true;
	conn->told_shut |= VIRTIO_VSOCK_SHUTDOWN_SEND;
	send_packet(conn, VIRTIO_VSOCK_OP_SHUTDOWN, conn->told_shut, 0);
	if (conn->told_shut == BOTH)
		vsock_give_up_in(conn, vsock->options.shutdown_ms);
}

static void send_data(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->owner;
	uint32_t room = (uint32_t)(vsock->rx.writable_len - HEADER_SIZE);
	uint32_t peer_free = vsock_conn_peer_free(conn);
	struct iovec copy[VSOCK_CHAIN_MAX];
	unsigned int count = vsock->rx.writable;
	struct iovec *iov = copy;
	bool last;
	int n;

	if (peer_free == 0) {
		conn->asked = true;
		send_packet(conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, 0);
		return;
	}
	for (unsigned int i = 0; i < count; i++)
		copy[i] = vsock->rx.iov[i];
	(void)iov_advance(&iov, &count, HEADER_SIZE);
	n = vsock_conn_from_host(conn, iov, count, MIN(room, peer_free), &last);
	if (n == 0) {
		send_end(conn);
	} else if (n > 0) {
		conn->tx_cnt += (uint32_t)n;
		conn->asked = false;
		vsock_count(&vsock->stats.bytes_to_guest, (uint64_t)n);
		send_packet(conn, VIRTIO_VSOCK_OP_RW,
			    last ? VIRTIO_VSOCK_SEQ_EOM : 0, (uint32_t)n);
	} else if (n != -EAGAIN) {
		vsock_reset(conn);
	}
}

/* What a connection owes, in the order it is sent; data comes after that. */
static const struct {
	uint32_t owed;
	uint16_t op;
} owed_packets[] = {
	{VSOCK_OWE_REQUEST, VIRTIO_VSOCK_OP_REQUEST},
	{VSOCK_OWE_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE},
	{VSOCK_OWE_SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN},
	{VSOCK_OWE_CREDIT_UPDATE, VIRTIO_VSOCK_OP_CREDIT_UPDATE},
};

static void send_one(struct vsock_conn *conn)
{
	for (size_t i = 0; i < ARRAY_SIZE(owed_packets); i++) {
		uint16_t op = owed_packets[i].op;

		if ((conn->owed & owed_packets[i].owed) == 0)
			continue;
		conn->owed &= ~owed_packets[i].owed;
		send_packet(conn, op,
			    op == VIRTIO_VSOCK_OP_SHUTDOWN ? conn->told_shut
							   : 0,
			    0);
		return;
	}
	send_data(conn);
}

/* Send one packet if somebody has one and there is a buffer. */
static bool serve(struct virtio_vsock *vsock)
{
	struct vsock_conn *conn = vsock->ready_first;

	if ((vsock->resets_len == 0 && conn == NULL) || !hold_rx(vsock))
		return false;
	if (vsock->resets_len > 0) {
		send_reset(vsock);
		return true;
	}
	vsock->ready_first = conn->ready_next;
	conn->ready = false;
	if (wants(conn))
		send_one(conn);
	vsock_owe(conn, 0); /* to the end of the line if there is more */
	return true;
}

bool vsock_pump(struct virtio_vsock *vsock)
{
	struct virtqueue *vq = &vsock->dev.queues[VSOCK_RX];
	unsigned int sent = 0;

	virtqueue_notify_off(vq);
	do {
		while (sent < ROUND_PACKETS && serve(vsock))
			sent++;
		if (sent == ROUND_PACKETS)
			return true;
		/* Doorbells of this queue matter only to who waits for it. */
	} while ((vsock->resets_len > 0 || vsock->ready_first != NULL) &&
		 virtqueue_notify_on(vq));
	return false;
}
