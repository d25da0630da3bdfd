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

static struct virtqueue *ring_of(struct virtio_net *net)
{
	return &net->dev.queues[VIRTIO_NET_TX];
}

/* Keep of the driver's header what was negotiated: unknown flags are ignored,
 * csum_start and csum_offset count only beside NEEDS_CSUM (5.1.6.2.2). */
static bool clean_header(const struct virtio_net *net,
			 struct virtio_net_hdr_v1 *hdr)
{
	hdr->num_buffers = 0;
	hdr->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!virtio_device_has(&net->dev, VIRTIO_NET_F_CSUM))
		hdr->flags = 0;
	if (!hdr->flags) {
		hdr->csum_start = 0;
		hdr->csum_offset = 0;
	}
	return virtio_net_gso_allowed(net, VIRTIO_NET_TX, hdr->gso_type);
}

static void wait_for_room(struct virtio_net *net)
{
	struct net_tx *tx = &net->tx;

	tx->blocked = true;
	if (tx->watching)
		return;
	tx->watching = true;
	io_engine_watch(net->dev.engine, &tx->watch, net->file,
			EPOLLOUT | EPOLLET);
}

/* Return: 0 if the frame was sent or dropped, -EAGAIN if it has to wait. */
static int send_chain(struct virtio_net *net,
		      const struct virtqueue_chain *chain, uint32_t len)
{
	struct iovec *frame = chain->iov;
	unsigned int count = chain->readable;
	struct virtio_net_hdr_v1 hdr;
	int rc = -EINVAL;

	if (len >= NET_FRAME_MIN && len <= NET_FRAME_MAX) {
		(void)iov_gather(frame, count, 0, &hdr, sizeof(hdr));
		(void)iov_advance(&frame, &count, sizeof(hdr));
		if (clean_header(net, &hdr))
			/* The entry in front is free for the backend. */
			rc = net->backend->ops->send(net->backend, &hdr,
						     frame - 1, count + 1);
	}
	if (rc == -EAGAIN || rc == 1)
		wait_for_room(net);
	if (rc == -EAGAIN)
		return rc;
	if (rc == -EPIPE)
		virtio_net_link_down(net);
	if (rc < 0)
		virtio_net_drop(&net->stats[VIRTIO_NET_TX]);
	else
		virtio_net_count(&net->stats[VIRTIO_NET_TX], len);
	return 0;
}

/* Return: 1 if a frame went, 0 if there is none or it has to wait, -EPROTO. */
static int step(struct virtio_net *net)
{
	struct iovec iov[NET_CHAIN_IOV + 1];
	struct virtqueue_chain chain = {
		.iov = iov + 1,
		.iov_max = NET_CHAIN_IOV,
	};
	uint32_t len;
	int rc;

	rc = virtqueue_pop(ring_of(net), &chain);
	if (rc <= 0)
		return rc;
	if (chain.readable_len < NET_HEADER_SIZE) {
		virtqueue_unpop(ring_of(net), chain.head);
		return -EPROTO;
	}
	len = (uint32_t)MIN(chain.readable_len - NET_HEADER_SIZE,
			    (uint64_t)UINT32_MAX);
	if ((!net->tx.paid && !virtio_net_admit(net, &net->tx.pace, len)) ||
	    send_chain(net, &chain, len)) {
		virtqueue_unpop(ring_of(net), chain.head);
		net->tx.paid = !net->tx.pace.waiting;
		return 0;
	}
	net->tx.paid = false;
	virtqueue_push(ring_of(net), chain.head, 0);
	return 1;
}

/* Return: true when nothing of an earlier frame waits. */
static bool flush(struct virtio_net *net)
{
	const struct net_backend_ops *ops = net->backend->ops;
	int rc = ops->flush ? ops->flush(net->backend) : 0;

	if (rc == -EAGAIN)
		wait_for_room(net);
	if (rc == -EPIPE)
		virtio_net_link_down(net);
	return rc != -EAGAIN;
}

void net_tx_run(struct virtio_net *net)
{
	struct net_tx *tx = &net->tx;
	struct virtqueue *vq = ring_of(net);
	unsigned int left = NET_BUDGET;
	int rc = 0;

	if (!virtio_net_running(net) || tx->pace.waiting || tx->blocked ||
	    !flush(net))
		return;
	virtqueue_notify_off(vq);
	do {
		while (left && !tx->blocked && (rc = step(net)) > 0)
			left--;
	} while (left && !rc && !tx->pace.waiting && !tx->blocked &&
		 virtqueue_notify_on(vq));
	virtio_device_notify(&net->dev, VIRTIO_NET_TX);
	if (rc < 0)
		virtio_device_fail(&net->dev, "bad frame to send");
	else if (!left)
		io_engine_defer(net->dev.engine, &tx->pace.again);
}

/* Told once: the watch ends itself, the rest follows when it has. */
static void watch_done(struct io_op *op, int res)
{
	struct virtio_net *net = container_of(op, struct virtio_net, tx.watch);

	if (res >= 0) {
		io_engine_cancel(net->dev.engine, op);
		return;
	}
	net->tx.watching = false;
	net->tx.blocked = false;
	net_tx_run(net);
	virtio_net_check_drained(net);
}

static void timer_done(struct io_op *op, int res)
{
	struct virtio_net *net =
		container_of(op, struct virtio_net, tx.pace.timer);

	(void)res;
	net->tx.pace.waiting = false;
	net_tx_run(net);
	virtio_net_check_drained(net);
}

static void again_done(struct io_op *op, int res)
{
	struct virtio_net *net =
		container_of(op, struct virtio_net, tx.pace.again);

	(void)res;
	net_tx_run(net);
}

void net_tx_init(struct virtio_net *net)
{
	net->tx.watch.done = watch_done;
	net->tx.pace.timer.done = timer_done;
	net->tx.pace.again.done = again_done;
}

void net_tx_stop(struct virtio_net *net)
{
	virtio_net_stop_pace(net, &net->tx.pace);
	if (net->tx.watching)
		io_engine_cancel(net->dev.engine, &net->tx.watch);
}
