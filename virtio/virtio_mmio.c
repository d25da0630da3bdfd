/*
 * virtio_mmio.c - register file of virtio over MMIO. [any vCPU thread]
 *
 * Everything but the two interrupt registers, QueueNotify and the config space
 * runs under the device's @control lock: two vCPUs may race here.
 */
#include "virtio_mmio.h"

#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#define MMIO_MAGIC 0x74726976 /* "virt" */
#define MMIO_VERSION 2
#define MMIO_VENDOR 0x3058574c /* "LWX0" */

/**
 * struct virtio_mmio - the selectors; all other state is the device's
 * @dev:                 the device behind
 * @device_features_sel: DeviceFeaturesSel [@dev->control]
 * @driver_features_sel: DriverFeaturesSel [@dev->control]
 * @queue_sel:           QueueSel [@dev->control]
 */
struct virtio_mmio {
	struct virtio_device *dev;
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint32_t queue_sel;
};

static uint32_t read_magic(struct virtio_mmio *t)
{
	(void)t;
	return MMIO_MAGIC;
}

static uint32_t read_version(struct virtio_mmio *t)
{
	(void)t;
	return MMIO_VERSION;
}

static uint32_t read_device_id(struct virtio_mmio *t)
{
	return t->dev->ops->device_id;
}

static uint32_t read_vendor(struct virtio_mmio *t)
{
	(void)t;
	return MMIO_VENDOR;
}

static uint32_t read_device_features(struct virtio_mmio *t)
{
	if (t->device_features_sel > 1)
		return 0;
	return (uint32_t)(t->dev->device_features >>
			  (t->device_features_sel * 32));
}

static void write_device_features_sel(struct virtio_mmio *t, uint32_t value)
{
	t->device_features_sel = value;
}

static void write_driver_features(struct virtio_mmio *t, uint32_t value)
{
	virtio_device_write_features(t->dev, t->driver_features_sel, value);
}

static void write_driver_features_sel(struct virtio_mmio *t, uint32_t value)
{
	t->driver_features_sel = value;
}

static void write_queue_sel(struct virtio_mmio *t, uint32_t value)
{
	t->queue_sel = value;
}

static uint32_t read_queue_num_max(struct virtio_mmio *t)
{
	return t->queue_sel < t->dev->num_queues ? t->dev->queue_size_max : 0;
}

static void write_queue_num(struct virtio_mmio *t, uint32_t value)
{
	struct virtqueue_layout *layout =
		virtio_device_queue_layout(t->dev, t->queue_sel);

	/* A size that is refused leaves the old one, at first 0, which fails
	 * the activation. */
	if (layout && value <= t->dev->queue_size_max)
		layout->size = (uint16_t)value;
}

static uint32_t read_queue_ready(struct virtio_mmio *t)
{
	return t->queue_sel < t->dev->num_queues &&
	       t->dev->queue_ready[t->queue_sel];
}

static void write_queue_ready(struct virtio_mmio *t, uint32_t value)
{
	virtio_device_set_ready(t->dev, t->queue_sel, value == 1);
}

static void write_queue_notify(struct virtio_mmio *t, uint32_t value)
{
	virtio_device_ring(t->dev, value);
}

static uint32_t read_interrupt_status(struct virtio_mmio *t)
{
	uint32_t isr = atomic_load(&t->dev->isr);

	/* Who raised the line cannot set the bit; a look at a queue without
	 * used buffers is harmless (2.3). */
	return t->dev->offloaded ? isr | VIRTIO_MMIO_INT_VRING : isr;
}

static void write_interrupt_ack(struct virtio_mmio *t, uint32_t value)
{
	(void)atomic_fetch_and(&t->dev->isr, ~value);
}

static uint32_t read_status(struct virtio_mmio *t)
{
	return atomic_load(&t->dev->status);
}

static void reset_selectors(struct virtio_mmio *t)
{
	t->device_features_sel = 0;
	t->driver_features_sel = 0;
	t->queue_sel = 0;
}

