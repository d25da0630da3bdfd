/* verbs_devices.c - a payload that uses a disk, a network and vsock in one life
 * and sleeps while it waits, as a program that does a job and ends. */
#include "disk.h"
#include "udp.h"
#include "vsock.h"

#define VSOCK_PACKET 4096u

static struct disk disk;
static struct net net;
static struct vsock vsock;

static void use_disk(uint64_t seed)
{
	disk_open(&disk, 0);
	(void)device_interrupts(&disk.device);
	queue_interrupts(&disk.queues[0], true);
	disk_write_and_check(&disk, seed, 0, word_number("sectors", 8));
}

/* A datagram whose data are those of a sector comes back as it was. */
static void use_net(uint64_t seed, const struct udp_peer *peer)
{
	struct net_slot *out = alloc(sizeof(*out), 64);
	struct net_slot *in = alloc(sizeof(*in), 64);
	uint64_t words[SECTOR_WORDS];
	uint32_t len;

	net_open(&net, sizeof(struct net_slot));
	(void)device_interrupts(&net.device);
	queue_interrupts(&net.rx, true);
	disk_pattern_fill(words, seed, 0, 1);
	len = udp_fill(out, &net, peer, sizeof(words));
	memcpy(udp_data(out), words, sizeof(words));
	check(net_submit(&net, out, len));
	queue_kick(&net.tx);
	do {
		queue_sleep(&net.rx);
		len = net_receive(&net, in);
	} while (!udp_is_from(in, len, &net, peer, sizeof(words)));
	check(!memcmp(udp_data(in), words, sizeof(words)));
}

static void use_vsock(uint32_t port)
{
	vsock_open(&vsock, VSOCK_STREAM, VSOCK_PACKET);
	(void)device_interrupts(&vsock.device);
	queue_interrupts(&vsock.rx, true);
	vsock_connect(&vsock, port);
	vsock_echo_check(&vsock, (uint32_t)word_number("bytes", 6000));
	vsock_close(&vsock);
}

/*
 * The first disk: "sectors" sectors of the pattern of "seed", written, flushed,
 * read back. With "peer" (an IPv4 address as a number) a datagram to its
 * "port" (from ours, "from"), with "vsock" a connection to that port of the
 * host: what is sent must come back.
 */
static uint8_t run_devices(void)
{
	const struct udp_peer peer = {
		.address = (uint32_t)word_number("peer", 0),
		.port = (uint16_t)word_number("port", 0),
		.our_port = (uint16_t)word_number("from", 4096),
	};
	uint32_t port = (uint32_t)word_number("vsock", 0);
	uint64_t seed = word_number("seed", 1);

	use_disk(seed);
	if (peer.address)
		use_net(seed, &peer);
	if (port)
		use_vsock(port);
	return exit_code();
}

const struct verb devices_verbs[] = {
	{"devices", run_devices},
	{NULL, NULL},
};
