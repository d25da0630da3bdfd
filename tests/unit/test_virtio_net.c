/*
 * test_virtio_net.c - network device on the fake engine, with a backend that
 * the test plays.
 * Marks: see test_virtqueue.c.
 */
#include "device_rig.h"
#include "fake_engine.h"
#include "iov.h"
#include "macros.h"
#include "test.h"
#include "virtio_net.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_SIZE 64
#define MTU 1500
#define HEADER 12U
#define FRAMES_MAX 1000
#define SECOND 1000000000ULL
#define ALL_OFFLOADS                                                           \
	(NET_FEATURE(CSUM) | NET_FEATURE(GUEST_CSUM) |                         \
	 NET_FEATURE(GUEST_TSO4) | NET_FEATURE(GUEST_TSO6) |                   \
	 NET_FEATURE(GUEST_ECN) | NET_FEATURE(HOST_TSO4) |                     \
	 NET_FEATURE(HOST_TSO6) | NET_FEATURE(HOST_ECN) |                      \
	 NET_FEATURE(HOST_USO) | NET_FEATURE(GUEST_USO4) |                     \
	 NET_FEATURE(GUEST_USO6))
#define MRG NET_FEATURE(MRG_RXBUF)

/* A frame the test has seen or wants to be seen; its bytes are @fill, @fill + 1
 * and so on. */
struct frame {
	struct virtio_net_hdr_v1 hdr;
	uint32_t len;
	uint8_t fill;
};

/**
 * struct played - the backend of the test
 * @room:     frames that send() takes before -EAGAIN; -1: any number
 * @cut:      send() takes frames but leaves a rest to flush, @rest, which has
 * to wait while there is no @room
 * @sent:     frames taken
 * @incoming: frames to receive, @next is the first not received yet
 * @offload:  features of the last offload call
 * @peer:     other end of backend.fd: a byte wakes the device
 */
struct played {
	struct net_backend backend;
	int room;
	bool cut;
	bool rest;
	struct frame sent[FRAMES_MAX];
	unsigned int sent_count;
	struct frame incoming[FRAMES_MAX];
	unsigned int incoming_count, next;
	uint64_t offload;
	bool gone;
	int peer;
};

static struct device_rig rig;
static struct fake_driver *driver = &rig.driver;
static struct played *played;
static uint64_t now;

static uint64_t fake_clock(void)
{
	return now;
}

static void set_time(uint64_t ns)
{
	now = ns;
	fake_engine_set_time(rig.engine, ns);
	fake_engine_settle(rig.engine);
}

static struct played *to_played(struct net_backend *backend)
{
	return container_of(backend, struct played, backend);
}

static int played_send(struct net_backend *backend,
		       const struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
		       unsigned int count)
{
	struct played *p = to_played(backend);
	struct frame *frame = &p->sent[p->sent_count];

	if (p->gone)
		return -EPIPE;
	if (!p->room)
		return -EAGAIN;
	if (p->room > 0)
		p->room--;
	assert_true(p->sent_count < FRAMES_MAX);
	frame->hdr = *hdr;
	frame->len = (uint32_t)iov_len(iov + 1, count - 1);
	(void)iov_gather(iov + 1, count - 1, 0, &frame->fill, 1);
	memset(iov, 0xff, count * sizeof(*iov)); /* ours to change */
	p->sent_count++;
	p->rest = p->cut;
	return p->cut;
}

static int played_flush(struct net_backend *backend)
{
	struct played *p = to_played(backend);

	if (p->rest && !p->room)
		return -EAGAIN;
	p->rest = false;
	return 0;
}

static ssize_t played_receive(struct net_backend *backend,
			      struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
			      unsigned int count)
{
	static uint8_t bytes[NET_FRAME_MAX];
	struct played *p = to_played(backend);
	const struct frame *frame = &p->incoming[p->next];

	assert_true(iov_len(iov + 1, count - 1) >= NET_FRAME_MAX);
	if (p->gone)
		return -EPIPE;
	if (p->next == p->incoming_count)
		return -EAGAIN;
	p->next++;
	for (uint32_t i = 0; i < frame->len; i++)
		bytes[i] = (uint8_t)(frame->fill + i);
	assert_int_equal(iov_scatter(iov + 1, count - 1, 0, bytes, frame->len),
			 frame->len);
	*hdr = frame->hdr;
	return frame->len;
}

