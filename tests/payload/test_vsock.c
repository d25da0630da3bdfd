/* test_vsock.c - a payload and a host program talk over vsock, either asking
 * for the connection; streams and messages, on both I/O engines. */
#include "cleanup.h"
#include "macros.h"
#include "payload_vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES 300000U /* more than either side lets in without credit */
#define CHUNK 16384U

static const struct {
	int socket_type;
	unsigned int vsock_type;
} types[] = {{SOCK_STREAM, 1}, {SOCK_SEQPACKET, 2}};

static const enum io_engine_kind engines[] = {IO_ENGINE_URING, IO_ENGINE_AIO};

static struct payload_vm vm;
static char dir[32];

static int unix_socket(int type, const char *suffix, struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(to->sun_path, sizeof(to->sun_path), "%s/vsock%s", dir,
		       suffix);
	return fd;
}

__attribute__((format(printf, 2, 3))) static void
prepare(enum io_engine_kind engine, const char *fmt, ...)
{
	char cmdline[128], path[64];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmdline, sizeof(cmdline), fmt, ap);
	va_end(ap);
	payload_vm_init(&vm, cmdline);
	vm.cfg.io_engine = engine;
	(void)snprintf(path, sizeof(path), "%s/vsock", dir);
	payload_vm_add_vsock(&vm, path);
}

static void expect_end(int code)
{
	if (payload_vm_wait(&vm) != code)
		fail_msg("%s", vm.output);
	payload_vm_fini(&vm);
}

/* The payload knows its own pattern: return what comes until the end. */
static void echo(int fd)
{
	static uint8_t bytes[CHUNK];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		assert_int_equal(send(fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
		total += (size_t)n;
	}
	assert_int_equal(total, BYTES);
}

static void test_the_guest_connects(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(engines) * ARRAY_SIZE(types); i++) {
		struct sockaddr_un address;
		AUTO_CLOSE int fd = -1;
		int listening =
			unix_socket(types[i % 2].socket_type, "_77", &address);

		assert_int_equal(bind(listening, (struct sockaddr *)&address,
				      sizeof(address)),
				 0);
		assert_int_equal(listen(listening, 1), 0);
		prepare(engines[i / 2],
			"payload=vsock-connect port=77 bytes=%u type=%u "
			"code=91",
			BYTES, types[i % 2].vsock_type);
		payload_vm_start(&vm);
		fd = accept(listening, NULL, NULL);
		assert_true(fd >= 0);
		echo(fd);
		(void)close(fd);
		fd = -1;
		expect_end(91);
		(void)close(listening);
		assert_int_equal(unlink(address.sun_path), 0);
	}
}

/* Send a line; the device answers it with "OK <port>\n". */
static void connect_to(int fd, const char *line)
{
	char answer[32] = "";

	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
	assert_memory_equal(answer, "OK ", 3);
	assert_non_null(strchr(answer, '\n'));
}

/* One connection, asked for by the host, has carried @bytes each way. */
static void check_metrics(uint64_t bytes)
{
	const struct {
		const char *name;
		uint64_t value;
	} wanted[] = {
		{"lwx_vsock_connections", 1},
		{"lwx_vsock_from_host_total", 1},
		{"lwx_vsock_from_guest_total", 0},
		{"lwx_vsock_refused_total", 0},
		{"lwx_vsock_to_guest_bytes_total", bytes},
		{"lwx_vsock_from_guest_bytes_total", bytes},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_int_equal(payload_vm_metric(&vm, wanted[i].name,
						   "device=\"vsock0\""),
				 wanted[i].value);
}

/* What the guest has repeated is what was sent. */
static void exchange(int fd, bool messages)
{
	static uint8_t out[CHUNK], in[CHUNK];
	uint32_t sent;

	for (sent = 0; sent < BYTES; sent += CHUNK) {
		for (uint32_t i = 0; i < CHUNK; i++)
			out[i] = (uint8_t)(payload_random() >> 8);
		assert_int_equal(send(fd, out, CHUNK, MSG_NOSIGNAL), CHUNK);
		/* A message comes back whole. */
		assert_int_equal(
			recv(fd, in, CHUNK, messages ? 0 : MSG_WAITALL), CHUNK);
		assert_memory_equal(in, out, CHUNK);
	}
	check_metrics(sent);
}

static void test_the_host_connects(void **state)
{
	static const char *const suffixes[] = {"", ".seqpacket"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(engines) * ARRAY_SIZE(types); i++) {
		struct sockaddr_un address;
		AUTO_CLOSE int fd = unix_socket(types[i % 2].socket_type,
						suffixes[i % 2], &address);

		prepare(engines[i / 2],
			"payload=vsock-listen port=88 type=%u code=92",
			types[i % 2].vsock_type);
		payload_vm_start(&vm);
		payload_vm_expect(&vm, "listening\n");
		assert_int_equal(connect(fd, (struct sockaddr *)&address,
					 sizeof(address)),
				 0);
		connect_to(fd, "CONNECT 88\n");
		exchange(fd, i % 2);
		(void)close(fd);
		fd = -1;
		expect_end(92);
	}
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/lwx-vsock-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

/* lwx-vmm has removed its sockets. */
static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_guest_connects, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_the_host_connects, set_up,
						tear_down),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
