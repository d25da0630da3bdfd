/*
 * virtio_vsock.c - see virtio_vsock.h: life cycle, and packets from the guest.
 *
 * DOC: theory of operation
 *
 * Doorbells and socket events only note what changed; a deferred operation, the
 * "round", then serves both queues and publishes once per batch. Packets from
 * the guest are handled as they are popped: bytes the host's socket does not
 * take wait in their connection, within its credit, so one slow reader holds up
 * nobody. Only resets that the guest does not fetch make the device stop taking
 * packets (5.10.6.1: the bound of what is kept outside the queues).
 */
#include "virtio_vsock.h"

#include "iov.h"
#include "macros.h"
#include "vsock_internal.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FEATURE(bit) (1ULL << (bit))
#define F_STREAM 0
#define F_NO_IMPLIED_STREAM 2
#define QUEUES 3U
#define ROUND_PACKETS 256U
#define BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

static struct virtio_vsock *vsock_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_vsock, dev);
}

bool vsock_type_allowed(const struct virtio_vsock *vsock, uint16_t type)
{
	const struct virtio_device *dev = &vsock->dev;

	if (type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		return virtio_device_has(dev, VIRTIO_VSOCK_F_SEQPACKET);
	/* 5.10.3: a driver that knows no better means streams. */
	return type == VIRTIO_VSOCK_TYPE_STREAM &&
	       (virtio_device_has(dev, F_STREAM) ||
		!virtio_device_has(dev, F_NO_IMPLIED_STREAM));
}

/*
 * Packets from the guest.
 */

/**
 * struct packet - one packet, its header in host byte order
 * @iov: payload, cut to @len bytes or more
 */
struct packet {
	uint32_t guest_port;
	uint32_t host_port;
	uint32_t len;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
	uint64_t dst_cid;
	uint16_t type;
	uint16_t op;
	struct iovec *iov;
	unsigned int iovcnt;
};

static void on_response(struct vsock_conn *conn, struct packet *packet)
{
	(void)packet;
	if (conn->state == VSOCK_REQUESTED)
		vsock_established(conn);
	else
		vsock_reset(conn);
}

static void on_rst(struct vsock_conn *conn, struct packet *packet)
{
	(void)packet;
	vsock_let_go(conn);
}

static void on_shutdown(struct vsock_conn *conn, struct packet *packet)
{
	struct virtio_vsock *vsock = conn->owner;

	if (conn->state != VSOCK_OPEN) {
		vsock_reset(conn);
		return;
	}
	conn->guest_shut |= packet->flags & BOTH;
	if ((conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) != 0)
		(void)shutdown(conn->fd, SHUT_RD); /* or it is gone */
	if (conn->guest_shut == BOTH)
		vsock_give_up_in(conn, vsock->options.shutdown_ms);
	vsock_after_write(conn, 0);
}

/* The credit is a promise of the guest's: who breaks it is cut off. */
static void on_rw(struct vsock_conn *conn, struct packet *packet)
{
	struct virtio_vsock *vsock = conn->owner;
	int rc;

	if (conn->state != VSOCK_OPEN ||
	    (conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0 ||
	    packet->len > vsock_conn_own_free(conn)) {
		vsock_reset(conn);
		return;
	}
	vsock_count(&vsock->stats.bytes_to_host, packet->len);
	rc = vsock_conn_to_host(conn, packet->iov, packet->iovcnt, packet->len,
				(packet->flags & VIRTIO_VSOCK_SEQ_EOM) != 0);
	vsock_after_write(conn, rc);
}

static void on_credit_update(struct vsock_conn *conn, struct packet *packet)
{
	(void)conn; /* dispatch() has booked it, as with every packet */
	(void)packet;
}

static void on_credit_request(struct vsock_conn *conn, struct packet *packet)
{
	(void)packet;
	if (conn->state == VSOCK_OPEN)
		vsock_owe(conn, VSOCK_OWE_CREDIT_UPDATE);
}

static void (*const handlers[])(struct vsock_conn *conn,
				struct packet *packet) = {
	[VIRTIO_VSOCK_OP_RESPONSE] = on_response,
	[VIRTIO_VSOCK_OP_RST] = on_rst,
	[VIRTIO_VSOCK_OP_SHUTDOWN] = on_shutdown,
	[VIRTIO_VSOCK_OP_RW] = on_rw,
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = on_credit_update,
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = on_credit_request,
};

static void answer_reset(struct virtio_vsock *vsock,
			 const struct packet *packet)
{
	const struct vsock_owed_reset reset = {
		.cid = packet->dst_cid,
		.guest_port = packet->guest_port,
		.host_port = packet->host_port,
		.type = packet->type,
	};

	if (packet->op != VIRTIO_VSOCK_OP_RST)
		vsock_owe_reset(vsock, &reset);
}

/* The guest asks for a connection. */
static void on_request(struct virtio_vsock *vsock, struct packet *packet)
{
	struct vsock_conn *conn = vsock_open(vsock, packet->guest_port,
					     packet->host_port, packet->type);

	if (conn == NULL) {
		vsock_count(&vsock->stats.refused, 1);
		answer_reset(vsock, packet);
		return;
	}
	conn->peer_buf_alloc = packet->buf_alloc;
	conn->peer_fwd_cnt = packet->fwd_cnt;
}

static void dispatch(struct virtio_vsock *vsock, struct packet *packet)
{
	struct vsock_conn *conn;

	if (packet->dst_cid != VSOCK_HOST_CID ||
	    !vsock_type_allowed(vsock, packet->type)) {
		answer_reset(vsock, packet);
		return;
	}
	conn = vsock_find(vsock, packet->guest_port, packet->host_port,
			  packet->type);
	if (conn == NULL) {
		if (packet->op == VIRTIO_VSOCK_OP_REQUEST)
			on_request(vsock, packet);
		else
			answer_reset(vsock, packet);
		return;
	}
	if (packet->op >= ARRAY_SIZE(handlers) ||
	    handlers[packet->op] == NULL) {
		vsock_reset(conn);
		return;
	}
	conn->peer_buf_alloc = packet->buf_alloc;
	conn->peer_fwd_cnt = packet->fwd_cnt;
	if (vsock_conn_peer_free(conn) > 0)
		conn->asked = false;
	vsock_owe(conn, 0); /* there may be room for data now */
	handlers[packet->op](conn, packet);
}

/* Cut the payload to the length in the header: the chain may be longer. */
static void cut_payload(struct packet *packet)
{
	uint64_t left = packet->len;
	unsigned int count = 0;

	while (count < packet->iovcnt && left > 0) {
		struct iovec *iov = &packet->iov[count++];

		iov->iov_len = MIN(iov->iov_len, (size_t)left);
		left -= iov->iov_len;
	}
	packet->iovcnt = count;
}

static void take_packet(struct virtio_vsock *vsock,
			const struct virtqueue_chain *chain)
{
	struct virtio_vsock_hdr header;
	struct packet packet = {.iov = chain->iov, .iovcnt = chain->readable};

	if (chain->writable > 0 ||
	    iov_gather(chain->iov, chain->readable, 0, &header,
		       sizeof(header)) != sizeof(header) ||
	    le32toh(header.len) > chain->readable_len - sizeof(header)) {
		virtio_device_fail(&vsock->dev, "bad packet");
		return;
	}
	if (header.src_cid != vsock->config.guest_cid)
		return; /* not its address: nobody to answer */
	(void)iov_advance(&packet.iov, &packet.iovcnt, sizeof(header));
	packet.guest_port = le32toh(header.src_port);
	packet.host_port = le32toh(header.dst_port);
	packet.len = le32toh(header.len);
	packet.flags = le32toh(header.flags);
	packet.buf_alloc = le32toh(header.buf_alloc);
	packet.fwd_cnt = le32toh(header.fwd_cnt);
	packet.dst_cid = le64toh(header.dst_cid);
	packet.type = le16toh(header.type);
	packet.op = le16toh(header.op);
	cut_payload(&packet);
	dispatch(vsock, &packet);
}

/* Return: true if a round's worth was taken and there may be more. */
static bool take_packets(struct virtio_vsock *vsock)
{
	struct virtqueue *vq = &vsock->dev.queues[VSOCK_TX];
	struct iovec iov[VSOCK_CHAIN_MAX];
	unsigned int taken = 0;

	do {
		virtqueue_notify_off(vq);
		for (;;) {
			struct virtqueue_chain chain = {
				.iov = iov, .iov_max = VSOCK_CHAIN_MAX};
			int rc;

			/* Sending resets makes room, and calls again. */
			if (vsock->resets_len >= VSOCK_RESETS_MAX / 2)
				return false;
			if (taken++ == ROUND_PACKETS)
				return true;
			rc = virtqueue_pop(vq, &chain);
			if (rc == 0)
				break;
			if (rc < 0) {
				virtio_device_fail(&vsock->dev,
						   "bad transmit chain");
				return false;
			}
			take_packet(vsock, &chain);
			virtqueue_push(vq, chain.head, 0);
		}
	} while (virtqueue_notify_on(vq));
	vsock->tx_pending = false;
	return false;
}

/*
 * Rounds.
 */

static void round_done(struct io_op *op, int res)
{
	struct virtio_vsock *vsock =
		container_of(op, struct virtio_vsock, round);
	struct virtio_device *dev = &vsock->dev;
	bool more = false;

	(void)res;
	vsock->round_armed = false;
	if (dev->run != VIRTIO_RUN_ON)
		return;
	if (dev->queues[VSOCK_RX].enabled)
		more = vsock_pump(vsock);
	if (vsock->tx_pending)
		more |= take_packets(vsock);
	virtio_device_notify(dev, VSOCK_RX);
	virtio_device_notify(dev, VSOCK_TX);
	vsock_accept(vsock); /* connections may have gone */
	if (more)
		vsock_wake(vsock);
}

void vsock_wake(struct virtio_vsock *vsock)
{
	if (vsock->round_armed)
		return;
	vsock->round_armed = true;
	io_engine_defer(vsock->dev.engine, &vsock->round);
}

/*
 * Life cycle.
 */

static void vsock_config_read(struct virtio_device *dev, uint32_t offset,
			      void *data, uint32_t len)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	virtio_device_copy_config(&vsock->config, sizeof(vsock->config), offset,
				  data, len);
}

static int vsock_activate(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static void vsock_kick(struct virtio_device *dev, unsigned int index)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	if (index == VSOCK_TX)
		vsock->tx_pending = true;
	vsock_wake(vsock);
}

/* Nothing stays popped between rounds but the receive chain. Connections
 * live on: resume kicks the queues. */
static void vsock_quiesce(struct virtio_device *dev)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	vsock_return_rx(vsock);
	vsock->tx_pending = false;
	if (dev->run != VIRTIO_RUN_RESETTING)
		virtio_device_notify(dev, VSOCK_RX);
	virtio_device_drained(dev);
}

