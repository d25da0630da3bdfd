/* udp.c - datagrams over IPv4 (RFC 768, RFC 791). */
#include "udp.h"

#define IP 14u /* where the IPv4 header is in a frame */
#define IP_SIZE 20u
#define UDP (IP + IP_SIZE)
#define UDP_SIZE 8u
#define OUR_ADDRESS 0xc6336402u /* 198.51.100.2, for documentation */
#define PROTOCOL_UDP 17u

_Static_assert(UDP + UDP_SIZE + UDP_DATA_MAX == NET_FRAME_MAX, "it fits");

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static uint32_t ip_sum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < IP_SIZE; i += 2)
		sum += get16(header + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

uint8_t *udp_data(struct net_slot *slot)
{
	return slot->frame + UDP + UDP_SIZE;
}

uint32_t udp_fill(struct net_slot *slot, const struct net *net,
		  const struct udp_peer *peer, uint32_t len)
{
	uint8_t *frame = slot->frame;

	check(len <= UDP_DATA_MAX);
	memset(slot->header, 0, sizeof(slot->header));
	memset(frame, 0xff, NET_ADDRESS);
	memcpy(frame + NET_ADDRESS, net->mac, NET_ADDRESS);
	put16(frame + 12, 0x0800);
	memset(frame + IP, 0, IP_SIZE + UDP_SIZE);
	frame[IP] = 0x45; /* version 4, no options */
	put16(frame + IP + 2, IP_SIZE + UDP_SIZE + len);
	frame[IP + 8] = 64; /* time to live */
	frame[IP + 9] = PROTOCOL_UDP;
	put32(frame + IP + 12, OUR_ADDRESS);
	put32(frame + IP + 16, peer->address);
	put16(frame + IP + 10, ip_sum(frame + IP));
	put16(frame + UDP, peer->our_port);
	put16(frame + UDP + 2, peer->port);
	put16(frame + UDP + 4, UDP_SIZE + len); /* check sum 0: none */
	return UDP + UDP_SIZE + len;
}

bool udp_is_from(const struct net_slot *slot, uint32_t frame_len,
		 const struct net *net, const struct udp_peer *peer,
		 uint32_t len)
{
	const uint8_t *frame = slot->frame;

	return frame_len == UDP + UDP_SIZE + len &&
	       memcmp(frame, net->mac, NET_ADDRESS) == 0 &&
	       get16(frame + 12) == 0x0800 && frame[IP] == 0x45 &&
	       get16(frame + IP + 2) == IP_SIZE + UDP_SIZE + len &&
	       frame[IP + 9] == PROTOCOL_UDP && ip_sum(frame + IP) == 0 &&
	       get32(frame + IP + 12) == peer->address &&
	       get32(frame + IP + 16) == OUR_ADDRESS &&
	       get16(frame + UDP) == peer->port &&
	       get16(frame + UDP + 2) == peer->our_port &&
	       get16(frame + UDP + 4) == UDP_SIZE + len;
}
