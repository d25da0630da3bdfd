/*
 * test_io_load.c - the I/O engines under load and on hosts that refuse
 * io_uring: data, allocations, system calls, overflow, signals, fallback.
 *
 * Linked with --wrap for malloc, calloc and realloc, which counts them.
 */
#include "cleanup.h"
#include "io_engine.h"
#include "macros.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096U
#define BLOCKS 2048U
#define DEPTH 64U
#define LOAD_OPS 10000U

static enum io_engine_kind engine_kind;

static unsigned long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	allocations++;
	return __real_realloc(p, size);
}

static struct io_engine *make_engine(unsigned int depth)
{
	struct io_engine_config cfg = {
		.kind = engine_kind, .depth = depth, .max_files = 4};
	struct io_engine *engine = NULL;
	struct err err = {0};

	if (io_engine_create(&engine, &cfg, &err))
		fail_msg("%s", err.msg);
	return engine;
}

static int temp_file(int flags)
{
	char path[] = "/var/tmp/lwx-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC | flags);

	if (fd >= 0)
		assert_int_equal(unlink(path), 0);
	return fd;
}

/**
 * struct load - random reads and writes of single blocks, verified
 * @versions: what each block holds; 0 is zeroes
 * @busy:     a request is in flight on the block
 */
struct load {
	struct io_engine *engine;
	int file;
	unsigned int started;
	unsigned int finished;
	uint32_t random;
	uint32_t versions[BLOCKS];
	bool busy[BLOCKS];
};

struct load_request {
	struct io_op op;
	struct load *load;
	struct iovec iov;
	unsigned int block;
	bool is_write;
};

static uint32_t next_random(struct load *load)
{
	load->random = load->random * 1664525 + 1013904223;
	return load->random >> 8;
}

static uint64_t word_of(unsigned int block, uint32_t version, size_t i)
{
	return version ? ((uint64_t)block << 40 | (uint64_t)version << 16 | i)
		       : 0;
}

static void fill(struct load_request *req, uint32_t version)
{
	uint64_t *words = req->iov.iov_base;

	for (size_t i = 0; i < BLOCK / sizeof(*words); i++)
		words[i] = word_of(req->block, version, i);
}

static void verify(const struct load_request *req, uint32_t version)
{
	const uint64_t *words = req->iov.iov_base;

	for (size_t i = 0; i < BLOCK / sizeof(*words); i++)
		if (words[i] != word_of(req->block, version, i))
			fail_msg("block %u word %zu: %#llx", req->block, i,
				 (unsigned long long)words[i]);
}

static void load_next(struct load_request *req)
{
	struct load *load = req->load;
	uint64_t offset;

	do
		req->block = next_random(load) % BLOCKS;
	while (load->busy[req->block]);
	load->busy[req->block] = true;
	req->is_write = next_random(load) & 1;
	offset = (uint64_t)req->block * BLOCK;
	load->started++;
	if (req->is_write) {
		fill(req, ++load->versions[req->block]);
		io_engine_writev(load->engine, &req->op, load->file, &req->iov,
				 1, (int64_t)offset, 0);
	} else {
		io_engine_readv(load->engine, &req->op, load->file, &req->iov,
				1, (int64_t)offset);
	}
}

static void load_done(struct io_op *op, int res)
{
	struct load_request *req = container_of(op, struct load_request, op);
	struct load *load = req->load;

	assert_int_equal(res, BLOCK);
	if (!req->is_write)
		verify(req, load->versions[req->block]);
	load->busy[req->block] = false;
	load->finished++;
	if (load->started < LOAD_OPS)
		load_next(req);
}

