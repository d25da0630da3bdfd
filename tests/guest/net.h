/* net.h - virtio-net frames, without offloads (virtio 1.2, section 5.1). */
#pragma once

#include "driver.h"

#define NET_F_MRG_RXBUF (1ull << 15)

#define NET_FRAME_MAX 1514u
#define NET_PROTOCOL 0x88b5u /* for local experiments: nobody else sends it */

/** struct net_slot - a buffer for one frame with its header */
struct net_slot {
	uint8_t header[12];
	uint8_t frame[NET_FRAME_MAX];
};

/**
 * struct net - a network interface in use
 * @rx_slots: buffer of a head of @rx; likewise @tx_slots
 */
struct net {
	struct device device;
	struct queue rx;
	struct queue tx;
	struct net_slot *rx_slots[QUEUE_SIZE_DEFAULT];
	struct net_slot *tx_slots[QUEUE_SIZE_DEFAULT];
};

/** net_open() - set up the first interface and offer it all its buffers. */
void net_open(struct net *net);

/** net_fill() - an Ethernet frame to all, of @len bytes from 60 to
 * NET_FRAME_MAX, whose data tell @number. */
void net_fill(struct net_slot *slot, uint32_t len, uint32_t number);

/** net_submit() - add a frame of @len bytes, unpublished. Return: false if the
 * ring is full. */
bool net_submit(struct net *net, struct net_slot *slot, uint32_t len);

/** net_reap() - a frame that was sent. Return: its slot, or NULL. */
struct net_slot *net_reap(struct net *net);

/** net_receive() - a frame that came in, @len bytes; it is given back with
 * net_return(). Return: NULL if there is none. */
struct net_slot *net_receive(struct net *net, uint32_t *len);

/** net_return() - offer the buffer again; queue_kick(&net->rx) tells. */
void net_return(struct net *net, struct net_slot *slot);
