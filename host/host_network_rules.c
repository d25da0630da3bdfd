/* host_network_rules.c - input of nft and dnsmasq for a network. */
#include "host_network_priv.h"

#include <arpa/inet.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "10.20.0.1/24" to "10.20.0.0" and "255.255.255.0" */
static void range_of(const char *cidr, char network[INET_ADDRSTRLEN],
		     char mask[INET_ADDRSTRLEN], unsigned int *bits)
{
	uint32_t address = 0;
	struct in_addr in;

	*bits = 24;
	(void)schema_parse_cidr(cidr, &address, bits); /* was checked */
	in.s_addr = htonl(UINT32_MAX << (32 - *bits));
	(void)inet_ntop(AF_INET, &in, mask, INET_ADDRSTRLEN);
	in.s_addr &= htonl(address);
	(void)inet_ntop(AF_INET, &in, network, INET_ADDRSTRLEN);
}

/* "fd20::1/64" to "fd20::" */
static void range6_of(const char *cidr, char network[INET6_ADDRSTRLEN])
{
	struct in6_addr in6 = {0};

	(void)snprintf(network, INET6_ADDRSTRLEN, "%.*s",
		       (int)strcspn(cidr, "/"), cidr);
	(void)inet_pton(AF_INET6, network, &in6); /* was checked */
	memset(&in6.s6_addr[8], 0, 8);
	(void)inet_ntop(AF_INET6, &in6, network, INET6_ADDRSTRLEN);
}

/* What a guest makes of an advertised prefix and its MAC address: RFC 4291,
 * appendix A. Return: false if there is none. */
static bool address6_of(const struct network_state *state, const char *mac,
			char address[INET6_ADDRSTRLEN])
{
	struct in6_addr in6 = {0};
	struct ether_addr ether;

	if (!state->address6[0] || !ether_aton_r(mac, &ether))
		return false;
	range6_of(state->address6, address);
	(void)inet_pton(AF_INET6, address, &in6); /* it has just been made */
	memcpy(&in6.s6_addr[8], &ether.ether_addr_octet[0], 3);
	in6.s6_addr[8] ^= 2;
	in6.s6_addr[11] = 0xff;
	in6.s6_addr[12] = 0xfe;
	memcpy(&in6.s6_addr[13], &ether.ether_addr_octet[3], 3);
	(void)inet_ntop(AF_INET6, &in6, address, INET6_ADDRSTRLEN);
	return true;
}

/* The host's ::1 has no way to a bridge, as 127.0.0.1 has by route_localnet. */
static void put_member(FILE *f, const struct network_state *state,
		       const struct network_member *m)
{
	char address6[INET6_ADDRSTRLEN];
	bool v6 = address6_of(state, m->mac, address6);

	for (size_t i = 0; i < m->num_publish; i++) {
		const struct host_publish *publish = &m->publish[i];
		const char *proto = host_publish_proto(publish);

		if (m->address[0])
			(void)fprintf(f,
				      "\t\tmeta nfproto ipv4 %s dport %u dnat "
				      "ip to %s:%u\n",
				      proto, publish->host_port, m->address,
				      publish->guest_port);
		if (v6)
			(void)fprintf(f,
				      "\t\tip6 daddr != ::1 %s dport %u dnat "
				      "ip6 to [%s]:%u\n",
				      proto, publish->host_port, address6,
				      publish->guest_port);
	}
}

static void put_published(FILE *f, const struct network_state *state)
{
	(void)fprintf(f, "\tchain published {\n");
	for (size_t i = 0; i < state->num_members; i++)
		put_member(f, state, &state->members[i]);
	(void)fprintf(f, "\t}\n"
			 "\tchain from_outside {\n"
			 "\t\ttype nat hook prerouting priority dstnat;\n"
			 "\t\tfib daddr type local jump published\n"
			 "\t}\n"
			 "\tchain from_host {\n"
			 "\t\ttype nat hook output priority -100;\n"
			 "\t\tfib daddr type local jump published\n"
			 "\t}\n");
}

/* A guest must answer through us what came in by a published port: from the
 * host's own 127.0.0.1, and from another guest of the bridge. */