static int played_offload(struct net_backend *backend, uint64_t features)
{
	to_played(backend)->offload = features;
	return 0;
}

static void played_destroy(struct net_backend *backend)
{
	struct played *p = to_played(backend);

	(void)close(p->peer);
	(void)close(backend->fd);
	free(p);
}

static const struct net_backend_ops played_ops = {
	.name = "played",
	.send = played_send,
	.flush = played_flush,
	.receive = played_receive,
	.offload = played_offload,
	.destroy = played_destroy,
};

static struct net_backend *make_played(void)
{
	int fds[2];

	played = calloc(1, sizeof(*played));
	assert_non_null(played);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	played->backend.ops = &played_ops;
	played->backend.fd = fds[0];
	played->backend.features = ALL_OFFLOADS;
	played->peer = fds[1];
	played->room = -1;
	return &played->backend;
}

/* @bytes a second, 0 for no limit. */
static void create(struct net_backend *backend, uint64_t bytes)
{
	struct virtio_net_options options = {
		.name = "net0",
		.backend = backend,
		.mac = {0x52, 0x54, 0, 1, 2, 3},
		.mtu = MTU,
		.queue_size = QUEUE_SIZE,
		.now_ns = fake_clock,
	};
	struct virtio_device *dev;

	rate_limit_init(&options.limit, 0, bytes, 0, 0);
	device_rig_init(&rig, IO_ENGINE_AUTO, MIB(16));
	now = SECOND;
	fake_engine_set_time(rig.engine, now);
	assert_int_equal(
		virtio_net_create(&dev, &options, rig.mem, rig.engine, NULL),
		0);
	device_rig_attach(&rig, dev);
}

static void start(uint64_t features)
{
	create(make_played(), 0);
	fake_driver_start(driver, features, 0);
	fake_engine_settle(rig.engine);
}

static int teardown(void **state)
{
	(void)state;
	device_rig_fini(&rig);
	return 0;
}

static struct virtio_net_stats stats(unsigned int direction)
{
	struct virtio_net_stats out;

	virtio_net_stats(rig.dev, direction, &out);
	return out;
}

static uint32_t status(void)
{
	return fake_driver_read(driver, VIRTIO_MMIO_STATUS);
}

/*
 * The driver's side.
 */

static uint64_t add_rx(uint32_t len)
{
	struct fake_buffer buffer = {
		.gpa = fake_driver_alloc(driver, len, 8),
		.len = len,
		.writable = true,
	};

	memset(fake_driver_ptr(driver, buffer.gpa, len), 0xee, len);
	(void)fake_driver_add(driver, VIRTIO_NET_RX, &buffer, 1);
	return buffer.gpa;
}

static void post_rx(void)
{
	(void)fake_driver_kick(driver, VIRTIO_NET_RX);
	fake_engine_settle(rig.engine);
}

/* Queue a frame for send; header and data in two descriptors if @split. */
static void add_tx(const struct virtio_net_hdr_v1 *hdr, uint8_t fill,
		   uint32_t len, bool split)
{
	uint64_t gpa = fake_driver_alloc(driver, HEADER + len, 8);
	struct fake_buffer buffers[2] = {
		{gpa, split ? HEADER : HEADER + len, false},
		{gpa + HEADER, len, false},
	};

	memcpy(fake_driver_ptr(driver, gpa, HEADER), hdr, HEADER);
	memset(fake_driver_ptr(driver, gpa + HEADER, len), fill, len);
	(void)fake_driver_add(driver, VIRTIO_NET_TX, buffers, split ? 2 : 1);
}

