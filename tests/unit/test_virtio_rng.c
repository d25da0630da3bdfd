/*
 * test_virtio_rng.c - entropy device on the fake engine and a fake clock.
 * Marks: see test_virtqueue.c.
 */
#include "device_rig.h"
#include "fake_engine.h"
#include "macros.h"
#include "test.h"
#include "virtio_rng.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define QUEUE_SIZE 16
#define SECOND 1000000000ULL

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;
static uint64_t now;

static uint64_t fake_clock(void)
{
	return now;
}

static void set_time(uint64_t ns)
{
	now = ns;
	fake_engine_set_time(rig.engine, ns);
	fake_engine_settle(rig.engine);
}

/* A device with a limit of @bytes a second, 0 for none, and @burst. */
static void start_with(uint64_t bytes, uint64_t burst, uint64_t (*now_ns)(void))
{
	struct virtio_rng_options options = {
		.name = "rng0",
		.queue_size = QUEUE_SIZE,
		.now_ns = now_ns,
	};
	struct virtio_device *dev;

	rate_limit_init(&options.limit, 0, bytes, 0, burst);
	device_rig_init(&rig, IO_ENGINE_AUTO, MIB(4));
	now = SECOND;
	fake_engine_set_time(rig.engine, now);
	assert_int_equal(
		virtio_rng_create(&dev, &options, rig.mem, rig.engine, NULL),
		0);
	device_rig_attach(&rig, dev);
	fake_driver_start(driver, ~0ULL, 0);
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_DEVICE_ID),
			 VIRTIO_ID_RNG);
}

static void start(uint64_t bytes)
{
	start_with(bytes, 0, fake_clock);
}

static int teardown(void **state)
{
	(void)state;
	device_rig_fini(&rig);
	return 0;
}

static uint64_t ask(uint32_t len)
{
	struct fake_buffer buffer = {
		.gpa = fake_driver_alloc(driver, len, 1),
		.len = len,
		.writable = true,
	};

	(void)fake_driver_add(driver, 0, &buffer, 1);
	return buffer.gpa;
}

static unsigned int answered(void)
{
	unsigned int count = 0;
	uint16_t head;
	uint32_t len;

	fake_engine_settle(rig.engine);
	while (fake_driver_take(driver, 0, &head, &len)) {
		assert_true(len > 0);
		count++;
	}
	return count;
}

/* VIRTIO 5.4.6.2-some: at least one random byte */
static void test_bytes_are_random(void **state)
{
	uint8_t *first, *second;
	uint16_t head;
	uint32_t len;

	(void)state;
	start(0);
	first = fake_driver_ptr(driver, ask(64), 64);
	second = fake_driver_ptr(driver, ask(64), 64);
	(void)ask(1);
	(void)fake_driver_kick(driver, 0);
	fake_driver_wait(driver, 0, &head, &len);
	assert_int_equal(len, 64);
	fake_driver_wait(driver, 0, &head, &len);
	assert_memory_not_equal(first, second, 64);
	fake_driver_wait(driver, 0, &head, &len);
	assert_int_equal(len, 1);
	/* all three in one round, so one interrupt */
	assert_int_equal(fake_driver_interrupts(driver), 1);
}

static void test_request_is_capped(void **state)
{
	uint8_t *tail;
	uint64_t gpa;
	uint16_t head;
	uint32_t len;

	(void)state;
	start(0);
	gpa = ask(MIB(1));
	tail = fake_driver_ptr(driver, gpa + VIRTIO_RNG_REQUEST_MAX, 64);
	(void)fake_driver_kick(driver, 0);
	fake_driver_wait(driver, 0, &head, &len);
	assert_int_equal(len, VIRTIO_RNG_REQUEST_MAX);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(tail[i], 0);
}

/* Several buffers, a readable one among them, which is left as it is. */
/* VIRTIO 2.7.8.2-len-bytes: as many bytes as told, from the first on */
static void test_scattered_request(void **state)
{
	static const uint8_t zeroes[8];
	uint64_t gpa;
	struct fake_buffer buffers[3];
	uint16_t head;
	uint32_t len;

	(void)state;
	start(0);
	gpa = fake_driver_alloc(driver, 256, 1);
	buffers[0] = (struct fake_buffer){gpa, 16, false};
	buffers[1] = (struct fake_buffer){gpa + 64, 24, true};
	buffers[2] = (struct fake_buffer){gpa + 128, 24, true};
	(void)fake_driver_add(driver, 0, buffers, ARRAY_SIZE(buffers));
	(void)fake_driver_kick(driver, 0);
	fake_driver_wait(driver, 0, &head, &len);
	assert_int_equal(len, 48);
	assert_memory_equal(fake_driver_ptr(driver, gpa, 8), zeroes, 8);
	assert_memory_not_equal(fake_driver_ptr(driver, gpa + 64, 8), zeroes,
				8);
	assert_memory_not_equal(fake_driver_ptr(driver, gpa + 144, 8), zeroes,
				8);
	assert_memory_equal(fake_driver_ptr(driver, gpa + 152, 8), zeroes, 8);
}

