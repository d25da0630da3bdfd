/*
 * virtio_rng.h - entropy device (virtio 1.2, section 5.4): the host kernel's
 * random bytes, by getrandom(2) straight into the guest's buffers.
 */
#pragma once

#include "rate_limit.h"
#include "virtio_device.h"

/* Bytes one request gets at most; the driver asks again for more (5.4.6.2).
 * Keeps a guest that asks for gigabytes from holding up the I/O thread. */
#define VIRTIO_RNG_REQUEST_MAX 4096U

/**
 * struct virtio_rng_options - what to make
 * @name:       "rng0"; for messages
 * @queue_size: entries, power of two
 * @limit:      initialised limiter, copied; none if it is not enabled
 * @now_ns:     clock of @limit; NULL: CLOCK_MONOTONIC. For tests
 */
struct virtio_rng_options {
	const char *name;
	uint16_t queue_size;
	struct rate_limit limit;
	uint64_t (*now_ns)(void);
};

/**
 * virtio_rng_create() - make an entropy device
 *
 * Return: 0 and *out (virtio_device_destroy()), or a negative errno.
 */
int virtio_rng_create(struct virtio_device **out,
		      const struct virtio_rng_options *options,
		      const struct guest_mem *mem, struct io_engine *engine,
		      struct err *err);
