/* dhcp_message.c - see dhcp_message.h. */
#include "dhcp_message.h"

#include <string.h>

/* IPv4 (RFC 791) and UDP (RFC 768). */
#define IP_SIZE 20U
#define UDP_SIZE 8U
#define IP_VERSION_LENGTH 0x45 /* version 4, five words of header */
#define IP_TTL 64
#define IP_UDP 17
#define IP_FRAGMENT 0x3fff /* more to come, or not the first */
#define SERVER_PORT 67
#define CLIENT_PORT 68

/* RFC 2131, figure 1: offsets in the message. */
#define AT_OP 0U
#define AT_TYPE 1U
#define AT_ADDRESS_SIZE 2U
#define AT_ID 4U
#define AT_ADDRESS 16U
#define AT_MAC 28U
#define AT_COOKIE 236U
#define AT_OPTIONS 240U
#define OP_ASKS 1
#define OP_ANSWERS 2
#define TYPE_ETHERNET 1
#define MAC_SIZE 6U
#define COOKIE 0x63825363U

/* RFC 2132 */
enum option {
	OPTION_PAD = 0,
	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_DNS = 6,
	OPTION_ADDRESS = 50,
	OPTION_KIND = 53,
	OPTION_SERVER = 54,
	OPTION_WANTED = 55,
	OPTION_END = 255,
};

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071; an even number of bytes. */
static unsigned int checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += get16(bytes + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static uint8_t *put_option(uint8_t *at, enum option option, const void *bytes,
			   uint8_t len)
{
	at[0] = (uint8_t)option;
	at[1] = len;
	memcpy(at + 2, bytes, len);
	return at + 2 + len;
}

static uint8_t *put_options(uint8_t *at, enum dhcp_kind kind,
			    const struct dhcp_lease *lease)
{
	static const uint8_t wanted[] = {OPTION_MASK, OPTION_ROUTER,
					 OPTION_DNS};
	const uint8_t byte = (uint8_t)kind;

	at = put_option(at, OPTION_KIND, &byte, sizeof(byte));
	if (kind == DHCP_REQUEST) {
		at = put_option(at, OPTION_ADDRESS, lease->address,
				sizeof(lease->address));
		at = put_option(at, OPTION_SERVER, lease->server,
				sizeof(lease->server));
	}
	at = put_option(at, OPTION_WANTED, wanted, sizeof(wanted));
	*at++ = OPTION_END;
	return at;
}

/* Around @len bytes of content. UDP's checksum is left out, as it may be. */
static void put_headers(uint8_t *ip, size_t len)
{
	static const uint8_t everybody[] = {255, 255, 255, 255};
	uint8_t *udp = ip + IP_SIZE;

	ip[0] = IP_VERSION_LENGTH;
	put16(ip + 2, (unsigned int)(IP_SIZE + UDP_SIZE + len));
	ip[8] = IP_TTL;
	ip[9] = IP_UDP;
	memcpy(ip + 16, everybody, sizeof(everybody));
	put16(ip + 10, checksum(ip, IP_SIZE));
	put16(udp, CLIENT_PORT);
	put16(udp + 2, SERVER_PORT);
	put16(udp + 4, (unsigned int)(UDP_SIZE + len));
}

size_t dhcp_message_write(uint8_t *buf, enum dhcp_kind kind,
			  const uint8_t mac[6], uint32_t id,
			  const struct dhcp_lease *lease)
{
	uint8_t *message = buf + IP_SIZE + UDP_SIZE;
	const uint8_t *end;

	memset(buf, 0, DHCP_PACKET_MAX);
	message[AT_OP] = OP_ASKS;
	message[AT_TYPE] = TYPE_ETHERNET;
	message[AT_ADDRESS_SIZE] = MAC_SIZE;
	put32(message + AT_ID, id);
	memcpy(message + AT_MAC, mac, MAC_SIZE);
	put32(message + AT_COOKIE, COOKIE);
	end = put_options(message + AT_OPTIONS, kind, lease);
	put_headers(buf, (size_t)(end - message));
	return (size_t)(end - buf);
}

/* Return: the content of a UDP packet from a server to a client, with its
 * length in @len; or NULL. */
static const uint8_t *find_message(const uint8_t *ip, size_t *len)
{
	size_t total, header, size;
	const uint8_t *udp;

	if (*len < IP_SIZE || ip[0] >> 4 != 4 || ip[9] != IP_UDP)
		return NULL;
	header = (size_t)(ip[0] & 0xf) * 4;
	total = get16(ip + 2);
	if (header < IP_SIZE || total > *len || total < header + UDP_SIZE ||
	    get16(ip + 6) & IP_FRAGMENT)
		return NULL;
	udp = ip + header;
	size = get16(udp + 4);
	if (get16(udp) != SERVER_PORT || get16(udp + 2) != CLIENT_PORT ||
	    size < UDP_SIZE || size > total - header)
		return NULL;
	*len = size - UDP_SIZE;
	return udp + UDP_SIZE;
}

static bool prefix_of(const uint8_t *mask, uint8_t *prefix)
{
	uint32_t rest = ~get32(mask);

	if (rest & (rest + 1))
		return false; /* a hole in it */
	*prefix = 32;
	for (; rest; rest >>= 1)
		--*prefix;
	return true;
}

static bool take_option(struct dhcp_lease *lease, int *kind, enum option option,
			const uint8_t *bytes, uint8_t len)
{
	switch (option) {
	case OPTION_KIND:
		*kind = len == 1 ? bytes[0] : -1;
		return len == 1;
	case OPTION_MASK:
		return len == 4 && prefix_of(bytes, &lease->prefix);
	case OPTION_SERVER:
		if (len == 4)
			memcpy(lease->server, bytes, 4);
		return len == 4;
	case OPTION_ROUTER:
		if (len >= 4)
			memcpy(lease->router, bytes, 4); /* the first is best */
		return len >= 4;
	case OPTION_DNS:
		for (; len >= 4 && lease->num_dns < DHCP_DNS_MAX; len -= 4) {
			memcpy(lease->dns[lease->num_dns++], bytes, 4);
			bytes += 4;
		}
		return true;
	default:
		return true;
	}
}

/* Return: the kind, or -1. */
static int read_options(struct dhcp_lease *lease, const uint8_t *at,
			const uint8_t *end)
{
	int kind = -1;

	while (at < end && *at != OPTION_END) {
		uint8_t len;

		if (*at == OPTION_PAD) {
			at++;
			continue;
		}
		if (end - at < 2)
			return -1;
		len = at[1];
		if (end - at - 2 < len ||
		    !take_option(lease, &kind, (enum option)at[0], at + 2, len))
			return -1;
		at += 2 + len;
	}
	return kind;
}

int dhcp_message_read(struct dhcp_lease *lease, const uint8_t *packet,
		      size_t len, const uint8_t mac[6], uint32_t id)
{
	const uint8_t *message = find_message(packet, &len);

	*lease = (struct dhcp_lease){.prefix = 32};
	if (!message || len < AT_OPTIONS || message[AT_OP] != OP_ANSWERS ||
	    get32(message + AT_ID) != id ||
	    memcmp(message + AT_MAC, mac, MAC_SIZE) != 0 ||
	    get32(message + AT_COOKIE) != COOKIE)
		return -1;
	memcpy(lease->address, message + AT_ADDRESS, sizeof(lease->address));
	return read_options(lease, message + AT_OPTIONS, message + len);
}
