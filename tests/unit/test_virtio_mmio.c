/*
 * test_virtio_mmio.c - register file and device life cycle, with an echo device
 * behind it on the fake engine. Marks: see test_virtqueue.c.
 */
#include "device_rig.h"
#include "echo_device.h"
#include "macros.h"
#include "test.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUES 2
#define QUEUE_MAX 16
#define VERSION_1 (1ULL << VIRTIO_F_VERSION_1)
#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define ACKNOWLEDGE VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED VIRTIO_CONFIG_S_FAILED

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;
static struct echo_device *echo;

static int setup(void **state)
{
	(void)state;
	device_rig_init(&rig, IO_ENGINE_AUTO, MIB(4));
	echo = echo_device_create(rig.mem, rig.engine, QUEUES, QUEUE_MAX);
	device_rig_attach(&rig, &echo->dev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	device_rig_fini(&rig);
	return 0;
}

static uint32_t status(void)
{
	return fake_driver_read(driver, VIRTIO_MMIO_STATUS);
}

static void write_status(uint32_t value)
{
	fake_driver_write(driver, VIRTIO_MMIO_STATUS, value);
}

static void settle(void)
{
	driver->pump(driver->pump_arg);
	driver->pump(driver->pump_arg);
}

/* Add an echo request of @len bytes; its answer lands behind its data. */
static uint16_t add_echo(unsigned int index, uint32_t len, uint64_t *answer)
{
	uint64_t data = fake_driver_alloc(driver, 2ULL * len, 8);
	const struct fake_buffer buffers[] = {
		{data, len, false},
		{data + len, len, true},
	};

	memset(fake_driver_ptr(driver, data, len), 0x33, len);
	*answer = data + len;
	return fake_driver_add(driver, index, buffers, ARRAY_SIZE(buffers));
}

static void assert_echo(unsigned int index)
{
	uint16_t head, sent;
	uint64_t answer;
	uint32_t len;

	sent = add_echo(index, 100, &answer);
	(void)fake_driver_kick(driver, index);
	fake_driver_wait(driver, index, &head, &len);
	assert_int_equal(head, sent);
	assert_int_equal(len, 100);
	assert_int_equal(*(uint8_t *)fake_driver_ptr(driver, answer + 99, 1),
			 0x33);
}

/*
 * Registers.
 */

/* VIRTIO 4.2.2.1-magic: MagicValue is 0x74726976 */
/* VIRTIO 4.2.2.1-version: Version is 2 */
static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_MAGIC_VALUE),
			 0x74726976);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_DEVICE_ID),
			 echo->dev.ops->device_id);
	assert_int_not_equal(fake_driver_read(driver, VIRTIO_MMIO_VENDOR_ID),
			     0);
}

/* Every register, known or not, survives every width at every offset; only
 * aligned 32-bit accesses mean something. */
static void test_access_widths(void **state)
{
	static const unsigned int widths[] = {1, 2, 4, 8};
	uint8_t data[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		for (uint64_t at = 0; at + widths[i] <= VIRTIO_MMIO_CONFIG;
		     at++) {
			if (widths[i] == 4 && at % 4 == 0)
				continue;
			memset(data, 0xff, sizeof(data));
			virtio_mmio_bus_ops.write(rig.transport, at, data,
						  widths[i]);
			virtio_mmio_bus_ops.read(rig.transport, at, data,
						 widths[i]);
			for (unsigned int b = 0; b < widths[i]; b++)
				assert_int_equal(data[b], 0);
		}
	}
	assert_int_equal(status(), 0);
	assert_int_equal(echo->activated, 0);
}

static void test_reserved_registers(void **state)
{
	(void)state;
	for (uint32_t reg = 0xc0; reg < 0xfc; reg += 4) {
		fake_driver_write(driver, reg, UINT32_MAX);
		assert_int_equal(fake_driver_read(driver, reg), 0);
	}
	fake_driver_write(driver, VIRTIO_MMIO_MAGIC_VALUE, 0);
	test_identity(state);
	/* write-only registers read as zero */
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_QUEUE_SEL), 0);
}

/* VIRTIO 4.2.2-shm: a region that does not exist has length and base -1 */
static void test_no_shared_memory(void **state)
{
	static const uint32_t regs[] = {
		VIRTIO_MMIO_SHM_LEN_LOW,
		VIRTIO_MMIO_SHM_LEN_HIGH,
		VIRTIO_MMIO_SHM_BASE_LOW,
		VIRTIO_MMIO_SHM_BASE_HIGH,
	};

	(void)state;
	fake_driver_write(driver, VIRTIO_MMIO_SHM_SEL, 1);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		assert_int_equal(fake_driver_read(driver, regs[i]), UINT32_MAX);
}

