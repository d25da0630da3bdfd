/* fake_driver.c - a virtio driver inside the test process. */
#include "fake_driver.h"

#include "macros.h"
#include "test.h"

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_SECONDS 60

void fake_driver_init(struct fake_driver *driver, struct virtio_device *dev,
		      struct virtio_mmio *transport,
		      const struct guest_mem *mem, uint64_t next, uint64_t end)
{
	*driver = (struct fake_driver){
		.dev = dev,
		.transport = transport,
		.mem = mem,
		.next = next,
		.end = end,
		.irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	assert_true(driver->irq_fd >= 0);
	dev->irq.fd = driver->irq_fd;
}

static void forget_queues(struct fake_driver *driver)
{
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		free(driver->queues[i].free);
		free(driver->queues[i].chain);
		free(driver->queues[i].tables);
		free(driver->queues[i].table_len);
		driver->queues[i] = (struct fake_queue){0};
	}
}

void fake_driver_fini(struct fake_driver *driver)
{
	forget_queues(driver);
	(void)close(driver->irq_fd);
}

uint32_t fake_driver_read(struct fake_driver *driver, uint32_t reg)
{
	uint32_t value;

	virtio_mmio_bus_ops.read(driver->transport, reg, &value, sizeof(value));
	return le32toh(value);
}

void fake_driver_write(struct fake_driver *driver, uint32_t reg, uint32_t value)
{
	value = htole32(value);
	virtio_mmio_bus_ops.write(driver->transport, reg, &value,
				  sizeof(value));
}

void fake_driver_config_read(struct fake_driver *driver, uint32_t offset,
			     void *data, unsigned int len)
{
	virtio_mmio_bus_ops.read(driver->transport, VIRTIO_MMIO_CONFIG + offset,
				 data, len);
}

void fake_driver_config_write(struct fake_driver *driver, uint32_t offset,
			      const void *data, unsigned int len)
{
	virtio_mmio_bus_ops.write(driver->transport,
				  VIRTIO_MMIO_CONFIG + offset, data, len);
}

uint64_t fake_driver_offered(struct fake_driver *driver)
{
	uint64_t features = 0;

	for (uint32_t word = 0; word < 2; word++) {
		fake_driver_write(driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL,
				  word);
		features |= (uint64_t)fake_driver_read(
				    driver, VIRTIO_MMIO_DEVICE_FEATURES)
			    << (word * 32);
	}
	return features;
}

static void add_status(struct fake_driver *driver, uint32_t bit)
{
	fake_driver_write(driver, VIRTIO_MMIO_STATUS,
			  fake_driver_read(driver, VIRTIO_MMIO_STATUS) | bit);
}

bool fake_driver_negotiate(struct fake_driver *driver, uint64_t features)
{
	fake_driver_reset(driver);
	add_status(driver, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(driver, VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t word = 0; word < 2; word++) {
		fake_driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL,
				  word);
		fake_driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES,
				  (uint32_t)(features >> (word * 32)));
	}
	driver->features = features;
	add_status(driver, VIRTIO_CONFIG_S_FEATURES_OK);
	return fake_driver_read(driver, VIRTIO_MMIO_STATUS) &
	       VIRTIO_CONFIG_S_FEATURES_OK;
}

static void write_address(struct fake_driver *driver, uint32_t reg,
			  uint64_t address)
{
	fake_driver_write(driver, reg, (uint32_t)address);
	fake_driver_write(driver, reg + 4, (uint32_t)(address >> 32));
}

