/*
 * virtio_blk.h - block device (virtio 1.2, section 5.2).
 *
 * Created and resized by the control thread; requests are served by the I/O
 * thread that runs the engine, config space by vCPU threads (virtio_device.h).
 */
#pragma once

#include "blk_request.h"
#include "rate_limit.h"
#include "virtio_device.h"

#define VIRTIO_BLK_QUEUES_MAX VIRTIO_QUEUES_MAX

/**
 * struct virtio_blk_error - a request that the host's storage failed
 * @device:  name of the device
 * @op:      what was asked for
 * @sector:  where, in units of 512 bytes
 * @error:   negative errno: -EIO (also for a file that ends too early),
 *           -ENOSPC, ...
 * @dropped: errors not reported since the last report
 */
struct virtio_blk_error {
	const char *device;
	enum blk_op op;
	uint64_t sector;
	int error;
	uint64_t dropped;
};

/**
 * struct virtio_blk_options - what to make
 * @name:         "disk0"; for messages, events and metrics
 * @fd:           from disk_file_open(); read-only and O_DIRECT follow from it
 * @serial:       up to 20 bytes for GET_ID, cut beyond; NULL: @name
 * @writethrough: cache mode after reset: every write is durable when it
 *                completes, until the driver says otherwise (CONFIG_WCE)
 * @block_size:   logical block, 512 or 4096 bytes; 0: 512
 * @queues:       1 to VIRTIO_BLK_QUEUES_MAX
 * @queue_size:   entries per queue, power of two
 * @limit:        rate limit, zeroed for none; all requests but get-id count
 *                as operations, the data of reads and writes as bytes
 * @on_error:     told on the I/O thread about requests that the storage failed,
 *                at most one a second after a burst; may be NULL
 * @opaque:       for @on_error
 */
struct virtio_blk_options {
	const char *name;
	int fd;
	const char *serial;
	bool writethrough;
	uint32_t block_size;
	unsigned int queues;
	uint16_t queue_size;
	struct rate_limit limit;
	void (*on_error)(void *opaque, const struct virtio_blk_error *error);
	void *opaque;
};

#define BLK_LATENCY_BUCKETS 24 /* the last one: 4 s and more */

/**
 * struct virtio_blk_stats - counters of one queue
 * @requests:   completed, by operation
 * @bytes:      transferred, by operation
 * @errors:     completed with a status other than OK
 * @throttled:  made to wait by the rate limit
 * @latency:    completed requests by time from pop to push: bucket 0 is below
 *              1 us, bucket n below 2^n us
 * @latency_us: sum of those times
 */
struct virtio_blk_stats {
	uint64_t requests[BLK_OP_COUNT];
	uint64_t bytes[BLK_OP_COUNT];
	uint64_t errors;
	uint64_t throttled;
	uint64_t latency[BLK_LATENCY_BUCKETS];
	uint64_t latency_us;
};

/**
 * virtio_blk_create() - make a block device
 * @options: strings are copied; @options->fd is owned by the device on success
 *
 * [before the engine runs] Return: 0 and *out (virtio_device_destroy()), or a
 * negative errno: -EINVAL for a block size that the file cannot do.
 */
int virtio_blk_create(struct virtio_device **out,
		      const struct virtio_blk_options *options,
		      const struct guest_mem *mem, struct io_engine *engine,
		      struct err *err);

/**
 * virtio_blk_resize() - change the size the guest sees
 * @size: bytes; a regular file is made that size. 0: take the size the file or
 *        block device has now
 *
 * [control thread, engine running] Shrinking refuses new requests beyond the
 * new end first, waits for those in flight there, then cuts the file. The
 * driver gets a config change. Return: 0; -EINVAL unless @size is whole blocks;
 * -ETIMEDOUT if requests beyond the new end do not end in 10 s (nothing is
 * changed then); errno of ftruncate.
 */
int virtio_blk_resize(struct virtio_device *dev, uint64_t size,
		      struct err *err);

/** virtio_blk_size() - Return: bytes the guest sees; any thread. */
uint64_t virtio_blk_size(struct virtio_device *dev);

/** virtio_blk_stats() - copy the counters of queue @index; any thread; each
 * counter is whole, their set is not a snapshot. */
void virtio_blk_stats(const struct virtio_device *dev, unsigned int index,
		      struct virtio_blk_stats *out);

/** virtio_blk_bounces() - requests that needed the bounce buffer; any thread.
 */
uint64_t virtio_blk_bounces(const struct virtio_device *dev);
