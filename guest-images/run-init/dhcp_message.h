/*
 * dhcp_message.h - what a DHCP client says and hears (RFC 2131, RFC 2132), with
 * the IPv4 and UDP headers around it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_PACKET_MAX 1500 /* bytes; of an Ethernet frame's content */
#define DHCP_DNS_MAX 3	     /* as many as a resolver asks */

/** enum dhcp_kind - option 53 */
enum dhcp_kind {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
};

/**
 * struct dhcp_lease - what a server offers or gives
 * @address: ours
 * @prefix:  bits of the network's part
 * @server:  who gives it
 * @router:  0.0.0.0: none
 * @dns:     name servers, @num_dns of them
 */
struct dhcp_lease {
	uint8_t address[4];
	uint8_t prefix;
	uint8_t server[4];
	uint8_t router[4];
	uint8_t dns[DHCP_DNS_MAX][4];
	size_t num_dns;
};

/**
 * dhcp_message_write() - an IPv4 packet for everybody
 * @buf:  DHCP_PACKET_MAX bytes
 * @kind: DHCP_DISCOVER, or DHCP_REQUEST for what @lease offers
 * @mac:  of our device
 * @id:   of the transaction
 *
 * Return: its length.
 */
size_t dhcp_message_write(uint8_t *buf, enum dhcp_kind kind,
			  const uint8_t mac[6], uint32_t id,
			  const struct dhcp_lease *lease);

/**
 * dhcp_message_read() - is an IPv4 packet an answer to us?
 * @lease: filled if it is an offer or an acknowledgement
 *
 * Return: its enum dhcp_kind, or -1: it is something else, not for us or wrong.
 */
int dhcp_message_read(struct dhcp_lease *lease, const uint8_t *packet,
		      size_t len, const uint8_t mac[6], uint32_t id);