static void post_tx(void)
{
	(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	fake_engine_settle(rig.engine);
}

static unsigned int taken(unsigned int queue)
{
	unsigned int count = 0;
	uint16_t head;
	uint32_t len;

	while (fake_driver_take(driver, queue, &head, &len))
		count++;
	return count;
}

/* Let the backend have a frame. */
static void arrive(const struct virtio_net_hdr_v1 *hdr, uint8_t fill,
		   uint32_t len)
{
	assert_true(played->incoming_count < FRAMES_MAX);
	played->incoming[played->incoming_count++] =
		(struct frame){.hdr = *hdr, .len = len, .fill = fill};
}

static void wake(void)
{
	assert_int_equal(write(played->peer, "", 1), 1);
	fake_engine_settle(rig.engine);
}

static struct virtio_net_hdr_v1 header_at(uint64_t gpa)
{
	struct virtio_net_hdr_v1 hdr;

	memcpy(&hdr, fake_driver_ptr(driver, gpa, sizeof(hdr)), sizeof(hdr));
	return hdr;
}

static uint8_t byte_at(uint64_t gpa)
{
	return *(uint8_t *)fake_driver_ptr(driver, gpa, 1);
}

static const struct virtio_net_hdr_v1 plain;

/*
 * Configuration.
 */

/* VIRTIO 5.1.4.1-mtu: between 68 and 65535 */
/* VIRTIO 5.1.4.1-mtu-fixed: and the same for ever */
static void test_config(void **state)
{
	struct virtio_net_config config;
	struct virtio_net_options bad = {.name = "net0", .mtu = 67};
	struct virtio_device *dev;

	(void)state;
	start(~0ULL);
	for (unsigned int i = 0; i < 2; i++) {
		fake_driver_config_read(driver, 0, &config, 8);
		fake_driver_config_read(driver, 8, (uint8_t *)&config + 8, 4);
		assert_memory_equal(config.mac, "\x52\x54\0\1\2\3", 6);
		assert_int_equal(le16toh(config.status), VIRTIO_NET_S_LINK_UP);
		assert_int_equal(le16toh(config.max_virtqueue_pairs), 1);
		assert_int_equal(le16toh(config.mtu), MTU);
		fake_driver_config_write(driver, 10, "\0\0", 2);
	}
	assert_int_equal(
		virtio_net_create(&dev, &bad, rig.mem, rig.engine, NULL),
		-EINVAL);
	bad.mtu = 65536;
	assert_int_equal(
		virtio_net_create(&dev, &bad, rig.mem, rig.engine, NULL),
		-EINVAL);
}

/* VIRTIO 2.2.2-refuse: not without what a feature needs (5.1.3.1) */
static void test_feature_requirements(void **state)
{
	static const uint64_t bad[] = {
		NET_FEATURE(GUEST_TSO4),
		NET_FEATURE(GUEST_USO6),
		NET_FEATURE(GUEST_CSUM) | NET_FEATURE(GUEST_ECN),
		NET_FEATURE(HOST_TSO6),
		NET_FEATURE(CSUM) | NET_FEATURE(HOST_ECN),
		NET_FEATURE(HOST_USO),
	};
	const uint64_t version_1 = 1ULL << VIRTIO_F_VERSION_1;

	(void)state;
	create(make_played(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(fake_driver_negotiate(driver, version_1 | bad[i]));
	assert_true(fake_driver_negotiate(driver, version_1 | ALL_OFFLOADS));
	assert_true(fake_driver_negotiate(driver, version_1));
	fake_driver_start(driver, version_1 | NET_FEATURE(GUEST_CSUM), 0);
	assert_int_equal(played->offload, version_1 | NET_FEATURE(GUEST_CSUM));
}

/*
 * Receive.
 */

/* VIRTIO 5.1.6.4.1-one-buffer: num_buffers is 1 without MRG_RXBUF */
/* VIRTIO 5.1.6.3.2-single: and each frame is in one buffer */
static void test_receive_single(void **state)
{
	uint64_t gpa[3];
	uint16_t head;
	uint32_t len;

	(void)state;
	start(~MRG & ~ALL_OFFLOADS);
	for (int i = 0; i < 3; i++)
		gpa[i] = add_rx(MTU + 18 + HEADER);
	post_rx();
	arrive(&plain, 7, 60);
	arrive(&plain, 9, MTU + 14);
	wake();
	fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
	assert_int_equal(len, 60 + HEADER);
	fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
	assert_int_equal(len, MTU + 14 + HEADER);
	assert_int_equal(le16toh(header_at(gpa[0]).num_buffers), 1);
	assert_int_equal(le16toh(header_at(gpa[1]).num_buffers), 1);
	assert_int_equal(byte_at(gpa[0] + HEADER), 7);
	assert_int_equal(byte_at(gpa[1] + HEADER + MTU + 13),
			 (uint8_t)(9 + MTU + 13));
	assert_int_equal(byte_at(gpa[2]), 0xee);
	assert_int_equal(stats(VIRTIO_NET_RX).frames, 2);
	assert_int_equal(stats(VIRTIO_NET_RX).bytes, 60 + MTU + 14);
}

/* VIRTIO 5.1.6.4.1-num-buffers: num_buffers counts the buffers of the frame */
/* VIRTIO 5.1.6.4.1-full: all but the last are used to their full length */
/* VIRTIO 5.1.6.4.1-together: and they become used together */
static void test_receive_merged(void **state)
{
	uint64_t gpa[40];
	uint16_t head;
	uint32_t len;

	(void)state;
	start(~0ULL);
	for (size_t i = 0; i < ARRAY_SIZE(gpa); i++)
		gpa[i] = add_rx(2048);
	post_rx();
	arrive(&(struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					   .gso_size = htole16(1448)},
	       3, 5000);
	arrive(&plain, 5, 100);
	wake();
	for (int i = 0; i < 2; i++) {
		fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
		assert_int_equal(len, 2048);
	}
	fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
	assert_int_equal(len, 5000 + HEADER - 2 * 2048);
	assert_int_equal(le16toh(header_at(gpa[0]).num_buffers), 3);
	assert_int_equal(header_at(gpa[0]).gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(byte_at(gpa[2]), (uint8_t)(3 + 2 * 2048 - HEADER));
	fake_driver_wait(driver, VIRTIO_NET_RX, &head, &len);
	assert_int_equal(len, 100 + HEADER);
	assert_int_equal(le16toh(header_at(gpa[3]).num_buffers), 1);
	/* the others are held, not used */
	assert_false(fake_driver_take(driver, VIRTIO_NET_RX, &head, &len));
}

/* More frames than buffers: none is lost, order holds, one interrupt a batch.
 */
static void test_receive_starved(void **state)
{
	(void)state;
	start(~0ULL);
	for (int i = 0; i < 100; i++)
		arrive(&plain, (uint8_t)i, 60);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 0);
	for (int round = 0; round < 10; round++) {
		uint64_t gpa[10];

		for (int i = 0; i < 10; i++)
			gpa[i] = add_rx(1600);
		(void)fake_driver_interrupts(driver);
		post_rx();
		assert_int_equal(fake_driver_interrupts(driver), 1);
		assert_int_equal(taken(VIRTIO_NET_RX), 10);
		for (int i = 0; i < 10; i++)
			assert_int_equal(byte_at(gpa[i] + HEADER),
					 round * 10 + i);
	}
	assert_int_equal(stats(VIRTIO_NET_RX).dropped, 0);
}

/* A frame that is longer than the room there is gets dropped, nothing else. */
static void test_receive_too_long(void **state)
{
	uint64_t gpa;

	(void)state;
	start(~MRG);
	gpa = add_rx(1600);
	post_rx();
	arrive(&(struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					   .gso_size = htole16(1448)},
	       1, 9000);
	arrive(&plain, 2, 60);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 1);
	assert_int_equal(byte_at(gpa + HEADER), 2);
	assert_int_equal(stats(VIRTIO_NET_RX).dropped, 1);
}

/* VIRTIO 5.1.4.1-mtu-receive: nothing longer than the MTU but offloads */
static void test_receive_mtu(void **state)
{
	(void)state;
	start(~0ULL);
	for (int i = 0; i < 40; i++)
		(void)add_rx(2048);
	post_rx();
	arrive(&plain, 1, MTU + 19);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 0);
	arrive(&plain, 1, MTU + 18);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 1);
}

