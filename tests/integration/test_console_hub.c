/* test_console_hub.c - clients, log and input of a console, on a real engine
 * with its own thread. */
#include "cleanup.h"
#include "console_hub.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000
#define RING ((size_t)CONSOLE_HUB_REPLAY)

/**
 * struct guest - takes input as a device of the guest would
 * @bytes: what arrived
 * @len:   how much
 * @room:  how much more it takes before it refuses
 */
struct guest {
	char bytes[8192];
	_Atomic size_t len;
	_Atomic size_t room;
};

struct fixture {
	struct io_engine *engine;
	pthread_t thread;
	struct console_hub *hub;
	struct guest serial;
	struct guest hvc0;
};

static size_t take_input(void *arg, const void *bytes, size_t len)
{
	struct guest *guest = arg;

	len = MIN(len, (size_t)guest->room);
	memcpy(guest->bytes + guest->len, bytes, len);
	guest->room -= len;
	guest->len += len;
	return len;
}

static void *run_engine(void *arg)
{
	(void)io_engine_run(arg);
	return NULL;
}

static void start(struct fixture *f, int log_fd)
{
	const struct io_engine_config cfg = {
		.kind = IO_ENGINE_AUTO,
		.depth = 64,
		.max_files = CONSOLE_HUB_FILES,
	};
	struct err err = {0};

	*f = (struct fixture){0};
	f->serial.room = f->hvc0.room = sizeof(f->serial.bytes);
	assert_int_equal(io_engine_create(&f->engine, &cfg, &err), 0);
	assert_int_equal(console_hub_create(&f->hub, f->engine, log_fd, &err),
			 0);
	console_hub_set_input(f->hub, CONSOLE_SERIAL, take_input, &f->serial);
	console_hub_set_input(f->hub, CONSOLE_HVC0, take_input, &f->hvc0);
	assert_int_equal(
		pthread_create(&f->thread, NULL, run_engine, f->engine), 0);
}

static void stop(struct fixture *f)
{
	console_hub_drain(f->hub);
	io_engine_stop(f->engine);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	console_hub_destroy(f->hub);
	io_engine_destroy(f->engine);
}

static int attach(struct fixture *f)
{
	struct err err = {0};
	int fd = console_hub_attach(f->hub, &err);

	assert_true(fd >= 0);
	return fd;
}

static void print(struct fixture *f, const char *text)
{
	console_hub_write(f->hub, CONSOLE_SERIAL, text, strlen(text));
}

/* Read exactly @len bytes, or as many as come before end of file. */
static size_t read_fully(int fd, char *into, size_t len)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	size_t at = 0;
	ssize_t n = 1;

	while (at < len && n > 0) {
		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
		n = read(fd, into + at, len - at);
		assert_true(n >= 0);
		at += (size_t)n;
	}
	return at;
}

static void expect(int fd, const char *text)
{
	char buffer[256] = {0};

	assert_int_equal(read_fully(fd, buffer, strlen(text)), strlen(text));
	assert_string_equal(buffer, text);
}

static bool nothing_to_read(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, 50) == 0;
}

static void wait_for_input(struct guest *guest, const char *text)
{
	for (int i = 0; i < PATIENCE_MS && guest->len < strlen(text); i++)
		(void)usleep(1000);
	assert_int_equal(guest->len, strlen(text));
	assert_memory_equal(guest->bytes, text, strlen(text));
}

static void wait_for_clients(struct fixture *f, unsigned int clients)
{
	struct console_hub_stats stats;

	for (int i = 0; i < PATIENCE_MS; i++) {
		console_hub_stats(f->hub, &stats);
		if (stats.clients == clients)
			return;
		(void)usleep(1000);
	}
	fail_msg("%u clients instead of %u", stats.clients, clients);
}

static void test_every_client_gets_replay_and_news(void **state)
{
	static struct fixture f;
	int first, second;

	(void)state;
	start(&f, -1);
	print(&f, "one ");
	first = attach(&f);
	expect(first, "one ");
	console_hub_write(f.hub, CONSOLE_HVC0, "two ", 4);
	second = attach(&f);
	expect(first, "two ");
	expect(second, "one two ");
	print(&f, "three");
	expect(first, "three");
	expect(second, "three");
	(void)close(first);
	wait_for_clients(&f, 1);
	print(&f, "four");
	expect(second, "four");
	print(&f, "last words");
	stop(&f);
	expect(second, "last words");
	assert_int_equal(read_fully(second, (char[1]){0}, 1), 0);
	(void)close(second);
}

/* Byte n of the stream that tests print. */
static char stream_byte(uint64_t n)
{
	return (char)(n * 31 % 251);
}

