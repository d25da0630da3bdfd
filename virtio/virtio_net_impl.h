/*
 * virtio_net_impl.h - what virtio_net.c, net_rx.c and net_tx.c share. All state
 * belongs to the I/O thread.
 */
#pragma once

#include "virtio_net.h"

#define NET_HEADER_SIZE 12U /* struct virtio_net_hdr_v1 */
#define NET_BUDGET 256U	    /* frames before others get their turn */
#define NET_RX_CHAINS 128U  /* receive buffers held ready */
#define NET_RX_IOV 384U	    /* their elements */
#define NET_OVERHEAD 18U    /* Ethernet header and one VLAN tag */
#define NET_CHAIN_IOV 64U   /* elements of one buffer or frame */
#define NET_PAIRS 1U	    /* of queues */

/**
 * struct net_pace - rate limit of one direction, and what goes on later
 * @limit:   operations and bytes
 * @timer:   armed while @limit holds a frame back
 * @waiting: @timer is in flight
 * @again:   deferred: the rest of a long round
 */
struct net_pace {
	struct rate_limit limit;
	struct io_op timer;
	bool waiting;
	struct io_op again;
};

/**
 * struct net_rx_chain - a receive buffer held ready
 * @head:  to push or unpop
 * @count: its elements in net_rx.iov, after those of the buffers before it
 * @len:   bytes
 */
struct net_rx_chain {
	uint16_t head;
	uint16_t count;
	uint64_t len;
};

/**
 * struct net_rx - from the backend to the guest
 * @pace:      of this direction
 * @ready:     the backend may have frames: it has not said -EAGAIN since
 * @watch:     tells that the backend has frames
 * @watching:  @watch is in flight
 * @unpaid:    bytes of the last frame, to be charged before the next
 * @need:      room that the longest frame needs, header included
 * @chains:    buffers @first to @last - 1, in the order of the ring
 * @iov:       elements @iov_first to @iov_last - 1 of those buffers
 * @room:      bytes in them
 * @spill:     takes what does not fit, so that a long frame is noticed
 */
struct net_rx {
	struct net_pace pace;
	bool ready;
	struct io_op watch;
	bool watching;
	uint32_t unpaid;
	uint64_t need;
	unsigned int first, last;
	unsigned int iov_first, iov_last;
	uint64_t room;
	struct net_rx_chain chains[NET_RX_CHAINS];
	struct iovec iov[NET_RX_IOV];
	uint8_t spill[NET_FRAME_MAX];
};

/**
 * struct net_tx - from the guest to the backend
 * @pace:     of this direction
 * @blocked:  the backend had no room
 * @paid:     the frame at the head of the ring was charged already
 * @watch:    tells when it has
 * @watching: @watch is in flight
 */
struct net_tx {
	struct net_pace pace;
	bool blocked;
	bool paid;
	struct io_op watch;
	bool watching;
};

/**
 * struct net_pair - one receive and one transmit queue, and where their frames
 * come from and go to
 *
 * Pairs share nothing but the device: VIRTIO_NET_F_MQ would be more of them,
 * each with a queue of a multi-queue tap, and a control queue.
 *
 * @net:     the device
 * @index:   its queues are 2 * @index and the next
 * @backend: owned
 * @file:    engine slot of the backend's descriptor while activated, else -1
 * @stats:   per direction
 */
struct net_pair {
	struct virtio_net *net;
	unsigned int index;
	struct net_backend *backend;
	int file;
	struct net_rx rx;
	struct net_tx tx;
	struct virtio_net_stats stats[2];
};

/**
 * struct virtio_net - the model
 * @config:   [@dev.lock]
 * @mtu:      longest frame that is no segmentation offload, without Ethernet
 *            header
 * @stopping: reset or quiesce; drained when no op is in flight any more
 */
struct virtio_net {
	struct virtio_device dev;
	struct virtio_net_config config;
	uint32_t mtu;
	uint64_t (*now_ns)(void);
	bool stopping;
	struct net_pair pairs[NET_PAIRS];
};

/** net_pair_queue() - index of the queue of a direction. */
static inline unsigned int net_pair_queue(const struct net_pair *pair,
					  unsigned int direction)
{
	return 2 * pair->index + direction;
}

/** net_rx_init(), net_tx_init() - set up the ops. [control thread] */
void net_rx_init(struct net_pair *pair);
void net_tx_init(struct net_pair *pair);

/** net_rx_run(), net_tx_run() - carry frames until there are none, there is no
 * room, or it is others' turn. */
void net_rx_run(struct net_pair *pair);
void net_tx_run(struct net_pair *pair);

/** net_rx_stop(), net_tx_stop() - cancel ops, give buffers back to the ring. */
void net_rx_stop(struct net_pair *pair);
void net_tx_stop(struct net_pair *pair);

/** virtio_net_admit() - may a frame of @bytes go now? If not a timer is armed
 * that runs the direction again. */
bool virtio_net_admit(struct virtio_net *net, struct net_pace *pace,
		      uint32_t bytes);

/** virtio_net_gso_allowed() - may a frame in @direction have this gso_type? */
bool virtio_net_gso_allowed(const struct virtio_net *net,
			    unsigned int direction, uint8_t gso_type);

/** virtio_net_stop_pace() - end the timer of a direction. */
void virtio_net_stop_pace(struct virtio_net *net, struct net_pace *pace);

/** virtio_net_running() - false while the device stops or is stopped. */
bool virtio_net_running(const struct virtio_net *net);

/** virtio_net_check_drained() - an op has ended: was it the last one? */
void virtio_net_check_drained(struct virtio_net *net);

/** virtio_net_watch_ended() - a watch that nobody cancelled, or did. */
void virtio_net_watch_ended(struct virtio_net *net);

/** virtio_net_link_down() - the backend's other side is gone. */
void virtio_net_link_down(struct virtio_net *net);

/** virtio_net_count() - count a frame carried. */
void virtio_net_count(struct virtio_net_stats *stats, uint64_t bytes);

/** virtio_net_drop() - count a frame dropped. */
void virtio_net_drop(struct virtio_net_stats *stats);
