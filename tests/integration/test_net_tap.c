/*
 * test_net_tap.c - virtio-net over a real tap on the real engines; a packet
 * socket plays the host. Skips where taps cannot be made.
 */
#include "device_rig.h"
#include "engines.h"
#include "macros.h"
#include "net_tap.h"
#include "tap_file.h"
#include "virtio_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define PROTOCOL 0x88b5 /* for local experiments: nobody else sends it */
#define HEADER 12U
#define QUEUE_SIZE 256
#define MTU 1500
#define RX_BUFFER 2048U

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;
static char name[IFNAMSIZ];
static int host = -1; /* the packet socket */
static bool kernel_uso;
static uint64_t rx_gpa[QUEUE_SIZE];

/* Keep the kernel from speaking on the interface by itself. */
static void silence(void)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path),
		       "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* no IPv6 here */
	(void)!write(fd, "1", 1);
	(void)close(fd);
}

/* A packet socket on the interface, whose reader does not wait for ever. */
static int open_packet_socket(uint16_t protocol)
{
	const struct timeval patience = {.tv_sec = 30};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				    sizeof(patience)),
			 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	return fd;
}

/* Can the kernel's taps cut UDP (since Linux 6.2)? */
static bool tap_cuts_udp(int tap)
{
	return ioctl(tap, TUNSETOFFLOAD,
		     TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6) == 0;
}

