/*
 * net_rx.c - frames from the backend to the guest. [I/O thread]
 *
 * Receive buffers are popped ahead until the longest frame fits (one buffer, or
 * many with MRG_RXBUF), and the backend writes into them directly. They are the
 * tail of what was popped, so whoever stops puts them back into the ring.
 * Doorbells stay off while there is room.
 */
#include "virtio_net_impl.h"

#include "iov.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static struct virtqueue *ring_of(struct net_pair *pair)
{
	return &pair->net->dev.queues[net_pair_queue(pair, VIRTIO_NET_RX)];
}

static bool mergeable(const struct net_pair *pair)
{
	return virtio_device_has(&pair->net->dev, VIRTIO_NET_F_MRG_RXBUF);
}

/* Move what is held to the front of the arrays. */
static void compact(struct net_rx *rx)
{
	unsigned int chains = rx->last - rx->first;
	unsigned int iovs = rx->iov_last - rx->iov_first;

	memmove(rx->chains, rx->chains + rx->first,
		chains * sizeof(rx->chains[0]));
	memmove(rx->iov, rx->iov + rx->iov_first, iovs * sizeof(rx->iov[0]));
	rx->first = 0;
	rx->last = chains;
	rx->iov_first = 0;
	rx->iov_last = iovs;
}

/* Return: whether another buffer may be held. */
static bool has_slot(struct net_rx *rx)
{
	if (rx->last == NET_RX_CHAINS ||
	    rx->iov_last > NET_RX_IOV - NET_CHAIN_IOV)
		compact(rx);
	return rx->last < NET_RX_CHAINS &&
	       rx->iov_last <= NET_RX_IOV - NET_CHAIN_IOV;
}

/* Hold one more buffer. Return: as virtqueue_pop(). */
static int hold(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	struct virtqueue_chain chain = {
		.iov = rx->iov + rx->iov_last,
		.iov_max = NET_CHAIN_IOV,
	};
	int rc = virtqueue_pop(ring_of(pair), &chain);

	if (rc <= 0)
		return rc;
	/* 5.1.6.3.1: a buffer is writable and has room for the header. */
	if (chain.readable || chain.writable_len < NET_HEADER_SIZE) {
		virtqueue_unpop(ring_of(pair), chain.head);
		return -EPROTO;
	}
	rx->chains[rx->last++] = (struct net_rx_chain){
		.head = chain.head,
		.count = chain.writable,
		.len = chain.writable_len,
	};
	rx->iov_last += chain.writable;
	rx->room += chain.writable_len;
	return 1;
}

/* Hold buffers for the longest frame, as far as there are any.
 * Return: 0 or -EPROTO. */
static int top_up(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	int rc = 1;

	while (rc > 0 && rx->room < rx->need && has_slot(rx) &&
	       (mergeable(pair) || rx->first == rx->last)) {
		rc = hold(pair);
		if (!rc && virtqueue_notify_on(ring_of(pair))) {
			virtqueue_notify_off(ring_of(pair));
			rc = 1;
		}
	}
	return rc < 0 ? rc : 0;
}

static void release(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;

	while (rx->last > rx->first)
		virtqueue_unpop(ring_of(pair), rx->chains[--rx->last].head);
	rx->first = rx->last = 0;
	rx->iov_first = rx->iov_last = 0;
	rx->room = 0;
}

/* What the driver did not agree to must not be in the header (5.1.6.4.1). */
static bool acceptable(const struct net_pair *pair,
		       struct virtio_net_hdr_v1 *hdr, uint64_t frame)
{
	if (!virtio_device_has(&pair->net->dev, VIRTIO_NET_F_GUEST_CSUM)) {
		/* Not even "the checksum is good". */
		if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			return false;
		hdr->flags = 0;
	}
	/* A frame may have waited since another driver was there. */
	if (!virtio_net_gso_allowed(pair->net, VIRTIO_NET_RX, hdr->gso_type))
		return false;
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
		       hdr->gso_size;
	return frame <= pair->net->mtu + NET_OVERHEAD;
}

/* Push as many buffers as @total bytes take. */
static void push_used(struct net_pair *pair, uint64_t total)
{
	struct net_rx *rx = &pair->rx;

	while (total) {
		const struct net_rx_chain *chain = &rx->chains[rx->first++];
		uint64_t part = MIN(total, chain->len);

		virtqueue_push(ring_of(pair), chain->head, (uint32_t)part);
		rx->iov_first += chain->count;
		rx->room -= chain->len;
		total -= part;
	}
}

