/*
 * fuzz_net_device.c - a whole network device against a hostile driver, and
 * frames with whatever header from the host.
 *
 * Input: a byte of features; then 8 bytes each for the descriptors of the send
 * queue and of the receive queue: {flags, next, address / 64 (16 bits), length
 * (16 bits), unused}; then memory they point to, from which also the headers of
 * the frames from the host are taken. What the backend gets keeps the rules of
 * net_backend.h, every buffer comes back, and a reset leaves nothing in flight.
 */
#include "device_rig.h"
#include "fake_engine.h"
#include "iov.h"
#include "log.h"
#include "macros.h"
#include "virtio_net.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESCRIPTORS 16U
#define PLAYGROUND (64U * 65536U) /* what descriptors can reach */
#define DATA_AT (PLAYGROUND / 2)  /* where the input's data goes */
#define FRAMES_MAX 8U		  /* from the host, per input */
#define OFFLOADS                                                               \
	(NET_FEATURE(CSUM) | NET_FEATURE(GUEST_CSUM) |                         \
	 NET_FEATURE(GUEST_TSO4) | NET_FEATURE(HOST_TSO4) |                    \
	 NET_FEATURE(HOST_USO) | NET_FEATURE(HOST_ECN))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct device_rig rig;
static struct net_backend backend;
static int peer;
static const uint8_t *headers; /* of frames from the host */
static size_t headers_size;
static unsigned int frames;

static void check(bool good)
{
	if (!good)
		abort();
}

static bool has(unsigned int feature)
{
	return virtio_device_has(rig.dev, feature);
}

static int fuzz_send(struct net_backend *b, const struct virtio_net_hdr_v1 *hdr,
		     struct iovec *iov, unsigned int count)
{
	static uint8_t frame[NET_FRAME_MAX];
	uint64_t len = iov_len(iov + 1, count - 1);

	(void)b;
	check(len >= NET_FRAME_MIN && len <= NET_FRAME_MAX);
	check(!(hdr->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM));
	check(!hdr->flags || has(VIRTIO_NET_F_CSUM));
	check(hdr->flags || (!hdr->csum_start && !hdr->csum_offset));
	check(!(hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN) ||
	      has(VIRTIO_NET_F_HOST_ECN));
	check(hdr->gso_type != VIRTIO_NET_HDR_GSO_TCPV6);
	check(hdr->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 ||
	      has(VIRTIO_NET_F_HOST_TSO4));
	(void)iov_gather(iov + 1, count - 1, 0, frame, len);
	memset(iov, 0xff, count * sizeof(*iov));
	return 0;
}

static ssize_t fuzz_receive(struct net_backend *b,
			    struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
			    unsigned int count)
{
	static const uint8_t frame[NET_FRAME_MAX];
	uint16_t len;

	(void)b;
	if (frames == FRAMES_MAX || headers_size < sizeof(*hdr) + 2)
		return -EAGAIN;
	frames++;
	memcpy(hdr, headers, sizeof(*hdr));
	memcpy(&len, headers + sizeof(*hdr), sizeof(len));
	headers += sizeof(*hdr) + 2;
	headers_size -= sizeof(*hdr) + 2;
	check(iov_len(iov + 1, count - 1) >= NET_FRAME_MAX);
	(void)iov_scatter(iov + 1, count - 1, 0, frame, len);
	return len;
}

static int fuzz_offload(struct net_backend *b, uint64_t features)
{
	(void)b;
	(void)features;
	return 0;
}

static void fuzz_destroy(struct net_backend *b)
{
	(void)close(b->fd);
}

static const struct net_backend_ops fuzz_ops = {
	.name = "fuzz",
	.send = fuzz_send,
	.receive = fuzz_receive,
	.offload = fuzz_offload,
	.destroy = fuzz_destroy,
};

static void set_up(void)
{
	struct virtio_net_options options = {
		.name = "net0",
		.backend = &backend,
		.mtu = 1500,
		.queue_size = DESCRIPTORS,
	};
	struct virtio_device *dev;
	int fds[2];

	log_init("", LOG_LEVEL_ERR);
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	backend = (struct net_backend){&fuzz_ops, fds[0], OFFLOADS};
	peer = fds[1];
	check(write(peer, "", 1) == 1); /* readable at each start */
	device_rig_init(&rig, IO_ENGINE_AUTO, MIB(16));
	check(!virtio_net_create(&dev, &options, rig.mem, rig.engine, NULL));
	device_rig_attach(&rig, dev);
}

static void fill_table(struct vring *vring, const uint8_t **data, size_t *size)
{
	for (unsigned int i = 0; i < DESCRIPTORS && *size >= 8; i++) {
		uint16_t address, len;

		memcpy(&address, *data + 2, sizeof(address));
		memcpy(&len, *data + 4, sizeof(len));
		vring->desc[i] = (struct vring_desc){
			.addr = address * 64ULL,
			.len = len,
			.flags = (*data)[0] & 7,
			.next = (*data)[1] % (DESCRIPTORS + 1),
		};
		*data += 8;
		*size -= 8;
	}
}

/* Which features the driver accepts: only sets that the device takes. */
static uint64_t choose(uint8_t byte)
{
	uint64_t features = ~OFFLOADS;

	if (byte & 1)
		features |= NET_FEATURE(CSUM);
	if ((byte & 3) == 3)
		features |= NET_FEATURE(HOST_TSO4) | NET_FEATURE(HOST_ECN);
	if ((byte & 5) == 5)
		features |= NET_FEATURE(HOST_USO);
	if (byte & 8)
		features |= NET_FEATURE(GUEST_CSUM);
	if ((byte & 24) == 24)
		features |= NET_FEATURE(GUEST_TSO4);
	if (byte & 32)
		features &= ~NET_FEATURE(MRG_RXBUF);
	return features;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_driver *driver = &rig.driver;

	if (!rig.dev)
		set_up();
	if (!size)
		return 0;
	driver->next = PLAYGROUND;
	headers_size = 0;
	frames = 0;
	fake_driver_start(driver, choose(data[0]), DESCRIPTORS);
	data++;
	size--;
	fill_table(&driver->queues[VIRTIO_NET_TX].vring, &data, &size);
	fill_table(&driver->queues[VIRTIO_NET_RX].vring, &data, &size);
	memcpy(fake_driver_ptr(driver, DATA_AT, DATA_AT), data,
	       MIN(size, (size_t)DATA_AT));
	headers = data;
	headers_size = size;
	for (unsigned int queue = 0; queue < 2; queue++) {
		for (uint16_t i = 0; i < DESCRIPTORS; i++)
			fake_driver_offer(driver, queue, i);
		(void)fake_driver_kick(driver, queue);
	}
	fake_engine_settle(rig.engine);
	check(rig.dev->queues[VIRTIO_NET_TX].in_flight == 0);
	virtio_mmio_pause(rig.transport);
	check(rig.dev->queues[VIRTIO_NET_RX].in_flight == 0);
	virtio_mmio_resume(rig.transport);
	fake_driver_reset(driver);
	check(fake_engine_in_flight(rig.engine) == 0);
	return 0;
}
