/*
 * verbs_rings.c - drivers that lie in their rings (virtio 1.2, section 2.7).
 *
 * Each attack is made on each device. What the device does with it is its
 * matter, as long as it tells where the table says so (DEVICE_NEEDS_RESET,
 * 2.1.2), the VM lives, and the device works after a reset.
 */
#include "target.h"

#define BEYOND_RAM 0x7ffffffff000ull
#define MMIO_HOLE 0xd0000000ull
#define SETTLE_TICKS 3000000u /* about a millisecond */
#define TABLE_HUGE 70000u     /* entries: more than any queue has */

/**
 * struct attack - one lie
 * @name:     printed when the device takes it wrongly
 * @features: ring features to negotiate
 * @make:     spoils queue->desc[0], the first of a good chain of @count, or
 *            the available ring, of which entry 0 is 0
 * @entries:  what is added to avail.idx
 * @fatal:    the device must ask for a reset
 */
struct attack {
	const char *name;
	uint64_t features;
	void (*make)(struct queue *queue, unsigned int count);
	uint16_t entries;
	bool fatal;
};

static void loop_to_first(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].flags |= DESC_NEXT;
	queue->desc[count - 1].next = 0;
}

static void loop_on_itself(struct queue *queue, unsigned int count)
{
	(void)count;
	queue->desc[0].flags |= DESC_NEXT;
	queue->desc[0].next = 0;
}

/* What lies behind the table is as good as the last of the chain. */
static void next_is_the_size(struct queue *queue, unsigned int count)
{
	queue->desc[queue->size] = queue->desc[count - 1];
	queue->desc[count - 1].flags |= DESC_NEXT;
	queue->desc[count - 1].next = queue->size;
}

static void next_is_huge(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].flags |= DESC_NEXT;
	queue->desc[count - 1].next = UINT16_MAX;
}

static void head_is_the_size(struct queue *queue, unsigned int count)
{
	(void)count;
	queue->avail[2] = queue->size;
}

static void head_is_huge(struct queue *queue, unsigned int count)
{
	(void)count;
	queue->avail[2] = UINT16_MAX;
}

static void head_twice(struct queue *queue, unsigned int count)
{
	(void)count;
	queue->avail[3] = 0;
}

static void good_request(struct queue *queue, unsigned int count)
{
	(void)queue;
	(void)count;
}

static void address_beyond_ram(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].address = BEYOND_RAM;
}

static void address_of_devices(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].address = MMIO_HOLE;
}

static void address_wraps(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].address = UINT64_MAX - 7;
	queue->desc[count - 1].length = 4096;
}

static void length_is_huge(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].length = UINT32_MAX;
}

static void length_is_zero(struct queue *queue, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		queue->desc[i].length = 0;
}

/* A device-writable element, then a device-readable one. */
static void writable_first(struct queue *queue, unsigned int count)
{
	queue->desc[0].flags = DESC_NEXT | DESC_WRITE;
	queue->desc[0].next = (uint16_t)count;
	queue->desc[count] = queue->desc[0];
	queue->desc[count].flags = 0;
}

/* As long as the ring allows. */
static void longest_chain(struct queue *queue, unsigned int count)
{
	for (uint16_t i = 0; i < queue->size; i++) {
		queue->desc[i] = queue->desc[count - 1];
		queue->desc[i].flags |= DESC_NEXT;
		queue->desc[i].next = (uint16_t)(i + 1);
	}
	queue->desc[queue->size - 1].flags &= (uint16_t)~DESC_NEXT;
}

static void unknown_flags(struct queue *queue, unsigned int count)
{
	queue->desc[count - 1].flags |= 0xfff8;
}

/* Put the chain into a table of its own; desc[0] points to it. */
static struct desc *make_indirect(struct queue *queue, unsigned int count)
{
	struct desc *table = alloc(sizeof(struct desc) * INDIRECT_MAX, 16);

	for (unsigned int i = 0; i < count; i++) {
		table[i] = queue->desc[i];
		table[i].next = (uint16_t)(i + 1);
	}
	queue->desc[0] = (struct desc){
		.address = (uintptr_t)table,
		.length = (uint32_t)(count * sizeof(struct desc)),
		.flags = DESC_INDIRECT,
	};
	return table;
}

static void indirect_good(struct queue *queue, unsigned int count)
{
	make_indirect(queue, count);
}

static void indirect_odd_length(struct queue *queue, unsigned int count)
{
	make_indirect(queue, count);
	queue->desc[0].length -= 3;
}

static void indirect_empty(struct queue *queue, unsigned int count)
{
	make_indirect(queue, count);
	queue->desc[0].length = 0;
}

static void indirect_nested(struct queue *queue, unsigned int count)
{
	struct desc *outer = alloc(sizeof(struct desc), 16);

	make_indirect(queue, count);
	*outer = queue->desc[0];
	queue->desc[0].address = (uintptr_t)outer;
	queue->desc[0].length = sizeof(*outer);
}

static void indirect_with_next(struct queue *queue, unsigned int count)
{
	make_indirect(queue, count);
	queue->desc[0].flags |= DESC_NEXT;
	queue->desc[0].next = 1;
}

static void indirect_loop(struct queue *queue, unsigned int count)
{
	struct desc *table = make_indirect(queue, count);

	table[count - 1].flags |= DESC_NEXT;
	table[count - 1].next = 0;
}

static void indirect_next_outside(struct queue *queue, unsigned int count)
{
	struct desc *table = make_indirect(queue, count);

	table[count] = table[count - 1];
	table[count - 1].flags |= DESC_NEXT;
	table[count - 1].next = (uint16_t)count;
}

