/*
 * virtqueue.h - split virtqueue, device side (virtio 1.2, section 2.7).
 *
 * Owner: one I/O thread per queue; no call here takes a lock. Ring addresses
 * are translated once when the queue is enabled. A chain is a private,
 * validated copy: nothing in it is read from guest memory twice.
 */
#pragma once

#include "guest_mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIRTQUEUE_SIZE_MAX 32768 /* entries, virtio 2.7 */

/**
 * struct virtqueue_chain - one request, as popped
 * @head:     index to give back with virtqueue_push()
 * @readable: iov entries the device reads; they come first (2.7.4.2)
 * @writable: iov entries the device writes; they follow
 * @readable_len: bytes in the readable part
 * @writable_len: bytes in the writable part
 * @iov:      caller's array, set before virtqueue_pop()
 * @iov_max:  its length, set before virtqueue_pop()
 */
struct virtqueue_chain {
	uint16_t head;
	uint16_t readable;
	uint16_t writable;
	uint16_t iov_max;
	uint64_t readable_len;
	uint64_t writable_len;
	struct iovec *iov;
};

/**
 * struct virtqueue_layout - what the driver programmed for one queue
 * @size:   entries, power of two up to VIRTQUEUE_SIZE_MAX
 * @desc:   guest-physical address of the descriptor table, 16-byte aligned
 * @avail:  of the available ring, 2-byte aligned
 * @used:   of the used ring, 4-byte aligned
 */
struct virtqueue_layout {
	uint16_t size;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
};

/**
 * struct virtqueue_stats - counters, written by the owner, read by anyone
 * @popped:     chains taken, less those put back
 * @pushed:     chains given back
 * @kicks:      doorbells seen
 * @interrupts: interrupts raised
 */
struct virtqueue_stats {
	uint64_t popped;
	uint64_t pushed;
	uint64_t kicks;
	uint64_t interrupts;
};

/**
 * struct virtqueue - device side state of one queue; embed, fields private to
 * virtqueue.c except @stats
 */
struct virtqueue {
	const struct guest_mem *mem;
	const void *desc;
	void *avail;
	void *used;
	uint16_t size;
	uint16_t last_avail; /* next entry of the available ring to take */
	uint16_t avail_seen; /* avail.idx when it was last read */
	uint16_t used_idx;   /* private copy, published by virtqueue_flush() */
	uint16_t signalled;  /* used_idx at the last publication */
	uint16_t in_flight;  /* popped, not yet pushed */
	bool event_idx;
	bool indirect;
	bool enabled;
	bool broken;	     /* the driver broke the rules: nothing is popped */
	uint64_t *head_busy; /* bitmap: head popped and not pushed */
	struct virtqueue_stats stats;
};

/** virtqueue_count() - add one to a counter of @stats; its only writer is the
 * owner thread, readers may be any thread. */
static inline void virtqueue_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/**
 * virtqueue_enable() - validate a layout and make the queue usable
 * @features: negotiated feature bits (RING_INDIRECT_DESC, RING_EVENT_IDX used)
 *
 * Allocates the busy bitmap. Rings must lie inside RAM, be aligned, not wrap.
 * Return: 0, -EINVAL or -EFAULT for a layout the driver got wrong, -ENOMEM.
 */
int virtqueue_enable(struct virtqueue *vq, const struct guest_mem *mem,
		     const struct virtqueue_layout *layout, uint64_t features);

/** virtqueue_disable() - forget the rings, free the bitmap; in_flight is 0. The
 * counters go on. */
void virtqueue_disable(struct virtqueue *vq);

/**
 * virtqueue_pop() - take the next request the driver made available
 * @chain: iov and iov_max set by the caller; filled with a private copy
 *
 * Return: 1 if filled, 0 if empty (or disabled, or broken), -EPROTO if the
 * driver broke the rules (loop, index out of range, address outside RAM or
 * across the end of a region, zero-length buffer, readable after writable, head
 * in flight, bad indirect table, more than iov_max elements or 2^32 bytes): the
 * caller then calls virtio_device_fail().
 */
int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain);

/**
 * virtqueue_unpop() - put the request popped last back, as if never taken
 *
 * Only for the most recent pop of this queue, and not after it was pushed.
 */
void virtqueue_unpop(struct virtqueue *vq, uint16_t head);

/**
 * virtqueue_push() - give a chain back; published by virtqueue_flush()
 * @written: bytes written to the writable part
 *
 * Each popped head is pushed exactly once, also after virtqueue_break().
 */
void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written);

/**
 * virtqueue_flush() - publish pushed entries with one release-store
 *
 * Return: true if the driver wants an interrupt for them (full fence, then the
 * event index or the NO_INTERRUPT flag, 2.7.7.2).
 */
bool virtqueue_flush(struct virtqueue *vq);

/** virtqueue_notify_off() - tell the driver that no doorbell is needed. */
void virtqueue_notify_off(struct virtqueue *vq);

/**
 * virtqueue_notify_on() - ask for doorbells again
 *
 * Return: true if the ring is non-empty (or virtqueue_pop() will fail): drain
 * again (closes the lost-kick window: store, full fence, re-check).
 */
bool virtqueue_notify_on(struct virtqueue *vq);

/** virtqueue_pending() - is there anything to pop? No barrier is needed before:
 * it is for who looks again and again. */
bool virtqueue_pending(struct virtqueue *vq);

/** virtqueue_break() - pop nothing more; what is in flight is still pushed. */
void virtqueue_break(struct virtqueue *vq);