static void test_nothing_writable(void **state)
{
	uint16_t head;
	uint32_t len;
	struct fake_buffer buffer;

	(void)state;
	start(0);
	buffer =
		(struct fake_buffer){fake_driver_alloc(driver, 8, 1), 8, false};
	(void)fake_driver_add(driver, 0, &buffer, 1);
	(void)fake_driver_kick(driver, 0);
	fake_driver_wait(driver, 0, &head, &len);
	assert_int_equal(len, 0);
	(void)ask(8);
	(void)fake_driver_kick(driver, 0);
	assert_int_equal(answered(), 1);
}

/* 1000 bytes a second, 100 a request: one request each 100 ms, to the
 * nanosecond. */
static void test_rate_limit(void **state)
{
	(void)state;
	start(1000);
	for (int i = 0; i < 5; i++)
		(void)ask(100);
	(void)fake_driver_kick(driver, 0);
	assert_int_equal(answered(), 1);
	for (uint64_t i = 1; i < 5; i++) {
		assert_int_equal(fake_engine_next_timer(rig.engine),
				 SECOND + i * SECOND / 10);
		set_time(SECOND + i * SECOND / 10 - 1);
		assert_int_equal(answered(), 0);
		set_time(SECOND + i * SECOND / 10);
		assert_int_equal(answered(), 1);
	}
	assert_int_equal(fake_engine_next_timer(rig.engine), 0);
}

/* A kick while the limit holds does not get around it. */
static void test_kick_while_limited(void **state)
{
	(void)state;
	start(1000);
	for (int i = 0; i < 3; i++)
		(void)ask(100);
	(void)fake_driver_kick(driver, 0);
	assert_int_equal(answered(), 1);
	for (int i = 0; i < 10; i++) {
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_int_equal(answered(), 0);
	}
}

static void test_reset_while_limited(void **state)
{
	(void)state;
	start(1000);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			(void)ask(100);
		(void)fake_driver_kick(driver, 0);
		fake_engine_settle(rig.engine);
		assert_int_not_equal(fake_engine_next_timer(rig.engine), 0);
		fake_driver_start(driver, ~0ULL, 0);
		assert_int_equal(fake_engine_next_timer(rig.engine), 0);
	}
}

static void test_pause_while_limited(void **state)
{
	(void)state;
	start(1000);
	for (int i = 0; i < 2; i++)
		(void)ask(100);
	(void)fake_driver_kick(driver, 0);
	assert_int_equal(answered(), 1);
	virtio_mmio_pause(rig.transport);
	set_time(5 * SECOND);
	assert_int_equal(answered(), 0);
	virtio_mmio_resume(rig.transport);
	assert_int_equal(answered(), 1);
}

static unsigned int refills;

/* Called for each request: the guest asks for another at once. */
static uint64_t refilling_clock(void)
{
	if (refills) {
		refills--;
		fake_driver_offer(driver, 0, 0);
		(void)fake_driver_publish(driver, 0);
	}
	return now;
}

/* Trap: a guest that asks without end keeps the I/O thread to itself. */
static void test_trap_endless_requests(void **state)
{
	const unsigned int endless = 1000;
	const struct virtqueue_stats *stats;
	uint64_t before;

	(void)state;
	start_with(MIB(1), MIB(1), refilling_clock);
	stats = &rig.dev->queues[0].stats;
	refills = endless;
	(void)ask(1);
	(void)fake_driver_kick(driver, 0);
	for (before = 0; refills; before = stats->popped) {
		(void)io_engine_poll(rig.engine, false);
		assert_true(stats->popped > before);
		assert_true(stats->popped - before <= 2 * QUEUE_SIZE);
	}
	fake_engine_settle(rig.engine);
	assert_int_equal(stats->pushed, endless + 1);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_are_random),
		TEST(test_request_is_capped),
		TEST(test_scattered_request),
		TEST(test_nothing_writable),
		TEST(test_rate_limit),
		TEST(test_kick_while_limited),
		TEST(test_reset_while_limited),
		TEST(test_pause_while_limited),
		TEST(test_trap_endless_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
