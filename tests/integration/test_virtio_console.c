/* test_virtio_console.c - the console device against the fake driver, on every
 * I/O engine. */
#include "device_rig.h"
#include "engines.h"
#include "macros.h"
#include "test.h"
#include "virtio_console.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RX 0U
#define TX 1U
#define SINK_MAX MIB(8)

/* What the guest printed; bytes in front of @len are settled. */
struct sink {
	uint8_t *bytes;
	atomic_size_t len;
	atomic_size_t calls;
	atomic_size_t largest;
	atomic_uint room;
};

struct fixture {
	struct device_rig rig;
	struct sink sink;
};

static void output(void *arg, const void *bytes, size_t len)
{
	struct sink *sink = arg;
	size_t at = atomic_load(&sink->len);

	assert_true(len <= SINK_MAX - at);
	memcpy(sink->bytes + at, bytes, len);
	atomic_store(&sink->len, at + len);
	atomic_fetch_add(&sink->calls, 1);
	if (len > atomic_load(&sink->largest))
		atomic_store(&sink->largest, len);
}

static void input_room(void *arg)
{
	struct sink *sink = arg;

	atomic_fetch_add(&sink->room, 1);
}

static void start(struct fixture *f, void **state)
{
	struct virtio_console_options options = {
		.name = "console0",
		.queue_size = 64,
		.output = output,
		.input_room = input_room,
		.arg = &f->sink,
	};
	struct virtio_device *dev;
	struct err err = {0};

	*f = (struct fixture){0};
	f->sink.bytes = malloc(SINK_MAX);
	device_rig_init(&f->rig, engine_kind(state), MIB(16));
	if (virtio_console_create(&dev, &options, f->rig.mem, f->rig.engine,
				  &err) < 0)
		fail_msg("%s", err.msg);
	device_rig_attach(&f->rig, dev);
	fake_driver_start(&f->rig.driver, ~0ULL, 0);
}

static void stop(struct fixture *f)
{
	device_rig_fini(&f->rig);
	free(f->sink.bytes);
}

static void wait_used(struct fixture *f, unsigned int queue, uint32_t want)
{
	uint16_t head;
	uint32_t len;

	fake_driver_wait(&f->rig.driver, queue, &head, &len);
	assert_int_equal(len, want);
}