/* VIRTIO 5.1.6.4.1-flags-zero: flags is 0 without GUEST_CSUM */
/* VIRTIO 5.1.6.4.1-no-gso: gso_type is NONE without an offload for it; such
 * frames may have waited since another driver was there */
static void test_receive_what_was_negotiated(void **state)
{
	static const uint8_t types[] = {
		VIRTIO_NET_HDR_GSO_TCPV4,
		VIRTIO_NET_HDR_GSO_TCPV6,
		VIRTIO_NET_HDR_GSO_UDP_L4,
		VIRTIO_NET_HDR_GSO_UDP,
		VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
	};
	uint64_t gpa;

	(void)state;
	start(~ALL_OFFLOADS);
	gpa = add_rx(4096);
	(void)add_rx(4096);
	post_rx();
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		arrive(&(struct virtio_net_hdr_v1){.gso_type = types[i]}, 1,
		       100);
	arrive(&(struct virtio_net_hdr_v1){.flags =
						   VIRTIO_NET_HDR_F_NEEDS_CSUM},
	       1, 100);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 0);
	assert_int_equal(stats(VIRTIO_NET_RX).dropped, ARRAY_SIZE(types) + 1);
	arrive(&(struct virtio_net_hdr_v1){.flags =
						   VIRTIO_NET_HDR_F_DATA_VALID},
	       1, 100);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 1);
	assert_int_equal(header_at(gpa).flags, 0);
}