static void vsock_device_reset(struct virtio_device *dev)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	vsock_close_all(vsock);
	vsock->resets_len = 0;
	vsock_quiesce(dev);
}

static void vsock_destroy(struct virtio_device *dev)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	vsock_listen_fini(vsock);
	vsock_table_fini(vsock);
	virtio_device_fini(dev);
	free(vsock);
}

static const struct virtio_device_ops vsock_ops = {
	.name = "vsock",
	.device_id = VIRTIO_ID_VSOCK,
	.config_read = vsock_config_read,
	.activate = vsock_activate,
	.kick = vsock_kick,
	.reset = vsock_device_reset,
	.quiesce = vsock_quiesce,
	.destroy = vsock_destroy,
};

static int check_options(const struct virtio_vsock_options *options,
			 struct err *err)
{
	if (options->guest_cid < 3 || options->guest_cid >= UINT32_MAX)
		return err_setx(err, -EINVAL,
				"vsock: CID %llu is reserved: use 3 to "
				"4294967294",
				(unsigned long long)options->guest_cid);
	if (strlen(options->path) > VSOCK_UNIX_PATH_MAX)
		return err_setx(err, -ENAMETOOLONG,
				"vsock %s: the path is longer than %d bytes",
				options->path, VSOCK_UNIX_PATH_MAX);
	return 0;
}

