/* driver.c - driver side of virtio-mmio and split virtqueues. */
#include "driver.h"

#define MAGIC 0x74726976u
#define DEVICE_WORD "virtio_mmio.device="
#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY 1u
#define VECTOR_BASE 0x50u /* of GSI 0 */

/* --- devices ----------------------------------------------------------- */

static bool parse_device(const char *word, size_t len, struct device *device)
{
	const size_t prefix = sizeof(DEVICE_WORD) - 1;
	const char *at;

	if (len < prefix || memcmp(word, DEVICE_WORD, prefix) != 0)
		return false;
	device->size = (uint32_t)parse_number(word + prefix, &at);
	check(*at == '@');
	device->base = parse_number(at + 1, &at);
	check(*at == ':');
	device->irq = (uint32_t)parse_number(at + 1, &at);
	device->features = 0;
	device->id = device_read(device, MMIO_DEVICE_ID);
	check(device_read(device, MMIO_MAGIC) == MAGIC);
	check(device_read(device, MMIO_VERSION) == 2);
	return true;
}

bool device_at(unsigned int index, struct device *device)
{
	size_t len;
	const char *word = next_word(command_line(), &len);

	for (; word; word = next_word(word + len, &len))
		if (parse_device(word, len, device) && index-- == 0)
			return true;
	return false;
}

void device_find(uint32_t id, unsigned int nth, struct device *device)
{
	for (unsigned int i = 0; device_at(i, device); i++)
		if (device->id == id && nth-- == 0)
			return;
	fail("no virtio device with id %u\n", id);
}

uint32_t device_read(const struct device *device, uint32_t reg)
{
	return mmio_read32(device->base + reg);
}

void device_write(const struct device *device, uint32_t reg, uint32_t value)
{
	mmio_write32(device->base + reg, value);
}

void device_reset(struct device *device)
{
	uint64_t start = rdtsc();

	device_write(device, MMIO_STATUS, 0);
	while (device_read(device, MMIO_STATUS))
		check(rdtsc() - start < PATIENCE_TICKS);
}

static uint64_t offered_features(const struct device *device)
{
	uint64_t features;

	device_write(device, MMIO_DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)device_read(device, MMIO_DEVICE_FEATURES) << 32;
	device_write(device, MMIO_DEVICE_FEATURES_SEL, 0);
	return features | device_read(device, MMIO_DEVICE_FEATURES);
}

