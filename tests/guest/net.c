/* net.c - virtio-net frames. */
#include "net.h"

#define HEADER_SIZE 12u
#define HEADER_NUM_BUFFERS 10u
#define ETHERNET_SIZE 14u
#define CONFIG_STATUS 6u
#define CONFIG_MTU 10u
#define STATUS_LINK_UP 1u

_Static_assert(sizeof(struct net_slot) == HEADER_SIZE + NET_FRAME_MAX, "5.1.6");

static uint32_t config16(const struct net *net, uint32_t offset)
{
	return *(const volatile uint16_t *)(net->device.base + MMIO_CONFIG +
					    offset);
}

static void read_config(struct net *net)
{
	const volatile uint8_t *config =
		(const volatile uint8_t *)(net->device.base + MMIO_CONFIG);

	check(net->device.features & NET_F_MAC);
	check(config16(net, CONFIG_STATUS) & STATUS_LINK_UP);
	for (unsigned int i = 0; i < NET_ADDRESS; i++)
		net->mac[i] = config[i];
	net->mtu = net->device.features & NET_F_MTU ? config16(net, CONFIG_MTU)
						    : 0;
}

void net_open(struct net *net, uint32_t rx_size)
{
	struct device *device = &net->device;
	uint64_t ring = ring_features();

	device_find(DEVICE_NET, 0, device);
	device_negotiate(device, ring | NET_F_MTU | NET_F_MAC | NET_F_STATUS |
					 (ring ? NET_F_MRG_RXBUF : 0));
	queue_init(&net->rx, device, 0, 0);
	queue_init(&net->tx, device, 1, 0);
	device_ok(device);
	read_config(net);
	net->rx_size = device->features & NET_F_MRG_RXBUF
			       ? rx_size
			       : sizeof(struct net_slot);
	for (unsigned int i = 0; i < net->rx.size; i++)
		net_give(net, alloc(net->rx_size, 64));
	queue_kick(&net->rx);
}

void net_fill(struct net_slot *slot, uint32_t len, uint32_t number)
{
	check(len >= NET_FRAME_MIN && len <= NET_FRAME_MAX);
	memset(slot->header, 0, sizeof(slot->header));
	memset(slot->frame, 0xff, NET_ADDRESS);
	memcpy(slot->frame + NET_ADDRESS, "\x02\0\0\0\0\x01", NET_ADDRESS);
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

uint8_t *net_take(struct net *net, uint32_t *len)
{
	int head = queue_reap(&net->rx, len);

	if (head < 0)
		return NULL;
	check(*len && *len <= net->rx_size);
	return net->rx_data[head];
}

void net_give(struct net *net, uint8_t *data)
{
	const struct buffer buffer = {
		.data = data, .length = net->rx_size, .writable = true};
	int head = queue_add(&net->rx, &buffer, 1);

	check(head >= 0);
	net->rx_data[head] = data;
}

static uint32_t copy_next(struct net *net, uint8_t *to, uint32_t room)
{
	uint32_t len;
	uint8_t *data = net_take(net, &len);

	if (!data)
		return 0;
	check(len <= room);
	memcpy(to, data, len);
	net_give(net, data);
	return len;
}

/* The other @buffers buffers of the frame of which @len bytes are at @to. */
static uint32_t copy_rest(struct net *net, uint8_t *to, uint32_t len,
			  uint32_t buffers)
{
	uint64_t start = rdtsc();

	while (buffers) {
		uint32_t room = (uint32_t)sizeof(struct net_slot) - len;
		uint32_t part = copy_next(net, to + len, room);

		check(len % net->rx_size == 0); /* all but the last are full */
		check(rdtsc() - start < PATIENCE_TICKS);
		len += part;
		buffers -= part > 0;
	}
	return len;
}

uint32_t net_receive(struct net *net, struct net_slot *slot)
{
	uint8_t *bytes = slot->header;
	uint32_t len = copy_next(net, bytes, sizeof(*slot)), buffers;

	if (!len)
		return 0;
	check(len > HEADER_SIZE && bytes[0] == 0 && bytes[1] == 0);
	buffers = *(uint16_t *)(void *)(bytes + HEADER_NUM_BUFFERS);
	check(buffers >= 1 && buffers <= 1 + NET_FRAME_MAX / net->rx_size);
	len = copy_rest(net, bytes, len, buffers - 1);
	queue_kick(&net->rx);
	return len - HEADER_SIZE;
}
