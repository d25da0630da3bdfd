/*
 * virtio_device.h - what every virtio device model is, below any transport.
 *
 * Threads: register and config accesses come from vCPU threads through the
 * transport; queues belong to the I/O thread that runs @engine, one engine per
 * device. The functions below move activate, reset, quiesce and resume onto
 * that thread, so a model's queue code never needs a lock. Lock order: @control
 * before @lock; the I/O thread never takes @control, for a vCPU may hold it
 * while it waits for that thread.
 *
 * Life: create, then any number of (activate, reset), pause and resume while
 * activated, then virtio_device_shutdown() while the engine still runs, then
 * (engine thread joined) virtio_device_destroy().
 */
#pragma once

#include "guest_mem.h"
#include "io_engine.h"
#include "irq_line.h"
#include "log.h"
#include "virtqueue.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_QUEUES_MAX 16

struct virtio_device;

/**
 * struct virtio_device_ops - one const table per device class
 * @name:        "blk"; for messages and metrics
 * @device_id:   virtio 1.2 section 5
 * @check_features: [any vCPU] may the driver accept this subset of what was
 *               offered? NULL: any
 * @config_read: [any vCPU, @lock held] fill @len bytes of config space at
 *               @offset; what is left untouched reads as zero. NULL: no config
 *               space
 * @config_write: [any vCPU, @lock held] driver wrote config space; NULL if
 *               nothing is writable
 * @activate:    [I/O thread] DRIVER_OK: queues are enabled, @driver_features
 *               is final; pop nothing yet. Return: 0 or a negative errno ->
 *               NEEDS_RESET, and neither kick nor reset follows
 * @kick:        [I/O thread] doorbell of enabled queue @index rang; called once
 *               for every enabled queue after activate and resume
 * @reset:       [I/O thread] stop: cancel what can be cancelled. When
 *               in_flight of every queue is 0 call virtio_device_drained()
 *               (from here or later); push nothing after that
 * @quiesce:     [I/O thread] as reset but keep state: take no new request, call
 *               virtio_device_drained() when nothing is in flight; the next
 *               kick ends it
 * @destroy:     [control thread, engine stopped] free the model
 */
