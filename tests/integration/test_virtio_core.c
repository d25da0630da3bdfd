/*
 * test_virtio_core.c - queue and life cycle on the real engines: an echo device
 * on an I/O thread, the driver and "vCPUs" on others. Run under TSan too.
 * Marks: see tests/unit/test_virtqueue.c.
 */
#include "device_rig.h"
#include "echo_device.h"
#include "engines.h"
#include "macros.h"
#include "test.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUES 2
#define QUEUE_MAX 256
#define DEPTH 32
#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;
static struct echo_device *echo;

/* Allocations of the whole program; the linker wraps the three (--wrap). */
static _Atomic uint64_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	(void)atomic_fetch_add(&allocations, 1);
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	(void)atomic_fetch_add(&allocations, 1);
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	(void)atomic_fetch_add(&allocations, 1);
	return __real_realloc(old, size);
}

static int setup(void **state)
{
	device_rig_init(&rig, engine_kind(state), MIB(8));
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

static void hold(void *arg)
{
	echo->hold = *(const bool *)arg;
}

static void set_hold(bool value)
{
	device_rig_call(&rig, hold, &value);
}

static void release(void *arg)
{
	(void)arg;
	echo_device_release(echo);
}

static void get_held(void *arg)
{
	*(unsigned int *)arg = echo->held_count;
}

static void wait_held(unsigned int count)
{
	unsigned int held;

	do {
		device_rig_call(&rig, get_held, &held);
		(void)usleep(50);
	} while (held != count);
}

static void add_echo(unsigned int index, uint64_t data)
{
	const struct fake_buffer buffers[] = {
		{data, 64, false},
		{data + 64, 64, true},
	};

	(void)fake_driver_add(driver, index, buffers, ARRAY_SIZE(buffers));
}

/* @count requests, at most DEPTH in flight. */
static void traffic(unsigned int index, unsigned int count)
{
	uint64_t data = fake_driver_alloc(driver, DEPTH * 128ULL, 64);
	unsigned int added = 0, done = 0;
	uint16_t head;
	uint32_t len;

	while (done < count) {
		while (added < count && added - done < DEPTH)
			add_echo(index, data + added++ % DEPTH * 128ULL);
		(void)fake_driver_kick(driver, index);
		fake_driver_wait(driver, index, &head, &len);
		assert_int_equal(len, 64);
		done++;
		while (fake_driver_take(driver, index, &head, &len))
			done++;
	}
}

/* No request and no interrupt gets lost, whatever is negotiated. */
static void test_traffic(void **state)
{
	static const uint64_t features[] = {~0ULL, ~EVENT_IDX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		for (int indirect = 0; indirect < 2; indirect++) {
			driver->next = DEVICE_RIG_ARENA;
			fake_driver_start(driver, features[i], 64);
			driver->indirect = indirect;
			driver->poll = indirect;
			traffic(0, 20000);
		}
	}
	assert_int_equal(echo->dev.queues[0].stats.popped, 80000);
	assert_int_equal(echo->dev.queues[0].stats.pushed, 80000);
}

static uint64_t interrupts_raised(void)
{
	return __atomic_load_n(&echo->dev.queues[0].stats.interrupts,
			       __ATOMIC_RELAXED);
}

/* The gate on system calls and allocations: 32 requests offered at once cost at
 * most two entries into the kernel and one interrupt, and no allocation. */
static void test_cost_of_a_batch(void **state)
{
	const unsigned int batches = 200;
	uint64_t data, interrupts, allocated;
	struct io_engine_stats before, after;
	uint16_t head;
	uint32_t len;

	(void)state;
	fake_driver_start(driver, ~0ULL, 64);
	data = fake_driver_alloc(driver, 128, 64);
	traffic(0, DEPTH); /* warm up */
	/* Let the activation's own rounds come to an end. */
	(void)usleep(20000);
	io_engine_stats(rig.engine, &before);
	interrupts = interrupts_raised();
	allocated = atomic_load(&allocations);
	for (unsigned int i = 0; i < batches; i++) {
		for (unsigned int n = 0; n < DEPTH; n++)
			add_echo(0, data);
		assert_true(fake_driver_kick(driver, 0));
		for (unsigned int n = 0; n < DEPTH; n++)
			fake_driver_wait(driver, 0, &head, &len);
		/* Used entries come before the interrupt and the next wait. */
		(void)usleep(500);
	}
	io_engine_stats(rig.engine, &after);
	interrupts = interrupts_raised() - interrupts;
	print_message("%u batches of %u: %llu system calls, %llu interrupts\n",
		      batches, DEPTH,
		      (unsigned long long)(after.syscalls - before.syscalls),
		      (unsigned long long)interrupts);
	assert_true(after.syscalls - before.syscalls <= 2ULL * batches);
	assert_true(interrupts <= batches);
	assert_true(interrupts > 0);
	assert_int_equal(atomic_load(&allocations), allocated);
}

/** struct stop - a thread that stops the device; @over once that is done */
struct stop {
	_Atomic bool over;
};

static void *reset_thread(void *arg)
{
	struct stop *stop = arg;

	fake_driver_write(driver, VIRTIO_MMIO_STATUS, 0);
	atomic_store(&stop->over, true);
	return NULL;
}

static void *pause_thread(void *arg)
{
	struct stop *stop = arg;

	virtio_mmio_pause(rig.transport);
	atomic_store(&stop->over, true);
	return NULL;
}

/* Start @thread while requests are in flight: it must wait for them. */
static void stop_in_flight(void *(*thread)(void *arg))
{
	uint64_t data = fake_driver_alloc(driver, 128, 64);
	struct stop stop = {0};
	pthread_t id;
	uint16_t head;
	uint32_t len;

	set_hold(true);
	for (unsigned int i = 0; i < 10; i++)
		add_echo(0, data);
	(void)fake_driver_kick(driver, 0);
	wait_held(10);
	assert_int_equal(pthread_create(&id, NULL, thread, &stop), 0);
	(void)usleep(20000);
	assert_false(atomic_load(&stop.over));
	assert_int_not_equal(atomic_load(&echo->dev.status), 0);
	set_hold(false);
	device_rig_call(&rig, release, NULL);
	assert_int_equal(pthread_join(id, NULL), 0);
	for (unsigned int i = 0; i < 10; i++)
		assert_true(fake_driver_take(driver, 0, &head, &len));
	assert_false(fake_driver_take(driver, 0, &head, &len));
}

/* VIRTIO 2.4.1-quiet: status reads 0 only when nothing is in flight, and
 * nothing is used after that */
static void test_reset_in_flight(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		driver->next = DEVICE_RIG_ARENA;
		fake_driver_start(driver, ~0ULL, 64);
		stop_in_flight(reset_thread);
		assert_int_equal(status(), 0);
	}
}