static void write_status(struct virtio_mmio *t, uint32_t value)
{
	virtio_device_write_status(t->dev, value);
	if (!value)
		reset_selectors(t);
}

/* Half of a 64-bit ring address; @shift is 0 or 32. */
static void set_half(uint64_t *address, uint32_t value, unsigned int shift)
{
	*address &= ~((uint64_t)UINT32_MAX << shift);
	*address |= (uint64_t)value << shift;
}

#define DEFINE_ADDRESS_WRITE(name, field, shift)                               \
	static void write_##name(struct virtio_mmio *t, uint32_t value)        \
	{                                                                      \
		struct virtqueue_layout *layout =                              \
			virtio_device_queue_layout(t->dev, t->queue_sel);      \
                                                                               \
		if (layout)                                                    \
			set_half(&layout->field, value, shift);                \
	}

DEFINE_ADDRESS_WRITE(desc_low, desc, 0)
DEFINE_ADDRESS_WRITE(desc_high, desc, 32)
DEFINE_ADDRESS_WRITE(avail_low, avail, 0)
DEFINE_ADDRESS_WRITE(avail_high, avail, 32)
DEFINE_ADDRESS_WRITE(used_low, used, 0)
DEFINE_ADDRESS_WRITE(used_high, used, 32)

/* No device here has shared memory: length and base read as -1 (4.2.2). */
static uint32_t read_shm(struct virtio_mmio *t)
{
	(void)t;
	return UINT32_MAX;
}

static uint32_t read_config_generation(struct virtio_mmio *t)
{
	return atomic_load(&t->dev->config_generation);
}

/**
 * struct mmio_register - one 32-bit control register
 * @read:     NULL: write-only or reserved, reads as zero
 * @write:    NULL: read-only or reserved, ignored
 * @lockless: safe, and hot enough, to run without the control lock
 */
struct mmio_register {
	uint32_t (*read)(struct virtio_mmio *t);
	void (*write)(struct virtio_mmio *t, uint32_t value);
	bool lockless;
};

#define REGISTER(offset) [(offset) / 4]

static const struct mmio_register registers[VIRTIO_MMIO_CONFIG / 4] = {
	REGISTER(VIRTIO_MMIO_MAGIC_VALUE) = {.read = read_magic},
	REGISTER(VIRTIO_MMIO_VERSION) = {.read = read_version},
	REGISTER(VIRTIO_MMIO_DEVICE_ID) = {.read = read_device_id},
	REGISTER(VIRTIO_MMIO_VENDOR_ID) = {.read = read_vendor},
	REGISTER(VIRTIO_MMIO_DEVICE_FEATURES) = {.read = read_device_features},
	REGISTER(VIRTIO_MMIO_DEVICE_FEATURES_SEL) =
		{.write = write_device_features_sel},
	REGISTER(VIRTIO_MMIO_DRIVER_FEATURES) = {.write =
							 write_driver_features},
	REGISTER(VIRTIO_MMIO_DRIVER_FEATURES_SEL) =
		{.write = write_driver_features_sel},
	REGISTER(VIRTIO_MMIO_QUEUE_SEL) = {.write = write_queue_sel},
	REGISTER(VIRTIO_MMIO_QUEUE_NUM_MAX) = {.read = read_queue_num_max},
	REGISTER(VIRTIO_MMIO_QUEUE_NUM) = {.write = write_queue_num},
	REGISTER(VIRTIO_MMIO_QUEUE_READY) = {.read = read_queue_ready,
					     .write = write_queue_ready},
	REGISTER(VIRTIO_MMIO_QUEUE_NOTIFY) = {.write = write_queue_notify,
					      .lockless = true},
	REGISTER(VIRTIO_MMIO_INTERRUPT_STATUS) = {.read = read_interrupt_status,
						  .lockless = true},
	REGISTER(VIRTIO_MMIO_INTERRUPT_ACK) = {.write = write_interrupt_ack,
					       .lockless = true},
	REGISTER(VIRTIO_MMIO_STATUS) = {.read = read_status,
					.write = write_status},
	REGISTER(VIRTIO_MMIO_QUEUE_DESC_LOW) = {.write = write_desc_low},
	REGISTER(VIRTIO_MMIO_QUEUE_DESC_HIGH) = {.write = write_desc_high},
	REGISTER(VIRTIO_MMIO_QUEUE_AVAIL_LOW) = {.write = write_avail_low},
	REGISTER(VIRTIO_MMIO_QUEUE_AVAIL_HIGH) = {.write = write_avail_high},
	REGISTER(VIRTIO_MMIO_QUEUE_USED_LOW) = {.write = write_used_low},
	REGISTER(VIRTIO_MMIO_QUEUE_USED_HIGH) = {.write = write_used_high},
	REGISTER(VIRTIO_MMIO_SHM_LEN_LOW) = {.read = read_shm},
	REGISTER(VIRTIO_MMIO_SHM_LEN_HIGH) = {.read = read_shm},
	REGISTER(VIRTIO_MMIO_SHM_BASE_LOW) = {.read = read_shm},
	REGISTER(VIRTIO_MMIO_SHM_BASE_HIGH) = {.read = read_shm},
	REGISTER(VIRTIO_MMIO_CONFIG_GENERATION) =
		{.read = read_config_generation},
};