/*
 * Config space.
 */

/* VIRTIO 2.5.2-early: config space is readable before FEATURES_OK */
static void test_config_any_width(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t data[8];

	(void)state;
	memcpy(echo->config, bytes, sizeof(bytes));
	for (unsigned int width = 1; width <= 8; width *= 2) {
		for (uint32_t at = 0; at + width <= sizeof(bytes); at++) {
			fake_driver_config_read(driver, at, data, width);
			assert_memory_equal(data, bytes + at, width);
		}
	}
	fake_driver_config_write(driver, 3, "\x77\x78", 2);
	fake_driver_config_read(driver, 0, data, 8);
	assert_int_equal(data[3], 0x77);
	assert_int_equal(data[4], 0x78);
}

static void test_config_beyond_end(void **state)
{
	uint8_t data[8];

	(void)state;
	memset(echo->config, 0x11, sizeof(echo->config));
	fake_driver_config_write(driver, ECHO_CONFIG_SIZE - 2,
				 "\x22\x22\x22\x22\x22\x22\x22\x22", 8);
	fake_driver_config_write(driver, 0xeff, "\x22", 1);
	memset(data, 0xff, sizeof(data));
	fake_driver_config_read(driver, ECHO_CONFIG_SIZE - 3, data, 8);
	assert_memory_equal(data, "\x11\x22\x22\0\0\0\0\0", 8);
	memset(data, 0xff, sizeof(data));
	fake_driver_config_read(driver, 0xef8, data, 8);
	assert_memory_equal(data, "\0\0\0\0\0\0\0\0", 8);
}

static void change_config(void)
{
	(void)pthread_mutex_lock(&echo->dev.lock);
	echo->config[0]++;
	virtio_device_config_changed(&echo->dev);
	(void)pthread_mutex_unlock(&echo->dev.lock);
}

/* VIRTIO 4.2.2.1-generation: ConfigGeneration changes with the config */
static void test_config_generation(void **state)
{
	uint32_t before;

	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	before = fake_driver_read(driver, VIRTIO_MMIO_CONFIG_GENERATION);
	assert_int_equal(
		fake_driver_read(driver, VIRTIO_MMIO_CONFIG_GENERATION),
		before);
	change_config();
	assert_int_not_equal(
		fake_driver_read(driver, VIRTIO_MMIO_CONFIG_GENERATION),
		before);
	assert_int_equal(fake_driver_interrupts(driver), 1);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			 VIRTIO_MMIO_INT_CONFIG);
}

static void test_no_config_interrupt_before_driver_ok(void **state)
{
	(void)state;
	change_config();
	assert_int_equal(fake_driver_interrupts(driver), 0);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			 0);
}

/*
 * Features and status.
 */

/* VIRTIO 6.2-version-1: VERSION_1 is offered */
static void test_features_offered(void **state)
{
	(void)state;
	assert_int_equal(fake_driver_offered(driver),
			 VERSION_1 | EVENT_IDX |
				 (1ULL << VIRTIO_RING_F_INDIRECT_DESC));
	fake_driver_write(driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_DEVICE_FEATURES),
			 0);
}

/* VIRTIO 2.2.2-refuse: FEATURES_OK is not kept for features that cannot be */
static void test_features_refused(void **state)
{
	uint64_t offered = fake_driver_offered(driver);

	(void)state;
	assert_false(fake_driver_negotiate(driver, offered | (1ULL << 0)));
	assert_false(fake_driver_negotiate(driver, offered | (1ULL << 63)));
	assert_false(fake_driver_negotiate(driver, offered & ~VERSION_1));
	write_status(status() | DRIVER_OK);
	assert_false(status() & DRIVER_OK);
	assert_int_equal(echo->activated, 0);
	assert_true(fake_driver_negotiate(driver, VERSION_1));
}

/* VIRTIO 2.2.2-requires: no feature is offered without what it needs, so any
 * subset with VERSION_1 is accepted */
static void test_feature_subsets(void **state)
{
	uint64_t offered = fake_driver_offered(driver) & ~VERSION_1;

	(void)state;
	for (uint64_t set = offered;; set = (set - 1) & offered) {
		assert_true(fake_driver_negotiate(driver, set | VERSION_1));
		if (!set)
			break;
	}
}

