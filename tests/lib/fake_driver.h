/*
 * fake_driver.h - a virtio driver inside the test process: it lays out rings in
 * guest memory, programs a device through virtio_mmio_bus_ops and rings its
 * doorbells as KVM's ioeventfd would.
 *
 * One thread. Set-up failures that only a broken test can cause end the program
 * through cmocka's assertions. To misbehave, write to driver->queues[i].vring,
 * call fake_driver_write() out of order, or place a head with
 * fake_driver_offer().
 */
#pragma once

#include "guest_mem.h"
#include "virtio_mmio.h"

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

/** struct fake_buffer - one element of a request */
struct fake_buffer {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

/**
 * struct fake_queue - driver side of one queue
 * @vring:  host pointers to the three parts, vring.num entries
 * @layout: where they are, as programmed
 * @free:   stack of free descriptors, @free_count of them
 * @chain:  descriptors of the chain that starts at a head
 * @tables: indirect table kept for a head; @table_len bytes, 0: none yet
 * @added:  available entries written, published by fake_driver_publish()
 * @published: the avail.idx in the ring
 * @taken:  used entries taken
 */
struct fake_queue {
	struct vring vring;
	struct virtqueue_layout layout;
	uint16_t *free;
	unsigned int free_count;
	uint16_t *chain;
	uint64_t *tables;
	uint64_t *table_len;
	uint16_t added;
	uint16_t published;
	uint16_t taken;
};

/**
 * struct fake_driver - driver of one device
 * @dev:       the device, for its doorbells
 * @transport: passed to virtio_mmio_bus_ops
 * @mem:       guest RAM
 * @next:      guest-physical address the next allocation starts at
 * @end:       first address it must not reach
 * @irq_fd:    eventfd behind dev->irq
 * @features:  negotiated
 * @indirect:  fake_driver_add() uses an indirect table if it was negotiated
 * @poll:      do not ask for interrupts
 * @pump:      called while waiting; NULL: sleep
 */
struct fake_driver {
	struct virtio_device *dev;
	struct virtio_mmio *transport;
	const struct guest_mem *mem;
	uint64_t next;
	uint64_t end;
	int irq_fd;
	uint64_t features;
	bool indirect;
	bool poll;
	void (*pump)(void *arg);
	void *pump_arg;
	struct fake_queue queues[VIRTIO_QUEUES_MAX];
};

/** fake_driver_init() - guest memory from @next to @end is the driver's; makes
 * the interrupt eventfd. */
void fake_driver_init(struct fake_driver *driver, struct virtio_device *dev,
		      struct virtio_mmio *transport,
		      const struct guest_mem *mem, uint64_t next, uint64_t end);

/** fake_driver_fini() - release; the device is not touched. */
void fake_driver_fini(struct fake_driver *driver);

/** fake_driver_read(), fake_driver_write() - a control register. */
uint32_t fake_driver_read(struct fake_driver *driver, uint32_t reg);
void fake_driver_write(struct fake_driver *driver, uint32_t reg,
		       uint32_t value);

/** fake_driver_config_read(), fake_driver_config_write() - device config, in
 * accesses of @len bytes (1, 2, 4 or 8). */
void fake_driver_config_read(struct fake_driver *driver, uint32_t offset,
			     void *data, unsigned int len);
void fake_driver_config_write(struct fake_driver *driver, uint32_t offset,
			      const void *data, unsigned int len);

/** fake_driver_offered() - Return: the 64 feature bits offered. */
uint64_t fake_driver_offered(struct fake_driver *driver);

/**
 * fake_driver_negotiate() - reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK
 * @features: written as they are, offered or not
 *
 * Return: true if the device kept FEATURES_OK.
 */
bool fake_driver_negotiate(struct fake_driver *driver, uint64_t features);

/** fake_driver_queue() - allocate, clear and program queue @index with @size
 * entries (0: the maximum), and set QueueReady. */
void fake_driver_queue(struct fake_driver *driver, unsigned int index,
		       uint16_t size);

/**
 * fake_driver_start() - all of it: negotiate, set up every queue, DRIVER_OK
 * @features: those of them that the device offers are accepted
 * @size:     entries of each queue, 0 for the maximum
 */
void fake_driver_start(struct fake_driver *driver, uint64_t features,
		       uint16_t size);

/** fake_driver_reset() - write 0 to the status register; the rings and what
 * was allocated are forgotten. */
void fake_driver_reset(struct fake_driver *driver);

/** fake_driver_alloc() - @len bytes of guest memory, zeroed. */
uint64_t fake_driver_alloc(struct fake_driver *driver, uint64_t len,
			   uint64_t align);

/** fake_driver_ptr() - host address of guest memory. */
void *fake_driver_ptr(const struct fake_driver *driver, uint64_t gpa,
		      uint64_t len);

/** fake_driver_add() - place a request; returns its head. The ring must have
 * room: see queues[].free_count. */
uint16_t fake_driver_add(struct fake_driver *driver, unsigned int index,
			 const struct fake_buffer *buffers, unsigned int count);

/** fake_driver_offer() - put any head into the available ring. */
void fake_driver_offer(struct fake_driver *driver, unsigned int index,
		       uint16_t head);

/** fake_driver_publish() - make what was added visible. Return: true if the
 * device wants a doorbell for it. */
bool fake_driver_publish(struct fake_driver *driver, unsigned int index);

/** fake_driver_kick() - publish, and ring if wanted. Return: true if rung. */
bool fake_driver_kick(struct fake_driver *driver, unsigned int index);

/** fake_driver_take() - take a used entry and free its chain. Return: false if
 * there is none. */
bool fake_driver_take(struct fake_driver *driver, unsigned int index,
		      uint16_t *head, uint32_t *len);

/** fake_driver_wait() - fake_driver_take(), waiting up to a minute. */
void fake_driver_wait(struct fake_driver *driver, unsigned int index,
		      uint16_t *head, uint32_t *len);

/** fake_driver_interrupts() - Return: edges since the last call. */
uint64_t fake_driver_interrupts(struct fake_driver *driver);
