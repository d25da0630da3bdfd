/* net.h - virtio-net frames, without offloads (virtio 1.2, section 5.1). */
#pragma once

#include "driver.h"

#define NET_F_MTU (1ull << 3)
#define NET_F_MAC (1ull << 5)
#define NET_F_MRG_RXBUF (1ull << 15)
#define NET_F_STATUS (1ull << 16)

#define NET_ADDRESS 6u
#define NET_FRAME_MIN 60u
#define NET_FRAME_MAX 1514u
#define NET_PROTOCOL 0x88b5u /* for local experiments: nobody else sends it */

/** struct net_slot - a buffer for one frame with its header */
struct net_slot {
	uint8_t header[12];
	uint8_t frame[NET_FRAME_MAX];
};

/**
 * struct net - a network interface in use
 * @mac:     its address; @mtu: what the device tells, or 0
 * @rx_size: bytes of a receive buffer
 * @rx_data: receive buffer of a head of @rx
 * @tx_slots: slot of a head of @tx
 */
struct net {
	struct device device;
	struct queue rx;
	struct queue tx;
	uint8_t mac[NET_ADDRESS];
	uint32_t mtu;
	uint32_t rx_size;
	uint8_t *rx_data[QUEUE_SIZE_DEFAULT];
	struct net_slot *tx_slots[QUEUE_SIZE_DEFAULT];
};

/** net_open() - set up the first interface with the ring's features as "ring="
 * asks, and offer it buffers of @rx_size bytes: those of a slot, or fewer, so
 * that a frame takes several where the device can do that. */
void net_open(struct net *net, uint32_t rx_size);

/** net_fill() - an Ethernet frame to all, of @len bytes from NET_FRAME_MIN to
 * NET_FRAME_MAX, whose data tell @number. */
void net_fill(struct net_slot *slot, uint32_t len, uint32_t number);

/** net_submit() - add a frame of @len bytes, unpublished. Return: false if the
 * ring is full. */
bool net_submit(struct net *net, struct net_slot *slot, uint32_t len);

/** net_reap() - a frame that was sent. Return: its slot, or NULL. */
struct net_slot *net_reap(struct net *net);

/** net_take() - the next buffer that came in, with @len bytes; it is given back
 * with net_give(). Return: NULL if there is none. */
uint8_t *net_take(struct net *net, uint32_t *len);

/** net_give() - offer the buffer again; queue_kick(&net->rx) tells. */
void net_give(struct net *net, uint8_t *data);

/** net_receive() - copy the next frame to @slot, from as many buffers as it has
 * come in; they are offered again. Return: its bytes, or 0 if none has come. */
uint32_t net_receive(struct net *net, struct net_slot *slot);
