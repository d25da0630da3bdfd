/* net.c - virtio-net frames. */
#include "net.h"

#define HEADER_SIZE 12u
#define ETHERNET_SIZE 14u

void net_open(struct net *net)
{
	device_find(DEVICE_NET, 0, &net->device);
	device_negotiate(&net->device, NET_F_MRG_RXBUF | FEATURES_RING);
	queue_init(&net->rx, &net->device, 0, 0);
	queue_init(&net->tx, &net->device, 1, 0);
	device_ok(&net->device);
	for (unsigned int i = 0; i < net->rx.size; i++)
		net_return(net, alloc(sizeof(struct net_slot), 64));
	queue_kick(&net->rx);
}

void net_fill(struct net_slot *slot, uint32_t len, uint32_t number)
{
	check(len >= 60 && len <= NET_FRAME_MAX);
	memset(slot->header, 0, sizeof(slot->header));
	memset(slot->frame, 0xff, 6);
	memcpy(slot->frame + 6, "\x02\0\0\0\0\x01", 6);
	slot->frame[12] = NET_PROTOCOL >> 8;
	slot->frame[13] = NET_PROTOCOL & 0xff;
	memcpy(slot->frame + ETHERNET_SIZE, &number, sizeof(number));
	for (uint32_t i = ETHERNET_SIZE + sizeof(number); i < len; i++)
		slot->frame[i] = (uint8_t)(number + i);
}

bool net_submit(struct net *net, struct net_slot *slot, uint32_t len)
{
	const struct buffer buffer = {.data = slot,
				      .length = HEADER_SIZE + len};
	int head = queue_add(&net->tx, &buffer, 1);

	if (head < 0)
		return false;
	net->tx_slots[head] = slot;
	return true;
}

struct net_slot *net_reap(struct net *net)
{
	int head = queue_reap(&net->tx, NULL);

	return head < 0 ? NULL : net->tx_slots[head];
}

struct net_slot *net_receive(struct net *net, uint32_t *len)
{
	uint32_t written;
	int head = queue_reap(&net->rx, &written);

	if (head < 0)
		return NULL;
	check(written > HEADER_SIZE + ETHERNET_SIZE &&
	      written <= sizeof(struct net_slot));
	*len = written - HEADER_SIZE;
	return net->rx_slots[head];
}

void net_return(struct net *net, struct net_slot *slot)
{
	const struct buffer buffer = {
		.data = slot, .length = sizeof(*slot), .writable = true};
	int head = queue_add(&net->rx, &buffer, 1);

	check(head >= 0);
	net->rx_slots[head] = slot;
}
