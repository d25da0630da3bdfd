/*
 * driver.h - driver side of virtio-mmio and split virtqueues (virtio 1.2,
 * sections 2.7 and 4.2), polling unless told otherwise.
 *
 * Devices are the virtio_mmio.device=SIZE@ADDRESS:IRQ words of the command
 * line. Everything is open: the hostile verbs reach into the rings.
 */
#pragma once

#include "payload.h"

enum {
	MMIO_MAGIC = 0x000,
	MMIO_VERSION = 0x004,
	MMIO_DEVICE_ID = 0x008,
	MMIO_VENDOR_ID = 0x00c,
	MMIO_DEVICE_FEATURES = 0x010,
	MMIO_DEVICE_FEATURES_SEL = 0x014,
	MMIO_DRIVER_FEATURES = 0x020,
	MMIO_DRIVER_FEATURES_SEL = 0x024,
	MMIO_QUEUE_SEL = 0x030,
	MMIO_QUEUE_NUM_MAX = 0x034,
	MMIO_QUEUE_NUM = 0x038,
	MMIO_QUEUE_READY = 0x044,
	MMIO_QUEUE_NOTIFY = 0x050,
	MMIO_INTERRUPT_STATUS = 0x060,
	MMIO_INTERRUPT_ACK = 0x064,
	MMIO_STATUS = 0x070,
	MMIO_QUEUE_DESC_LOW = 0x080,
	MMIO_QUEUE_DESC_HIGH = 0x084,
	MMIO_QUEUE_DRIVER_LOW = 0x090,
	MMIO_QUEUE_DRIVER_HIGH = 0x094,
	MMIO_QUEUE_DEVICE_LOW = 0x0a0,
	MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
	MMIO_CONFIG_GENERATION = 0x0fc,
	MMIO_CONFIG = 0x100,
};

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u

#define DEVICE_NET 1u
#define DEVICE_BLOCK 2u
#define DEVICE_CONSOLE 3u
#define DEVICE_ENTROPY 4u
#define DEVICE_VSOCK 19u

#define FEATURE_INDIRECT_DESC (1ull << 28)
#define FEATURE_EVENT_IDX (1ull << 29)
#define FEATURE_VERSION_1 (1ull << 32)
#define FEATURES_RING (FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX)

#define DESC_NEXT 1
#define DESC_WRITE 2
#define DESC_INDIRECT 4

#define QUEUE_SIZE_DEFAULT 128u

/** struct device - one virtio-mmio device; plain, copy as you like */
struct device {
	uintptr_t base;
	uint32_t size;
	uint32_t irq;
	uint32_t id;
	uint64_t features;
};

struct desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};

struct used_entry {
	uint32_t head;
	uint32_t length;
};

/**
 * struct queue - one split virtqueue
 * @desc, @avail, @used: the three areas; avail[0] is flags, avail[1] idx;
 *              @desc has room for one more, which the device must not see
 * @chain:      free list, and the rest of the chain for a busy head
 * @free:       first free descriptor; @num_free of them
 * @avail_idx:  next index to publish
 * @kicked_idx: avail_idx at the last kick decision
 * @last_used:  next used entry to look at
 * @interrupts: wanted for every entry
 * @tables:     one indirect table of INDIRECT_MAX per descriptor, or NULL
 */
struct queue {
	struct device *device;
	unsigned int index;
	uint16_t size;
	struct desc *desc;
	uint16_t *avail;
	uint16_t *used;
	uint16_t *chain;
	uint16_t free;
	uint16_t num_free;
	uint16_t avail_idx;
	uint16_t kicked_idx;
	uint16_t last_used;
	bool event_idx;
	bool interrupts;
	struct desc *tables;
};

#define INDIRECT_MAX 16u

/** struct buffer - one element of a request; device-readable ones first */
struct buffer {
	void *data;
	uint32_t length;
	bool writable;
};

/** device_at() - the @index-th device word. Return: false behind the last. */
bool device_at(unsigned int index, struct device *device);

/** device_find() - the @nth device with this virtio device id, or fail(). */
void device_find(uint32_t id, unsigned int nth, struct device *device);

uint32_t device_read(const struct device *device, uint32_t reg);
void device_write(const struct device *device, uint32_t reg, uint32_t value);

/** device_reset() - write 0 to the status and wait until it reads 0. */
void device_reset(struct device *device);

/** device_negotiate() - reset, then up to FEATURES_OK with what of @wanted is
 * offered, and VERSION_1; device->features is what was agreed. */
void device_negotiate(struct device *device, uint64_t wanted);

/** ring_features() - of the ring, as "ring=" asks: all, or with "plain" none.
 */
uint64_t ring_features(void);

/** device_interrupts() - let interrupts of the device in. Return: how many have
 * come, counted by their handler. */
const volatile uint32_t *device_interrupts(const struct device *device);

/** device_acknowledge() - of its interrupts. Return: what they were for. */
uint32_t device_acknowledge(const struct device *device);

/** device_ok() - set DRIVER_OK: queues are set up. */
void device_ok(struct device *device);

/** queue_init() - memory and registers of queue @index; @size 0: the default
 * or what the device can at most. */
void queue_init(struct queue *queue, struct device *device, unsigned int index,
		uint16_t size);

/** queue_add() - put a request into the ring, published by queue_kick().
 * Return: its head, or -1 if there is no room. */
int queue_add(struct queue *queue, const struct buffer *buffers,
	      unsigned int count);

/** queue_publish() - make what was added visible, without telling. */
void queue_publish(struct queue *queue);

/** queue_kick() - publish, and notify unless the device asked not to. */
void queue_kick(struct queue *queue);

/** queue_notify() - ring the doorbell, whatever the device asked. */
void queue_notify(struct queue *queue);

/** queue_reap() - take one used entry. Return: its head, or -1. */
int queue_reap(struct queue *queue, uint32_t *written);

/** queue_sleep() - until there is something to reap; the queue has interrupts.
 */
void queue_sleep(struct queue *queue);

/** queue_wait() - take an entry as soon as one is used: asleep until then if
 * the queue has interrupts, else polling, with fail() after a long time. */
int queue_wait(struct queue *queue, uint32_t *written);

/** queue_interrupts() - ask for an interrupt for every entry, or for none;
 * after device_interrupts(). */
void queue_interrupts(struct queue *queue, bool wanted);
