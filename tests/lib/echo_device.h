/*
 * echo_device.h - the simplest device model: it copies the readable part of a
 * request to its writable part. It can keep requests in flight until told.
 */
#pragma once

#include "virtio_device.h"

#define ECHO_IOV_MAX 32
#define ECHO_CONFIG_SIZE 12 /* bytes, all writable */

/**
 * struct echo_request - a chain taken
 * @chain: what virtqueue_pop() gave
 * @iov:   its buffers
 * @index: queue it came from
 */
struct echo_request {
	struct virtqueue_chain chain;
	struct iovec iov[ECHO_IOV_MAX];
	unsigned int index;
};

/**
 * struct echo_device - [I/O thread] unless said otherwise
 * @hold:      keep requests in @held instead of answering
 * @held:      requests in flight, @held_count of them
 * @fail_activate: activate returns -EIO
 * @activated: calls of activate
 * @kicked:    calls of kick
 * @stops:     calls of reset and quiesce
 * @stopping:  drained is due when nothing is held any more
 * @touched:   bitmap of queues to notify at the end of the round
 * @config:    [@dev.lock] config space
 */
struct echo_device {
	struct virtio_device dev;
	struct io_op flush;
	bool hold;
	struct echo_request held[256];
	unsigned int held_count;
	bool fail_activate;
	unsigned int activated;
	unsigned int kicked;
	unsigned int stops;
	bool stopping;
	uint32_t touched;
	uint8_t config[ECHO_CONFIG_SIZE];
};

/** echo_device_create() - @queues of up to @size entries; cannot fail. */
struct echo_device *echo_device_create(const struct guest_mem *mem,
				       struct io_engine *engine,
				       unsigned int queues, uint16_t size);

/** echo_device_release() - answer what is held. [I/O thread] */
void echo_device_release(struct echo_device *echo);