/* VIRTIO 5.1.6.4.1-gso-csum: gso_type comes with NEEDS_CSUM and gso_size */
static void test_receive_gso_is_whole(void **state)
{
	const struct virtio_net_hdr_v1 good = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.gso_size = htole16(1200),
	};
	struct virtio_net_hdr_v1 hdr = good;

	(void)state;
	start(~0ULL);
	for (int i = 0; i < 40; i++)
		(void)add_rx(2048);
	post_rx();
	hdr.flags = 0;
	arrive(&hdr, 1, 5000);
	hdr = good;
	hdr.gso_size = 0;
	arrive(&hdr, 1, 5000);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 0);
	arrive(&good, 1, 5000);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 3);
}

/* Buffers that break the rules: readable in part, or no room for the header. */
static void test_bad_receive_buffer(void **state)
{
	struct fake_buffer bad[][2] = {
		{{0, 2048, false}, {0, 2048, true}},
		{{0, HEADER - 2, true}, {0, 1, true}},
	};

	(void)state;
	create(make_played(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_driver_start(driver, ~0ULL, 0);
		bad[i][0].gpa = fake_driver_alloc(driver, 2048, 1);
		bad[i][1].gpa = fake_driver_alloc(driver, 2048, 1);
		(void)fake_driver_add(driver, VIRTIO_NET_RX, bad[i], 2);
		arrive(&plain, 1, 60);
		wake();
		post_rx();
		assert_true(status() & VIRTIO_CONFIG_S_NEEDS_RESET);
	}
}

/*
 * Send.
 */

/* VIRTIO 2.7.4.1-framing: header and data in one buffer, or apart */
/* VIRTIO 5.1.4.1-mtu-send: frames up to the MTU go as they are */
static void test_send(void **state)
{
	(void)state;
	start(~0ULL);
	for (int i = 0; i < 10; i++)
		add_tx(&plain, (uint8_t)i, 60 + (uint32_t)i, i % 2);
	add_tx(&plain, 99, MTU + 14, true);
	post_tx();
	assert_int_equal(played->sent_count, 11);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(played->sent[i].fill, i);
		assert_int_equal(played->sent[i].len, 60 + i);
	}
	assert_int_equal(played->sent[10].len, MTU + 14);
	assert_int_equal(taken(VIRTIO_NET_TX), 11);
	assert_int_equal(stats(VIRTIO_NET_TX).frames, 11);
}

/* VIRTIO 5.1.6.2.2-unknown-flags: flags it does not know are ignored */
/* VIRTIO 5.1.6.2.2-no-csum: csum_start is not used without NEEDS_CSUM */
static void test_send_header(void **state)
{
	const struct virtio_net_hdr_v1 *sent = &played->sent[0].hdr;
	struct virtio_net_hdr_v1 hdr = {
		.flags = 0xfe,
		.csum_start = htole16(34),
		.csum_offset = htole16(16),
		.num_buffers = htole16(77),
	};

	(void)state;
	start(~0ULL);
	sent = &played->sent[0].hdr;
	add_tx(&hdr, 1, 100, true);
	hdr.flags = 0xff;
	add_tx(&hdr, 1, 100, true);
	post_tx();
	assert_int_equal(played->sent_count, 2);
	assert_int_equal(sent->flags, 0);
	assert_int_equal(sent->csum_start, 0);
	assert_int_equal(sent->num_buffers, 0);
	sent = &played->sent[1].hdr;
	assert_int_equal(sent->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(le16toh(sent->csum_start), 34);
}

/* Frames that cannot be are dropped, and come back to the driver. */
static void test_send_nonsense(void **state)
{
	static const uint8_t types[] = {
		VIRTIO_NET_HDR_GSO_TCPV4,
		VIRTIO_NET_HDR_GSO_UDP,
		VIRTIO_NET_HDR_GSO_UDP_L4,
		2,
		0x7f,
		VIRTIO_NET_HDR_GSO_ECN,
	};
	struct virtio_net_hdr_v1 hdr = {0};

	(void)state;
	start(~(NET_FEATURE(HOST_TSO4) | NET_FEATURE(HOST_USO) |
		NET_FEATURE(HOST_ECN)));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		hdr.gso_type = types[i];
		add_tx(&hdr, 1, 100, true);
	}
	add_tx(&plain, 1, NET_FRAME_MIN - 1, false);
	add_tx(&plain, 1, NET_FRAME_MAX + 1, true);
	post_tx();
	assert_int_equal(played->sent_count, 0);
	assert_int_equal(taken(VIRTIO_NET_TX), ARRAY_SIZE(types) + 2);
	assert_int_equal(stats(VIRTIO_NET_TX).dropped, ARRAY_SIZE(types) + 2);
	add_tx(&plain, 1, NET_FRAME_MAX, true);
	post_tx();
	assert_int_equal(played->sent_count, 1);
}