static uint16_t buffers_for(const struct net_rx *rx, uint64_t total)
{
	unsigned int i = rx->first;

	while (total > rx->chains[i].len)
		total -= rx->chains[i++].len;
	return (uint16_t)(i - rx->first + 1);
}

/* A frame lies in the buffers, behind the room for the header. */
static void deliver(struct net_pair *pair, struct virtio_net_hdr_v1 *hdr,
		    uint32_t frame)
{
	struct net_rx *rx = &pair->rx;
	uint64_t total = (uint64_t)frame + NET_HEADER_SIZE;

	if (total > rx->room || !acceptable(pair, hdr, frame)) {
		virtio_net_drop(&pair->stats[VIRTIO_NET_RX]);
		return;
	}
	hdr->num_buffers = htole16(buffers_for(rx, total));
	(void)iov_scatter(rx->iov + rx->iov_first, rx->iov_last - rx->iov_first,
			  0, hdr, sizeof(*hdr));
	push_used(pair, total);
	rx->unpaid = frame;
	virtio_net_count(&pair->stats[VIRTIO_NET_RX], frame);
}

/* Return: 0 if a frame was dealt with, or a negative errno. */
static int receive_one(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	/* [0] is the backend's, the last one takes what does not fit. */
	struct iovec iov[NET_RX_IOV + 2];
	unsigned int count = rx->iov_last - rx->iov_first;
	struct iovec *frame = iov + 1;
	struct virtio_net_hdr_v1 hdr = {0};
	ssize_t n;

	memcpy(frame, rx->iov + rx->iov_first, count * sizeof(*frame));
	(void)iov_advance(&frame, &count, NET_HEADER_SIZE);
	frame[count].iov_base = rx->spill;
	frame[count].iov_len = sizeof(rx->spill);
	n = pair->backend->ops->receive(pair->backend, &hdr, frame - 1,
					count + 2);
	if (n == -EAGAIN || n == -EPIPE)
		return (int)n;
	if (n < 0)
		virtio_net_drop(&pair->stats[VIRTIO_NET_RX]);
	else
		deliver(pair, &hdr, (uint32_t)n);
	return 0;
}

/* Charge the frame before this one: its size was not known earlier. */
static bool admit(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;

	if (rx->unpaid && !virtio_net_admit(pair->net, &rx->pace, rx->unpaid))
		return false;
	rx->unpaid = 0;
	return true;
}

/* Return: 0 to go on, 1 when there is nothing to do, or -EPROTO. */
static int step(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	int rc;

	if (!rx->ready || !admit(pair))
		return 1;
	rc = top_up(pair);
	if (rc)
		return rc;
	if (rx->first == rx->last)
		return 1; /* a doorbell tells of buffers */
	rc = receive_one(pair);
	if (!rc)
		return 0;
	rx->ready = false;
	if (rc == -EPIPE)
		virtio_net_link_down(pair->net);
	return 1;
}

void net_rx_run(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	unsigned int left = NET_BUDGET;
	int rc = 0;

	if (!virtio_net_running(pair->net) || rx->pace.waiting)
		return;
	while (left && !rc) {
		rc = step(pair);
		left--;
	}
	virtio_device_notify(&pair->net->dev,
			     net_pair_queue(pair, VIRTIO_NET_RX));
	if (rc < 0)
		virtio_device_fail(&pair->net->dev, "bad receive buffer");
	else if (!rc)
		io_engine_defer(pair->net->dev.engine, &rx->pace.again);
}

static void watch_done(struct io_op *op, int res)
{
	struct net_pair *pair = container_of(op, struct net_pair, rx.watch);

	if (res < 0) {
		pair->rx.watching = false;
		virtio_net_watch_ended(pair->net);
		return;
	}
	pair->rx.ready = true;
	net_rx_run(pair);
}

static void timer_done(struct io_op *op, int res)
{
	struct net_pair *pair =
		container_of(op, struct net_pair, rx.pace.timer);

	(void)res;
	pair->rx.pace.waiting = false;
	net_rx_run(pair);
	virtio_net_check_drained(pair->net);
}

static void again_done(struct io_op *op, int res)
{
	struct net_pair *pair =
		container_of(op, struct net_pair, rx.pace.again);

	(void)res;
	net_rx_run(pair);
}

void net_rx_init(struct net_pair *pair)
{
	pair->rx.watch.done = watch_done;
	pair->rx.pace.timer.done = timer_done;
	pair->rx.pace.again.done = again_done;
}

void net_rx_stop(struct net_pair *pair)
{
	release(pair);
	virtio_net_stop_pace(pair->net, &pair->rx.pace);
	if (pair->rx.watching)
		io_engine_cancel(pair->net->dev.engine, &pair->rx.watch);
}