static void test_features_frozen(void **state)
{
	(void)state;
	/* before DRIVER: ignored */
	fake_driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	fake_driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	assert_int_equal(echo->dev.driver_features, 0);
	assert_true(fake_driver_negotiate(driver, VERSION_1));
	/* after FEATURES_OK: ignored */
	fake_driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	fake_driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	assert_int_equal(echo->dev.driver_features, VERSION_1);
}

static void test_status_bits_stay(void **state)
{
	(void)state;
	write_status(ACKNOWLEDGE);
	write_status(DRIVER); /* would clear ACKNOWLEDGE */
	assert_int_equal(status(), ACKNOWLEDGE);
	write_status(ACKNOWLEDGE | DRIVER_OK); /* without FEATURES_OK */
	assert_int_equal(status(), ACKNOWLEDGE);
	write_status(ACKNOWLEDGE | FEATURES_OK); /* without DRIVER */
	assert_int_equal(status(), ACKNOWLEDGE);
	write_status(ACKNOWLEDGE | NEEDS_RESET | 0xffffff00); /* not ours */
	assert_int_equal(status(), ACKNOWLEDGE);
	assert_true(fake_driver_negotiate(driver, VERSION_1));
	write_status(status() | FAILED);
	write_status(status() | DRIVER_OK); /* given up */
	assert_int_equal(status() & (FAILED | DRIVER_OK), FAILED);
	assert_int_equal(echo->activated, 0);
}

/*
 * Queues.
 */

static void test_queue_num_max(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(
			fake_driver_read(driver, VIRTIO_MMIO_QUEUE_NUM_MAX),
			i < QUEUES ? QUEUE_MAX : 0);
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(
			fake_driver_read(driver, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_QUEUE_NUM_MAX),
			 0);
}

static void scribble_queue_registers(void)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, i);
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, 2);
		for (uint32_t reg = VIRTIO_MMIO_QUEUE_DESC_LOW; reg < 0xa8;
		     reg += 4)
			fake_driver_write(driver, reg, 0x10);
	}
}

/* Trap: queue registers writable after activation, or before negotiation. */
static void test_trap_queue_registers_frozen(void **state)
{
	struct virtqueue_layout before[QUEUES];

	(void)state;
	scribble_queue_registers(); /* before FEATURES_OK */
	assert_int_equal(echo->dev.layouts[0].size, 0);
	assert_int_equal(echo->dev.layouts[0].desc, 0);
	fake_driver_start(driver, ~0ULL, 0);
	memcpy(before, echo->dev.layouts, sizeof(before));
	scribble_queue_registers();
	assert_memory_equal(before, echo->dev.layouts, sizeof(before));
	assert_echo(0);
	/* a queue that was taken out cannot come back while live */
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, 0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 0);
	scribble_queue_registers();
	assert_memory_equal(before, echo->dev.layouts, sizeof(before));
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, 0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_echo(1);
}

static void test_queue_ready_freezes_layout(void **state)
{
	(void)state;
	assert_true(fake_driver_negotiate(driver, VERSION_1));
	fake_driver_queue(driver, 0, 8);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, 4);
	assert_int_equal(echo->dev.layouts[0].size, 8);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, QUEUE_MAX + 1);
	assert_int_equal(echo->dev.layouts[0].size, 8);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, 4);
	assert_int_equal(echo->dev.layouts[0].size, 4);
}

/* VIRTIO 2.1.2-needs-reset: with DRIVER_OK set, NEEDS_RESET comes with a
 * configuration change notification */
static void test_bad_layout_needs_reset(void **state)
{
	(void)state;
	assert_true(fake_driver_negotiate(driver, VERSION_1));
	fake_driver_queue(driver, 0, 8);
	fake_driver_queue(driver, 1, 8);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_USED_LOW, MIB(4));
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 1);
	write_status(status() | DRIVER_OK);
	assert_true(status() & NEEDS_RESET);
	assert_int_equal(fake_driver_interrupts(driver), 1);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			 VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(echo->activated, 0);
	fake_driver_start(driver, ~0ULL, 0);
	assert_echo(0);
}

static void test_activation_failure(void **state)
{
	(void)state;
	echo->fail_activate = true;
	fake_driver_start(driver, ~0ULL, 0);
	assert_true(status() & NEEDS_RESET);
	assert_int_equal(echo->kicked, 0);
	echo->fail_activate = false;
	fake_driver_start(driver, ~0ULL, 0);
	assert_int_equal(echo->stops, 0);
	assert_echo(1);
}