static void test_send_without_header(void **state)
{
	struct fake_buffer buffer = {.len = HEADER - 1};

	(void)state;
	start(~0ULL);
	buffer.gpa = fake_driver_alloc(driver, buffer.len, 1);
	(void)fake_driver_add(driver, VIRTIO_NET_TX, &buffer, 1);
	post_tx();
	assert_true(status() & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* Trap: order on EAGAIN. A frame that finds no room is not overtaken. */
static void test_trap_send_order(void **state)
{
	(void)state;
	start(~0ULL);
	played->room = 3;
	for (int i = 0; i < 20; i++)
		add_tx(&plain, (uint8_t)i, 60, true);
	(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	/* The socket is writable all the time, so the watch tells at once and
	 * the device tries again each round; a kick comes in between. Room
	 * comes by threes. */
	for (int round = 0; round < 100 && played->sent_count < 20; round++) {
		(void)io_engine_poll(rig.engine, false);
		fake_driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY,
				  VIRTIO_NET_TX);
		if (round % 5 == 4)
			played->room = 3;
	}
	assert_int_equal(played->sent_count, 20);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(played->sent[i].fill, i);
	assert_int_equal(taken(VIRTIO_NET_TX), 20);
}

/* The rest of the last frame goes when there is room, without another frame. */
static void test_send_rest(void **state)
{
	(void)state;
	start(~0ULL);
	played->cut = true;
	played->room = 1;
	add_tx(&plain, 1, 60, true);
	add_tx(&plain, 2, 60, true);
	(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	for (int i = 0; i < 10; i++)
		(void)io_engine_poll(rig.engine, false);
	assert_int_equal(played->sent_count, 1);
	assert_int_equal(taken(VIRTIO_NET_TX), 1);
	assert_true(played->rest);
	played->room = -1;
	fake_engine_settle(rig.engine);
	assert_int_equal(played->sent_count, 2);
	assert_int_equal(taken(VIRTIO_NET_TX), 1);
	assert_false(played->rest);
	assert_int_equal(stats(VIRTIO_NET_TX).frames, 2);
}

/*
 * Limits, stops, failure.
 */

static void test_rate_limits(void **state)
{
	(void)state;
	create(make_played(), 1000);
	fake_driver_start(driver, ~0ULL, 0);
	for (int i = 0; i < 5; i++) {
		(void)add_rx(4096);
		add_tx(&plain, 1, 100, true);
		arrive(&plain, 1, 100);
	}
	(void)fake_driver_kick(driver, VIRTIO_NET_RX);
	post_tx();
	wake();
	assert_int_equal(taken(VIRTIO_NET_TX), 1);
	/* a received frame is charged before the next, so one is ahead */
	assert_int_equal(taken(VIRTIO_NET_RX), 2);
	for (uint64_t i = 1; i < 4; i++) {
		set_time(SECOND + i * SECOND / 10 - 1);
		assert_int_equal(taken(VIRTIO_NET_TX), 0);
		assert_int_equal(taken(VIRTIO_NET_RX), 0);
		set_time(SECOND + i * SECOND / 10);
		assert_int_equal(taken(VIRTIO_NET_TX), 1);
		assert_int_equal(taken(VIRTIO_NET_RX), 1);
	}
	assert_int_not_equal(fake_engine_next_timer(rig.engine), 0);
	fake_driver_reset(driver);
	assert_int_equal(fake_engine_next_timer(rig.engine), 0);
}

/* A frame that had to wait for room is charged once, and the next one too. */
static void test_rate_limit_and_no_room(void **state)
{
	(void)state;
	create(make_played(), 1000);
	fake_driver_start(driver, ~0ULL, 0);
	played->room = 0;
	for (int i = 0; i < 3; i++)
		add_tx(&plain, 1, 100, true);
	(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	for (int i = 0; i < 10; i++)
		(void)io_engine_poll(rig.engine, false);
	assert_int_equal(played->sent_count, 0);
	played->room = -1;
	fake_engine_settle(rig.engine);
	assert_int_equal(played->sent_count, 1);
	set_time(SECOND + SECOND / 10 - 1);
	assert_int_equal(played->sent_count, 1);
	set_time(SECOND + SECOND / 10);
	assert_int_equal(played->sent_count, 2);
}

/* Buffers held for receive go back into the ring, and come out again. */
static void test_pause_and_reset(void **state)
{
	uint64_t gpa;

	(void)state;
	start(~0ULL);
	gpa = add_rx(2048);
	for (int i = 0; i < 39; i++)
		(void)add_rx(2048);
	arrive(&plain, 1, 60);
	wake();
	post_rx();
	assert_int_equal(taken(VIRTIO_NET_RX), 1);
	assert_true(rig.dev->queues[VIRTIO_NET_RX].in_flight > 30);
	virtio_mmio_pause(rig.transport);
	assert_int_equal(rig.dev->queues[VIRTIO_NET_RX].in_flight, 0);
	arrive(&plain, 2, 60);
	wake();
	assert_int_equal(taken(VIRTIO_NET_RX), 0);
	virtio_mmio_resume(rig.transport);
	fake_engine_settle(rig.engine);
	assert_int_equal(taken(VIRTIO_NET_RX), 1);
	assert_int_equal(byte_at(gpa + 2048 + HEADER), 2);
	played->room = 0;
	add_tx(&plain, 1, 60, true);
	(void)fake_driver_kick(driver, VIRTIO_NET_TX);
	(void)io_engine_poll(rig.engine, false);
	fake_driver_reset(driver);
	assert_int_equal(fake_engine_in_flight(rig.engine), 0);
	fake_driver_start(driver, ~0ULL, 0);
	played->room = -1;
	add_tx(&plain, 5, 60, true);
	post_tx();
	assert_int_equal(taken(VIRTIO_NET_TX), 1);
}

/* The other side goes away: the driver hears of it and sends into the void. */
static void test_link_down(void **state)
{
	uint16_t link;

	(void)state;
	start(~0ULL);
	(void)add_rx(4096);
	post_rx();
	played->gone = true;
	wake();
	assert_int_equal(fake_driver_interrupts(driver), 1);
	fake_driver_config_read(driver, 6, &link, 2);
	assert_int_equal(link, 0);
	add_tx(&plain, 1, 60, true);
	post_tx();
	assert_int_equal(taken(VIRTIO_NET_TX), 1);
	assert_int_equal(stats(VIRTIO_NET_TX).dropped, 1);
}

/* Trap: an endless stream of frames keeps the I/O thread to itself. Frames that
 * are dropped need no buffers, so nothing else ends the round. */
static void test_trap_long_rounds(void **state)
{
	const struct virtio_net_hdr_v1 bad = {.gso_type = 0x7f};

	(void)state;
	start(~0ULL);
	(void)add_rx(4096);
	post_rx();
	for (int i = 0; i < 900; i++)
		arrive(&bad, 1, 60);
	assert_int_equal(write(played->peer, "", 1), 1);
	(void)io_engine_poll(rig.engine, false);
	assert_in_range(played->next, 1, 2 * 256); /* a round and its rest */
	fake_engine_settle(rig.engine);
	assert_int_equal(played->next, 900);
	assert_int_equal(stats(VIRTIO_NET_RX).dropped, 900);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_config),
		TEST(test_feature_requirements),
		TEST(test_receive_single),
		TEST(test_receive_merged),
		TEST(test_receive_starved),
		TEST(test_receive_too_long),
		TEST(test_receive_mtu),
		TEST(test_receive_what_was_negotiated),
		TEST(test_receive_gso_is_whole),
		TEST(test_bad_receive_buffer),
		TEST(test_send),
		TEST(test_send_header),
		TEST(test_send_nonsense),
		TEST(test_send_without_header),
		TEST(test_trap_send_order),
		TEST(test_send_rest),
		TEST(test_rate_limits),
		TEST(test_rate_limit_and_no_room),
		TEST(test_pause_and_reset),
		TEST(test_link_down),
		TEST(test_trap_long_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
