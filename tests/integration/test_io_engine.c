/*
 * test_io_engine.c - the contract of io_engine.h against real files, eventfds
 * and sockets; every case runs on each engine.
 */
#include "cleanup.h"
#include "io_engine.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MSEC 1000000ULL
#define NOT_DONE 1234567

static enum io_engine_kind engine_kind;

/**
 * struct probe - an op that remembers how it went
 * @res:   last result, NOT_DONE before
 * @count: completions
 * @order: value of @clock at the last completion
 */
struct probe {
	struct io_op op;
	int res;
	unsigned int count;
	unsigned int order;
};

static unsigned int probe_clock;

static void probe_done(struct io_op *op, int res)
{
	struct probe *p = container_of(op, struct probe, op);

	p->res = res;
	p->count++;
	p->order = ++probe_clock;
}

#define PROBE                                                                  \
	{                                                                      \
		.op = {.done = probe_done}, .res = NOT_DONE                    \
	}

static struct io_engine *make_engine_depth(unsigned int depth)
{
	struct io_engine_config cfg = {
		.kind = engine_kind, .depth = depth, .max_files = 8};
	struct io_engine *engine = NULL;
	struct err err = {0};

	if (io_engine_create(&engine, &cfg, &err))
		fail_msg("%s", err.msg);
	return engine;
}

static struct io_engine *make_engine(void)
{
	return make_engine_depth(64);
}

static int add_file(struct io_engine *engine, int fd)
{
	int file = io_engine_file_add(engine, fd);

	assert_true(file >= 0);
	return file;
}

static void poll_until(struct io_engine *engine, const unsigned int *count,
		       unsigned int target)
{
	while (*count < target)
		assert_true(io_engine_poll(engine, true) >= 0);
}

/* Give the engine a chance to do what it must not do. */
static void poll_idle(struct io_engine *engine)
{
	for (int i = 0; i < 8; i++) {
		(void)usleep(1000);
		assert_true(io_engine_poll(engine, false) >= 0);
	}
}

static int wait_for(struct io_engine *engine, struct probe *p)
{
	poll_until(engine, &p->count, 1);
	p->count = 0;
	return p->res;
}

static int temp_file(void)
{
	char path[] = "/tmp/lwx-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MSEC + (uint64_t)ts.tv_nsec;
}

static void test_read_and_write(void **state)
{
	struct io_engine *engine = make_engine();
	AUTO_CLOSE int fd = temp_file();
	char out[] = "layerworx", in[32] = {0};
	struct iovec parts[] = {{out, 5}, {out + 5, 4}};
	struct iovec whole = {in, sizeof(in)};
	struct probe p = PROBE;
	int file;

	(void)state;
	file = add_file(engine, fd); /* before the engine has an owner */
	io_engine_writev(engine, &p.op, file, parts, 2, 4096, 0);
	assert_int_equal(wait_for(engine, &p), 9);
	io_engine_fdatasync(engine, &p.op, file);
	assert_int_equal(wait_for(engine, &p), 0);
	io_engine_readv(engine, &p.op, file, &whole, 1, 4098);
	assert_int_equal(wait_for(engine, &p), 7); /* short: end of file */
	assert_string_equal(in, "yerworx");
	io_engine_readv(engine, &p.op, file, &whole, 1, 8192);
	assert_int_equal(wait_for(engine, &p), 0);
	io_engine_writev(engine, &p.op, file, parts, 2, 0, RWF_DSYNC);
	assert_int_equal(wait_for(engine, &p), 9);
	io_engine_fallocate(engine, &p.op, file,
			    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
			    4096);
	assert_int_equal(wait_for(engine, &p), 0);
	io_engine_readv(engine, &p.op, file, &whole, 1, 4096);
	assert_int_equal(wait_for(engine, &p), 9);
	assert_int_equal(in[0], 0);
	io_engine_destroy(engine);
}