static void indirect_beyond_ram(struct queue *queue, unsigned int count)
{
	make_indirect(queue, count);
	queue->desc[0].address = BEYOND_RAM;
}

static void indirect_huge(struct queue *queue, unsigned int count)
{
	make_indirect(queue, count);
	queue->desc[0].address = 0;
	queue->desc[0].length = TABLE_HUGE * (uint32_t)sizeof(struct desc);
}

#define INDIRECT FEATURE_INDIRECT_DESC

static const struct attack attacks[] = {
	{"loop to the first", 0, loop_to_first, 1, true},
	{"loop on itself", 0, loop_on_itself, 1, true},
	{"next is the size", 0, next_is_the_size, 1, true},
	{"next is huge", 0, next_is_huge, 1, true},
	{"head is the size", 0, head_is_the_size, 1, true},
	{"head is huge", 0, head_is_huge, 1, true},
	{"head twice", 0, head_twice, 2, false},
	{"index one too far", 0, good_request, QUEUE_SIZE_DEFAULT + 1, true},
	{"index far away", 0, good_request, 0x8000, true},
	{"address beyond RAM", 0, address_beyond_ram, 1, true},
	{"address of devices", 0, address_of_devices, 1, true},
	{"address wraps", 0, address_wraps, 1, true},
	{"length is huge", 0, length_is_huge, 1, true},
	{"length is zero", 0, length_is_zero, 1, false},
	{"writable first", 0, writable_first, 1, true},
	{"longest chain", 0, longest_chain, 1, false},
	{"unknown flags", 0, unknown_flags, 1, false},
	{"indirect, good", INDIRECT, indirect_good, 1, false},
	{"indirect, not negotiated", 0, indirect_good, 1, true},
	{"indirect, odd length", INDIRECT, indirect_odd_length, 1, true},
	{"indirect, empty", INDIRECT, indirect_empty, 1, true},
	{"indirect, nested", INDIRECT, indirect_nested, 1, true},
	{"indirect with next", INDIRECT, indirect_with_next, 1, true},
	{"indirect, loop", INDIRECT, indirect_loop, 1, true},
	{"indirect, next outside", INDIRECT, indirect_next_outside, 1, true},
	{"indirect, beyond RAM", INDIRECT, indirect_beyond_ram, 1, true},
	{"indirect, huge", INDIRECT, indirect_huge, 1, true},
};

static void settle(void)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < SETTLE_TICKS)
		cpu_relax();
}

static bool asks_for_reset(const struct target *target)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < PATIENCE_TICKS / 20)
		if (device_read(&target->device, MMIO_STATUS) &
		    STATUS_NEEDS_RESET)
			return true;
	return false;
}

static void run_attack(struct target *target, const struct attack *attack)
{
	struct buffer buffers[TARGET_BUFFERS_MAX];
	void *mark = alloc_mark();
	struct queue *queue;
	unsigned int count;

	target_open(target, attack->features | FEATURE_EVENT_IDX);
	queue = target_queue(target);
	queue->tables = NULL; /* plain chains, for the attack to bend */
	count = target_request(target, buffers);
	check(queue_add(queue, buffers, count) == 0);
	attack->make(queue, count);
	queue->avail_idx = attack->entries;
	queue_publish(queue);
	queue_notify(queue);
	if (attack->fatal && !asks_for_reset(target))
		fail("device %u: no reset asked for: %s\n", target->device.id,
		     attack->name);
	settle();
	device_reset(&target->device);
	target_check(target);
	alloc_release(mark);
}

/* All attacks, or only number "attack", on all devices. */
static uint8_t run_rings(void)
{
	uint64_t only = word_number("attack", UINT64_MAX);
	static struct target target;

	for (unsigned int i = 0; target_at(i, &target); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(attacks); j++)
			if (only == UINT64_MAX || only == j)
				run_attack(&target, &attacks[j]);
	return (uint8_t)word_number("code", 0);
}

/* --- a second CPU rewrites the ring while the device reads it ----------- */

static struct queue *volatile raced;

static void spoil_forever(unsigned int cpu)
{
	uint64_t random = mix64(cpu);

	for (;;) {
		struct queue *queue = raced;

		random = mix64(random);
		if (!queue) {
			cpu_relax();
			continue;
		}
		queue->desc[random % 4].address = random >> 8;
		queue->desc[random % 4].length = (uint32_t)(random >> 20);
		queue->desc[random % 4].flags = (uint16_t)(random >> 60);
		queue->desc[random % 4].next = (uint16_t)(random >> 50);
		queue->avail[2 + (random >> 16) % queue->size] =
			(uint16_t)(random >> 30 & 7);
	}
}

static uint8_t run_race(void)
{
	uint64_t rounds = word_number("rounds", 200);
	static struct target target;

	start_cpus(2, spoil_forever);
	for (unsigned int i = 0; target_at(i, &target); i++) {
		for (uint64_t round = 0; round < rounds; round++) {
			void *mark = alloc_mark();
			struct queue *queue;

			target_open(&target, FEATURES_RING);
			queue = target_queue(&target);
			raced = queue;
			for (unsigned int n = 0; n < 20; n++) {
				queue->avail_idx += 3;
				queue_publish(queue);
				queue_notify(queue);
			}
			raced = NULL;
			settle(); /* the other CPU has seen it */
			device_reset(&target.device);
			alloc_release(mark);
		}
		target_check(&target);
	}
	return (uint8_t)word_number("code", 0);
}

const struct verb ring_attack_verbs[] = {
	{"hostile-race", run_race},
	{"hostile-rings", run_rings},
	{NULL, NULL},
};
