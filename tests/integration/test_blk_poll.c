/* test_blk_poll.c - the block device on an engine that polls before it sleeps.
 */
#include "blk_rig.h"
#include "clock.h"
#include "engines.h"
#include "io_engine_impl.h"
#include "macros.h"
#include "test.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <time.h>

#define REQUESTS 4000U
#define POLL_NS 200000U
#define ALL_BUT(bit) (~0ULL & ~(1ULL << (bit)))

static bool can_poll(const struct blk_rig *blk)
{
	return strcmp(io_engine_name(blk->rig.engine), "io_uring") == 0;
}

static void nothing(void *arg)
{
	(void)arg;
}

/* One request at a time from a driver that rings only when asked to, with
 * pauses that end before, around and after the end of a poll: a lost doorbell
 * is a request that never ends. */
static void load(struct blk_rig *blk)
{
	uint64_t gpa = blk_rig_alloc(blk, 512);

	for (unsigned int i = 0; i < REQUESTS; i++) {
		struct timespec pause = {.tv_nsec = (i % 64) * 5000L};

		assert_int_equal(
			blk_rig_request(blk, VIRTIO_BLK_T_IN, i, gpa, 512),
			VIRTIO_BLK_S_OK);
		if (i % 8 == 0)
			(void)nanosleep(&pause, NULL);
	}
}

static void check_load(void **state, uint64_t features, uint64_t poll_max_ns)
{
	static struct blk_rig blk;
	struct io_engine_stats stats;

	assert_true(blk_rig_init(
		&blk, engine_kind(state),
		&(struct blk_rig_options){.features = features,
					  .poll_max_ns = poll_max_ns}));
	load(&blk);
	io_engine_stats(blk.rig.engine, &stats);
	if (poll_max_ns && can_poll(&blk)) {
		assert_true(stats.polls_found > 0);
		assert_true(stats.poll_ns > 0);
		assert_true(blk.rig.dev->queues[0].stats.kicks < REQUESTS);
	} else {
		assert_int_equal(stats.polls_found + stats.polls_vain, 0);
		assert_int_equal(stats.poll_ns, 0);
	}
	blk_rig_fini(&blk);
}

static void test_event_idx(void **state)
{
	check_load(state, 0, POLL_NS);
}

static void test_flags(void **state)
{
	check_load(state, ALL_BUT(VIRTIO_RING_F_EVENT_IDX), POLL_NS);
}

static void test_off(void **state)
{
	check_load(state, 0, 0);
}

/* A paused device is not looked at, and goes on where it was. */
static void test_paused(void **state)
{
	static struct blk_rig blk;
	struct io_engine_stats before, after;
	struct io_engine *engine;

	assert_true(blk_rig_init(
		&blk, engine_kind(state),
		&(struct blk_rig_options){.poll_max_ns = POLL_NS}));
	engine = blk.rig.engine;
	load(&blk);
	virtio_device_pause(blk.rig.dev);
	io_engine_call(engine, nothing, NULL);
	io_engine_stats(engine, &before);
	for (unsigned int i = 0; i < 100; i++)
		io_engine_call(engine, nothing, NULL);
	io_engine_stats(engine, &after);
	assert_int_equal(after.polls_vain + after.polls_found,
			 before.polls_vain + before.polls_found);
	virtio_device_resume(blk.rig.dev);
	load(&blk);
	blk_rig_restart(&blk, 0);
	load(&blk);
	blk_rig_fini(&blk);
}

#define BATCH 32U
#define BATCHES 200U

static void run_batch(struct blk_rig *blk, uint64_t gpa)
{
	struct blk_call *calls[BATCH];

	for (unsigned int i = 0; i < BATCH; i++) {
		const struct fake_buffer buffer = {.gpa = gpa + i * 512ULL,
						   .len = 512};

		calls[i] = blk_rig_add(blk, 0, VIRTIO_BLK_T_IN, i, &buffer, 1);
	}
	(void)fake_driver_kick(&blk->rig.driver, 0);
	for (unsigned int i = 0; i < BATCH; i++)
		assert_int_equal(blk_rig_wait(blk, calls[i]), VIRTIO_BLK_S_OK);
}

/*
 * The gate of test_virtio_core.c while the engine polls: 32 requests offered at
 * once cost at most two entries into the kernel and one interrupt.
 */
static void test_cost_of_a_batch(void **state)
{
	static struct blk_rig blk;
	const struct virtqueue *vq;
	struct io_engine_stats before, after;
	uint64_t gpa, interrupts;

	assert_true(blk_rig_init(
		&blk, engine_kind(state),
		&(struct blk_rig_options){.poll_max_ns = POLL_NS}));
	if (!can_poll(&blk)) { /* the gate without polling is in the other */
		blk_rig_fini(&blk);
		return;
	}
	gpa = blk_rig_alloc(&blk, BATCH * 512);
	vq = &blk.rig.dev->queues[0];
	run_batch(&blk, gpa); /* in the page cache from here on */
	load(&blk);	      /* and the engine polls */
	io_engine_stats(blk.rig.engine, &before);
	interrupts = vq->stats.interrupts;
	for (unsigned int i = 0; i < BATCHES; i++)
		run_batch(&blk, gpa);
	io_engine_stats(blk.rig.engine, &after);
	interrupts = vq->stats.interrupts - interrupts;
	print_message("%u batches of %u: %llu system calls, %llu interrupts\n",
		      BATCHES, BATCH,
		      (unsigned long long)(after.syscalls - before.syscalls),
		      (unsigned long long)interrupts);
	assert_true(after.syscalls - before.syscalls <= 2ULL * BATCHES);
	assert_true(interrupts > 0 && interrupts <= BATCHES);
	assert_true(after.polls_found > 0);
	blk_rig_fini(&blk);
}

/* Short idle times double the window up to its bound, a long one closes it. */
static void test_window(void **state)
{
	struct io_engine engine = {.poll_max_ns = 60 * NSEC_PER_SEC};
	uint64_t expected = 4000;

	(void)state;
	while (expected < engine.poll_max_ns) {
		engine.idle_since_ns = clock_ns();
		io_poll_after_wait(&engine);
		assert_int_equal(engine.poll_window_ns, expected);
		expected *= 2;
	}
	for (unsigned int i = 0; i < 2; i++) {
		engine.idle_since_ns = clock_ns();
		io_poll_after_wait(&engine);
		assert_int_equal(engine.poll_window_ns, engine.poll_max_ns);
	}
	engine.idle_since_ns = clock_ns() - 2 * engine.poll_max_ns;
	io_poll_after_wait(&engine);
	assert_int_equal(engine.poll_window_ns, 0);
	assert_false(io_engine_is_polling(&engine));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_idx),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_cost_of_a_batch),
		cmocka_unit_test(test_window),
	};

	return run_on_engines(tests, ARRAY_SIZE(tests));
}
