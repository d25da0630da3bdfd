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
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROTOCOL 0x88b5 /* for local experiments: nobody else sends it */
#define HEADER 12U
#define QUEUE_SIZE 256
#define MTU 1500
#define RX_BUFFER 2048U

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;
static char name[IFNAMSIZ];
static int host = -1; /* the packet socket */
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

static void open_host(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(PROTOCOL),
		.sll_ifindex = (int)if_nametoindex(name),
	};

	host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROTOCOL));
	assert_true(host >= 0);
	assert_int_equal(
		bind(host, (struct sockaddr *)&address, sizeof(address)), 0);
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
	open_host();
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
		TEST(test_wrong_descriptors),
	};

	return run_on_engines(tests, ARRAY_SIZE(tests));
}
