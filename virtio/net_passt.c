/*
 * net_passt.c - passt(1) as network backend.
 *
 * DOC: theory of operation
 *
 * A stream may take or give any part of a frame. In the usual case a frame goes
 * in one system call, straight from or to guest memory, and the length of the
 * next one comes along. Only when the socket cuts a frame does its rest go
 * through a buffer of ours: what could not be sent of a frame waits in @out for
 * the flush; what has come of a frame waits in @in for the rest.
 * So no guest buffer is needed between calls.
 */
#include "net_passt.h"

#include "iov.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_SIZE 4U
#define IOV_MAX_SEND 128U

/**
 * struct net_passt - the backend
 * @out:        rest of a frame, @out_len bytes from @out_at on
 * @length:     big-endian length of the frame to come, @length_got bytes of it
 * @in:         part of that frame, @in_len bytes
 */
struct net_passt {
	struct net_backend backend;
	uint32_t out_at;
	uint32_t out_len;
	uint8_t length[LENGTH_SIZE];
	uint32_t length_got;
	uint32_t in_len;
	uint8_t out[LENGTH_SIZE + NET_FRAME_MAX];
	uint8_t in[NET_FRAME_MAX];
};

static struct net_passt *to_passt(struct net_backend *backend)
{
	return container_of(backend, struct net_passt, backend);
}

/* Return: bytes sent, 0 if there is no room, or a negative errno. */
static ssize_t send_some(struct net_passt *passt, struct iovec *iov,
			 unsigned int count)
{
	const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
	ssize_t n;

	do
		n = sendmsg(passt->backend.fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0 && errno == ECONNRESET)
		return -EPIPE;
	return n < 0 ? -errno : n;
}

static int passt_flush(struct net_backend *backend)
{
	struct net_passt *passt = to_passt(backend);
	struct iovec iov = {passt->out + passt->out_at, passt->out_len};
	ssize_t n;

	if (!passt->out_len)
		return 0;
	n = send_some(passt, &iov, 1);
	if (n < 0)
		return (int)n;
	passt->out_at += (uint32_t)n;
	passt->out_len -= (uint32_t)n;
	return passt->out_len ? -EAGAIN : 0;
}

static int passt_send(struct net_backend *backend,
		      const struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
		      unsigned int count)
{
	struct net_passt *passt = to_passt(backend);
	uint32_t total, length;
	ssize_t n;
	int rc;

	(void)hdr; /* nothing in it was offered */
	rc = passt_flush(backend);
	if (rc)
		return rc;
	total = LENGTH_SIZE + (uint32_t)iov_len(iov + 1, count - 1);
	length = htobe32(total - LENGTH_SIZE);
	iov[0].iov_base = &length;
	iov[0].iov_len = sizeof(length);
	n = send_some(passt, iov, count);
	if (n <= 0)
		return n ? (int)n : -EAGAIN;
	if ((uint32_t)n == total)
		return 0;
	passt->out_at = 0;
	passt->out_len = (uint32_t)iov_gather(iov, count, (uint64_t)n,
					      passt->out, total - (uint32_t)n);
	return 1;
}

/* Return: bytes received, -EAGAIN, or another negative errno. */
static ssize_t receive_some(struct net_passt *passt, struct iovec *iov,
			    unsigned int count)
{
	ssize_t n;

	do
		n = readv(passt->backend.fd, iov, (int)count);
	while (n < 0 && errno == EINTR);
	if (!n || (n < 0 && errno == ECONNRESET))
		return -EPIPE;
	return n < 0 ? -errno : n;
}

/* Complete the length of the frame to come. */
static int receive_length(struct net_passt *passt)
{
	while (passt->length_got < LENGTH_SIZE) {
		struct iovec iov = {passt->length + passt->length_got,
				    LENGTH_SIZE - passt->length_got};
		ssize_t n = receive_some(passt, &iov, 1);

		if (n < 0)
			return (int)n;
		passt->length_got += (uint32_t)n;
	}
	return 0;
}

static uint32_t frame_length(const struct net_passt *passt)
{
	uint32_t length;

	memcpy(&length, passt->length, sizeof(length));
	return be32toh(length);
}

/* The frame had been cut: go on in our buffer, hand it over when complete. */
static ssize_t receive_rest(struct net_passt *passt, const struct iovec *iov,
			    unsigned int count)
{
	uint32_t length = frame_length(passt);

	while (passt->in_len < length) {
		struct iovec rest = {passt->in + passt->in_len,
				     length - passt->in_len};
		ssize_t n = receive_some(passt, &rest, 1);

		if (n < 0)
			return n;
		passt->in_len += (uint32_t)n;
	}
	(void)iov_scatter(iov, count, 0, passt->in, length);
	passt->in_len = 0;
	passt->length_got = 0;
	return (ssize_t)length;
}

/* Cut @iov to @length bytes and put room for the next length behind it.
 * Return: the number of entries. */
static unsigned int frame_and_next(struct net_passt *passt, struct iovec *iov,
				   unsigned int count, uint32_t length)
{
	unsigned int used = 0;

	for (; length && used + 1 < count; used++) {
		iov[used].iov_len = MIN(iov[used].iov_len, (size_t)length);
		length -= (uint32_t)iov[used].iov_len;
	}
	iov[used].iov_base = passt->length;
	iov[used].iov_len = LENGTH_SIZE;
	return used + 1;
}

static ssize_t passt_receive(struct net_backend *backend,
			     struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
			     unsigned int count)
{
	struct net_passt *passt = to_passt(backend);
	struct iovec whole[IOV_MAX_SEND];
	uint32_t length;
	ssize_t n;

	memset(hdr, 0, sizeof(*hdr));
	n = receive_length(passt);
	if (n)
		return n;
	length = frame_length(passt);
	if (length < NET_FRAME_MIN || length > NET_FRAME_MAX)
		return -EPIPE; /* the stream is out of step for good */
	iov++;
	count--;
	if (passt->in_len || count >= IOV_MAX_SEND)
		return receive_rest(passt, iov, count);
	/* One entry more than @iov has, in case the frame fills it. */
	memcpy(whole, iov, count * sizeof(*iov));
	n = receive_some(passt, whole,
			 frame_and_next(passt, whole, count + 1, length));
	if (n < 0)
		return n;
	if ((uint32_t)n < length) {
		passt->in_len = (uint32_t)iov_gather(iov, count, 0, passt->in,
						     (size_t)n);
		return receive_rest(passt, iov, count);
	}
	passt->length_got = (uint32_t)n - length;
	return (ssize_t)length;
}

static int passt_offload(struct net_backend *backend, uint64_t features)
{
	(void)backend;
	(void)features;
	return 0;
}

static void passt_destroy(struct net_backend *backend)
{
	(void)close(backend->fd); /* tells passt to end */
	free(to_passt(backend));
}

static const struct net_backend_ops passt_ops = {
	.name = "passt",
	.send = passt_send,
	.flush = passt_flush,
	.receive = passt_receive,
	.offload = passt_offload,
	.destroy = passt_destroy,
};

int net_passt_create(struct net_backend **out, int fd, struct err *err)
{
	struct net_passt *passt;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return err_set(err, -errno, "passt: socket");
	passt = calloc(1, sizeof(*passt));
	if (!passt)
		return err_set(err, -ENOMEM, "passt");
	passt->backend.ops = &passt_ops;
	passt->backend.fd = fd;
	*out = &passt->backend;
	return 0;
}