static void test_pause_in_flight(void **state)
{
	(void)state;
	fake_driver_start(driver, ~0ULL, 64);
	for (unsigned int i = 0; i < 20; i++) {
		stop_in_flight(pause_thread);
		virtio_mmio_resume(rig.transport);
		traffic(0, 100);
	}
}

struct pauser {
	_Atomic bool stop;
	_Atomic unsigned int rounds;
};

static void *pause_often(void *arg)
{
	struct pauser *pauser = arg;

	while (!atomic_load(&pauser->stop)) {
		virtio_mmio_pause(rig.transport);
		virtio_mmio_resume(rig.transport);
		atomic_fetch_add(&pauser->rounds, 1);
	}
	return NULL;
}

/* Pausing over and over loses no kick. */
static void test_pause_under_traffic(void **state)
{
	struct pauser pauser = {0};
	pthread_t id;

	(void)state;
	fake_driver_start(driver, ~0ULL, 64);
	assert_int_equal(pthread_create(&id, NULL, pause_often, &pauser), 0);
	/* On a busy machine the other thread may start late. */
	for (unsigned int i = 0; i < 10 || atomic_load(&pauser.rounds) < 10;
	     i++)
		traffic(i % QUEUES, 500);
	atomic_store(&pauser.stop, true);
	assert_int_equal(pthread_join(id, NULL), 0);
	assert_int_equal(status() & NEEDS_RESET, 0);
}

/* Many lives of one device; engine slots and doorbells come back each time. */
static void test_reset_rounds(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		driver->next = DEVICE_RIG_ARENA;
		fake_driver_start(driver, ~0ULL, 16);
		add_echo(0, DEVICE_RIG_ARENA);
		(void)fake_driver_kick(driver, 0);
		if (i % 2)
			fake_driver_reset(driver);
	}
	assert_int_equal(echo->activated, 500);
	driver->next = DEVICE_RIG_ARENA;
	fake_driver_start(driver, ~0ULL, 64);
	traffic(1, 100);
}

/* One device breaks, its neighbour on the same engine does not notice. */
static void test_neighbour_lives(void **state)
{
	struct echo_device *other;
	struct virtio_mmio *transport;
	struct fake_driver bad = {0};

	(void)state;
	other = echo_device_create(rig.mem, rig.engine, 1, QUEUE_MAX);
	assert_int_equal(virtio_mmio_create(&transport, &other->dev, NULL), 0);
	fake_driver_init(&bad, &other->dev, transport, rig.mem, MIB(4), MIB(8));
	driver->end = MIB(4);
	fake_driver_start(driver, ~0ULL, 64);
	fake_driver_start(&bad, ~0ULL, 64);
	fake_driver_offer(&bad, 0, 12345);
	(void)fake_driver_kick(&bad, 0);
	traffic(0, 1000);
	while (!(fake_driver_read(&bad, VIRTIO_MMIO_STATUS) & NEEDS_RESET))
		(void)usleep(50);
	traffic(0, 1000);
	virtio_mmio_shutdown(transport);
	virtio_mmio_destroy(transport);
	virtio_device_destroy(&other->dev);
	fake_driver_fini(&bad);
}