static void take_options(struct virtio_vsock *vsock,
			 const struct virtio_vsock_options *options)
{
	vsock->options = *options;
	if (vsock->options.handshake_ms == 0)
		vsock->options.handshake_ms = 10000;
	if (vsock->options.request_ms == 0)
		vsock->options.request_ms = 2000;
	if (vsock->options.shutdown_ms == 0)
		vsock->options.shutdown_ms = 8000;
	memcpy(vsock->path, options->path, strlen(options->path));
	vsock->config.guest_cid = htole64(options->guest_cid);
}

int virtio_vsock_create(struct virtio_device **out,
			const struct virtio_vsock_options *options,
			const struct guest_mem *mem, struct io_engine *engine,
			struct err *err)
{
	struct virtio_vsock *vsock;
	int rc = check_options(options, err);

	if (rc < 0)
		return rc;
	vsock = calloc(1, sizeof(*vsock));
	if (vsock == NULL)
		return err_set(err, -ENOMEM, "vsock %s", options->path);
	take_options(vsock, options);
	vsock->round.done = round_done;
	for (size_t i = 0; i < ARRAY_SIZE(vsock->listeners); i++) {
		vsock->listeners[i].vsock = vsock;
		vsock->listeners[i].fd = -1;
		vsock->listeners[i].file = -1;
	}
	rc = virtio_device_init(&vsock->dev, &vsock_ops, options->name, mem,
				engine, QUEUES, options->queue_size,
				FEATURE(F_STREAM) |
					FEATURE(VIRTIO_VSOCK_F_SEQPACKET) |
					FEATURE(F_NO_IMPLIED_STREAM),
				err);
	if (rc == 0)
		rc = vsock_listen(vsock, err);
	if (rc < 0) {
		vsock_destroy(&vsock->dev);
		return rc;
	}
	*out = &vsock->dev;
	return 0;
}

void virtio_vsock_stats(const struct virtio_device *dev,
			struct virtio_vsock_stats *out)
{
	const struct virtio_vsock *vsock = (const void *)dev;
	const uint64_t *from = (const void *)&vsock->stats;
	uint64_t *to = (void *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
_Static_assert(offsetof(struct virtio_vsock, dev) == 0, "embedded first");
