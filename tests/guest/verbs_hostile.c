/*
 * verbs_hostile.c - drivers that misuse the registers (virtio 1.2, sections
 * 2.1, 3.1 and 4.2). After each abuse the device must work again.
 */
#include "disk.h"
#include "target.h"

#define REGISTERS_END 0x200u
#define REQUESTS_IN_FLIGHT 32u
#define SETTLE_TICKS 3000000u

static struct target target;

static void settle(void)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < SETTLE_TICKS)
		cpu_relax();
}

static void read_width(uintptr_t address, unsigned int width)
{
	switch (width) {
	case 1:
		(void)*(volatile uint8_t *)address;
		break;
	case 2:
		(void)*(volatile uint16_t *)address;
		break;
	case 4:
		(void)*(volatile uint32_t *)address;
		break;
	default:
		(void)*(volatile uint64_t *)address;
	}
}

static void write_width(uintptr_t address, unsigned int width, uint64_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)address = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)address = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)address = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)address = value;
	}
}

/* Reads and writes of every width at every offset, fitting or not. */
static uint8_t run_widths(void)
{
	static const uint64_t values[] = {0, 1, 0x5a5a5a5a5a5a5a5a, UINT64_MAX};

	for (unsigned int i = 0; target_at(i, &target); i++) {
		uintptr_t base = target.device.base;

		for (unsigned int width = 1; width <= 8; width *= 2) {
			for (uint32_t at = 0; at < REGISTERS_END; at++) {
				read_width(base + at, width);
				write_width(base + at, width,
					    values[at % ARRAY_SIZE(values)]);
			}
			for (uint32_t at = REGISTERS_END;
			     at <= target.device.size - width; at += 67) {
				read_width(base + at, width);
				write_width(base + at, width, UINT64_MAX);
			}
		}
		target_check(&target);
	}
	return exit_code();
}

/* Random values in random registers, in every state of the device. */
static uint8_t run_registers(void)
{
	uint64_t random = word_number("seed", 1);
	uint64_t rounds = word_number("rounds", 50);

	for (unsigned int i = 0; target_at(i, &target); i++) {
		for (uint64_t round = 0; round < rounds; round++) {
			void *mark = alloc_mark();

			if (round % 2)
				target_open(&target, FEATURES_RING);
			else
				device_reset(&target.device);
			for (unsigned int n = 0; n < 40; n++) {
				uint32_t at, value;

				random = mix64(random);
				at = (uint32_t)(random % REGISTERS_END) & ~3u;
				value = (uint32_t)(random >> 32) >>
					(random >> 16) % 32;
				device_write(&target.device, at, value);
				(void)device_read(&target.device, at);
			}
			target_check(&target);
			alloc_release(mark);
		}
	}
	return exit_code();
}

/**
 * struct bad_queue - a queue no device may use
 * @size:  for QueueNum
 * @desc, @driver, @device: offsets to add to good addresses, or addresses
 *         beyond RAM when they are larger
 */
struct bad_queue {
	uint32_t size;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
};

static const struct bad_queue bad_queues[] = {
	{.size = 0},
	{.size = 3},
	{.size = 65535},
	{.size = 65536},
	{.size = 0x80000000u},
	{.size = 8, .desc = 1},
	{.size = 8, .driver = 1},
	{.size = 8, .device = 2},
	{.size = 8, .desc = 0xd0000000ull},
	{.size = 8, .driver = 0x7fffffff0000ull},
	{.size = 8, .device = 0xfffffffffffff000ull},
	{.size = 8, .desc = UINT64_MAX - 15},
};

static void write_ring_address(uint32_t reg, uint64_t base, uint64_t offset)
{
	uint64_t address = offset > 4096 ? offset : base + offset;

	device_write(&target.device, reg, (uint32_t)address);
	device_write(&target.device, reg + 4, (uint32_t)(address >> 32));
}

/* Queues with rings outside RAM, unaligned, or of sizes that cannot be. */
static uint8_t run_queues(void)
{
	static uint8_t area[3][8192] __attribute__((aligned(4096)));

	for (unsigned int i = 0; target_at(i, &target); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(bad_queues); j++) {
			const struct bad_queue *bad = &bad_queues[j];

			device_negotiate(&target.device, FEATURES_RING);
			device_write(&target.device, MMIO_QUEUE_SEL,
				     target.work);
			device_write(&target.device, MMIO_QUEUE_NUM, bad->size);
			write_ring_address(MMIO_QUEUE_DESC_LOW,
					   (uintptr_t)area[0], bad->desc);
			write_ring_address(MMIO_QUEUE_DRIVER_LOW,
					   (uintptr_t)area[1], bad->driver);
			write_ring_address(MMIO_QUEUE_DEVICE_LOW,
					   (uintptr_t)area[2], bad->device);
			device_write(&target.device, MMIO_QUEUE_READY, 1);
			device_ok(&target.device);
			device_write(&target.device, MMIO_QUEUE_NOTIFY,
				     target.work);
			settle();
			target_check(&target);
		}
	}
	return exit_code();
}