static int setup(void **state)
{
	struct virtio_net_options options = {
		.name = "net0",
		.mac = {0x52, 0x54, 0, 1, 2, 3},
		.mtu = MTU,
		.queue_size = QUEUE_SIZE,
	};
	struct virtio_device *dev;
	struct err err = {0};
	int fd;

	(void)snprintf(name, sizeof(name), "lwxtest%%d");
	if (tap_open(&fd, name, NULL, MTU, &err)) {
		print_message("SKIP: %s\n", err.msg);
		return 0;
	}
	silence();
	host = open_packet_socket(PROTOCOL);
	kernel_uso = tap_cuts_udp(fd);
	if (net_tap_create(&options.backend, fd, &err))
		fail_msg("%s", err.msg);
	device_rig_init(&rig, engine_kind(state), MIB(16));
	if (virtio_net_create(&dev, &options, rig.mem, rig.engine, &err))
		fail_msg("%s", err.msg);
	device_rig_attach(&rig, dev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (host < 0)
		return 0;
	device_rig_fini(&rig);
	(void)close(host);
	host = -1;
	assert_int_equal(if_nametoindex(name), 0); /* gone with its fd */
	return 0;
}

static void start(uint64_t features)
{
	if (host < 0)
		skip();
	fake_driver_start(driver, features, 0);
	for (unsigned int i = 0; i < QUEUE_SIZE; i++) {
		struct fake_buffer buffer = {
			fake_driver_alloc(driver, RX_BUFFER, 64), RX_BUFFER,
			true};
		uint16_t head =
			fake_driver_add(driver, VIRTIO_NET_RX, &buffer, 1);

		rx_gpa[head] = buffer.gpa;
	}
	(void)fake_driver_kick(driver, VIRTIO_NET_RX);
}

/* Fill @frame with an Ethernet header and @len - 14 bytes of @number. */
static void make_frame(uint8_t *frame, uint32_t len, uint8_t number)
{
	const uint16_t protocol = htons(PROTOCOL);

	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\x01", 6);
	memcpy(frame + 12, &protocol, 2);
	memset(frame + 14, number, len - 14);
}

/* Take frames until one of ours comes. Return: its length. */
static uint32_t take_ours(uint8_t *number)
{
	const uint16_t protocol = htons(PROTOCOL);
	const uint8_t *bytes;
	uint16_t head;
	uint32_t len;

	do {
		fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
		bytes = fake_driver_ptr(driver, rx_gpa[head], RX_BUFFER);
	} while (memcmp(bytes + HEADER + 12, &protocol, 2) != 0);
	assert_int_equal(bytes[10] | bytes[11] << 8, 1); /* num_buffers */
	*number = bytes[HEADER + len - HEADER - 1];
	return len - HEADER;
}

static void test_host_to_guest(void **state)
{
	uint8_t frame[MTU + 14], number;

	(void)state;
	start(~0ULL);
	for (uint8_t i = 1; i <= 100; i++) {
		uint32_t len = 60 + i * 14U;

		make_frame(frame, len, i);
		assert_int_equal(send(host, frame, len, 0), len);
	}
	for (uint8_t i = 1; i <= 100; i++) {
		assert_int_equal(take_ours(&number), 60 + i * 14U);
		assert_int_equal(number, i);
	}
}

static void send_from_guest(uint64_t gpa, uint32_t len, uint8_t number)
{
	struct fake_buffer buffers[] = {
		{gpa, HEADER, false},
		{gpa + HEADER, len, false},
	};
	uint8_t *bytes = fake_driver_ptr(driver, gpa, HEADER + len);

	memset(bytes, 0, HEADER);
	make_frame(bytes + HEADER, len, number);
	(void)fake_driver_add(driver, VIRTIO_NET_TX, buffers,
			      ARRAY_SIZE(buffers));
}

static void test_guest_to_host(void **state)
{
	uint8_t frame[MTU + 64];
	uint16_t head;
	uint32_t len;

	(void)state;
	start(~0ULL);
	for (uint8_t i = 1; i <= 100; i++) {
		uint64_t gpa = fake_driver_alloc(driver, 2048, 64);

		send_from_guest(gpa, 60 + i * 14U, i);
		(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	}
	for (uint8_t i = 1; i <= 100; i++) {
		ssize_t n = recv(host, frame, sizeof(frame), 0);

		assert_int_equal(n, 60 + i * 14);
		assert_int_equal(frame[14], i);
		fake_driver_wait(driver, VIRTIO_NET_TX, &head, &len);
		assert_int_equal(len, 0);
	}
}

/* Bursts both ways with pauses and resets in between; frames that a reset
 * catches may be lost, the device may not. */
static void test_lives_on(void **state)
{
	uint8_t frame[60], number;

	(void)state;
	for (uint8_t round = 1; round < 20; round++) {
		driver->next = DEVICE_RIG_ARENA;
		start(round % 2 ? ~0ULL : 1ULL << VIRTIO_F_VERSION_1);
		for (int i = 0; i < 30; i++) {
			make_frame(frame, sizeof(frame), round);
			assert_int_equal(send(host, frame, sizeof(frame), 0),
					 sizeof(frame));
			if (i == 10) {
				virtio_mmio_pause(rig.transport);
				virtio_mmio_resume(rig.transport);
			}
		}
		do
			(void)take_ours(&number);
		while (number != round);
	}
	assert_int_equal(fake_driver_read(driver, VIRTIO_MMIO_STATUS) &
				 VIRTIO_CONFIG_S_NEEDS_RESET,
			 0);
}

/*
 * Segmentation offloads: a frame of several segments.
 */

#define PAYLOAD 4000U
#define SEGMENT 1400U
#define LOWER (14U + 20U)		   /* Ethernet, IPv4 */
#define LONG_FRAME (LOWER + 20U + PAYLOAD) /* the longest: TCP */

/* The protocol that is cut. */
static const struct segmented {
	uint8_t protocol; /* of IPv4 */
	uint8_t gso_type;
	uint8_t checksum; /* its offset in the header */
	uint8_t len;	  /* of the header */
	uint8_t header[20];
} tcp = {IPPROTO_TCP,
	 VIRTIO_NET_HDR_GSO_TCPV4,
	 16,
	 20,
	 /* ports 1 and 2, 5 words, ACK */
	 {0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff}},
  udp = {IPPROTO_UDP,
	 VIRTIO_NET_HDR_GSO_UDP_L4,
	 6,
	 8,
	 /* ports 1 and 2, the length of it all */
	 {0, 1, 0, 2, (8 + PAYLOAD) >> 8, (8 + PAYLOAD) & 0xff}};

/* A packet socket whose frames carry struct virtio_net_hdr. */
static int open_long_host(void)
{
	const int on = 1;
	int fd = open_packet_socket(ETH_P_IP);

	assert_int_equal(
		setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)),
		0);
	return fd;
}

