/*
 * virtio_console.h - console device with one port, hvc0 in a Linux guest
 * (virtio 1.2, section 5.3).
 *
 * Output goes to a sink as it is popped; input waits in a ring of
 * VIRTIO_CONSOLE_INPUT_MAX bytes until the guest has buffers for it.
 */
#pragma once

#include "virtio_device.h"

#include <stddef.h>

#define VIRTIO_CONSOLE_INPUT_MAX 4096U /* bytes typed ahead */

/**
 * struct virtio_console_options - what to make
 * @name:       "console0"; for messages
 * @queue_size: entries per queue, power of two
 * @output:     the guest printed: [I/O thread] must not block
 * @input_room: after virtio_console_input() took less than it was given: there
 *              is room again [I/O thread]; may be NULL
 * @arg:        passed to both
 */
struct virtio_console_options {
	const char *name;
	uint16_t queue_size;
	void (*output)(void *arg, const void *bytes, size_t len);
	void (*input_room)(void *arg);
	void *arg;
};

/**
 * virtio_console_create() - make a console
 *
 * Return: 0 and *out (virtio_device_destroy()), or a negative errno.
 */
int virtio_console_create(struct virtio_device **out,
			  const struct virtio_console_options *options,
			  const struct guest_mem *mem, struct io_engine *engine,
			  struct err *err);

/**
 * virtio_console_input() - bytes for the guest to read; any thread, never
 * blocks
 *
 * Return: how many were taken; if fewer than @len, input_room follows once
 * there is room.
 */
size_t virtio_console_input(struct virtio_device *dev, const void *bytes,
			    size_t len);
