/*
 * vhost_user.h - front end of a virtio device whose queues another process
 * serves (QEMU's vhost-user protocol, over a unix stream socket).
 *
 * The back end maps guest memory, takes doorbells and raises interrupts by the
 * eventfds it is given: on the data path nothing passes through this process.
 * It is trusted with guest memory and with nothing else: what it sends is
 * checked, and what it does not answer within VHOST_USER_TIMEOUT_S is an error.
 *
 * Thread rule: one thread at a time; calls wait for the answer of the back end.
 */
#pragma once

#include "err.h"
#include "guest_mem.h"
#include "virtqueue.h"

#include <stdint.h>

#define VHOST_USER_TIMEOUT_S 10

struct vhost_user;

/**
 * struct vhost_user_ring - one queue, as handed to the back end
 * @layout: what the driver programmed; validated by virtqueue_enable()
 * @base:   next entry of the available ring to take
 * @kick:   eventfd of the doorbell; stays the caller's
 * @call:   eventfd of the interrupt; stays the caller's
 */
struct vhost_user_ring {
	const struct virtqueue_layout *layout;
	uint16_t base;
	int kick;
	int call;
};

/**
 * vhost_user_create() - meet the back end and hand it guest memory
 * @fd:  connected socket; taken over in any case
 * @mem: shared memory (a memfd behind every region)
 *
 * Return: 0 and *out (vhost_user_destroy()); -EINVAL for private memory,
 * -EPROTO for an answer that breaks the protocol, or the negative errno of the
 * socket; with @err.
 */
int vhost_user_create(struct vhost_user **out, int fd,
		      const struct guest_mem *mem, struct err *err);

/** vhost_user_destroy() - close the connection; accepts NULL. */
void vhost_user_destroy(struct vhost_user *vu);

/** vhost_user_fd() - the socket, to be watched for its end. */
int vhost_user_fd(const struct vhost_user *vu);

/** vhost_user_features() - virtio feature bits the back end offers. */
uint64_t vhost_user_features(const struct vhost_user *vu);

/** vhost_user_set_features() - the bits that were negotiated. Return: 0 or a
 * negative errno. */
int vhost_user_set_features(struct vhost_user *vu, uint64_t features);

/** vhost_user_start_ring() - let the back end serve queue @index. Return: 0,
 * -EFAULT if the rings are not in RAM, or a negative errno. */
int vhost_user_start_ring(struct vhost_user *vu, uint32_t index,
			  const struct vhost_user_ring *ring);

/**
 * vhost_user_stop_ring() - take queue @index back
 * @base: set to the next entry of the available ring to take
 *
 * When this returns the back end has nothing in flight and touches the queue no
 * more. Return: 0 or a negative errno.
 */
int vhost_user_stop_ring(struct vhost_user *vu, uint32_t index, uint16_t *base);