static void print_stream(struct fixture *f, uint64_t from, size_t len)
{
	char chunk[1000];

	while (len) {
		size_t part = MIN(len, sizeof(chunk));

		for (size_t i = 0; i < part; i++)
			chunk[i] = stream_byte(from + i);
		console_hub_write(f->hub, CONSOLE_SERIAL, chunk, part);
		from += part;
		len -= part;
	}
}

static void test_a_late_client_gets_the_last_64_kib(void **state)
{
	static char got[RING];
	static struct fixture f;
	int fd;

	(void)state;
	start(&f, -1);
	print_stream(&f, 0, RING + 12345);
	fd = attach(&f);
	assert_int_equal(read_fully(fd, got, RING), RING);
	for (size_t i = 0; i < RING; i++)
		assert_int_equal(got[i], stream_byte(12345 + i));
	assert_true(nothing_to_read(fd));
	(void)close(fd);
	stop(&f);
}

static void test_a_client_that_does_not_read_holds_up_nobody(void **state)
{
	static char got[RING];
	struct console_hub_stats stats;
	const size_t total = 64 * RING;
	static struct fixture f;
	int lazy, eager;

	(void)state;
	start(&f, -1);
	lazy = attach(&f);
	eager = attach(&f);
	for (uint64_t at = 0; at < total; at += 1000) {
		size_t part = MIN(total - at, (size_t)1000);

		print_stream(&f, at, part);
		assert_int_equal(read_fully(eager, got, part), part);
		for (size_t i = 0; i < part; i++)
			assert_int_equal(got[i], stream_byte(at + i));
	}
	console_hub_stats(f.hub, &stats);
	assert_int_equal(stats.written, total);
	stop(&f);
	/* It got the beginning; the middle is lost. */
	assert_int_equal(read_fully(lazy, got, 1000), 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(got[i], stream_byte(i));
	(void)close(lazy);
	(void)close(eager);
}

static void test_a_lazy_client_resumes_with_what_is_left(void **state)
{
	const size_t total = 64 * RING;
	struct console_hub_stats stats = {0};
	static struct fixture f;
	char *got = malloc(total);
	size_t len;
	int fd;

	(void)state;
	assert_non_null(got);
	start(&f, -1);
	fd = attach(&f);
	print_stream(&f, 0, total);
	(void)usleep(100000); /* the socket fills up */
	len = read_fully(fd, got, RING);
	while (!nothing_to_read(fd))
		len += read_fully(fd, got + len, 1);
	console_hub_stats(f.hub, &stats);
	assert_true(stats.client_dropped > 0);
	assert_int_equal(len + stats.client_dropped, total);
	assert_int_equal(got[len - 1], stream_byte(total - 1));
	free(got);
	(void)close(fd);
	stop(&f);
}

static void test_input_goes_to_one_console(void **state)
{
	static struct fixture f;
	int first, second;

	(void)state;
	start(&f, -1);
	first = attach(&f);
	second = attach(&f);
	assert_int_equal(write(first, "ab", 2), 2);
	wait_for_input(&f.serial, "ab");
	assert_int_equal(write(second, "cd", 2), 2);
	wait_for_input(&f.serial, "abcd");
	console_hub_write(f.hub, CONSOLE_HVC0, "login: ", 7);
	assert_int_equal(write(first, "root", 4), 4);
	wait_for_input(&f.hvc0, "root");
	print(&f, "a message of the kernel's");
	assert_int_equal(write(second, "!", 1), 1);
	wait_for_input(&f.hvc0, "root!");
	wait_for_input(&f.serial, "abcd");
	(void)close(first);
	(void)close(second);
	wait_for_clients(&f, 0);
	stop(&f);
}

static void test_input_waits_for_the_guest(void **state)
{
	static char typed[6001];
	static struct fixture f;
	int fd;

	(void)state;
	start(&f, -1);
	f.serial.room = 10;
	for (size_t i = 0; i < sizeof(typed) - 1; i++)
		typed[i] = (char)('a' + i % 26);
	fd = attach(&f);
	assert_int_equal(write(fd, typed, sizeof(typed) - 1),
			 sizeof(typed) - 1);
	for (size_t taken = 10; taken < sizeof(typed) - 1; taken += 499) {
		for (int i = 0; i < PATIENCE_MS && f.serial.room; i++)
			(void)usleep(1000);
		assert_int_equal(f.serial.len, taken);
		f.serial.room = 499;
		console_hub_input_room(f.hub);
	}
	wait_for_input(&f.serial, typed);
	(void)close(fd);
	stop(&f);
}

/* Also when its input is stuck, so that nothing is read from it any more. */
static void test_a_client_that_leaves_is_noticed(void **state)
{
	static struct fixture f;
	struct err err = {0};
	int fds[CONSOLE_HUB_CLIENTS_MAX];

	(void)state;
	start(&f, -1);
	f.serial.room = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = attach(&f);
		assert_int_equal(write(fds[i], "x", 1), 1);
	}
	assert_int_equal(console_hub_attach(f.hub, &err), -EBUSY);
	assert_string_equal(err.msg, "console: 16 clients are attached");
	(void)usleep(20000);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	wait_for_clients(&f, 0);
	(void)close(attach(&f));
	stop(&f);
}

