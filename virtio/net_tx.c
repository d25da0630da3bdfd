/*
 * net_tx.c - frames from the guest to the backend. [I/O thread]
 *
 * One frame after the other, so that their order holds: one that finds no room
 * goes back into the ring and nothing overtakes it.
 */
#include "virtio_net_impl.h"

#include "iov.h"
#include "macros.h"

#include <errno.h>
#include <sys/epoll.h>

static struct virtqueue *ring_of(struct net_pair *pair)
{
	return &pair->net->dev.queues[net_pair_queue(pair, VIRTIO_NET_TX)];
}

/* Keep of the driver's header what was negotiated: unknown flags are ignored,
 * csum_start and csum_offset count only beside NEEDS_CSUM (5.1.6.2.2). */
static bool clean_header(const struct net_pair *pair,
			 struct virtio_net_hdr_v1 *hdr)
{
	hdr->num_buffers = 0;
	hdr->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!virtio_device_has(&pair->net->dev, VIRTIO_NET_F_CSUM))
		hdr->flags = 0;
	if (!hdr->flags) {
		hdr->csum_start = 0;
		hdr->csum_offset = 0;
	}
	return virtio_net_gso_allowed(pair->net, VIRTIO_NET_TX, hdr->gso_type);
}

static void wait_for_room(struct net_pair *pair)
{
	struct net_tx *tx = &pair->tx;

	tx->blocked = true;
	if (tx->watching)
		return;
	tx->watching = true;
	io_engine_watch(pair->net->dev.engine, &tx->watch, pair->file,
			EPOLLOUT | EPOLLET);
}

/* Return: 0 if the frame was sent or dropped, -EAGAIN if it has to wait. */
static int send_chain(struct net_pair *pair,
		      const struct virtqueue_chain *chain, uint32_t len)
{
	struct iovec *frame = chain->iov;
	unsigned int count = chain->readable;
	struct virtio_net_hdr_v1 hdr;
	int rc = -EINVAL;

	if (len >= NET_FRAME_MIN && len <= NET_FRAME_MAX) {
		(void)iov_gather(frame, count, 0, &hdr, sizeof(hdr));
		(void)iov_advance(&frame, &count, sizeof(hdr));
		if (clean_header(pair, &hdr))
			/* The entry in front is free for the backend. */
			rc = pair->backend->ops->send(pair->backend, &hdr,
						      frame - 1, count + 1);
	}
	if (rc == -EAGAIN || rc == 1)
		wait_for_room(pair);
	if (rc == -EAGAIN)
		return rc;
	if (rc == -EPIPE)
		virtio_net_link_down(pair->net);
	if (rc < 0)
		virtio_net_drop(&pair->stats[VIRTIO_NET_TX]);
	else
		virtio_net_count(&pair->stats[VIRTIO_NET_TX], len);
	return 0;
}

/* Return: 1 if a frame went, 0 if there is none or it has to wait, -EPROTO. */
static int step(struct net_pair *pair)
{
	struct iovec iov[NET_CHAIN_IOV + 1];
	struct virtqueue_chain chain = {
		.iov = iov + 1,
		.iov_max = NET_CHAIN_IOV,
	};
	uint32_t len;
	int rc;

	rc = virtqueue_pop(ring_of(pair), &chain);
	if (rc <= 0)
		return rc;
	if (chain.readable_len < NET_HEADER_SIZE) {
		virtqueue_unpop(ring_of(pair), chain.head);
		return -EPROTO;
	}
	len = (uint32_t)MIN(chain.readable_len - NET_HEADER_SIZE,
			    (uint64_t)UINT32_MAX);
	if ((!pair->tx.paid &&
	     !virtio_net_admit(pair->net, &pair->tx.pace, len)) ||
	    send_chain(pair, &chain, len)) {
		virtqueue_unpop(ring_of(pair), chain.head);
		pair->tx.paid = !pair->tx.pace.waiting;
		return 0;
	}
	pair->tx.paid = false;
	virtqueue_push(ring_of(pair), chain.head, 0);
	return 1;
}

/* Return: true when nothing of an earlier frame waits. */
static bool flush(struct net_pair *pair)
{
	const struct net_backend_ops *ops = pair->backend->ops;
	int rc = ops->flush ? ops->flush(pair->backend) : 0;

	if (rc == -EAGAIN)
		wait_for_room(pair);
	if (rc == -EPIPE)
		virtio_net_link_down(pair->net);
	return rc != -EAGAIN;
}

void net_tx_run(struct net_pair *pair)
{
	struct net_tx *tx = &pair->tx;
	struct virtqueue *vq = ring_of(pair);
	unsigned int left = NET_BUDGET;
	int rc = 0;

	if (!virtio_net_running(pair->net) || tx->pace.waiting || tx->blocked ||
	    !flush(pair))
		return;
	virtqueue_notify_off(vq);
	do {
		while (left && !tx->blocked && (rc = step(pair)) > 0)
			left--;
	} while (left && !rc && !tx->pace.waiting && !tx->blocked &&
		 virtqueue_notify_on(vq));
	virtio_device_notify(&pair->net->dev,
			     net_pair_queue(pair, VIRTIO_NET_TX));
	if (rc < 0)
		virtio_device_fail(&pair->net->dev, "bad frame to send");
	else if (!left)
		io_engine_defer(pair->net->dev.engine, &tx->pace.again);
}

/* Told once: the watch ends itself, the rest follows when it has. */
static void watch_done(struct io_op *op, int res)
{
	struct net_pair *pair = container_of(op, struct net_pair, tx.watch);

	if (res >= 0) {
		io_engine_cancel(pair->net->dev.engine, op);
		return;
	}
	pair->tx.watching = false;
	pair->tx.blocked = false;
	net_tx_run(pair);
	virtio_net_check_drained(pair->net);
}

static void timer_done(struct io_op *op, int res)
{
	struct net_pair *pair =
		container_of(op, struct net_pair, tx.pace.timer);

	(void)res;
	pair->tx.pace.waiting = false;
	net_tx_run(pair);
	virtio_net_check_drained(pair->net);
}

static void again_done(struct io_op *op, int res)
{
	struct net_pair *pair =
		container_of(op, struct net_pair, tx.pace.again);

	(void)res;
	net_tx_run(pair);
}

void net_tx_init(struct net_pair *pair)
{
	pair->tx.watch.done = watch_done;
	pair->tx.pace.timer.done = timer_done;
	pair->tx.pace.again.done = again_done;
}

void net_tx_stop(struct net_pair *pair)
{
	virtio_net_stop_pace(pair->net, &pair->tx.pace);
	if (pair->tx.watching)
		io_engine_cancel(pair->net->dev.engine, &pair->tx.watch);
}
