/* verbs_net.c - a payload that uses a virtio-net device (virtio 1.2, section
 * 5.1). */
#include "driver.h"

#define FEATURE_MTU (1ull << 3)
#define FEATURE_MAC (1ull << 5)
#define FEATURE_MRG_RXBUF (1ull << 15)
#define FEATURE_STATUS (1ull << 16)
#define CONFIG_STATUS 6u
#define CONFIG_MTU 10u
#define STATUS_LINK_UP 1u

#define RX_QUEUE 0u
#define TX_QUEUE 1u
#define HEADER 12u
#define HEADER_NUM_BUFFERS 10u
#define ADDRESS 6u
#define FRAME_MAX 1514u
#define FRAME_MIN 60u
#define PROTOCOL 0xb588u /* for local experiments: 0x88b5 in network order */
#define BUFFERS 32u
#define SMALL 512u /* a full frame takes three */

static struct device device;
static struct queue receive_queue, transmit_queue;
static uint8_t *rx_data[QUEUE_SIZE_DEFAULT]; /* by head */
static uint32_t rx_size;

static const volatile uint8_t *config(void)
{
	return (const volatile uint8_t *)(device.base + MMIO_CONFIG);
}

static uint32_t config16(uint32_t offset)
{
	return *(const volatile uint16_t *)(device.base + MMIO_CONFIG + offset);
}

static void give_buffer(uint8_t *data)
{
	struct buffer buffer = {
		.data = data, .length = rx_size, .writable = true};
	int head = queue_add(&receive_queue, &buffer, 1);

	check(head >= 0);
	rx_data[head] = data;
}

static void open_device(void)
{
	uint64_t ring = ring_features();

	device_find(DEVICE_NET, 0, &device);
	device_negotiate(&device, ring | FEATURE_MTU | FEATURE_MAC |
					  FEATURE_STATUS |
					  (ring ? FEATURE_MRG_RXBUF : 0));
	queue_init(&receive_queue, &device, RX_QUEUE, 0);
	queue_init(&transmit_queue, &device, TX_QUEUE, 0);
	rx_size = device.features & FEATURE_MRG_RXBUF ? SMALL : 2048;
	device_ok(&device);
	check(device.features & FEATURE_MAC);
	check(config16(CONFIG_STATUS) & STATUS_LINK_UP);
	for (unsigned int i = 0; i < BUFFERS; i++)
		give_buffer(alloc(rx_size, 64));
	queue_kick(&receive_queue);
}

/* The next part of a frame. Return: its bytes, copied to @out. */
static uint32_t take_buffer(uint8_t *out)
{
	uint32_t length;
	int head = queue_wait(&receive_queue, &length);

	check(length <= rx_size);
	memcpy(out, rx_data[head], length);
	give_buffer(rx_data[head]);
	return length;
}

/* Wait for a frame. Return: its length without the header, which is put in
 * front of it at @out. */
static uint32_t receive(uint8_t *out)
{
	uint32_t length = take_buffer(out);
	uint32_t buffers = *(uint16_t *)(void *)(out + HEADER_NUM_BUFFERS);

	check(length > HEADER && out[0] == 0 && out[1] == 0);
	check(buffers >= 1 && buffers <= 1 + FRAME_MAX / rx_size);
	while (--buffers) {
		check(length % rx_size == 0); /* all but the last are full */
		length += take_buffer(out + length);
	}
	queue_kick(&receive_queue);
	check(length <= HEADER + FRAME_MAX);
	return length - HEADER;
}

static void send(uint8_t *packet, uint32_t length)
{
	struct buffer buffers[] = {
		{.data = packet, .length = HEADER},
		{.data = packet + HEADER, .length = length},
	};

	memset(packet, 0, HEADER);
	check(queue_add(&transmit_queue, buffers, ARRAY_SIZE(buffers)) >= 0);
	queue_kick(&transmit_queue);
	queue_wait(&transmit_queue, NULL);
}

/* Send back "frames" frames of our protocol, the addresses exchanged. */
static uint8_t run_net_echo(void)
{
	uint64_t left = word_number("frames", 1);
	uint8_t *packet = alloc(HEADER + FRAME_MAX + SMALL, 64);
	uint8_t *frame = packet + HEADER;

	open_device();
	say("mac %x:%x:%x:%x:%x:%x mtu %u\nready\n", config()[0], config()[1],
	    config()[2], config()[3], config()[4], config()[5],
	    device.features & FEATURE_MTU ? config16(CONFIG_MTU) : 0);
	while (left) {
		uint32_t length = receive(packet);

		check(length >= FRAME_MIN);
		if (*(uint16_t *)(void *)(frame + 2 * ADDRESS) != PROTOCOL)
			continue;
		for (uint32_t i = 0; i < ADDRESS; i++)
			check(frame[i] == config()[i]);
		memcpy(frame, frame + ADDRESS, ADDRESS);
		for (uint32_t i = 0; i < ADDRESS; i++)
			frame[ADDRESS + i] = config()[i];
		send(packet, length);
		left--;
	}
	return exit_code();
}

const struct verb net_verbs[] = {
	{"net-echo", run_net_echo},
	{NULL, NULL},
};
