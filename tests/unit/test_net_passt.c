/* test_net_passt.c - passt's framing over a socket pair. */
#include "macros.h"
#include "net_passt.h"
#include "test.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 37U /* bytes of the first receive buffer: frames straddle it */

static struct net_backend *passt;
static int peer;
static uint8_t buffer[FIRST + NET_FRAME_MAX];

static int setup(void **state)
{
	const int small = 4608;
	int fds[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small,
				    sizeof(small)),
			 0);
	peer = fds[1];
	assert_int_equal(net_passt_create(&passt, fds[0], NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	passt->ops->destroy(passt);
	if (peer >= 0)
		(void)close(peer);
	return 0;
}

/* One frame into @buffer. Return: as net_backend_ops.receive. */
static ssize_t receive(void)
{
	struct virtio_net_hdr_v1 hdr;
	struct iovec iov[] = {
		{NULL, 0},
		{buffer, FIRST},
		{buffer + FIRST, NET_FRAME_MAX},
	};
	ssize_t n;

	memset(&hdr, 0xff, sizeof(hdr));
	memset(buffer, 0xee, sizeof(buffer));
	n = passt->ops->receive(passt, &hdr, iov, ARRAY_SIZE(iov));
	if (n >= 0) {
		assert_int_equal(hdr.flags, 0);
		assert_int_equal(hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	}
	return n;
}

static int send_frame(uint8_t fill, uint32_t len)
{
	static uint8_t frame[NET_FRAME_MAX];
	const struct virtio_net_hdr_v1 hdr = {0};
	struct iovec iov[] = {
		{NULL, 0},
		{frame, 20},
		{frame + 20, len - 20},
	};
	int rc;

	memset(frame, fill, len);
	rc = passt->ops->send(passt, &hdr, iov, ARRAY_SIZE(iov));
	/* The buffers are the guest's again. */
	memset(frame, 0xdd, len);
	return rc;
}

static void write_all(const void *bytes, size_t len)
{
	assert_int_equal(write(peer, bytes, len), len);
}

/* Put a frame of @len bytes of @fill into @stream. Return: bytes. */
static size_t make_frame(uint8_t *stream, uint8_t fill, uint32_t len)
{
	uint32_t length = htobe32(len);

	memcpy(stream, &length, sizeof(length));
	memset(stream + sizeof(length), fill, len);
	return len + sizeof(length);
}

static void expect(uint8_t fill, uint32_t len)
{
	assert_int_equal(receive(), len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(buffer[i], fill);
}

static void test_frames_come_at_once(void **state)
{
	uint8_t stream[512];
	size_t len = 0;

	(void)state;
	assert_int_equal(receive(), -EAGAIN);
	for (uint8_t i = 1; i <= 3; i++)
		len += make_frame(stream + len, i, 20U * i);
	write_all(stream, len);
	for (uint8_t i = 1; i <= 3; i++)
		expect(i, 20U * i);
	assert_int_equal(receive(), -EAGAIN);
}

/* Two frames, cut at every place: nothing comes early, nothing is lost, and no
 * byte is written behind the frame. */
static void test_frames_come_in_pieces(void **state)
{
	uint8_t stream[256];
	const size_t first = make_frame(stream, 1, 60);
	const size_t both = first + make_frame(stream + first, 2, 50);

	(void)state;
	for (size_t cut = 1; cut < both; cut++) {
		write_all(stream, cut);
		if (cut >= first)
			expect(1, 60);
		assert_int_equal(receive(), -EAGAIN);
		write_all(stream + cut, both - cut);
		if (cut < first)
			expect(1, 60);
		assert_int_equal(buffer[60], 0xee);
		expect(2, 50);
		assert_int_equal(buffer[50], 0xee);
		assert_int_equal(receive(), -EAGAIN);
	}
}

static void test_byte_by_byte(void **state)
{
	static uint8_t stream[2048];
	const size_t len = make_frame(stream, 9, 1514);

	(void)state;
	for (size_t i = 0; i + 1 < len; i++) {
		write_all(stream + i, 1);
		assert_int_equal(receive(), -EAGAIN);
	}
	write_all(stream + len - 1, 1);
	expect(9, 1514);
}

static void test_longest_frame(void **state)
{
	static uint8_t stream[NET_FRAME_MAX + 4];
	const size_t len = make_frame(stream, 3, NET_FRAME_MAX);
	size_t written = 0;
	ssize_t n;

	(void)state;
	while ((n = receive()) == -EAGAIN) {
		ssize_t part = send(peer, stream + written, len - written,
				    MSG_DONTWAIT);

		assert_true(part > 0);
		written += (size_t)part;
	}
	assert_int_equal(n, NET_FRAME_MAX);
	assert_int_equal(buffer[0], 3);
	assert_int_equal(buffer[NET_FRAME_MAX - 1], 3);
}

/* A length that no frame has: the stream is out of step, for good. */
static void test_bad_length(void **state)
{
	static const uint32_t bad[] = {0, NET_FRAME_MIN - 1, NET_FRAME_MAX + 1,
				       UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t length = htobe32(bad[i]);

		write_all(&length, sizeof(length));
		assert_int_equal(receive(), -EPIPE);
		assert_int_equal(receive(), -EPIPE);
		(void)teardown(state);
		(void)setup(state);
	}
}

static void test_peer_goes_away(void **state)
{
	(void)state;
	(void)close(peer);
	peer = -1;
	assert_int_equal(receive(), -EPIPE);
	assert_int_equal(send_frame(1, 60), -EPIPE);
}

/* The socket takes frames in pieces; what it took of one is not taken back, and
 * the next frame waits. */
static void test_send_in_pieces(void **state)
{
	static uint8_t got[20 * 6004];
	unsigned int sent = 0, cut = 0;
	size_t len = 0;
	int rc;

	(void)state;
	while (len < sizeof(got)) {
		ssize_t n;

		while (sent < 20) {
			rc = send_frame((uint8_t)(sent + 1), 6000);

			if (rc == -EAGAIN)
				break;
			sent++;
			cut += rc == 1;
			assert_true(rc == 0 || rc == 1);
		}
		n = recv(peer, got + len, MIN(sizeof(got) - len, 700UL),
			 MSG_DONTWAIT);
		assert_true(n > 0);
		len += (size_t)n;
		rc = passt->ops->flush(passt);
		assert_true(rc == 0 || rc == -EAGAIN);
	}
	assert_true(cut > 0);
	for (unsigned int i = 0; i < 20; i++) {
		const uint8_t *frame = got + i * 6004;

		assert_memory_equal(frame, "\0\0\x17\x70", 4);
		assert_int_equal(frame[4], i + 1);
		assert_int_equal(frame[6003], i + 1);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames_come_at_once),
		TEST(test_frames_come_in_pieces),
		TEST(test_byte_by_byte),
		TEST(test_longest_frame),
		TEST(test_bad_length),
		TEST(test_peer_goes_away),
		TEST(test_send_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