/* A "vCPU" that does whatever the generator says to the register file. */
static void *chaos(void *arg)
{
	static const uint32_t regs[] = {
		VIRTIO_MMIO_DRIVER_FEATURES_SEL, VIRTIO_MMIO_DRIVER_FEATURES,
		VIRTIO_MMIO_QUEUE_SEL,		 VIRTIO_MMIO_QUEUE_NUM,
		VIRTIO_MMIO_QUEUE_READY,	 VIRTIO_MMIO_QUEUE_NOTIFY,
		VIRTIO_MMIO_INTERRUPT_ACK,	 VIRTIO_MMIO_STATUS,
		VIRTIO_MMIO_QUEUE_DESC_LOW,	 VIRTIO_MMIO_QUEUE_AVAIL_LOW,
		VIRTIO_MMIO_QUEUE_USED_LOW,	 VIRTIO_MMIO_CONFIG,
	};
	static const uint32_t values[] = {0, 1, 3, 11, 15, 2, 64, 0x1000};
	unsigned int seed = *(unsigned int *)arg;

	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t reg =
			regs[(unsigned int)rand_r(&seed) % ARRAY_SIZE(regs)];
		uint32_t value = values[(unsigned int)rand_r(&seed) %
					ARRAY_SIZE(values)];

		fake_driver_write(driver, reg, value);
		(void)fake_driver_read(driver, reg);
	}
	return NULL;
}

static void test_racing_vcpus(void **state)
{
	unsigned int seeds[] = {1, 2, 3};
	pthread_t ids[ARRAY_SIZE(seeds)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(
			pthread_create(&ids[i], NULL, chaos, &seeds[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(pthread_join(ids[i], NULL), 0);
	fake_driver_start(driver, ~0ULL, 64);
	traffic(0, 100);
}

/*
 * An engine that fails: what it waits on is taken away.
 */

/* Put a pipe where the engine's ring or epoll set was. */
static void break_engine(void)
{
	static const char *const kinds[] = {"anon_inode:[io_uring]",
					    "anon_inode:[eventpoll]"};
	char path[64], target[64];
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	rig.fails = true;
	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (!strcmp(target, kinds[i]))
				assert_int_equal(dup2(pipe_fds[0], fd), fd);
		}
	}
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	wait_held(1); /* wakes it */
}

static void *reset_device(void *arg)
{
	(void)arg;
	fake_driver_write(driver, VIRTIO_MMIO_STATUS, 0);
	return NULL;
}

static void test_engine_fails_in_a_reset(void **state)
{
	uint64_t data;
	pthread_t vcpu;

	(void)state;
	fake_driver_start(driver, ~0ULL, 64);
	data = fake_driver_alloc(driver, 128, 64);
	set_hold(true);
	add_echo(0, data);
	(void)fake_driver_kick(driver, 0);
	wait_held(1);
	assert_int_equal(pthread_create(&vcpu, NULL, reset_device, NULL), 0);
	(void)usleep(1000); /* it waits; whether or not, it must come back */
	break_engine();
	assert_int_equal(pthread_join(vcpu, NULL), 0);
	assert_int_equal(status(), 0);
}

static void test_reset_after_the_engine_has_failed(void **state)
{
	uint64_t data;

	(void)state;
	fake_driver_start(driver, ~0ULL, 64);
	data = fake_driver_alloc(driver, 128, 64);
	set_hold(true);
	add_echo(0, data);
	(void)fake_driver_kick(driver, 0);
	wait_held(1);
	break_engine();
	while (!io_engine_is_over(rig.engine))
		(void)usleep(50);
	virtio_mmio_pause(rig.transport);
	virtio_mmio_resume(rig.transport);
	fake_driver_reset(driver);
	/* It can be set up again, and says that it cannot run. */
	fake_driver_start(driver, ~0ULL, 64);
	assert_true(status() & NEEDS_RESET);
	fake_driver_reset(driver);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_traffic),
		TEST(test_cost_of_a_batch),
		TEST(test_reset_in_flight),
		TEST(test_pause_in_flight),
		TEST(test_pause_under_traffic),
		TEST(test_reset_rounds),
		TEST(test_neighbour_lives),
		TEST(test_racing_vcpus),
		TEST(test_engine_fails_in_a_reset),
		TEST(test_reset_after_the_engine_has_failed),
	};

	return run_on_engines(tests, ARRAY_SIZE(tests));
}