/* Return: length of the frame. */
static uint32_t make_long_frame(uint8_t *frame, const struct segmented *of)
{
	/* IPv4: don't fragment, TTL 64; length and protocol below */
	static const uint8_t lower[LOWER] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,	0, 0,	 0, 0,	1,
		8,    0,    0x45, 0,	0,    0,    0,	0, 0x40, 0, 64, 0,
		0,    0,    10,	  9,	8,    1,    10, 9, 8,	 2};
	const uint32_t len = LOWER + of->len + PAYLOAD;
	const uint16_t total = htons((uint16_t)(len - 14));

	memcpy(frame, lower, sizeof(lower));
	memcpy(frame + 16, &total, sizeof(total));
	frame[23] = of->protocol;
	memcpy(frame + LOWER, of->header, of->len);
	for (uint32_t i = 0; i < PAYLOAD; i++)
		frame[LOWER + of->len + i] = (uint8_t)(i * 7);
	return len;
}

static struct virtio_net_hdr long_header(const struct segmented *of)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = of->gso_type,
		.hdr_len = LOWER + of->len,
		.gso_size = SEGMENT,
		.csum_start = LOWER,
		.csum_offset = of->checksum,
	};
}

/* Take IPv4 frames until one comes. Return: its length; @frame begins with the
 * device's header. */
static uint32_t take_ip(uint8_t *frame)
{
	uint32_t total;

	do {
		unsigned int buffers = 1;
		uint16_t head;
		uint32_t len;

		total = 0;
		for (unsigned int i = 0; i < buffers; i++) {
			fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
			memcpy(frame + total,
			       fake_driver_ptr(driver, rx_gpa[head], RX_BUFFER),
			       len);
			total += len;
			buffers = frame[10];
		}
	} while (frame[HEADER + 12] != 8 || frame[HEADER + 13] != 0);
	return total - HEADER;
}

static void send_long_frame(int fd, const struct segmented *of)
{
	static uint8_t frame[LONG_FRAME];
	struct virtio_net_hdr header = long_header(of);
	uint32_t len = make_long_frame(frame, of);
	struct iovec iov[] = {{&header, sizeof(header)}, {frame, len}};

	assert_int_equal(writev(fd, iov, ARRAY_SIZE(iov)),
			 sizeof(header) + len);
}

static void long_frames_to_the_guest(const struct segmented *of)
{
	static uint8_t frame[HEADER + LONG_FRAME + RX_BUFFER],
		wanted[LONG_FRAME];
	const uint32_t headers = LOWER + of->len;
	struct virtio_net_hdr header;
	uint32_t len;
	int fd;

	fd = open_long_host();
	len = make_long_frame(wanted, of);
	/* Who takes them gets one frame, to be cut and summed by itself. */
	send_long_frame(fd, of);
	assert_int_equal(take_ip(frame), len);
	memcpy(&header, frame, sizeof(header));
	assert_int_equal(header.gso_type, of->gso_type);
	assert_int_equal(header.gso_size, SEGMENT);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(header.csum_start, LOWER);
	assert_memory_equal(frame + HEADER + headers, wanted + headers,
			    PAYLOAD);
	/* Who does not, gets segments with their sums in place. */
	driver->next = DEVICE_RIG_ARENA;
	start(~(1ULL << VIRTIO_NET_F_GUEST_TSO4 |
		1ULL << VIRTIO_NET_F_GUEST_TSO6 |
		1ULL << VIRTIO_NET_F_GUEST_ECN |
		1ULL << VIRTIO_NET_F_GUEST_USO4 |
		1ULL << VIRTIO_NET_F_GUEST_USO6 |
		1ULL << VIRTIO_NET_F_GUEST_CSUM));
	send_long_frame(fd, of);
	for (uint32_t at = 0; at < PAYLOAD; at += SEGMENT) {
		uint32_t part = MIN(SEGMENT, PAYLOAD - at);

		assert_int_equal(take_ip(frame), headers + part);
		memcpy(&header, frame, sizeof(header));
		assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(header.flags, 0);
		assert_memory_equal(frame + HEADER + headers,
				    wanted + headers + at, part);
	}
	(void)close(fd);
}

