/* udp.h - datagrams over IPv4 in frames of a network interface, without options
 * and fragments. */
#pragma once

#include "net.h"

#define UDP_DATA_MAX 1472u

/**
 * struct udp_peer - who is talked to; in host byte order
 * @address: IPv4; its link address is not asked for: frames go to all
 * @our_port: from which
 */
struct udp_peer {
	uint32_t address;
	uint16_t port;
	uint16_t our_port;
};

/** udp_data() - where the data of a datagram are in its frame. */
uint8_t *udp_data(struct net_slot *slot);

/** udp_fill() - headers for @len bytes of data. Return: bytes of the frame. */
uint32_t udp_fill(struct net_slot *slot, const struct net *net,
		  const struct udp_peer *peer, uint32_t len);

/** udp_is_from() - is the frame of @frame_len bytes a datagram of the peer's to
 * us, with @len bytes of data? */
bool udp_is_from(const struct net_slot *slot, uint32_t frame_len,
		 const struct net *net, const struct udp_peer *peer,
		 uint32_t len);
