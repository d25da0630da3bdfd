/* test_network.c - network and vsock devices driven by payloads; this program
 * is the host and sends everything back. */
#include "cleanup.h"
#include "macros.h"
#include "payload_vm.h"
#include "tap_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
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

#define PROTOCOL 0x88b5 /* of the payload's frames */
#define FRAME_MAX 2048U

static struct payload_vm vm;
static const enum io_engine_kind engines[] = {IO_ENGINE_URING, IO_ENGINE_AIO};

__attribute__((format(printf, 1, 2))) static void prepare(const char *fmt, ...)
{
	char cmdline[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmdline, sizeof(cmdline), fmt, ap);
	va_end(ap);
	payload_vm_init(&vm, cmdline);
}

static void run(int code)
{
	int status = payload_vm_run(&vm);

	if (status != code)
		fail_msg("status %d: %s", status, vm.output);
}

/* Send every byte back until the other end closes. */
static void *echo_stream(void *arg)
{
	int fd = *(const int *)arg;
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t part =
				write(fd, buffer + done, (size_t)(n - done));

			if (part <= 0)
				return NULL;
			done += part;
		}
	return NULL;
}

/* passt's end of the socket: frames with their length in front, so a stream
 * that is sent back holds the same frames. */
static void test_frames_by_socket(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct vm_net *net;
		pthread_t thread;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
					    0, pair),
				 0);
		assert_int_equal(
			pthread_create(&thread, NULL, echo_stream, &pair[1]),
			0);
		prepare("payload=net frames=2000 bytes=%u code=81",
			i ? 60U : 1514U);
		vm.cfg.io_engine = engines[i];
		net = &vm.cfg.nets[vm.cfg.num_nets++];
		net->type = VM_NET_PASST;
		net->fd = pair[0];
		payload_vm_start(&vm);
		(void)close(pair[0]); /* now only lwx-vmm holds it */
		assert_int_equal(payload_vm_wait(&vm), 81);
		payload_vm_fini(&vm);
		assert_int_equal(pthread_join(thread, NULL), 0);
		(void)close(pair[1]);
	}
}

/* The other side of a tap. */
struct tap_host {
	int fd;
	_Atomic int over;
};

static void *echo_frames(void *arg)
{
	struct tap_host *host = arg;
	struct pollfd ready = {.fd = host->fd, .events = POLLIN};
	uint8_t frame[FRAME_MAX];

	while (!host->over) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t n;

		if (poll(&ready, 1, 20) != 1)
			continue;
		n = recvfrom(host->fd, frame, sizeof(frame), 0,
			     (struct sockaddr *)&from, &size);
		/* Our own come by as well. */
		if (n > 0 && from.sll_pkttype != PACKET_OUTGOING)
			(void)!send(host->fd, frame, (size_t)n, 0);
	}
	return NULL;
}

static int open_host(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(PROTOCOL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROTOCOL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	return fd;
}

static void test_frames_by_tap(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct tap_host host = {.over = 0};
		char name[IFNAMSIZ] = "lwxpay%d";
		struct err err = {0};
		struct vm_net *net;
		pthread_t thread;
		int fd;

		if (tap_open(&fd, name, NULL, 0, &err)) {
			print_message("SKIP: %s\n", err.msg);
			skip();
		}
		host.fd = open_host(name);
		assert_int_equal(
			pthread_create(&thread, NULL, echo_frames, &host), 0);
		prepare("payload=net frames=2000 bytes=%u code=82",
			i ? 1514U : 60U);
		vm.cfg.io_engine = engines[i];
		net = &vm.cfg.nets[vm.cfg.num_nets++];
		net->type = VM_NET_TAP;
		net->fd = fd;
		run(82);
		host.over = 1;
		assert_int_equal(pthread_join(thread, NULL), 0);
		(void)close(host.fd);
		(void)close(fd);
		assert_int_equal(if_nametoindex(name), 0);
	}
}

/* Listens where the guest's port 5000 leads, and echoes one connection. */
static void *echo_port(void *arg)
{
	int listening = *(const int *)arg;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		(void)echo_stream(&fd);
		(void)close(fd);
	}
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_vsock_stream(void **state)
{
	static const unsigned int chunks[] = {4000, 65536, 100};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		char dir[] = "/tmp/payload.XXXXXX", path[64], port[80];
		pthread_t thread;
		int listening;

		assert_non_null(mkdtemp(dir));
		(void)snprintf(path, sizeof(path), "%s/v", dir);
		(void)snprintf(port, sizeof(port), "%s_5000", path);
		listening = listen_at(port);
		assert_int_equal(
			pthread_create(&thread, NULL, echo_port, &listening),
			0);
		prepare("payload=vsock bytes=2000000 chunk=%u code=83",
			chunks[i]);
		vm.cfg.io_engine = engines[i % ARRAY_SIZE(engines)];
		vm.cfg.vsock.cid = 3;
		vm.cfg.vsock.path = strdup(path);
		run(83);
		assert_int_equal(pthread_join(thread, NULL), 0);
		(void)close(listening);
		assert_int_equal(unlink(port), 0);
		assert_int_equal(rmdir(dir), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_by_socket),
		cmocka_unit_test(test_frames_by_tap),
		cmocka_unit_test(test_vsock_stream),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