static void wait_broken(struct fixture *f)
{
	while ((fake_driver_read(&f->rig.driver, VIRTIO_MMIO_STATUS) &
		VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		(void)usleep(1000);
}

static uint64_t text_at(struct fixture *f, const char *text)
{
	uint64_t gpa = fake_driver_alloc(&f->rig.driver, strlen(text), 1);

	memcpy(fake_driver_ptr(&f->rig.driver, gpa, strlen(text)), text,
	       strlen(text));
	return gpa;
}

static void print(struct fixture *f, const char *text)
{
	const struct fake_buffer buffer = {
		.gpa = text_at(f, text),
		.len = (uint32_t)strlen(text),
	};

	(void)fake_driver_add(&f->rig.driver, TX, &buffer, 1);
	(void)fake_driver_kick(&f->rig.driver, TX);
}

static void test_prints_in_order(void **state)
{
	static struct fixture f;
	struct fake_buffer parts[2];

	start(&f, state);
	print(&f, "Linux version 6.1\n");
	wait_used(&f, TX, 0);
	parts[0] = (struct fake_buffer){text_at(&f, "log"), 3, false};
	parts[1] = (struct fake_buffer){text_at(&f, "in: "), 4, false};
	(void)fake_driver_add(&f.rig.driver, TX, parts, 2);
	(void)fake_driver_kick(&f.rig.driver, TX);
	wait_used(&f, TX, 0);
	assert_int_equal(atomic_load(&f.sink.len), 25);
	assert_memory_equal(f.sink.bytes, "Linux version 6.1\nlogin: ", 25);
	stop(&f);
}

/* One request of 4 MiB is printed in rounds: the engine serves others between
 * them, here a request that the control thread makes meanwhile. */
static void test_prints_much_in_rounds(void **state)
{
	static struct fixture f;
	struct fake_buffer buffer = {.len = (uint32_t)MIB(4)};
	uint8_t *bytes;

	start(&f, state);
	buffer.gpa = fake_driver_alloc(&f.rig.driver, buffer.len, 1);
	bytes = fake_driver_ptr(&f.rig.driver, buffer.gpa, buffer.len);
	for (uint32_t i = 0; i < buffer.len; i++)
		bytes[i] = (uint8_t)(i >> 3);
	(void)fake_driver_add(&f.rig.driver, TX, &buffer, 1);
	(void)fake_driver_kick(&f.rig.driver, TX);
	virtio_mmio_pause(f.rig.transport); /* ends the request in hand */
	virtio_mmio_resume(f.rig.transport);
	wait_used(&f, TX, 0);
	assert_int_equal(atomic_load(&f.sink.len), MIB(4));
	assert_memory_equal(f.sink.bytes, bytes, MIB(4));
	assert_in_range(atomic_load(&f.sink.largest), 1, KIB(64));
	stop(&f);
}

static uint64_t add_rx(struct fixture *f, uint32_t len)
{
	const struct fake_buffer buffer = {
		.gpa = fake_driver_alloc(&f->rig.driver, len, 1),
		.len = len,
		.writable = true,
	};

	(void)fake_driver_add(&f->rig.driver, RX, &buffer, 1);
	(void)fake_driver_kick(&f->rig.driver, RX);
	return buffer.gpa;
}

static void test_input_finds_buffers(void **state)
{
	static struct fixture f;
	uint64_t gpa;

	start(&f, state);
	gpa = add_rx(&f, 64);
	assert_int_equal(virtio_console_input(f.rig.dev, "root\n", 5), 5);
	wait_used(&f, RX, 5);
	assert_memory_equal(fake_driver_ptr(&f.rig.driver, gpa, 5), "root\n",
			    5);

	/* Typed before there is a buffer. */
	assert_int_equal(virtio_console_input(f.rig.dev, "abcdef", 6), 6);
	(void)usleep(2000);
	gpa = add_rx(&f, 4);
	wait_used(&f, RX, 4);
	assert_memory_equal(fake_driver_ptr(&f.rig.driver, gpa, 4), "abcd", 4);
	gpa = add_rx(&f, 4);
	wait_used(&f, RX, 2);
	assert_memory_equal(fake_driver_ptr(&f.rig.driver, gpa, 2), "ef", 2);
	assert_int_equal(atomic_load(&f.sink.room), 0);
	stop(&f);
}

/* A guest that does not read: a bounded number of bytes is taken; the rest is
 * asked for when it reads again. */
static void test_input_is_bounded(void **state)
{
	static struct fixture f;
	static uint8_t typed[3 * VIRTIO_CONSOLE_INPUT_MAX];
	static uint8_t seen[sizeof(typed)];
	size_t sent, got = 0;

	start(&f, state);
	for (size_t i = 0; i < sizeof(typed); i++)
		typed[i] = (uint8_t)(i * 5 + (i >> 8));
	sent = virtio_console_input(f.rig.dev, typed, sizeof(typed));
	assert_int_equal(sent, VIRTIO_CONSOLE_INPUT_MAX);
	assert_int_equal(virtio_console_input(f.rig.dev, typed, 1), 0);
	while (got < sizeof(typed)) {
		uint64_t gpa = add_rx(&f, 1000);
		uint16_t head;
		uint32_t len;

		fake_driver_wait(&f.rig.driver, RX, &head, &len);
		assert_in_range(len, 1, 1000);
		memcpy(seen + got, fake_driver_ptr(&f.rig.driver, gpa, len),
		       len);
		got += len;
		f.rig.driver.next = gpa;
		if (sent < sizeof(typed)) {
			while (atomic_exchange(&f.sink.room, 0) == 0)
				(void)usleep(100);
			sent += virtio_console_input(f.rig.dev, typed + sent,
						     sizeof(typed) - sent);
		}
	}
	assert_memory_equal(seen, typed, sizeof(typed));
	stop(&f);
}

/* 5.3.6.1: the driver must not do either; the device asks for a reset */
static void test_buffers_of_the_wrong_kind(void **state)
{
	static struct fixture f;
	struct fake_buffer buffer = {.len = 16};

	start(&f, state);
	buffer.gpa = fake_driver_alloc(&f.rig.driver, 16, 1);
	buffer.writable = true;
	(void)fake_driver_add(&f.rig.driver, TX, &buffer, 1);
	(void)fake_driver_kick(&f.rig.driver, TX);
	wait_broken(&f);
	assert_int_equal(atomic_load(&f.sink.len), 0);

	fake_driver_reset(&f.rig.driver);
	fake_driver_start(&f.rig.driver, ~0ULL, 0);
	buffer.gpa = fake_driver_alloc(&f.rig.driver, 16, 1);
	buffer.writable = false;
	(void)fake_driver_add(&f.rig.driver, RX, &buffer, 1);
	(void)fake_driver_kick(&f.rig.driver, RX);
	assert_int_equal(virtio_console_input(f.rig.dev, "x", 1), 1);
	wait_broken(&f);

	/* The reset drops what was typed at the old system. */
	fake_driver_reset(&f.rig.driver);
	fake_driver_start(&f.rig.driver, ~0ULL, 0);
	(void)add_rx(&f, 16);
	assert_int_equal(virtio_console_input(f.rig.dev, "new", 3), 3);
	wait_used(&f, RX, 3);
	print(&f, "ok");
	wait_used(&f, TX, 0);
	assert_memory_equal(f.sink.bytes, "ok", 2);
	stop(&f);
}

static void test_pause_and_reset_while_printing(void **state)
{
	static struct fixture f;
	struct fake_buffer buffer = {.len = 32768};

	start(&f, state);
	for (unsigned int round = 0; round < 100; round++) {
		uint64_t arena = f.rig.driver.next;

		buffer.gpa = fake_driver_alloc(&f.rig.driver, buffer.len, 1);
		for (unsigned int i = 0; i < 2; i++)
			(void)fake_driver_add(&f.rig.driver, TX, &buffer, 1);
		(void)fake_driver_kick(&f.rig.driver, TX);
		if (round % 2 == 0) {
			virtio_mmio_pause(f.rig.transport);
			virtio_mmio_resume(f.rig.transport);
			wait_used(&f, TX, 0);
			wait_used(&f, TX, 0);
			f.rig.driver.next = arena;
		} else {
			fake_driver_reset(&f.rig.driver);
			f.rig.driver.next = DEVICE_RIG_ARENA;
			fake_driver_start(&f.rig.driver, ~0ULL, 0);
		}
		atomic_store(&f.sink.len, 0);
	}
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prints_in_order),
		cmocka_unit_test(test_prints_much_in_rounds),
		cmocka_unit_test(test_input_finds_buffers),
		cmocka_unit_test(test_input_is_bounded),
		cmocka_unit_test(test_buffers_of_the_wrong_kind),
		cmocka_unit_test(test_pause_and_reset_while_printing),
	};

	return run_on_engines(tests, ARRAY_SIZE(tests));
}