/* 4.2.2.2: control registers take aligned 32-bit accesses only. */
static const struct mmio_register *find_register(uint64_t offset,
						 unsigned int len)
{
	return len == 4 && offset % 4 == 0 ? &registers[offset / 4] : NULL;
}

static void mmio_read(void *opaque, uint64_t offset, void *data,
		      unsigned int len)
{
	struct virtio_mmio *t = opaque;
	const struct mmio_register *reg;
	uint32_t value;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		virtio_device_read_config(t->dev,
					  (uint32_t)offset - VIRTIO_MMIO_CONFIG,
					  data, len);
		return;
	}
	memset(data, 0, len);
	reg = find_register(offset, len);
	if (!reg || !reg->read)
		return;
	if (!reg->lockless)
		(void)pthread_mutex_lock(&t->dev->control);
	value = htole32(reg->read(t));
	if (!reg->lockless)
		(void)pthread_mutex_unlock(&t->dev->control);
	memcpy(data, &value, sizeof(value));
}

static void mmio_write(void *opaque, uint64_t offset, const void *data,
		       unsigned int len)
{
	struct virtio_mmio *t = opaque;
	const struct mmio_register *reg;
	uint32_t value;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		virtio_device_write_config(
			t->dev, (uint32_t)offset - VIRTIO_MMIO_CONFIG, data,
			len);
		return;
	}
	reg = find_register(offset, len);
	if (!reg || !reg->write)
		return;
	memcpy(&value, data, sizeof(value));
	if (!reg->lockless)
		(void)pthread_mutex_lock(&t->dev->control);
	reg->write(t, le32toh(value));
	if (!reg->lockless)
		(void)pthread_mutex_unlock(&t->dev->control);
}

const struct io_bus_ops virtio_mmio_bus_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

int virtio_mmio_create(struct virtio_mmio **out, struct virtio_device *dev,
		       struct err *err)
{
	struct virtio_mmio *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(err, -ENOMEM, "%s: transport", dev->name);
	t->dev = dev;
	*out = t;
	return 0;
}

void virtio_mmio_destroy(struct virtio_mmio *t)
{
	free(t);
}

void virtio_mmio_pause(struct virtio_mmio *t)
{
	virtio_device_pause(t->dev);
}

void virtio_mmio_resume(struct virtio_mmio *t)
{
	virtio_device_resume(t->dev);
}

void virtio_mmio_shutdown(struct virtio_mmio *t)
{
	virtio_device_shutdown(t->dev);
}