/* Features that were not offered must not be accepted (3.1.1, 2.2.2). */
static uint8_t run_features(void)
{
	for (unsigned int i = 0; target_at(i, &target); i++) {
		struct device *device = &target.device;

		device_reset(device);
		device_write(device, MMIO_STATUS, STATUS_ACKNOWLEDGE);
		device_write(device, MMIO_STATUS,
			     STATUS_ACKNOWLEDGE | STATUS_DRIVER);
		for (uint32_t word = 0; word < 2; word++) {
			device_write(device, MMIO_DRIVER_FEATURES_SEL, word);
			device_write(device, MMIO_DRIVER_FEATURES, UINT32_MAX);
		}
		device_write(device, MMIO_STATUS,
			     STATUS_ACKNOWLEDGE | STATUS_DRIVER |
				     STATUS_FEATURES_OK);
		check(!(device_read(device, MMIO_STATUS) & STATUS_FEATURES_OK));
		for (uint32_t word = 2; word < 64; word++) {
			device_write(device, MMIO_DEVICE_FEATURES_SEL, word);
			(void)device_read(device, MMIO_DEVICE_FEATURES);
			device_write(device, MMIO_DRIVER_FEATURES_SEL, word);
			device_write(device, MMIO_DRIVER_FEATURES, UINT32_MAX);
		}
		target_check(&target);
	}
	return exit_code();
}

/* Queue registers of a live queue: writes must not move its rings. */
static uint8_t run_live(void)
{
	static uint8_t decoy[4096] __attribute__((aligned(4096)));
	struct buffer buffers[TARGET_BUFFERS_MAX];

	for (unsigned int i = 0; target_at(i, &target); i++) {
		void *mark = alloc_mark();
		struct queue *queue;

		target_open(&target, FEATURES_RING);
		queue = target_queue(&target);
		device_write(&target.device, MMIO_QUEUE_SEL, target.work);
		device_write(&target.device, MMIO_QUEUE_NUM, 4);
		write_ring_address(MMIO_QUEUE_DESC_LOW, (uintptr_t)decoy, 0);
		write_ring_address(MMIO_QUEUE_DRIVER_LOW, (uintptr_t)decoy, 64);
		write_ring_address(MMIO_QUEUE_DEVICE_LOW, 0, UINT64_MAX - 15);
		device_write(&target.device, MMIO_DRIVER_FEATURES, 0);
		for (uint32_t n = 0; n < 70; n++)
			device_write(&target.device, MMIO_QUEUE_SEL, n * 1001);
		for (unsigned int n = 0; n < 300; n++) { /* around the ring */
			check(queue_add(queue, buffers,
					target_request(&target, buffers)) >= 0);
			queue_kick(queue);
			queue_wait(queue, NULL);
		}
		device_reset(&target.device);
		target_check(&target);
		alloc_release(mark);
	}
	return exit_code();
}

/* Doorbells of queues that do not exist or are not ready, in every state. */
static uint8_t run_notify(void)
{
	static const uint32_t values[] = {
		0, 1, 2, 15, 16, 255, 0x10000, 0x80000001u, UINT32_MAX};

	for (unsigned int i = 0; target_at(i, &target); i++) {
		void *mark = alloc_mark();

		for (unsigned int live = 0; live < 2; live++) {
			device_reset(&target.device);
			if (live)
				target_open(&target, 0);
			for (unsigned int n = 0; n < 100; n++)
				device_write(&target.device, MMIO_QUEUE_NOTIFY,
					     values[n % ARRAY_SIZE(values)]);
		}
		target_check(&target);
		alloc_release(mark);
	}
	return exit_code();
}

/*
 * Reset with requests in flight: afterwards nothing may be written to rings or
 * buffers any more (2.4.2); they are filled with a pattern and watched.
 */
static uint8_t run_reset_in_flight(void)
{
	uint64_t rounds = word_number("rounds", 100);
	struct buffer buffers[TARGET_BUFFERS_MAX];

	for (unsigned int i = 0; target_at(i, &target); i++) {
		for (uint64_t round = 0; round < rounds; round++) {
			void *mark = alloc_mark();
			struct queue *queue;

			target_open(&target, FEATURES_RING);
			queue = target_queue(&target);
			for (unsigned int n = 0; n < REQUESTS_IN_FLIGHT; n++)
				if (queue_add(queue, buffers,
					      target_request(&target,
							     buffers)) < 0)
					break;
			queue_kick(queue);
			for (uint64_t n = 0; n < round * 20; n++)
				cpu_relax();
			device_reset(&target.device);
			memset(queue->used, 0x77,
			       2 * (4 * (size_t)queue->size + 3));
			settle();
			for (unsigned int n = 0; n < 3u + 4u * queue->size; n++)
				check(queue->used[n] == 0x7777);
			alloc_release(mark);
		}
		target_check(&target);
	}
	return exit_code();
}

const struct verb hostile_verbs[] = {
	{"hostile-features", run_features},
	{"hostile-live", run_live},
	{"hostile-notify", run_notify},
	{"hostile-queues", run_queues},
	{"hostile-registers", run_registers},
	{"hostile-reset", run_reset_in_flight},
	{"hostile-widths", run_widths},
	{NULL, NULL},
};
