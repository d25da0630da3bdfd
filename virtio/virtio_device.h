/*
 * virtio_device.h - what every virtio device model is, below any transport.
 *
 * Threads: register and config accesses come from vCPU threads through the
 * transport, which holds @lock around the config ops; queues belong to the I/O
 * thread that runs @engine. The transport moves activate, reset, quiesce and
 * resume onto that thread by io_engine_call(), so a model's queue code never
 * needs a lock.
 */
#pragma once

#include "guest_mem.h"
#include "io_engine.h"
#include "irq_line.h"
#include "log.h"
#include "virtqueue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_QUEUES_MAX 16

struct virtio_device;

/**
 * struct virtio_device_ops - one const table per device class
 * @name:        "blk"; for messages and metrics
 * @device_id:   virtio 1.2 section 5
 * @config_read: [any vCPU, device lock held] fill @len bytes of config space
 *               at @offset; beyond the end reads as zero
 * @config_write: [any vCPU, device lock held] driver wrote config space; NULL
 *               if nothing is writable
 * @activate:    [I/O thread] DRIVER_OK: queues are enabled, @driver_features
 *               is final. Return: 0 or a negative errno -> NEEDS_RESET
 * @kick:        [I/O thread] doorbell of queue @index rang, or resume
 * @reset:       [I/O thread] stop: cancel what can be cancelled. When
 *               in_flight of every queue is 0 call virtio_device_drained()
 *               (from here or later); push nothing after that
 * @quiesce:     [I/O thread] as reset but keep state: take no new request, call
 *               virtio_device_drained() when nothing is in flight
 * @destroy:     [control thread, engine stopped] free the model
 */
struct virtio_device_ops {
	const char *name;
	uint32_t device_id;
	void (*config_read)(struct virtio_device *dev, uint32_t offset,
			    void *data, uint32_t len);
	void (*config_write)(struct virtio_device *dev, uint32_t offset,
			     const void *data, uint32_t len);
	int (*activate)(struct virtio_device *dev);
	void (*kick)(struct virtio_device *dev, unsigned int index);
	void (*reset)(struct virtio_device *dev);
	void (*quiesce)(struct virtio_device *dev);
	void (*destroy)(struct virtio_device *dev);
};

/**
 * struct virtio_device - embedded first in every model
 * @ops:             class table
 * @name:            "disk0"; stable, for messages, events and metrics
 * @mem:             guest RAM
 * @engine:          engine of the I/O thread that owns the queues
 * @lock:            guards config space and @config_generation
 * @device_features: offered, set by the model before the transport sees it
 * @driver_features: negotiated
 * @status:          device status register (2.1)
 * @config_generation: bumped with every config change (2.5.1)
 * @queues:          the queues; @num_queues of them are used
 * @queue_size_max:  QueueNumMax of every queue
 * @doorbells:       eventfds, one per queue: made by the transport, bound to
 *                   the notify register by the machine (ioeventfd)
 * @irq:             interrupt line, set by the machine
 * @isr:             InterruptStatus bits, set by the device, cleared by ACK
 * @transport:       for virtio_device_*() call-backs
 * @log:             bucket for log_guest()
 */
struct virtio_device {
	const struct virtio_device_ops *ops;
	char name[32];
	const struct guest_mem *mem;
	struct io_engine *engine;
	pthread_mutex_t lock;
	uint64_t device_features;
	uint64_t driver_features;
	_Atomic uint32_t status;
	_Atomic uint32_t config_generation;
	unsigned int num_queues;
	uint16_t queue_size_max;
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	int doorbells[VIRTIO_QUEUES_MAX];
	struct irq_line irq;
	_Atomic uint32_t isr;
	void *transport;
	struct log_bucket log;
};

/**
 * virtio_device_init() - fill the common part; called by a model's create
 * @name:   copied
 * @queues: number of queues, at most VIRTIO_QUEUES_MAX
 *
 * Makes the doorbell eventfds. Return: 0 or a negative errno.
 */
int virtio_device_init(struct virtio_device *dev,
		       const struct virtio_device_ops *ops, const char *name,
		       const struct guest_mem *mem, struct io_engine *engine,
		       unsigned int queues, uint16_t queue_size_max,
		       uint64_t device_features, struct err *err);

/** virtio_device_fini() - release the common part; called by ops->destroy. */
void virtio_device_fini(struct virtio_device *dev);

/** virtio_device_destroy() - ops->destroy; accepts NULL. */
void virtio_device_destroy(struct virtio_device *dev);

/** virtio_device_has() - was feature @bit negotiated? */
bool virtio_device_has(const struct virtio_device *dev, unsigned int bit);

/**
 * virtio_device_notify() - flush a queue and raise the interrupt if wanted
 * [I/O thread] One irqfd write at most.
 */
void virtio_device_notify(struct virtio_device *dev, unsigned int index);

/** virtio_device_config_changed() - bump the generation and interrupt; any
 * thread; the caller changed its config under @lock. */
void virtio_device_config_changed(struct virtio_device *dev);

/**
 * virtio_device_fail() - the driver broke the rules: set DEVICE_NEEDS_RESET,
 * interrupt, take no more requests (2.1.2). [I/O thread] The VM lives on.
 */
void virtio_device_fail(struct virtio_device *dev, const char *why);

/** virtio_device_drained() - answer to reset and quiesce. [I/O thread] */
void virtio_device_drained(struct virtio_device *dev);