static void test_bad_files_fail_in_done(void **state)
{
	struct io_engine *engine = make_engine();
	AUTO_CLOSE int fd = temp_file();
	AUTO_CLOSE int read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct probe p = PROBE;
	int file;

	(void)state;
	io_engine_readv(engine, &p.op, 3, &iov, 1, 0); /* never added */
	assert_int_equal(wait_for(engine, &p), -EBADF);
	io_engine_readv(engine, &p.op, 5000, &iov, 1, 0);
	assert_int_equal(wait_for(engine, &p), -EBADF);
	io_engine_watch(engine, &p.op, 3, EPOLLIN);
	assert_int_equal(wait_for(engine, &p), -EBADF);
	file = add_file(engine, fd); /* by the owner, while it runs */
	io_engine_readv(engine, &p.op, file, &iov, 1, 0);
	assert_int_equal(wait_for(engine, &p), 0);
	io_engine_file_remove(engine, file);
	io_engine_readv(engine, &p.op, file, &iov, 1, 0);
	assert_int_equal(wait_for(engine, &p), -EBADF);
	assert_int_equal(add_file(engine, read_only), file); /* slot reused */
	io_engine_writev(engine, &p.op, file, &iov, 1, 0, 0);
	assert_int_equal(wait_for(engine, &p), -EBADF);
	for (int i = 1; i < 8; i++)
		(void)add_file(engine, fd);
	assert_int_equal(io_engine_file_add(engine, fd), -ENOSPC);
	io_engine_destroy(engine);
}

/* Reads whether or not the descriptor is O_NONBLOCK. */
static void test_stream_reads_wait(void **state)
{
	static const int flags[] = {0, EFD_NONBLOCK};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct io_engine *engine = make_engine();
		AUTO_CLOSE int fd = eventfd(0, EFD_CLOEXEC | flags[i]);
		uint64_t value = 0;
		struct iovec iov = {&value, sizeof(value)};
		struct probe p = PROBE;
		int file = add_file(engine, fd);

		for (uint64_t round = 1; round < 4; round++) {
			io_engine_readv(engine, &p.op, file, &iov, 1, -1);
			poll_idle(engine);
			assert_int_equal(p.count, 0);
			assert_int_equal(eventfd_write(fd, round), 0);
			assert_int_equal(wait_for(engine, &p), 8);
			assert_int_equal(value, round);
		}
		io_engine_readv(engine, &p.op, file, &iov, 1, -1);
		poll_idle(engine);
		io_engine_cancel(engine, &p.op);
		assert_int_equal(wait_for(engine, &p), -ECANCELED);
		io_engine_destroy(engine);
	}
}

static void test_stream_writes_wait(void **state)
{
	static const int flags[] = {0, SOCK_NONBLOCK};
	static char block[65536];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct io_engine *engine = make_engine();
		struct iovec iov = {block, sizeof(block)};
		struct probe p = PROBE;
		int pair[2], file;

		assert_int_equal(
			socketpair(AF_UNIX,
				   SOCK_SEQPACKET | SOCK_CLOEXEC | flags[i], 0,
				   pair),
			0);
		while (send(pair[0], block, sizeof(block), MSG_DONTWAIT) > 0)
			; /* until it is full */
		file = add_file(engine, pair[0]);
		io_engine_writev(engine, &p.op, file, &iov, 1, -1, 0);
		poll_idle(engine);
		assert_int_equal(p.count, 0);
		while (recv(pair[1], block, sizeof(block), MSG_DONTWAIT) > 0)
			;
		assert_int_equal(wait_for(engine, &p), sizeof(block));
		io_engine_destroy(engine);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
}

static void test_watch_tells_what_is_left_behind(void **state)
{
	struct io_engine *engine = make_engine();
	AUTO_CLOSE int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct probe p = PROBE;
	eventfd_t value;
	unsigned int seen;

	(void)state;
	io_engine_watch(engine, &p.op, add_file(engine, fd), EPOLLIN);
	poll_idle(engine);
	assert_int_equal(p.count, 0);
	assert_int_equal(eventfd_write(fd, 1), 0);
	poll_until(engine, &p.count, 5); /* nobody reads it */
	assert_int_equal(p.res, EPOLLIN);
	assert_int_equal(eventfd_read(fd, &value), 0);
	poll_idle(engine);
	seen = p.count;
	poll_idle(engine);
	assert_int_equal(p.count, seen);
	assert_int_equal(eventfd_write(fd, 1), 0);
	poll_until(engine, &p.count, seen + 1);
	io_engine_cancel(engine, &p.op);
	p.count = 0;
	assert_int_equal(wait_for(engine, &p), -ECANCELED);
	poll_idle(engine);
	assert_int_equal(p.count, 0);
	io_engine_destroy(engine);
}

