/* test_net.c - a payload sends back every frame: over a socket that speaks
 * passt's protocol, and over a tap; on both I/O engines. */
#include "cleanup.h"
#include "macros.h"
#include "payload_vm.h"
#include "tap_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PROTOCOL 0x88b5 /* for local experiments: nobody else sends it */
#define FRAMES 200U
#define IN_FLIGHT 8U
#define FRAME_MIN 60U
#define FRAME_MAX 1514U
#define MTU 1500

static const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 1};
static struct payload_vm vm;

/* The length grows by a prime, so that every size comes. */
static uint32_t frame_length(uint32_t number)
{
	return FRAME_MIN + number * 997 % (FRAME_MAX - FRAME_MIN + 1);
}

static void make_frame(uint8_t *frame, const uint8_t *to, const uint8_t *from,
		       uint32_t number)
{
	const uint16_t protocol = htons(PROTOCOL);

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	memcpy(frame + 12, &protocol, 2);
	for (uint32_t i = 14; i < frame_length(number); i++)
		frame[i] = (uint8_t)(number + i);
}

/**
 * struct wire - how frames go to and from the guest
 * @send: one frame
 * @take: the next frame. Return: its length
 */
struct wire {
	void (*send)(int fd, const uint8_t *frame, uint32_t len);
	uint32_t (*take)(int fd, uint8_t *frame);
};

/* Every frame comes back once, in order, with the addresses exchanged.
 * Return: their bytes. */
static uint64_t exchange(const struct wire *wire, int fd,
			 const uint8_t *guest_mac)
{
	static uint8_t frame[FRAME_MAX], back[FRAME_MAX], wanted[FRAME_MAX];

	uint64_t bytes = 0;

	for (uint32_t sent = 0, seen = 0; seen < FRAMES; seen++) {
		while (sent < FRAMES && sent < seen + IN_FLIGHT) {
			make_frame(frame, guest_mac, host_mac, sent);
			wire->send(fd, frame, frame_length(sent++));
		}
		assert_int_equal(wire->take(fd, back), frame_length(seen));
		make_frame(wanted, host_mac, guest_mac, seen);
		assert_memory_equal(back, wanted, frame_length(seen));
		bytes += frame_length(seen);
	}
	return bytes;
}

/* The host's own kernel may speak on a tap: nothing else does on a socket. */
static void check_metrics(uint64_t bytes)
{
	static const char *const labels[] = {
		"device=\"net0\",direction=\"to-guest\"",
		"device=\"net0\",direction=\"from-guest\"",
	};

	/* A frame is counted when it has been sent, and may be here before. */
	while (payload_vm_metric(&vm, "lwx_net_frames_total", labels[1]) <
	       FRAMES)
		(void)usleep(100);
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		assert_int_equal(payload_vm_metric(&vm, "lwx_net_frames_total",
						   labels[i]),
				 FRAMES);
		assert_int_equal(payload_vm_metric(&vm, "lwx_net_bytes_total",
						   labels[i]),
				 bytes);
		assert_int_equal(payload_vm_metric(&vm, "lwx_net_dropped_total",
						   labels[i]),
				 0);
	}
}

static void run(const struct wire *wire, int fd, enum vm_net_type type,
		int guest_fd)
{
	static const enum io_engine_kind engines[] = {IO_ENGINE_URING,
						      IO_ENGINE_AIO};
	static const char *const rings[] = {"plain", "all"};
	static uint8_t last[FRAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(engines) * ARRAY_SIZE(rings); i++) {
		char cmdline[96];
		struct vm_net *net;
		uint64_t bytes;

		(void)snprintf(cmdline, sizeof(cmdline),
			       "payload=net-echo frames=%u ring=%s code=81",
			       FRAMES + 1, rings[i % 2]);
		payload_vm_init(&vm, cmdline);
		vm.cfg.io_engine = engines[i / 2];
		net = payload_vm_add_net(&vm, type, guest_fd);
		net->mtu = MTU;
		payload_vm_start(&vm);
		payload_vm_expect(&vm, "ready\n");
		payload_vm_expect(&vm, "mac 52:54:0:0:0:1 mtu 1500\n");
		bytes = exchange(wire, fd, net->mac);
		if (type == VM_NET_PASST)
			check_metrics(bytes);
		make_frame(last, net->mac, host_mac, 0);
		wire->send(fd, last, frame_length(0)); /* the last one */
		assert_int_equal(wire->take(fd, last), frame_length(0));
		if (payload_vm_wait(&vm) != 81)
			fail_msg("case %zu: %s", i, vm.output);
		payload_vm_fini(&vm);
	}
}

/*
 * A stream: each frame behind its length.
 */

static void read_all(int fd, void *to, size_t len)
{
	assert_int_equal(recv(fd, to, len, MSG_WAITALL), len);
}

static void stream_send(int fd, const uint8_t *frame, uint32_t len)
{
	const uint32_t prefix = htonl(len);

	assert_int_equal(send(fd, &prefix, sizeof(prefix), 0), sizeof(prefix));
	assert_int_equal(send(fd, frame, len, 0), len);
}

static uint32_t stream_take(int fd, uint8_t *frame)
{
	uint32_t len;

	read_all(fd, &len, sizeof(len));
	len = ntohl(len);
	assert_in_range(len, 1, FRAME_MAX);
	read_all(fd, frame, len);
	return len;
}

static void test_a_stream_socket(void **state)
{
	static const struct wire stream = {stream_send, stream_take};
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	run(&stream, pair[0], VM_NET_PASST, pair[1]);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/*
 * A tap: a packet socket on the interface is the host.
 */

static void packet_send(int fd, const uint8_t *frame, uint32_t len)
{
	assert_int_equal(send(fd, frame, len, 0), len);
}

static uint32_t packet_take(int fd, uint8_t *frame)
{
	struct sockaddr_ll from = {0};
	socklen_t size = sizeof(from);
	ssize_t n;

	do {
		size = sizeof(from);
		n = recvfrom(fd, frame, FRAME_MAX, 0, (struct sockaddr *)&from,
			     &size);
		assert_true(n > 0);
	} while (from.sll_pkttype == PACKET_OUTGOING);
	return (uint32_t)n;
}

static int packet_socket(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(PROTOCOL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	struct packet_mreq all = {.mr_ifindex = address.sll_ifindex,
				  .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROTOCOL));

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
				    sizeof(all)),
			 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	return fd;
}

static void test_a_tap(void **state)
{
	static const struct wire packets = {packet_send, packet_take};
	char name[IFNAMSIZ] = "lwxpay%d";
	AUTO_CLOSE int tap = -1;
	AUTO_CLOSE int fd = -1;
	struct err err = {0};

	(void)state;
	if (tap_open(&tap, name, NULL, MTU, &err)) {
		print_message("SKIP: %s\n", err.msg);
		skip();
	}
	fd = packet_socket(name);
	run(&packets, fd, VM_NET_TAP, tap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stream_socket),
		cmocka_unit_test(test_a_tap),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