static void long_frames_from_the_guest(const struct segmented *of)
{
	static uint8_t seen[sizeof(struct virtio_net_hdr) + LONG_FRAME + 1];
	struct virtio_net_hdr header = long_header(of);
	struct fake_buffer buffers[2];
	uint32_t len;
	uint8_t *bytes;
	uint64_t gpa;
	ssize_t n;
	int fd;

	fd = open_long_host();
	gpa = fake_driver_alloc(driver, HEADER + LONG_FRAME, 64);
	bytes = fake_driver_ptr(driver, gpa, HEADER + LONG_FRAME);
	memset(bytes, 0, HEADER);
	memcpy(bytes, &header, sizeof(header));
	len = make_long_frame(bytes + HEADER, of);
	buffers[0] = (struct fake_buffer){gpa, HEADER, false};
	buffers[1] = (struct fake_buffer){gpa + HEADER, len, false};
	(void)fake_driver_add(driver, VIRTIO_NET_TX, buffers, 2);
	(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	n = recv(fd, seen, sizeof(seen), 0);
	assert_int_equal(n, sizeof(header) + len);
	memcpy(&header, seen, sizeof(header));
	assert_int_equal(header.gso_type, of->gso_type);
	assert_int_equal(header.gso_size, SEGMENT);
	assert_memory_equal(seen + sizeof(header) + LOWER + of->len,
			    bytes + HEADER + LOWER + of->len, PAYLOAD);
	(void)close(fd);
}

static void test_long_frames_to_the_guest(void **state)
{
	(void)state;
	start(~0ULL);
	long_frames_to_the_guest(&tcp);
}

static void test_long_frames_from_the_guest(void **state)
{
	(void)state;
	start(~0ULL);
	long_frames_from_the_guest(&tcp);
}

/* What the tap can do is offered. */
static void start_with_uso(void)
{
	start(~0ULL);
	if (!kernel_uso)
		skip();
	assert_true(driver->features & NET_FEATURE(HOST_USO));
	assert_true(driver->features & NET_FEATURE(GUEST_USO4));
	assert_true(driver->features & NET_FEATURE(GUEST_USO6));
}

static void test_long_datagrams_to_the_guest(void **state)
{
	(void)state;
	start_with_uso();
	long_frames_to_the_guest(&udp);
}

static void test_long_datagrams_from_the_guest(void **state)
{
	(void)state;
	start_with_uso();
	long_frames_from_the_guest(&udp);
}

/* What is no tap, or one without our header, is refused. */
static void test_wrong_descriptors(void **state)
{
	struct net_backend *backend;
	struct err err;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(net_tap_create(&backend, fd, &err), -EINVAL);
	assert_string_equal(err.msg, "tap: not attached to a tap");
	(void)close(fd);
	if (host < 0)
		skip();
	(void)snprintf(name, sizeof(name), "lwxother%%d");
	assert_int_equal(tap_open(&fd, name, "no-bridge", 0, &err), -ENODEV);
	assert_non_null(strstr(err.msg, "bridge no-bridge"));
	assert_int_equal(if_nametoindex(name), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_host_to_guest),
		TEST(test_guest_to_host),
		TEST(test_lives_on),
		TEST(test_long_frames_to_the_guest),
		TEST(test_long_frames_from_the_guest),
		TEST(test_long_datagrams_to_the_guest),
		TEST(test_long_datagrams_from_the_guest),
		TEST(test_wrong_descriptors),
	};

	return run_on_engines(tests, ARRAY_SIZE(tests));
}
