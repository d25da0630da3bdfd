/* target.h - any virtio device we know how to talk to, for the hostile verbs.
 */
#pragma once

#include "driver.h"

#define TARGET_QUEUES_MAX 16
#define TARGET_BUFFERS_MAX 3

/**
 * struct target - a device under attack
 * @work:       the queue that takes requests
 * @num_queues: queues set up, all the device has
 */
struct target {
	struct device device;
	unsigned int work;
	unsigned int num_queues;
	struct queue queues[TARGET_QUEUES_MAX];
};

/** target_at() - the @index-th device of the command line of a kind that we can
 * talk to: net, disk, console, entropy, vsock. Return: false behind the last.
 */
bool target_at(unsigned int index, struct target *target);

/** target_open() - reset, negotiate @features of the ring, set up all queues,
 * DRIVER_OK. */
void target_open(struct target *target, uint64_t features);

static inline struct queue *target_queue(struct target *target)
{
	return &target->queues[target->work];
}

/** target_request() - elements of a request the device must serve; their
 * memory is shared by all requests. Return: how many. */
unsigned int target_request(const struct target *target,
			    struct buffer buffers[TARGET_BUFFERS_MAX]);

/** target_check() - reset and use the device as a good driver would: after
 * any attack it must work. */
void target_check(struct target *target);
