/*
 * fuzz_net_passt.c - passt's framing: a stream that comes in any pieces.
 *
 * Input: a byte n, then that many plus one bytes of the stream, and so on. The
 * frames that come out are those that the stream holds, whatever the pieces.
 */
#include "net_passt.h"

#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_MAX 65536U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t stream[STREAM_MAX + 256];
static size_t written, taken;
static uint8_t frame[NET_FRAME_MAX];

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_frame(size_t len)
{
	uint32_t length;

	check(written - taken >= sizeof(length) + len);
	memcpy(&length, stream + taken, sizeof(length));
	check(be32toh(length) == len);
	check(!memcmp(stream + taken + sizeof(length), frame, len));
	taken += sizeof(length) + len;
}

/* No whole, valid frame may be left behind. */
static void check_rest(void)
{
	uint32_t length;

	if (written - taken < sizeof(length))
		return;
	memcpy(&length, stream + taken, sizeof(length));
	length = be32toh(length);
	check(length >= NET_FRAME_MIN && length <= NET_FRAME_MAX);
	check(written - taken < sizeof(length) + length);
}

/* Return: false once the stream is out of step. */
static bool receive_all(struct net_backend *passt)
{
	for (;;) {
		struct virtio_net_hdr_v1 hdr;
		struct iovec iov[] = {
			{NULL, 0},
			{frame, 40},
			{frame + 40, sizeof(frame) - 40},
		};
		ssize_t n =
			passt->ops->receive(passt, &hdr, iov, ARRAY_SIZE(iov));

		if (n == -EAGAIN) {
			check_rest();
			return true;
		}
		if (n == -EPIPE)
			return false;
		check(n >= 0);
		check_frame((size_t)n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_backend *passt;
	int fds[2];

	written = 0;
	taken = 0;
	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	check(!net_passt_create(&passt, fds[0], NULL));
	while (size > 1 && written < STREAM_MAX) {
		size_t len = MIN(data[0] + (size_t)1, size - 1);

		memcpy(stream + written, data + 1, len);
		check(write(fds[1], data + 1, len) == (ssize_t)len);
		written += len;
		data += 1 + len;
		size -= 1 + len;
		if (!receive_all(passt))
			break;
	}
	(void)close(fds[1]);
	passt->ops->destroy(passt);
	return 0;
}