static void run_load(int fd)
{
	struct load *load = calloc(1, sizeof(*load));
	struct load_request *reqs = calloc(DEPTH, sizeof(*reqs));
	uint8_t *buffers = aligned_alloc(BLOCK, (size_t)DEPTH * BLOCK);
	unsigned long before;

	assert_true(load && reqs && buffers);
	assert_int_equal(ftruncate(fd, (off_t)BLOCKS * BLOCK), 0);
	load->engine = make_engine(DEPTH / 2); /* the rest waits inside */
	load->file = io_engine_file_add(load->engine, fd);
	load->random = 42;
	for (unsigned int i = 0; i < DEPTH; i++) {
		reqs[i] = (struct load_request){
			.op = {.done = load_done},
			.load = load,
			.iov = {buffers + (size_t)i * BLOCK, BLOCK},
		};
		load_next(&reqs[i]);
	}
	before = allocations;
	while (load->finished < LOAD_OPS)
		assert_true(io_engine_poll(load->engine, true) >= 0);
	assert_int_equal(allocations, before);
	io_engine_destroy(load->engine);
	free(buffers);
	free(reqs);
	free(load);
}

static void test_random_load_cached(void **state)
{
	AUTO_CLOSE int fd = temp_file(0);

	(void)state;
	assert_true(fd >= 0);
	run_load(fd);
}

static void test_random_load_direct(void **state)
{
	AUTO_CLOSE int fd = temp_file(O_DIRECT);

	(void)state;
	if (fd < 0)
		skip(); /* a file system without O_DIRECT */
	run_load(fd);
}

struct counted {
	struct io_op op;
	unsigned int count;
	int res;
};

static void count_done(struct io_op *op, int res)
{
	struct counted *c = container_of(op, struct counted, op);

	c->count++;
	c->res = res;
}

/* What 32 requests cost: one io_uring_enter() to submit and reap them; the gate
 * is 2. */
static void test_system_calls_of_a_batch(void **state)
{
	enum {
		BATCH = 32,
		BATCHES = 100
	};
	struct io_engine *engine = make_engine(DEPTH);
	AUTO_CLOSE int fd = temp_file(0);
	struct counted reqs[BATCH] = {0};
	static char buffer[BATCH][512];
	struct iovec iov[BATCH];
	struct io_engine_stats before, after;
	uint64_t calls;
	int file;

	(void)state;
	assert_int_equal(ftruncate(fd, sizeof(buffer)), 0);
	file = io_engine_file_add(engine, fd);
	assert_true(io_engine_poll(engine, false) >= 0);
	io_engine_stats(engine, &before);
	for (unsigned int round = 0; round < BATCHES; round++) {
		for (unsigned int i = 0; i < BATCH; i++) {
			reqs[i].op.done = count_done;
			iov[i] = (struct iovec){buffer[i], sizeof(buffer[i])};
			io_engine_readv(engine, &reqs[i].op, file, &iov[i], 1,
					(int64_t)i * 512);
		}
		for (unsigned int i = 0; i < BATCH; i++)
			while (reqs[i].count <= round)
				assert_true(io_engine_poll(engine, true) >= 0);
	}
	io_engine_stats(engine, &after);
	calls = after.syscalls - before.syscalls;
	print_message("%s: %.2f system calls for %d requests\n",
		      io_engine_name(engine), (double)calls / BATCHES, BATCH);
	/* Without io_uring it depends on when the workers get to run, how many
	 * requests one wake-up finds done: fewer than a call for each. */
	assert_true(calls <=
		    (engine_kind == IO_ENGINE_URING ? 2U : BATCH) * BATCHES);
	assert_int_equal(after.completed - before.completed, BATCH * BATCHES);
	io_engine_destroy(engine);
}

