/*
 * virtio_net.h - network device (virtio 1.2, section 5.1) with one pair of
 * queues over a backend, see net_backend.h.
 */
#pragma once

#include "net_backend.h"
#include "rate_limit.h"
#include "virtio_device.h"

#define VIRTIO_NET_RX 0 /* queue indices */
#define VIRTIO_NET_TX 1

/**
 * struct virtio_net_options - what to make
 * @name:       "net0"; for messages
 * @backend:    taken over on success
 * @mac:        the guest's address
 * @mtu:        68 to 65535, or 0: the driver is told none, and none is enforced
 * @queue_size: entries per queue, power of two
 * @limit:      initialised limiter, copied, for each direction
 * @now_ns:     clock of @limit; NULL: CLOCK_MONOTONIC. For tests
 */
struct virtio_net_options {
	const char *name;
	struct net_backend *backend;
	uint8_t mac[6];
	uint32_t mtu;
	uint16_t queue_size;
	struct rate_limit limit;
	uint64_t (*now_ns)(void);
};

/**
 * struct virtio_net_stats - counters, written by the I/O thread, read by anyone
 * @frames:  carried
 * @bytes:   of those frames, without headers of ours
 * @dropped: frames that were refused or found no room
 */
struct virtio_net_stats {
	uint64_t frames;
	uint64_t bytes;
	uint64_t dropped;
};

/**
 * virtio_net_create() - make a network device
 *
 * Return: 0 and *out (virtio_device_destroy()), or a negative errno; then the
 * backend is still the caller's.
 */
int virtio_net_create(struct virtio_device **out,
		      const struct virtio_net_options *options,
		      const struct guest_mem *mem, struct io_engine *engine,
		      struct err *err);

/** virtio_net_stats() - copy the counters of a direction, VIRTIO_NET_RX or
 * VIRTIO_NET_TX; any thread. */
void virtio_net_stats(struct virtio_device *dev, unsigned int direction,
		      struct virtio_net_stats *out);