/* A driver that uses only one of the queues. */
static void test_queue_left_unused(void **state)
{
	uint64_t one = 1;

	(void)state;
	assert_true(fake_driver_negotiate(driver, VERSION_1));
	fake_driver_queue(driver, 1, 4);
	write_status(status() | DRIVER_OK);
	assert_echo(1);
	assert_int_equal(write(echo->dev.doorbells[0], &one, sizeof(one)),
			 sizeof(one));
	settle();
	assert_int_equal(status() & NEEDS_RESET, 0);
}

/* VIRTIO 2.1.2-not-before-driver-ok: nothing is consumed before DRIVER_OK */
static void test_nothing_before_driver_ok(void **state)
{
	uint16_t head;
	uint32_t len;
	uint64_t answer;

	(void)state;
	assert_true(fake_driver_negotiate(driver, VERSION_1));
	fake_driver_queue(driver, 0, 0);
	(void)add_echo(0, 10, &answer);
	(void)fake_driver_kick(driver, 0);
	settle();
	assert_false(fake_driver_take(driver, 0, &head, &len));
	assert_int_equal(fake_driver_interrupts(driver), 0);
	write_status(status() | DRIVER_OK);
	fake_driver_wait(driver, 0, &head, &len);
	assert_int_equal(len, 10);
}

/* VIRTIO 4.2.2.1-ready-zero: a queue with QueueReady 0 is not touched */
static void test_queue_taken_out(void **state)
{
	uint64_t answer;
	uint16_t head;
	uint32_t len;

	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	assert_echo(0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, 0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_QUEUE_READY), 0);
	(void)add_echo(0, 10, &answer);
	(void)fake_driver_kick(driver, 0);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	settle();
	assert_false(fake_driver_take(driver, 0, &head, &len));
	assert_echo(1);
}

/*
 * Notifications.
 */

/* A notification that was not taken by an ioeventfd. */
static void test_queue_notify_register(void **state)
{
	uint64_t answer;
	uint16_t head;
	uint32_t len;

	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	settle();
	(void)add_echo(1, 8, &answer);
	assert_true(fake_driver_publish(driver, 1));
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	fake_driver_wait(driver, 1, &head, &len);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, QUEUES);
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	settle();
	assert_int_equal(status() & NEEDS_RESET, 0);
}

/* VIRTIO 4.2.2.1-interrupt-status: a bit stands until it is acknowledged */
/* VIRTIO 4.2.2.1-interrupt-zero: and only for events that were */
static void test_interrupt_status(void **state)
{
	const uint32_t reg = VIRTIO_MMIO_INTERRUPT_STATUS;
	const uint32_t ack = VIRTIO_MMIO_INTERRUPT_ACK;

	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	assert_int_equal(fake_driver_read(driver, reg), 0);
	assert_echo(0);
	assert_int_equal(fake_driver_interrupts(driver), 1);
	assert_int_equal(fake_driver_read(driver, reg), VIRTIO_MMIO_INT_VRING);
	change_config();
	assert_int_equal(fake_driver_read(driver, reg),
			 VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	fake_driver_write(driver, ack, VIRTIO_MMIO_INT_VRING);
	assert_int_equal(fake_driver_read(driver, reg), VIRTIO_MMIO_INT_CONFIG);
	fake_driver_write(driver, ack, UINT32_MAX);
	assert_int_equal(fake_driver_read(driver, reg), 0);
}

/* One interrupt for a batch, none for a driver that polls. */
static void test_interrupt_per_batch(void **state)
{
	static const uint64_t features[] = {~EVENT_IDX, ~0ULL};
	uint64_t answer;
	uint16_t head;
	uint32_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		fake_driver_start(driver, features[i], 0);
		for (int n = 0; n < QUEUE_MAX / 2; n++)
			(void)add_echo(0, 8, &answer);
		(void)fake_driver_kick(driver, 0);
		for (int n = 0; n < QUEUE_MAX / 2; n++)
			fake_driver_wait(driver, 0, &head, &len);
		assert_int_equal(fake_driver_interrupts(driver), 1);
		driver->poll = true;
		assert_echo(0);
		(void)fake_driver_interrupts(driver);
		assert_echo(0);
		assert_int_equal(fake_driver_interrupts(driver), 0);
		driver->poll = false;
	}
}

/*
 * Reset, failure, pause.
 */