static void put_source(FILE *f, const struct network_state *state)
{
	const char *bridge = state->bridge;
	char network[INET6_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
	unsigned int bits;

	(void)fprintf(f, "\tchain source {\n"
			 "\t\ttype nat hook postrouting priority srcnat;\n");
	if (state->address[0]) {
		range_of(state->address, network, mask, &bits);
		(void)fprintf(f,
			      "\t\toifname \"%s\" ip saddr 127.0.0.0/8 "
			      "masquerade\n"
			      "\t\toifname \"%s\" ip saddr %s/%u ct status "
			      "dnat masquerade\n",
			      bridge, bridge, network, bits);
		if (state->nat)
			(void)fprintf(f,
				      "\t\toifname != \"%s\" ip saddr %s/%u "
				      "masquerade\n",
				      bridge, network, bits);
	}
	if (state->address6[0]) {
		range6_of(state->address6, network);
		(void)fprintf(f,
			      "\t\toifname \"%s\" ip6 saddr %s/64 ct status "
			      "dnat masquerade\n",
			      bridge, network);
		if (state->nat)
			(void)fprintf(f,
				      "\t\toifname != \"%s\" ip6 saddr %s/64 "
				      "masquerade\n",
				      bridge, network);
	}
	(void)fprintf(f, "\t}\n");
}

char *network_rules(const struct network_state *state)
{
	const char *bridge = state->bridge;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	/* One transaction; deleting needs something to delete. */
	(void)fprintf(f,
		      "table inet lwx-%s\n"
		      "delete table inet lwx-%s\n"
		      "table inet lwx-%s {\n",
		      bridge, bridge, bridge);
	put_published(f, state);
	put_source(f, state);
	/* route_localnet lets the host publish on 127.0.0.1; a guest must not
	 * reach what listens there. Before connections are looked up, so that
	 * answers still have the bridge's address. */
	(void)fprintf(f,
		      "\tchain guard {\n"
		      "\t\ttype filter hook prerouting priority raw;\n"
		      "\t\tiifname \"%s\" ip daddr 127.0.0.0/8 drop\n"
		      "\t}\n",
		      bridge);
	if (state->nat)
		(void)fprintf(f,
			      "\tchain forward {\n"
			      "\t\ttype filter hook forward priority filter;\n"
			      "\t\tiifname \"%s\" accept\n"
			      "\t\toifname \"%s\" ct state established,related "
			      "accept\n"
			      "\t\toifname \"%s\" ct status dnat accept\n"
			      "\t\toifname \"%s\" drop\n"
			      "\t}\n",
			      bridge, bridge, bridge, bridge);
	(void)fprintf(f, "}\n");
	return fclose(f) ? NULL : text;
}

static void put_hosts(FILE *f, const struct network_state *state)
{
	for (size_t i = 0; i < state->num_members; i++) {
		const struct network_member *m = &state->members[i];

		if (m->address[0])
			(void)fprintf(f,
				      "dhcp-host=%s,%s,%s\n"
				      "host-record=%s,%s\n"
				      "local=/%s/\n",
				      m->mac, m->address, m->name, m->name,
				      m->address, m->name);
	}
}

char *network_dnsmasq(const struct network_state *state, const char *dir,
		      const char *user)
{
	char network[INET6_ADDRSTRLEN], mask[INET_ADDRSTRLEN], *text = NULL;
	unsigned int bits;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	(void)fprintf(f,
		      "interface=%s\n"
		      "except-interface=lo\n"
		      "bind-dynamic\n"
		      "user=%s\n"
		      "pid-file=%s/dnsmasq.pid\n"
		      "no-hosts\n"
		      "leasefile-ro\n",
		      state->bridge, user, dir);
	if (state->dhcp) {
		range_of(state->address, network, mask, &bits);
		(void)fprintf(f,
			      "dhcp-authoritative\n"
			      "dhcp-range=%s,static,%s,1h\n",
			      network, mask);
		if (!state->nat)
			(void)fprintf(f, "dhcp-option=option:router\n");
		put_hosts(f, state);
	} else {
		(void)fprintf(f, "port=0\n");
	}
	if (state->address6[0]) {
		range6_of(state->address6, network);
		(void)fprintf(f,
			      "enable-ra\n"
			      "dhcp-range=%s,ra-only,64,1h\n",
			      network);
		/* Lifetime 0: it is no way out. */
		if (!state->nat)
			(void)fprintf(f, "ra-param=%s,0,0\n", state->bridge);
	}
	return fclose(f) ? NULL : text;
}

bool network_needs_dnsmasq(const struct network_state *state)
{
	/* Beyond a port another router advertises. */
	return state->dhcp || (state->address6[0] && !state->port[0]);
}
