/*
 * blk_queue.h - request queues of a block device: pop, parse, start, complete,
 * publish. Private to virtio_blk.c and blk_queue.c; everything here belongs to
 * the I/O thread unless said otherwise.
 */
#pragma once

#include "blk_backend.h"
#include "virtio_blk.h"

#include <linux/virtio_blk.h>
#include <semaphore.h>

#define BLK_SEG_MAX 126U		 /* data segments in one request */
#define BLK_CHAIN_MAX (BLK_SEG_MAX + 2U) /* with header and status */
#define BLK_SLOTS_MAX 256U		 /* requests in flight per queue */

struct virtio_blk;

/**
 * struct blk_slot - one request in flight; preallocated
 * @io:           for the backend
 * @queue:        owner
 * @next:         free list
 * @status:       the guest's status byte
 * @started_ns:   when it was popped
 * @writable_len: bytes of the chain's writable part, status included
 * @head:         to push
 * @busy:         popped and not pushed
 * @beyond:       counted by a shrink that waits (virtio_blk.shrink_left)
 * @iov:          the chain's entries
 */
struct blk_slot {
	struct blk_io io;
	struct blk_queue *queue;
	struct blk_slot *next;
	uint8_t *status;
	uint64_t started_ns;
	uint64_t writable_len;
	uint16_t head;
	bool busy;
	bool beyond;
	struct iovec iov[BLK_CHAIN_MAX];
};

/**
 * struct blk_queue - one request queue
 * @blk:       owner
 * @index:     number of the queue
 * @publish:   flush and interrupt, once per batch of completions
 * @armed:     @publish is under way
 * @again:     the ring may hold more: drain it after the next publication
 * @quiet:    the ring was empty and doorbells are off: @poller turns them on
 * @poller:   how the engine sees work without a doorbell
 * @held:      popped, waits for the rate limit; nothing is popped meanwhile
 * @next:      waits for the rate limit behind this queue
 * @in_flight: slots in use
 * @num_slots: entries of @slots
 * @slots:     preallocated
 * @free:      unused slots, the last used first
 * @stats:     written here, read by any thread
 */
struct blk_queue {
	struct virtio_blk *blk;
	unsigned int index;
	struct io_op publish;
	bool armed;
	bool again;
	bool quiet;
	struct io_poller poller;
	struct blk_slot *held;
	struct blk_queue *next;
	unsigned int in_flight;
	unsigned int num_slots;
	struct blk_slot *slots;
	struct blk_slot *free;
	struct virtio_blk_stats stats;
};

/**
 * struct virtio_blk - a block device
 * @dev:         embedded first
 * @fd:          the disk file, -1 while it is the caller's
 * @backend:     requests on it
 * @rules:       what requests are checked against
 * @serial:      for GET_ID, NUL-padded
 * @writeback:   cache mode after reset
 * @driver_writeback: what the driver wrote to the "writeback" field, -1 if
 *               nothing since the reset [any thread]
 * @config:      config space, little-endian [guarded by dev.lock]
 * @limit:       rate limit of all queues together
 * @timer:       when the first waiting queue may go
 * @timer_armed: @timer is under way
 * @waiting_first: queues with a request held back, first come first served
 * @waiting_last: end of that list
 * @on_error:    see struct virtio_blk_options
 * @opaque:      for @on_error
 * @errors:      bucket for @on_error
 * @shrink_left: requests a waiting shrink waits for
 * @shrunk:      posted when @shrink_left falls to 0
 * @queues:      the request queues, dev.num_queues of them
 */
struct virtio_blk {
	struct virtio_device dev;
	int fd;
	struct blk_backend backend;
	struct blk_rules rules;
	char serial[VIRTIO_BLK_ID_BYTES];
	bool writeback;
	_Atomic int driver_writeback;
	struct virtio_blk_config config;
	struct rate_limit limit;
	struct io_op timer;
	bool timer_armed;
	struct blk_queue *waiting_first;
	struct blk_queue *waiting_last;
	void (*on_error)(void *opaque, const struct virtio_blk_error *error);
	void *opaque;
	struct log_bucket errors;
	unsigned int shrink_left;
	sem_t shrunk;
	struct blk_queue queues[VIRTIO_BLK_QUEUES_MAX];
};

/** blk_queue_init() - preallocate; [control thread, before the engine runs].
 * Return: 0 or -ENOMEM. */
int blk_queue_init(struct blk_queue *q, struct virtio_blk *blk,
		   unsigned int index);

/** blk_queue_fini() - free; nothing is in flight. */
void blk_queue_fini(struct blk_queue *q);

/** blk_queue_drain() - take what the driver made available. */
void blk_queue_drain(struct blk_queue *q);

/**
 * blk_queue_stop() - end what only waits, for reset and quiesce
 * @abandon: requests held back by the rate limit fail; otherwise they go at
 *           once
 */
void blk_queue_stop(struct virtio_blk *blk, bool abandon);

/** blk_queue_mark_beyond() - count requests in flight that touch anything from
 * byte @end on into blk->shrink_left; @end UINT64_MAX forgets all marks. */
void blk_queue_mark_beyond(struct blk_queue *q, uint64_t end);

/**
 * virtio_blk_writeback() - the cache mode in force, 5.2.5; any thread
 *
 * Return: true if a write may complete before it is durable.
 */
bool virtio_blk_writeback(const struct virtio_blk *blk);

/** virtio_blk_check_drained() - end a reset or quiesce that waits for the last
 * request. */
void virtio_blk_check_drained(struct virtio_blk *blk);