void fake_driver_queue(struct fake_driver *driver, unsigned int index,
		       uint16_t size)
{
	struct fake_queue *queue = &driver->queues[index];
	uint64_t avail_len, used_len;

	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, index);
	if (!size)
		size = (uint16_t)fake_driver_read(driver,
						  VIRTIO_MMIO_QUEUE_NUM_MAX);
	avail_len = sizeof(struct vring_avail) + (size + 1U) * 2;
	used_len = sizeof(struct vring_used) +
		   size * sizeof(struct vring_used_elem) + 2;
	queue->layout = (struct virtqueue_layout){
		.size = size,
		.desc = fake_driver_alloc(driver, size * 16ULL, 16),
		.avail = fake_driver_alloc(driver, avail_len, 2),
		.used = fake_driver_alloc(driver, used_len, 4),
	};
	queue->vring = (struct vring){
		.num = size,
		.desc = fake_driver_ptr(driver, queue->layout.desc,
					size * 16ULL),
		.avail =
			fake_driver_ptr(driver, queue->layout.avail, avail_len),
		.used = fake_driver_ptr(driver, queue->layout.used, used_len),
	};
	queue->free = calloc(size, sizeof(*queue->free));
	queue->chain = calloc(size, sizeof(*queue->chain));
	queue->tables = calloc(size, sizeof(*queue->tables));
	queue->table_len = calloc(size, sizeof(*queue->table_len));
	assert_true(queue->free && queue->chain && queue->tables &&
		    queue->table_len);
	for (uint16_t i = 0; i < size; i++)
		queue->free[queue->free_count++] = (uint16_t)(size - 1 - i);

	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, size);
	write_address(driver, VIRTIO_MMIO_QUEUE_DESC_LOW, queue->layout.desc);
	write_address(driver, VIRTIO_MMIO_QUEUE_AVAIL_LOW, queue->layout.avail);
	write_address(driver, VIRTIO_MMIO_QUEUE_USED_LOW, queue->layout.used);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_QUEUE_READY), 1);
}

void fake_driver_start(struct fake_driver *driver, uint64_t features,
		       uint16_t size)
{
	uint64_t offered = fake_driver_offered(driver);

	assert_true(fake_driver_negotiate(driver, features & offered));
	for (unsigned int i = 0; i < driver->dev->num_queues; i++)
		fake_driver_queue(driver, i, size);
	add_status(driver, VIRTIO_CONFIG_S_DRIVER_OK);
}

void fake_driver_reset(struct fake_driver *driver)
{
	fake_driver_write(driver, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_STATUS), 0);
	forget_queues(driver);
}

uint64_t fake_driver_alloc(struct fake_driver *driver, uint64_t len,
			   uint64_t align)
{
	uint64_t gpa = ALIGN_UP(driver->next, align);

	assert_true(len && gpa <= driver->end && len <= driver->end - gpa);
	driver->next = gpa + len;
	memset(fake_driver_ptr(driver, gpa, len), 0, len);
	return gpa;
}

void *fake_driver_ptr(const struct fake_driver *driver, uint64_t gpa,
		      uint64_t len)
{
	struct iovec iov;

	assert_int_equal(guest_mem_slice(driver->mem, gpa, len, &iov), 0);
	return iov.iov_base;
}

static void fill_desc(struct vring_desc *desc, const struct fake_buffer *buffer)
{
	desc->addr = htole64(buffer->gpa);
	desc->len = htole32(buffer->len);
	desc->flags = htole16(buffer->writable ? VRING_DESC_F_WRITE : 0);
}

static void link_desc(struct vring_desc *desc, uint16_t next)
{
	desc->flags |= htole16(VRING_DESC_F_NEXT);
	desc->next = htole16(next);
}

static uint16_t take_free(struct fake_queue *queue)
{
	assert_true(queue->free_count);
	return queue->free[--queue->free_count];
}

static uint16_t add_direct(struct fake_queue *queue,
			   const struct fake_buffer *buffers,
			   unsigned int count)
{
	uint16_t head = take_free(queue), at = head;

	for (unsigned int i = 0; i < count; i++) {
		fill_desc(&queue->vring.desc[at], &buffers[i]);
		if (i + 1 < count) {
			uint16_t next = take_free(queue);

			link_desc(&queue->vring.desc[at], next);
			at = next;
		}
	}
	queue->chain[head] = (uint16_t)count;
	return head;
}

static uint16_t add_indirect(struct fake_driver *driver,
			     struct fake_queue *queue,
			     const struct fake_buffer *buffers,
			     unsigned int count)
{
	uint64_t len = count * sizeof(struct vring_desc);
	uint16_t head = take_free(queue);
	struct vring_desc *table;

	if (len > queue->table_len[head]) {
		queue->tables[head] = fake_driver_alloc(driver, len, 16);
		queue->table_len[head] = len;
	}
	table = fake_driver_ptr(driver, queue->tables[head], len);
	for (unsigned int i = 0; i < count; i++) {
		fill_desc(&table[i], &buffers[i]);
		if (i + 1 < count)
			link_desc(&table[i], (uint16_t)(i + 1));
	}
	queue->vring.desc[head] = (struct vring_desc){
		.addr = htole64(queue->tables[head]),
		.len = htole32((uint32_t)len),
		.flags = htole16(VRING_DESC_F_INDIRECT),
	};
	queue->chain[head] = 1;
	return head;
}