static void test_edge_watch_tells_once(void **state)
{
	struct io_engine *engine = make_engine();
	AUTO_CLOSE int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct probe p = PROBE;

	(void)state;
	io_engine_watch(engine, &p.op, add_file(engine, fd), EPOLLIN | EPOLLET);
	poll_until(engine, &p.count, 1); /* ready from the start */
	for (unsigned int i = 2; i < 100; i++) {
		assert_int_equal(eventfd_write(fd, 1), 0);
		poll_until(engine, &p.count, i);
	}
	poll_idle(engine);
	assert_int_equal(p.count, 99);
	io_engine_cancel(engine, &p.op);
	p.count = 0;
	assert_int_equal(wait_for(engine, &p), -ECANCELED);
	io_engine_destroy(engine);
}

static struct io_engine *cancelling_engine;

static void cancel_self(struct io_op *op, int res)
{
	probe_done(op, res);
	io_engine_cancel(cancelling_engine, op);
}

static void test_watch_may_cancel_itself(void **state)
{
	static const uint32_t events[] = {EPOLLIN, EPOLLIN | EPOLLET};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct io_engine *engine = make_engine();
		AUTO_CLOSE int fd = eventfd(1, EFD_CLOEXEC);
		struct probe p = {.op = {.done = cancel_self}};

		cancelling_engine = engine;
		io_engine_watch(engine, &p.op, add_file(engine, fd), events[i]);
		poll_until(engine, &p.count, 2);
		assert_int_equal(p.res, -ECANCELED);
		poll_idle(engine);
		assert_int_equal(p.count, 2);
		io_engine_destroy(engine);
	}
}

static void test_watch_tells_hang_up(void **state)
{
	struct io_engine *engine = make_engine();
	struct probe p = PROBE;
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	io_engine_watch(engine, &p.op, add_file(engine, pair[0]), 0);
	poll_idle(engine);
	assert_int_equal(p.count, 0);
	(void)close(pair[1]);
	poll_until(engine, &p.count, 1);
	assert_true(p.res & EPOLLHUP);
	io_engine_destroy(engine);
	(void)close(pair[0]);
}

static void test_timers_fire_in_order(void **state)
{
	struct io_engine *engine = make_engine();
	struct probe late = PROBE, early = PROBE, past = PROBE, never = PROBE;
	uint64_t start = now_ns();

	(void)state;
	io_engine_timer(engine, &never.op, UINT64_MAX);
	io_engine_timer(engine, &late.op, start + 30 * MSEC);
	io_engine_timer(engine, &early.op, start + 10 * MSEC);
	io_engine_timer(engine, &past.op, 1);
	poll_until(engine, &past.count, 1);
	assert_int_equal(early.count, 0);
	poll_until(engine, &early.count, 1);
	assert_true(now_ns() >= start + 10 * MSEC);
	assert_int_equal(late.count, 0);
	poll_until(engine, &late.count, 1);
	assert_true(now_ns() >= start + 30 * MSEC);
	assert_true(past.order < early.order && early.order < late.order);
	assert_int_equal(past.res, 0);
	assert_int_equal(late.res, 0);
	assert_int_equal(never.count, 0);
	io_engine_cancel(engine, &never.op);
	assert_int_equal(wait_for(engine, &never), -ECANCELED);
	io_engine_cancel(engine, &never.op); /* not in flight: left alone */
	poll_idle(engine);
	assert_int_equal(never.count, 0);
	io_engine_destroy(engine);
}

/* More than the queue holds: the rest waits inside, cancels find it there. */
static void test_overflow_and_cancel(void **state)
{
	enum {
		OPS = 1000
	};
	struct io_engine *engine = make_engine_depth(4);
	struct probe *p = calloc(OPS, sizeof(*p));
	struct io_engine_stats stats;

	(void)state;
	assert_non_null(p);
	for (unsigned int i = 0; i < OPS; i++) {
		p[i] = (struct probe)PROBE;
		io_engine_timer(engine, &p[i].op, UINT64_MAX);
	}
	io_engine_cancel(engine, &p[0].op);
	io_engine_cancel(engine, &p[OPS - 1].op);
	assert_int_equal(wait_for(engine, &p[OPS - 1]), -ECANCELED);
	assert_int_equal(wait_for(engine, &p[0]), -ECANCELED);
	for (unsigned int i = 1; i < OPS - 1; i++)
		io_engine_cancel(engine, &p[i].op);
	for (unsigned int i = 1; i < OPS - 1; i++)
		assert_int_equal(wait_for(engine, &p[i]), -ECANCELED);
	poll_idle(engine);
	for (unsigned int i = 0; i < OPS; i++)
		assert_int_equal(p[i].count, 0);
	io_engine_stats(engine, &stats);
	assert_int_equal(stats.completed, OPS);
	io_engine_destroy(engine);
	free(p);
}

