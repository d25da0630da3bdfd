/*
 * test_aio_slow.c - a slow buffered file under the libaio engine: nothing else
 * waits for it. The linker wraps the system call (--wrap), so that the test
 * says how long it takes.
 */
#include "cleanup.h"
#include "io_engine.h"
#include "macros.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOW_OPS 8 /* more than there are threads */
#define OPS 64
#define BLOCK 512

static struct io_engine *engine;
static int file_fd = -1, file;
static _Atomic bool slow;
static sem_t may_go, has_begun;

ssize_t __real_preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		       int flags);
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		       int flags);

/* A read of the file takes until the test lets it go. */
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		       int flags)
{
	if (slow && fd == file_fd) {
		(void)sem_post(&has_begun);
		(void)sem_wait(&may_go);
	}
	return __real_preadv2(fd, iov, count, offset, flags);
}

/**
 * struct read_op - a read of one block
 * @res:   result
 * @count: completions
 */
struct read_op {
	struct io_op op;
	struct iovec iov;
	uint8_t data[BLOCK];
	int res;
	unsigned int count;
};

static void read_done(struct io_op *op, int res)
{
	struct read_op *r = container_of(op, struct read_op, op);

	r->res = res;
	r->count++;
}

static void read_block(struct read_op *r, unsigned int block)
{
	*r = (struct read_op){.op = {.done = read_done}};
	r->iov = (struct iovec){r->data, BLOCK};
	io_engine_readv(engine, &r->op, file, &r->iov, 1,
			(int64_t)block * BLOCK);
}

static void poll_until(const unsigned int *count, unsigned int wanted)
{
	while (*count < wanted)
		assert_true(io_engine_poll(engine, true) >= 0);
}

static int set_up(void **state)
{
	const struct io_engine_config cfg = {
		.kind = IO_ENGINE_AIO, .depth = 128, .max_files = 8};
	struct err err = {0};

	(void)state;
	if (io_engine_create(&engine, &cfg, &err))
		fail_msg("%s", err.msg);
	file_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(file_fd >= 0);
	for (unsigned int i = 0; i < OPS; i++) {
		uint8_t block[BLOCK];

		memset(block, (int)i, sizeof(block));
		assert_int_equal(
			pwrite(file_fd, block, BLOCK, (off_t)i * BLOCK), BLOCK);
	}
	file = io_engine_file_add(engine, file_fd);
	assert_true(file >= 0);
	assert_int_equal(sem_init(&may_go, 0, 0), 0);
	assert_int_equal(sem_init(&has_begun, 0, 0), 0);
	slow = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	io_engine_destroy(engine);
	(void)close(file_fd);
	(void)sem_destroy(&may_go);
	(void)sem_destroy(&has_begun);
	return 0;
}

static void let_go(unsigned int count)
{
	while (count--)
		assert_int_equal(sem_post(&may_go), 0);
}

static void test_nothing_waits_for_a_slow_file(void **state)
{
	static struct read_op slow_ops[SLOW_OPS];
	struct read_op stream = {.op = {.done = read_done}};
	struct read_op timer = {.op = {.done = read_done}};
	struct read_op watch = {.op = {.done = read_done}};
	AUTO_CLOSE int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint64_t one = 1;
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	for (unsigned int i = 0; i < SLOW_OPS; i++)
		read_block(&slow_ops[i], i);
	stream.iov = (struct iovec){stream.data, BLOCK};
	io_engine_readv(engine, &stream.op, io_engine_file_add(engine, pair[0]),
			&stream.iov, 1, -1);
	io_engine_watch(engine, &watch.op, io_engine_file_add(engine, event_fd),
			EPOLLIN | EPOLLET);
	io_engine_timer(engine, &timer.op, 1);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(write(event_fd, &one, sizeof(one)), sizeof(one));
	poll_until(&stream.count, 1);
	poll_until(&watch.count, 1);
	poll_until(&timer.count, 1);
	assert_int_equal(stream.res, 1);
	assert_int_equal(sem_wait(&has_begun), 0);
	for (unsigned int i = 0; i < SLOW_OPS; i++)
		assert_int_equal(slow_ops[i].count, 0);
	let_go(SLOW_OPS);
	for (unsigned int i = 0; i < SLOW_OPS; i++) {
		poll_until(&slow_ops[i].count, 1);
		assert_int_equal(slow_ops[i].res, BLOCK);
		assert_int_equal(slow_ops[i].data[BLOCK - 1], i);
	}
	io_engine_cancel(engine, &watch.op);
	poll_until(&watch.count, 2);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* What a thread has begun completes; what waits for a thread is cancelled. */
static void test_cancel(void **state)
{
	static struct read_op ops[SLOW_OPS];
	unsigned int cancelled = 0;

	(void)state;
	for (unsigned int i = 0; i < SLOW_OPS; i++)
		read_block(&ops[i], i);
	assert_int_equal(io_engine_poll(engine, false), 0);
	assert_int_equal(sem_wait(&has_begun), 0);
	for (unsigned int i = 0; i < SLOW_OPS; i++)
		io_engine_cancel(engine, &ops[i].op);
	let_go(SLOW_OPS);
	for (unsigned int i = 0; i < SLOW_OPS; i++) {
		poll_until(&ops[i].count, 1);
		cancelled += ops[i].res == -ECANCELED;
		if (ops[i].res != -ECANCELED)
			assert_int_equal(ops[i].res, BLOCK);
	}
	assert_in_range(cancelled, 1, SLOW_OPS - 1);
}

static void *let_all_go(void *arg)
{
	(void)arg;
	(void)usleep(20000);
	let_go(SLOW_OPS);
	return NULL;
}

/* The end waits for the threads: after it no buffer is touched, and no done
 * was run. */
static void test_end_in_flight(void **state)
{
	static struct read_op ops[SLOW_OPS];
	pthread_t thread;

	(void)state;
	for (unsigned int i = 0; i < SLOW_OPS; i++)
		read_block(&ops[i], i);
	assert_int_equal(io_engine_poll(engine, false), 0);
	assert_int_equal(sem_wait(&has_begun), 0);
	assert_int_equal(pthread_create(&thread, NULL, let_all_go, NULL), 0);
	io_engine_stop(engine);
	assert_int_equal(io_engine_run(engine), 0);
	for (unsigned int i = 0; i < SLOW_OPS; i++) {
		memset(ops[i].data, 0x77, BLOCK);
		assert_int_equal(ops[i].count, 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned int i = 0; i < SLOW_OPS; i++) {
		for (unsigned int n = 0; n < BLOCK; n++)
			assert_int_equal(ops[i].data[n], 0x77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_nothing_waits_for_a_slow_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_in_flight, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