uint16_t fake_driver_add(struct fake_driver *driver, unsigned int index,
			 const struct fake_buffer *buffers, unsigned int count)
{
	struct fake_queue *queue = &driver->queues[index];
	bool indirect =
		driver->indirect &&
		(driver->features & (1ULL << VIRTIO_RING_F_INDIRECT_DESC));
	uint16_t head;

	if (indirect)
		head = add_indirect(driver, queue, buffers, count);
	else
		head = add_direct(queue, buffers, count);
	fake_driver_offer(driver, index, head);
	return head;
}

void fake_driver_offer(struct fake_driver *driver, unsigned int index,
		       uint16_t head)
{
	struct fake_queue *queue = &driver->queues[index];

	__atomic_store_n(
		&queue->vring.avail->ring[queue->added % queue->vring.num],
		htole16(head), __ATOMIC_RELAXED);
	queue->added++;
}

static bool event_idx(const struct fake_driver *driver)
{
	return driver->features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
}

/* The event words, as pointers: the macros of the header are typed oddly. */
static uint16_t *used_event(struct fake_queue *queue)
{
	return &queue->vring.avail->ring[queue->vring.num];
}

static uint16_t *avail_event(struct fake_queue *queue)
{
	return (uint16_t *)(void *)&queue->vring.used->ring[queue->vring.num];
}

static uint16_t load16(const uint16_t *p, int order)
{
	return le16toh(__atomic_load_n(p, order));
}

bool fake_driver_publish(struct fake_driver *driver, unsigned int index)
{
	struct fake_queue *queue = &driver->queues[index];
	uint16_t old = queue->published;

	queue->published = queue->added;
	__atomic_store_n(&queue->vring.avail->idx, htole16(queue->added),
			 __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (event_idx(driver))
		return vring_need_event(
			load16(avail_event(queue), __ATOMIC_RELAXED),
			queue->added, old);
	return !(load16(&queue->vring.used->flags, __ATOMIC_RELAXED) &
		 VRING_USED_F_NO_NOTIFY);
}

bool fake_driver_kick(struct fake_driver *driver, unsigned int index)
{
	uint64_t one = 1;

	if (!fake_driver_publish(driver, index))
		return false;
	assert_int_equal(
		write(driver->dev->doorbells[index], &one, sizeof(one)),
		sizeof(one));
	return true;
}

static void free_chain(struct fake_queue *queue, uint16_t head)
{
	uint16_t at = head;

	for (unsigned int i = queue->chain[head]; i; i--) {
		uint16_t next = le16toh(queue->vring.desc[at].next);

		queue->free[queue->free_count++] = at;
		at = next;
	}
	queue->chain[head] = 0;
}

/* Ask for an interrupt at the next entry, or for none. */
static void want_interrupt(struct fake_driver *driver, struct fake_queue *queue)
{
	uint16_t event = queue->taken;

	if (driver->poll)
		event = (uint16_t)(queue->taken - 1);
	if (event_idx(driver))
		__atomic_store_n(used_event(queue), htole16(event),
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(
			&queue->vring.avail->flags,
			htole16(driver->poll ? VRING_AVAIL_F_NO_INTERRUPT : 0),
			__ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool fake_driver_take(struct fake_driver *driver, unsigned int index,
		      uint16_t *head, uint32_t *len)
{
	struct fake_queue *queue = &driver->queues[index];
	const struct vring_used_elem *elem;

	if (load16(&queue->vring.used->idx, __ATOMIC_ACQUIRE) == queue->taken)
		return false;
	elem = &queue->vring.used->ring[queue->taken % queue->vring.num];
	*head = (uint16_t)le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED));
	*len = le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED));
	assert_true(*head < queue->vring.num);
	free_chain(queue, *head);
	queue->taken++;
	want_interrupt(driver, queue);
	return true;
}

static time_t seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return ts.tv_sec;
}

void fake_driver_wait(struct fake_driver *driver, unsigned int index,
		      uint16_t *head, uint32_t *len)
{
	time_t deadline = seconds() + WAIT_SECONDS;

	while (!fake_driver_take(driver, index, head, len)) {
		if (driver->pump)
			driver->pump(driver->pump_arg);
		else
			(void)usleep(50);
		if (seconds() > deadline)
			fail_msg("queue %u: nothing used in %d s", index,
				 WAIT_SECONDS);
	}
}

uint64_t fake_driver_interrupts(struct fake_driver *driver)
{
	uint64_t count = 0;

	if (read(driver->irq_fd, &count, sizeof(count)) < 0)
		return 0; /* EAGAIN: none */
	return count;
}