struct virtio_device_ops {
	const char *name;
	uint32_t device_id;
	bool (*check_features)(uint64_t features);
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
 * struct virtio_doorbell - the watch on one doorbell eventfd [I/O thread]
 * @op:    edge-triggered watch: the eventfd is never read
 * @dev:   owner
 * @file:  engine slot while the queue is enabled
 * @armed: @op is in flight
 */
struct virtio_doorbell {
	struct io_op op;
	struct virtio_device *dev;
	int file;
	bool armed;
};

/** enum virtio_run - what the I/O thread does with the queues */
enum virtio_run {
	VIRTIO_RUN_OFF,	      /* not activated, or activation failed */
	VIRTIO_RUN_ON,	      /* doorbells armed */
	VIRTIO_RUN_PAUSED,    /* drained by virtio_device_pause() */
	VIRTIO_RUN_PAUSING,   /* quiesce called, not drained yet */
	VIRTIO_RUN_RESETTING, /* reset called, not drained yet */
};

/**
 * struct virtio_device - embedded first in every model
 * @ops:             class table
 * @name:            "disk0"; stable, for messages, events and metrics
 * @mem:             guest RAM
 * @engine:          engine of the I/O thread that owns the queues
 * @control:         serialises status writes, queue set-up, pause and resume
 * @lock:            guards config space
 * @device_features: offered
 * @driver_features: accepted by the driver, final once FEATURES_OK is set
 * @status:          device status register (2.1)
 * @config_generation: bumped with every config change (2.5.1)
 * @num_queues:      queues this device has
 * @queue_size_max:  QueueNumMax of every queue
 * @offloaded:       another process serves the queues and has the doorbells and
 *                   the interrupt line; kick then only follows activate and
 *                   resume. Set by the model's create
 * @layouts:         what the driver programmed [@control]
 * @queue_ready:     QueueReady [@control]
 * @queues:          the queues [I/O thread]
 * @doorbells:       eventfds, one per queue; the machine binds them to the
 *                   notify register (ioeventfd)
 * @rings:           watches on @doorbells [I/O thread]
 * @irq:             interrupt line; set by the machine before vCPUs run
 * @isr:             InterruptStatus bits, set by the device, cleared by ACK
 * @run:             [I/O thread]
 * @model_drained:   virtio_device_drained() was called for this stop
 *                   [I/O thread]
 * @stopped:         posted when reset or quiesce is over
 * @log:             bucket for log_guest() [I/O thread]
 */
struct virtio_device {
	const struct virtio_device_ops *ops;
	char name[32];
	const struct guest_mem *mem;
	struct io_engine *engine;
	pthread_mutex_t control;
	pthread_mutex_t lock;
	uint64_t device_features;
	uint64_t driver_features;
	_Atomic uint32_t status;
	_Atomic uint32_t config_generation;
	unsigned int num_queues;
	uint16_t queue_size_max;
	bool offloaded;
	struct virtqueue_layout layouts[VIRTIO_QUEUES_MAX];
	bool queue_ready[VIRTIO_QUEUES_MAX];
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	int doorbells[VIRTIO_QUEUES_MAX];
	struct virtio_doorbell rings[VIRTIO_QUEUES_MAX];
	struct irq_line irq;
	_Atomic uint32_t isr;
	enum virtio_run run;
	bool model_drained;
	sem_t stopped;
	struct log_bucket log;
};

/*
 * For models.
 */

/**
 * virtio_device_init() - fill the common part; called by a model's create
 * @name:     copied
 * @queues:   number of queues, at most VIRTIO_QUEUES_MAX
 * @features: bits of this class; VERSION_1, INDIRECT_DESC and EVENT_IDX are
 *            added
 *
 * @dev is zeroed memory. Makes the doorbell eventfds. While activated each
 * enabled queue takes one io_engine_file_add() slot. On failure the caller
 * still calls virtio_device_fini(). Return: 0 or a negative errno.
 */
int virtio_device_init(struct virtio_device *dev,
		       const struct virtio_device_ops *ops, const char *name,
		       const struct guest_mem *mem, struct io_engine *engine,
		       unsigned int queues, uint16_t queue_size_max,
		       uint64_t features, struct err *err);

/** virtio_device_fini() - release the common part; called by ops->destroy. */
void virtio_device_fini(struct virtio_device *dev);

/** virtio_device_has() - was feature @bit negotiated? */
bool virtio_device_has(const struct virtio_device *dev, unsigned int bit);

/**
 * virtio_device_notify() - flush a queue and raise the interrupt if wanted
 * [I/O thread] One irqfd write at most.
 */
void virtio_device_notify(struct virtio_device *dev, unsigned int index);

/** virtio_device_config_changed() - bump the generation and interrupt; any
 * thread; called before the caller releases the @lock under which it changed
 * its config, so that no reader takes the old generation for the new bytes. */
void virtio_device_config_changed(struct virtio_device *dev);

/**
 * virtio_device_fail() - the driver broke the rules: set DEVICE_NEEDS_RESET,
 * interrupt, pop no more requests (2.1.2). [I/O thread] The VM lives on; what
 * is in flight is still pushed.
 */
void virtio_device_fail(struct virtio_device *dev, const char *why);

/** virtio_device_drained() - answer to reset and quiesce. [I/O thread] */
void virtio_device_drained(struct virtio_device *dev);

/**
 * virtio_device_copy_config() - body of most config_read ops
 * @config: little-endian config structure of @size bytes
 */
void virtio_device_copy_config(const void *config, uint32_t size,
			       uint32_t offset, void *data, uint32_t len);

/*
 * For transports. [any vCPU thread, except where said otherwise]
 */

/** virtio_device_read_config() - any offset and length; zero beyond the end. */
void virtio_device_read_config(struct virtio_device *dev, uint32_t offset,
			       void *data, uint32_t len);

/** virtio_device_write_config() - any offset, length and device status. */
void virtio_device_write_config(struct virtio_device *dev, uint32_t offset,
				const void *data, uint32_t len);

/**
 * virtio_device_write_features() - 32 feature bits the driver accepts
 * @word: 0 or 1; others are ignored
 *
 * [@control held] Ignored unless DRIVER is set and FEATURES_OK is not.
 */
void virtio_device_write_features(struct virtio_device *dev, uint32_t word,
				  uint32_t value);

/**
 * virtio_device_queue_layout() - the layout of a queue, for writing
 * [@control held] Return: NULL while it must not change: no such queue, queue
 * ready, features not negotiated, or device live (2.1, 4.2.2.2).
 */
struct virtqueue_layout *virtio_device_queue_layout(struct virtio_device *dev,
						    uint32_t index);

/**
 * virtio_device_set_ready() - QueueReady of queue @index
 *
 * [@control held] Setting works only while the layout may change; clearing on a
 * live device waits until the device is drained and takes that queue out.
 */
void virtio_device_set_ready(struct virtio_device *dev, uint32_t index,
			     bool ready);

/**
 * virtio_device_write_status() - the driver wrote the status register
 *
 * [@control held] Zero resets and returns when nothing is in flight any more.
 * FEATURES_OK is not taken for features that were not offered or without
 * VERSION_1 (2.2.2, 6.2); DRIVER_OK activates and returns after that. A write
 * that would clear bits is ignored (2.1.1).
 */
void virtio_device_write_status(struct virtio_device *dev, uint32_t value);

/** virtio_device_ring() - a notification that did not come by ioeventfd. */
void virtio_device_ring(struct virtio_device *dev, uint32_t index);

/*
 * For the machine. [control thread, engine running, no vCPU in KVM_RUN]
 */

/** virtio_device_pause() - drain; returns when nothing is in flight. */
void virtio_device_pause(struct virtio_device *dev);

/** virtio_device_resume() - undo virtio_device_pause(); kicks every queue. */
void virtio_device_resume(struct virtio_device *dev);

/** virtio_device_shutdown() - reset for good, before the engine is stopped; no
 * effect on a device that was never activated (the engine need not run). */
void virtio_device_shutdown(struct virtio_device *dev);

/** virtio_device_destroy() - ops->destroy; engine stopped; accepts NULL. */
void virtio_device_destroy(struct virtio_device *dev);