void device_negotiate(struct device *device, uint64_t wanted)
{
	device_reset(device);
	device_write(device, MMIO_STATUS, STATUS_ACKNOWLEDGE);
	device_write(device, MMIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	device->features = offered_features(device);
	check(device->features & FEATURE_VERSION_1);
	device->features &= wanted | FEATURE_VERSION_1;
	device_write(device, MMIO_DRIVER_FEATURES_SEL, 0);
	device_write(device, MMIO_DRIVER_FEATURES, (uint32_t)device->features);
	device_write(device, MMIO_DRIVER_FEATURES_SEL, 1);
	device_write(device, MMIO_DRIVER_FEATURES,
		     (uint32_t)(device->features >> 32));
	device_write(device, MMIO_STATUS,
		     STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	check(device_read(device, MMIO_STATUS) & STATUS_FEATURES_OK);
}

uint64_t ring_features(void)
{
	char word[8];

	return word_string("ring", word, sizeof(word)) &&
			       strings_equal(word, "plain")
		       ? 0
		       : FEATURES_RING;
}

static volatile uint32_t *interrupt_count(const struct device *device)
{
	return &irq_counts[VECTOR_BASE + device->irq];
}

const volatile uint32_t *device_interrupts(const struct device *device)
{
	lapic_enable();
	ioapic_route(device->irq, (uint8_t)(VECTOR_BASE + device->irq));
	gate(GATE_INTERRUPTS, 0x200, 0, 0);
	return interrupt_count(device);
}

uint32_t device_acknowledge(const struct device *device)
{
	uint32_t status = device_read(device, MMIO_INTERRUPT_STATUS);

	device_write(device, MMIO_INTERRUPT_ACK, status);
	return status;
}

void device_ok(struct device *device)
{
	device_write(device, MMIO_STATUS,
		     STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK |
			     STATUS_DRIVER_OK);
}

/* --- queues ------------------------------------------------------------ */

static uint16_t *used_event(const struct queue *queue)
{
	return &queue->avail[2 + queue->size];
}

static uint16_t avail_event(const struct queue *queue)
{
	return __atomic_load_n(&queue->used[2 + 4 * queue->size],
			       __ATOMIC_RELAXED);
}

static void write_address(const struct queue *queue, uint32_t reg,
			  const void *area)
{
	device_write(queue->device, reg, (uint32_t)(uintptr_t)area);
	device_write(queue->device, reg + 4,
		     (uint32_t)((uint64_t)(uintptr_t)area >> 32));
}

void queue_init(struct queue *queue, struct device *device, unsigned int index,
		uint16_t size)
{
	uint32_t max;

	device_write(device, MMIO_QUEUE_SEL, index);
	max = device_read(device, MMIO_QUEUE_NUM_MAX);
	check(max != 0);
	check(device_read(device, MMIO_QUEUE_READY) == 0);
	if (!size)
		size = (uint16_t)(max < QUEUE_SIZE_DEFAULT
					  ? max
					  : QUEUE_SIZE_DEFAULT);
	check(size <= max);

	*queue = (struct queue){
		.device = device,
		.index = index,
		.size = size,
		.desc = alloc(sizeof(struct desc) * (size + 1u), 16),
		.avail = alloc(2 * ((size_t)size + 3), 2),
		.used = alloc(2 * (4 * (size_t)size + 3), 4),
		.chain = alloc(sizeof(uint16_t) * size, 2),
		.num_free = size,
		.event_idx = device->features & FEATURE_EVENT_IDX,
	};
	if (device->features & FEATURE_INDIRECT_DESC)
		queue->tables =
			alloc(sizeof(struct desc) * INDIRECT_MAX * size, 16);
	for (uint16_t i = 0; i < size; i++)
		queue->chain[i] = (uint16_t)(i + 1);
	queue_interrupts(queue, false);
	device_write(device, MMIO_QUEUE_NUM, size);
	write_address(queue, MMIO_QUEUE_DESC_LOW, queue->desc);
	write_address(queue, MMIO_QUEUE_DRIVER_LOW, queue->avail);
	write_address(queue, MMIO_QUEUE_DEVICE_LOW, queue->used);
	device_write(device, MMIO_QUEUE_READY, 1);
}

static void fill_desc(struct desc *desc, const struct buffer *buffer,
		      uint16_t next, bool last)
{
	desc->address = (uintptr_t)buffer->data;
	desc->length = buffer->length;
	desc->flags =
		(buffer->writable ? DESC_WRITE : 0) | (last ? 0 : DESC_NEXT);
	desc->next = next;
}

static void add_indirect(struct queue *queue, uint16_t head,
			 const struct buffer *buffers, unsigned int count)
{
	struct desc *table = queue->tables + (size_t)head * INDIRECT_MAX;

	for (unsigned int i = 0; i < count; i++)
		fill_desc(&table[i], &buffers[i], (uint16_t)(i + 1),
			  i == count - 1);
	queue->desc[head] = (struct desc){
		.address = (uintptr_t)table,
		.length = count * (uint32_t)sizeof(struct desc),
		.flags = DESC_INDIRECT,
	};
}

int queue_add(struct queue *queue, const struct buffer *buffers,
	      unsigned int count)
{
	bool indirect = queue->tables && count > 1 && count <= INDIRECT_MAX;
	unsigned int needed = indirect ? 1 : count;
	uint16_t head = queue->free, at = head, last = head;

	if (needed > queue->num_free)
		return -1;
	if (indirect)
		add_indirect(queue, head, buffers, count);
	for (unsigned int i = 0; i < needed; i++) {
		last = at;
		at = queue->chain[last];
		if (!indirect)
			fill_desc(&queue->desc[last], &buffers[i], at,
				  i == needed - 1);
	}
	queue->free = at;
	queue->chain[last] = UINT16_MAX; /* end of the busy chain */
	queue->num_free = (uint16_t)(queue->num_free - needed);
	queue->avail[2 + queue->avail_idx % queue->size] = head;
	queue->avail_idx++;
	return head;
}

void queue_publish(struct queue *queue)
{
	__atomic_store_n(&queue->avail[1], queue->avail_idx, __ATOMIC_RELEASE);
}

void queue_notify(struct queue *queue)
{
	device_write(queue->device, MMIO_QUEUE_NOTIFY, queue->index);
}

void queue_kick(struct queue *queue)
{
	uint16_t old = queue->kicked_idx, now = queue->avail_idx;
	bool wanted;

	queue_publish(queue);
	/* The index before the device's wish: pairs with the device's fence. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	queue->kicked_idx = now;
	if (queue->event_idx)
		wanted = (uint16_t)(now - avail_event(queue) - 1) <
			 (uint16_t)(now - old);
	else
		wanted = !(__atomic_load_n(&queue->used[0], __ATOMIC_RELAXED) &
			   USED_NO_NOTIFY);
	if (wanted)
		queue_notify(queue);
}

static void release_chain(struct queue *queue, uint16_t head)
{
	uint16_t last = head;

	queue->num_free++;
	while (queue->chain[last] != UINT16_MAX) {
		last = queue->chain[last];
		queue->num_free++;
	}
	queue->chain[last] = queue->free;
	queue->free = head;
}

static bool has_used(const struct queue *queue)
{
	return __atomic_load_n(&queue->used[1], __ATOMIC_ACQUIRE) !=
	       queue->last_used;
}

int queue_reap(struct queue *queue, uint32_t *written)
{
	uint16_t slot = queue->last_used % queue->size;
	struct used_entry entry;

	if (!has_used(queue))
		return -1;
	memcpy(&entry, &queue->used[2 + 4 * slot], sizeof(entry));
	check(entry.head < queue->size);
	queue->last_used++;
	release_chain(queue, (uint16_t)entry.head);
	if (queue->interrupts)
		*used_event(queue) = queue->last_used;
	if (written)
		*written = entry.length;
	return (int)entry.head;
}

/* Count first, then look: what comes in between ends the sleep at once. */
void queue_sleep(struct queue *queue)
{
	const volatile uint32_t *count = interrupt_count(queue->device);

	for (;;) {
		uint32_t seen = *count;

		/* Our used_event before their index: pairs with the device's
		 * fence. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (has_used(queue))
			return;
		gate(GATE_WAIT, (uintptr_t)count, seen, 0);
		(void)device_acknowledge(queue->device);
	}
}

int queue_wait(struct queue *queue, uint32_t *written)
{
	uint64_t start = rdtsc();
	int head;

	if (queue->interrupts)
		queue_sleep(queue);
	while ((head = queue_reap(queue, written)) < 0) {
		if (rdtsc() - start > PATIENCE_TICKS)
			fail("device %u: queue %u: no answer, status %x\n",
			     queue->device->id, queue->index,
			     device_read(queue->device, MMIO_STATUS));
		cpu_relax();
	}
	return head;
}

void queue_interrupts(struct queue *queue, bool wanted)
{
	queue->interrupts = wanted;
	queue->avail[0] = wanted ? 0 : AVAIL_NO_INTERRUPT;
	*used_event(queue) = (uint16_t)(queue->last_used - (wanted ? 0 : 1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