/* VIRTIO 2.4.1-status: status reads 0 after a reset */
/* VIRTIO 4.2.2.1-reset-clears: so do InterruptStatus and every QueueReady */
static void test_reset_clears(void **state)
{
	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	assert_echo(0);
	change_config();
	write_status(0);
	assert_int_equal(status(), 0);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(
			fake_driver_read(driver, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	assert_int_equal(echo->dev.driver_features, 0);
	assert_int_equal(echo->stops, 1);
}

/* VIRTIO 2.4.1-quiet: after a reset queues are left alone and nothing is
 * notified, until the driver starts again */
static void test_reset_quiet(void **state)
{
	struct fake_queue *queue = &driver->queues[0];
	uint64_t answer;
	uint16_t head;
	uint32_t len;

	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	assert_echo(0);
	(void)fake_driver_interrupts(driver);
	write_status(0);
	(void)add_echo(0, 8, &answer);
	queue->vring.avail->idx = queue->added;
	fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	settle();
	change_config();
	assert_false(fake_driver_take(driver, 0, &head, &len));
	assert_int_equal(fake_driver_interrupts(driver), 0);
	fake_driver_start(driver, ~0ULL, 0);
	assert_echo(0);
}

/* VIRTIO 2.2.2-again: what was negotiated once is accepted after a reset */
static void test_renegotiation(void **state)
{
	uint64_t offered = fake_driver_offered(driver);

	(void)state;
	for (int i = 0; i < 5; i++) {
		fake_driver_start(driver, offered, 4);
		assert_echo(0);
		assert_echo(1);
		driver->next = DEVICE_RIG_ARENA;
	}
	assert_int_equal(echo->activated, 5);
}

/* Trap: a malformed chain that kills the worker thread. The device asks for a
 * reset, ignores everything until then, and works after it. */
static void test_trap_malformed_chain(void **state)
{
	uint64_t answer;
	uint16_t head;
	uint32_t len;

	(void)state;
	fake_driver_start(driver, ~0ULL, 0);
	(void)fake_driver_interrupts(driver);
	fake_driver_offer(driver, 0, QUEUE_MAX);
	(void)fake_driver_kick(driver, 0);
	settle();
	assert_true(status() & NEEDS_RESET);
	assert_int_equal(fake_driver_interrupts(driver), 1);
	(void)add_echo(1, 8, &answer);
	(void)fake_driver_kick(driver, 1);
	settle();
	assert_false(fake_driver_take(driver, 1, &head, &len));
	write_status(status() | FAILED);
	fake_driver_start(driver, ~0ULL, 0);
	assert_int_equal(status() & NEEDS_RESET, 0);
	assert_echo(0);
	assert_echo(1);
}

static void test_pause_resume(void **state)
{
	uint64_t answer;
	uint16_t head;
	uint32_t len;

	(void)state;
	virtio_mmio_pause(rig.transport); /* not activated: no effect */
	virtio_mmio_resume(rig.transport);
	fake_driver_start(driver, ~0ULL, 0);
	for (int i = 0; i < 3; i++) {
		virtio_mmio_pause(rig.transport);
		(void)add_echo(0, 8, &answer);
		(void)fake_driver_kick(driver, 0);
		settle();
		assert_false(fake_driver_take(driver, 0, &head, &len));
		virtio_mmio_resume(rig.transport);
		fake_driver_wait(driver, 0, &head, &len);
		assert_echo(1);
	}
	virtio_mmio_pause(rig.transport);
	write_status(0); /* reset while paused */
	assert_int_equal(status(), 0);
	fake_driver_start(driver, ~0ULL, 0);
	assert_echo(0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_access_widths),
		TEST(test_reserved_registers),
		TEST(test_no_shared_memory),
		TEST(test_config_any_width),
		TEST(test_config_beyond_end),
		TEST(test_config_generation),
		TEST(test_no_config_interrupt_before_driver_ok),
		TEST(test_features_offered),
		TEST(test_features_refused),
		TEST(test_feature_subsets),
		TEST(test_features_frozen),
		TEST(test_status_bits_stay),
		TEST(test_queue_num_max),
		TEST(test_trap_queue_registers_frozen),
		TEST(test_queue_ready_freezes_layout),
		TEST(test_bad_layout_needs_reset),
		TEST(test_activation_failure),
		TEST(test_queue_left_unused),
		TEST(test_nothing_before_driver_ok),
		TEST(test_queue_taken_out),
		TEST(test_queue_notify_register),
		TEST(test_interrupt_status),
		TEST(test_interrupt_per_batch),
		TEST(test_reset_clears),
		TEST(test_reset_quiet),
		TEST(test_renegotiation),
		TEST(test_trap_malformed_chain),
		TEST(test_pause_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
