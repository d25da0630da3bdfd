/* verbs_net.c - a payload that uses a virtio-net device (virtio 1.2, section
 * 5.1). */
#include "net.h"

#define SMALL 512u /* a full frame takes three */

static struct net net;

static bool is_ours(const uint8_t *frame)
{
	return frame[12] == NET_PROTOCOL >> 8 &&
	       frame[13] == (NET_PROTOCOL & 0xff);
}

static uint32_t wait_frame(struct net_slot *slot)
{
	uint64_t start = rdtsc();
	uint32_t len;

	while (!(len = net_receive(&net, slot))) {
		check(rdtsc() - start < PATIENCE_TICKS);
		cpu_relax();
	}
	return len;
}

static void send_back(struct net_slot *slot, uint32_t len)
{
	memset(slot->header, 0, sizeof(slot->header));
	memcpy(slot->frame, slot->frame + NET_ADDRESS, NET_ADDRESS);
	memcpy(slot->frame + NET_ADDRESS, net.mac, NET_ADDRESS);
	check(net_submit(&net, slot, len));
	queue_kick(&net.tx);
	queue_wait(&net.tx, NULL);
}

/* Send back "frames" frames of our protocol, the addresses exchanged. */
static uint8_t run_net_echo(void)
{
	uint64_t left = word_number("frames", 1);
	struct net_slot *slot = alloc(sizeof(*slot), 64);
	const uint8_t *mac = net.mac;

	net_open(&net, SMALL);
	say("mac %x:%x:%x:%x:%x:%x mtu %u\nready\n", mac[0], mac[1], mac[2],
	    mac[3], mac[4], mac[5], net.mtu);
	while (left) {
		uint32_t len = wait_frame(slot);

		check(len >= NET_FRAME_MIN);
		if (!is_ours(slot->frame))
			continue;
		check(!memcmp(slot->frame, mac, NET_ADDRESS));
		send_back(slot, len);
		left--;
	}
	return exit_code();
}

const struct verb net_verbs[] = {
	{"net-echo", run_net_echo},
	{NULL, NULL},
};
