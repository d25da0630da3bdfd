/*
 * fuzz_virtio_mmio.c - sequences of accesses to the register file, with a real
 * device behind it.
 *
 * Input, 6 bytes each: operation, register or place, value. After whatever
 * sequence the device can be reset, leaves nothing in flight, and works for a
 * driver that keeps to the rules.
 */
#include "device_rig.h"
#include "fake_engine.h"
#include "log.h"
#include "macros.h"
#include "virtio_rng.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RINGS 0x1000U /* memory that the input writes to */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;

static uint64_t now = 1;

static uint64_t fuzz_clock(void)
{
	return now;
}

static void check(bool good)
{
	if (!good)
		abort();
}

static void set_up(void)
{
	struct virtio_rng_options options = {
		.name = "rng0",
		.queue_size = 8,
		.now_ns = fuzz_clock,
	};
	struct virtio_device *dev;

	log_init("", LOG_LEVEL_ERR);
	device_rig_init(&rig, IO_ENGINE_AUTO, MIB(2));
	rate_limit_init(&options.limit, 0, MIB(1), 0, KIB(64));
	check(!virtio_rng_create(&dev, &options, rig.mem, rig.engine, NULL));
	device_rig_attach(&rig, dev);
}

/* One access to the bus, of any width, anywhere in the page. */
static void access_bus(uint8_t where, uint32_t value, bool write)
{
	const unsigned int len = 1U << (value >> 30);
	uint64_t offset = (value >> 16 & 0xfff) + where;
	uint8_t data[8] = {0};

	if (offset > VIRTIO_MMIO_SIZE - len)
		return;
	memcpy(data, &value, sizeof(value));
	if (write)
		virtio_mmio_bus_ops.write(rig.transport, offset, data, len);
	else
		virtio_mmio_bus_ops.read(rig.transport, offset, data, len);
}

static void negotiate(void)
{
	check(fake_driver_negotiate(driver, fake_driver_offered(driver)));
}

static void operate(uint8_t what, uint8_t where, uint32_t value)
{
	const uint64_t one = 1;

	switch (what % 10) {
	case 0:
		fake_driver_write(driver, where & ~3U, value);
		break;
	case 1:
		(void)fake_driver_read(driver, where & ~3U);
		break;
	case 2:
		access_bus(where, value, true);
		break;
	case 3:
		access_bus(where, value, false);
		break;
	case 4:
		(void)guest_mem_write(rig.mem,
				      RINGS + (what / 10U) * 256U + where,
				      &value, sizeof(value));
		break;
	case 5:
		check(write(rig.dev->doorbells[0], &one, sizeof(one)) ==
		      sizeof(one));
		break;
	case 6:
		(void)io_engine_poll(rig.engine, false);
		break;
	case 7:
		now += value;
		fake_engine_set_time(rig.engine, now);
		break;
	case 8:
		virtio_mmio_pause(rig.transport);
		virtio_mmio_resume(rig.transport);
		break;
	default:
		negotiate();
		break;
	}
}

/* A driver that keeps to the rules gets its random bytes. */
static void check_works(void)
{
	struct fake_buffer buffer = {.len = 16, .writable = true};
	uint16_t head;
	uint32_t len;

	driver->next = DEVICE_RIG_ARENA;
	fake_driver_start(driver, ~0ULL, 0);
	buffer.gpa = fake_driver_alloc(driver, buffer.len, 1);
	(void)fake_driver_add(driver, 0, &buffer, 1);
	(void)fake_driver_kick(driver, 0);
	fake_engine_settle(rig.engine);
	while (fake_engine_next_timer(rig.engine)) {
		now = fake_engine_next_timer(rig.engine);
		fake_engine_set_time(rig.engine, now);
		fake_engine_settle(rig.engine);
	}
	check(fake_driver_take(driver, 0, &head, &len) && len == 16);
	check(rig.dev->queues[0].in_flight == 0);
	fake_driver_reset(driver);
	check(fake_engine_in_flight(rig.engine) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t value;

	if (!rig.dev)
		set_up();
	for (; size >= 6; data += 6, size -= 6) {
		memcpy(&value, data + 2, sizeof(value));
		operate(data[0], data[1], value);
	}
	fake_engine_settle(rig.engine);
	check_works();
	return 0;
}