static void *run_thread(void *arg)
{
	int rc = io_engine_run(arg);

	return (void *)(intptr_t)rc;
}

static pthread_t start_thread(struct io_engine *engine)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_thread, engine), 0);
	return thread;
}

static void stop_thread(struct io_engine *engine, pthread_t thread)
{
	void *rc = NULL;

	io_engine_stop(engine);
	assert_int_equal(pthread_join(thread, &rc), 0);
	assert_null(rc);
}

/**
 * struct storm - posts from several threads
 * @last: per thread, the last number seen: order within a thread holds
 */
struct storm {
	struct io_engine *engine;
	unsigned int seen;
};

struct storm_post {
	struct io_op op;
	struct storm *storm;
	unsigned int *last;
	unsigned int number;
};

enum {
	STORM_THREADS = 4,
	STORM_POSTS = 20000
};

static void storm_done(struct io_op *op, int res)
{
	struct storm_post *post = container_of(op, struct storm_post, op);

	assert(res == 0 && post->number == *post->last + 1);
	*post->last = post->number;
	post->storm->seen++;
}

static void *storm_thread(void *arg)
{
	struct storm_post *posts = arg;

	for (unsigned int i = 0; i < STORM_POSTS; i++)
		io_engine_post(posts[i].storm->engine, &posts[i].op);
	return NULL;
}