static int open_temporary(void)
{
	char path[] = "/tmp/test_console_hub.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static void test_the_log_gets_everything(void **state)
{
	const size_t total = 20000;
	struct console_hub_stats stats;
	static struct fixture f;
	AUTO_FREE char *got = malloc(total + 1);
	AUTO_CLOSE int log = open_temporary();

	(void)state;
	assert_non_null(got);
	assert_int_equal(write(log, "old\n", 4), 4);
	start(&f, log);
	for (uint64_t at = 0; at < total; at += 1000) {
		print_stream(&f, at, 1000);
		(void)usleep(500);
	}
	console_hub_drain(f.hub);
	console_hub_stats(f.hub, &stats);
	assert_int_equal(stats.logged, total);
	assert_int_equal(stats.log_dropped, 0);
	stop(&f);
	assert_int_equal(pread(log, got, 4, 0), 4);
	assert_memory_equal(got, "old\n", 4);
	assert_int_equal(pread(log, got, total + 1, 4), total);
	for (size_t i = 0; i < total; i++)
		assert_int_equal(got[i], stream_byte(i));
}

static void test_a_full_disk_is_counted(void **state)
{
	struct console_hub_stats stats;
	static struct fixture f;
	AUTO_CLOSE int log = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int fd;

	(void)state;
	assert_true(log >= 0);
	start(&f, log);
	fd = attach(&f);
	print(&f, "nobody will log this");
	expect(fd, "nobody will log this");
	console_hub_drain(f.hub);
	console_hub_stats(f.hub, &stats);
	assert_int_equal(stats.logged, 0);
	assert_int_equal(stats.log_dropped, strlen("nobody will log this"));
	(void)close(fd);
	stop(&f);
}

static void test_a_stuck_log_holds_up_nobody(void **state)
{
	static char got[RING];
	struct console_hub_stats stats;
	static struct fixture f;
	int ends[2], fd;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	start(&f, ends[1]);
	print_stream(&f, 0, 64 * RING); /* much more than a pipe holds */
	fd = attach(&f);
	print(&f, "alive");
	assert_int_equal(read_fully(fd, got, RING), RING);
	stop(&f); /* gives up after its grace */
	(void)close(fd);

	start(&f, ends[1]);
	print_stream(&f, 0, 2 * RING);
	(void)close(ends[0]);
	console_hub_drain(f.hub);
	console_hub_stats(f.hub, &stats);
	assert_int_equal(stats.logged + stats.log_dropped, 2 * RING);
	assert_true(stats.log_dropped > 0);
	stop(&f);
	(void)close(ends[1]);
}

static void test_a_hub_that_never_ran(void **state)
{
	const struct io_engine_config cfg = {.depth = 8, .max_files = 32};
	struct io_engine *engine = NULL;
	struct console_hub *hub = NULL;
	struct err err = {0};
	int fd;

	(void)state;
	assert_int_equal(io_engine_create(&engine, &cfg, &err), 0);
	assert_int_equal(console_hub_create(&hub, engine, -1, &err), 0);
	fd = console_hub_attach(hub, &err);
	assert_true(fd >= 0);
	console_hub_write(hub, CONSOLE_SERIAL, "x", 1);
	console_hub_destroy(hub);
	io_engine_destroy(engine);
	console_hub_destroy(NULL);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_client_gets_replay_and_news),
		cmocka_unit_test(test_a_late_client_gets_the_last_64_kib),
		cmocka_unit_test(
			test_a_client_that_does_not_read_holds_up_nobody),
		cmocka_unit_test(test_a_lazy_client_resumes_with_what_is_left),
		cmocka_unit_test(test_input_goes_to_one_console),
		cmocka_unit_test(test_input_waits_for_the_guest),
		cmocka_unit_test(test_a_client_that_leaves_is_noticed),
		cmocka_unit_test(test_the_log_gets_everything),
		cmocka_unit_test(test_a_full_disk_is_counted),
		cmocka_unit_test(test_a_stuck_log_holds_up_nobody),
		cmocka_unit_test(test_a_hub_that_never_ran),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as lwx-vmm does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