/* More completions at once than the completion queue has room for. */
static void test_completion_overflow(void **state)
{
	enum {
		WATCHES = 200
	};
	static const uint32_t events[] = {EPOLLIN, EPOLLIN | EPOLLET};

	(void)state;
	for (size_t e = 0; e < ARRAY_SIZE(events); e++) {
		struct io_engine *engine = make_engine(4);
		AUTO_CLOSE int fd = eventfd(0, EFD_CLOEXEC);
		struct counted *watches = calloc(WATCHES, sizeof(*watches));
		int file = io_engine_file_add(engine, fd);

		assert_non_null(watches);
		for (unsigned int i = 0; i < WATCHES; i++) {
			watches[i].op.done = count_done;
			io_engine_watch(engine, &watches[i].op, file,
					events[e]);
		}
		for (unsigned int i = 0; i < WATCHES; i++)
			assert_true(io_engine_poll(engine, false) >= 0);
		for (unsigned int round = 1; round < 4; round++) {
			assert_int_equal(eventfd_write(fd, 1), 0);
			for (unsigned int i = 0; i < WATCHES; i++)
				while (watches[i].count < round)
					assert_true(io_engine_poll(engine,
								   true) >= 0);
		}
		for (unsigned int i = 0; i < WATCHES; i++) {
			assert_int_equal(watches[i].res, EPOLLIN);
			io_engine_cancel(engine, &watches[i].op);
		}
		for (unsigned int i = 0; i < WATCHES; i++)
			while (watches[i].res != -ECANCELED)
				assert_true(io_engine_poll(engine, true) >= 0);
		io_engine_destroy(engine);
		free(watches);
	}
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals = signals + 1;
}

static void test_signals_do_not_disturb(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal};
	const struct itimerval every = {{0, 2000}, {0, 2000}}, never = {0};
	struct io_engine *engine = make_engine(DEPTH);
	struct counted timer = {.op = {.done = count_done}};
	struct timespec now;

	(void)state;
	signals = 0;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	io_engine_timer(engine, &timer.op,
			(uint64_t)now.tv_sec * 1000000000ULL +
				(uint64_t)now.tv_nsec + 60000000ULL);
	while (!timer.count)
		assert_true(io_engine_poll(engine, true) >= 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_true(signals > 2);
	assert_int_equal(timer.res, 0);
	io_engine_destroy(engine);
}

/*
 * Refusal, in a child under a seccomp filter
 */

static int refuse_uring(int code)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO |
				 ((uint32_t)code & (uint32_t)SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno
								    : 0;
}

/* Return: 0 if all is as it should be, else a number that tells the line. */
static int refused_child(int code)
{
	struct io_engine_config cfg = {.depth = 8, .max_files = 1};
	struct counted timer = {.op = {.done = count_done}};
	struct io_engine *engine = NULL;
	struct err err = {0};

	if (refuse_uring(code))
		return 1;
	cfg.kind = IO_ENGINE_URING;
	if (io_engine_create(&engine, &cfg, &err) != -code || engine)
		return 2;
	cfg.kind = IO_ENGINE_AUTO;
	for (int i = 0; i < 2; i++) {
		if (io_engine_create(&engine, &cfg, &err))
			return 3;
		if (strcmp(io_engine_name(engine), "aio") != 0)
			return 4;
		timer.count = 0;
		io_engine_timer(engine, &timer.op, 1);
		while (!timer.count)
			if (io_engine_poll(engine, true) < 0)
				return 5;
		io_engine_destroy(engine);
	}
	return 0;
}

static void check_refusal(int code, const char *reason)
{
	char text[2048] = {0};
	size_t len = 0;
	int pipes[2], status = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		(void)dup2(pipes[1], STDERR_FILENO);
		_exit(refused_child(code));
	}
	(void)close(pipes[1]);
	while ((n = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	(void)close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* One line, however many engines. */
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	if (!strstr(text, reason))
		fail_msg("no \"%s\" in: %s", reason, text);
}

static void test_refusal_falls_back_with_one_warning(void **state)
{
	(void)state;
	check_refusal(ENOSYS, "not in this kernel, or hidden by a seccomp");
	check_refusal(EPERM, "forbidden by a seccomp filter or a security");
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
		cmocka_unit_test(test_random_load_cached),
		cmocka_unit_test(test_random_load_direct),
		cmocka_unit_test(test_system_calls_of_a_batch),
		cmocka_unit_test(test_completion_overflow),
		cmocka_unit_test(test_signals_do_not_disturb),
	};

	if (is_refused(kind))
		return 0;
	engine_kind = kind;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest refusal[] = {
		cmocka_unit_test(test_refusal_falls_back_with_one_warning),
	};
	int failed = run_on(IO_ENGINE_URING, "io_uring");

	failed += run_on(IO_ENGINE_AIO, "aio");
	failed += cmocka_run_group_tests(refusal, NULL, NULL);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