static void count_call(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void read_seen(void *arg)
{
	struct storm *storm = arg;

	assert(storm->seen == STORM_THREADS * STORM_POSTS);
}

static void test_posts_and_calls_from_other_threads(void **state)
{
	struct storm storm = {.engine = make_engine()};
	pthread_t owner = start_thread(storm.engine), threads[STORM_THREADS];
	unsigned int last[STORM_THREADS] = {0}, calls = 0;
	struct storm_post *posts =
		calloc(STORM_THREADS * STORM_POSTS, sizeof(*posts));

	(void)state;
	assert_non_null(posts);
	for (unsigned int t = 0; t < STORM_THREADS; t++) {
		for (unsigned int i = 0; i < STORM_POSTS; i++)
			posts[t * STORM_POSTS + i] = (struct storm_post){
				.op = {.done = storm_done},
				.storm = &storm,
				.last = &last[t],
				.number = i + 1,
			};
		assert_int_equal(pthread_create(&threads[t], NULL, storm_thread,
						&posts[t * STORM_POSTS]),
				 0);
	}
	for (int i = 0; i < 1000; i++) /* while the loop is busy */
		io_engine_call(storm.engine, count_call, &calls);
	assert_int_equal(calls, 1000);
	for (unsigned int t = 0; t < STORM_THREADS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	/* One order: a call comes after every post made before it. */
	io_engine_call(storm.engine, read_seen, &storm);
	stop_thread(storm.engine, owner);
	io_engine_call(storm.engine, count_call, &calls); /* nobody owns it */
	assert_int_equal(calls, 1001);
	io_engine_destroy(storm.engine);
	free(posts);
}

static void test_stop_gives_back_what_is_in_flight(void **state)
{
	struct io_engine *engine = make_engine_depth(4);
	AUTO_CLOSE int fd = eventfd(0, EFD_CLOEXEC);
	struct probe p[64], posted = PROBE;
	uint64_t value;
	struct iovec iov = {&value, sizeof(value)};
	pthread_t owner;
	int file;

	(void)state;
	file = add_file(engine, fd);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = (struct probe)PROBE;
		if (i % 3 == 0)
			io_engine_timer(engine, &p[i].op, UINT64_MAX);
		else if (i % 3 == 1)
			io_engine_readv(engine, &p[i].op, file, &iov, 1, -1);
		else
			io_engine_watch(engine, &p[i].op, file, EPOLLIN);
	}
	io_engine_post(engine, &posted.op); /* before there is an owner */
	owner = start_thread(engine);
	(void)usleep(20000);
	stop_thread(engine, owner);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		assert_int_equal(p[i].count, 0);
	assert_int_equal(posted.count, 1);
	io_engine_post(engine, &posted.op); /* dropped */
	io_engine_destroy(engine);
	assert_int_equal(posted.count, 1);

	/* Stopped before it is run; destroyed without being run. */
	engine = make_engine();
	posted = (struct probe)PROBE;
	io_engine_timer(engine, &posted.op, UINT64_MAX);
	io_engine_stop(engine);
	assert_int_equal(io_engine_run(engine), 0);
	io_engine_destroy(engine);
	assert_int_equal(posted.count, 0);
	engine = make_engine();
	io_engine_timer(engine, &posted.op, UINT64_MAX); /* it is ours again */
	io_engine_destroy(engine);
	io_engine_destroy(NULL);
}

/**
 * struct deferring - one defer for a batch of completions
 * @batch: completions since the last flush
 */
struct deferring {
	struct io_engine *engine;
	struct io_op flush;
	struct io_op posts[8];
	unsigned int batch;
	unsigned int flushes;
	unsigned int largest;
};

static struct deferring deferring;

static void deferring_flush(struct io_op *op, int res)
{
	(void)op;
	assert(res == 0);
	deferring.flushes++;
	deferring.largest = MAX(deferring.largest, deferring.batch);
	deferring.batch = 0;
	if (deferring.flushes == 1) /* from a deferred op: runs as well */
		io_engine_defer(deferring.engine, &deferring.flush);
}

static void deferring_done(struct io_op *op, int res)
{
	(void)op;
	(void)res;
	deferring.batch++;
	io_engine_defer(deferring.engine, &deferring.flush);
}

static void test_deferred_runs_after_the_batch(void **state)
{
	(void)state;
	deferring = (struct deferring){
		.engine = make_engine(),
		.flush = {.done = deferring_flush},
	};
	for (size_t i = 0; i < ARRAY_SIZE(deferring.posts); i++) {
		deferring.posts[i].done = deferring_done;
		io_engine_timer(deferring.engine, &deferring.posts[i], 1);
	}
	/* Would hang if the engine waited with something deferred. */
	while (deferring.flushes < 2)
		assert_true(io_engine_poll(deferring.engine, true) >= 0);
	assert_int_equal(deferring.largest, ARRAY_SIZE(deferring.posts));
	assert_int_equal(deferring.flushes, 2);
	io_engine_destroy(deferring.engine);
}

/* A host that refuses io_uring still tests the other engine. */
static bool is_refused(enum io_engine_kind kind)
{
	struct io_engine_config cfg = {
		.kind = kind, .depth = 8, .max_files = 1};
	struct io_engine *engine = NULL;
	struct err err = {0};
	int rc = io_engine_create(&engine, &cfg, &err);

	io_engine_destroy(engine);
	if (!rc)
		return false;
	print_message("SKIP: %s\n", err.msg);
	return kind == IO_ENGINE_URING;
}

static int run_on(enum io_engine_kind kind, const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_and_write),
		cmocka_unit_test(test_bad_files_fail_in_done),
		cmocka_unit_test(test_stream_reads_wait),
		cmocka_unit_test(test_stream_writes_wait),
		cmocka_unit_test(test_watch_tells_what_is_left_behind),
		cmocka_unit_test(test_edge_watch_tells_once),
		cmocka_unit_test(test_watch_may_cancel_itself),
		cmocka_unit_test(test_watch_tells_hang_up),
		cmocka_unit_test(test_timers_fire_in_order),
		cmocka_unit_test(test_overflow_and_cancel),
		cmocka_unit_test(test_posts_and_calls_from_other_threads),
		cmocka_unit_test(test_stop_gives_back_what_is_in_flight),
		cmocka_unit_test(test_deferred_runs_after_the_batch),
	};

	if (is_refused(kind))
		return 0;
	engine_kind = kind;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	int failed = run_on(IO_ENGINE_URING, "io_uring");

	return failed + run_on(IO_ENGINE_AIO, "aio") ? EXIT_FAILURE
						     : EXIT_SUCCESS;
}
