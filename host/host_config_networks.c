/* host_config_networks.c - networks of host.cfg and what VMs ask of them. */
#include "host_config_priv.h"
#include "host_publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool host_network_is_made(const struct host_network *network)
{
	return network->address || network->address6 || network->port ||
	       network->nat || network->dhcp;
}

/* It becomes the name of an nftables table and of files. */
static bool is_plain(const char *name)
{
	return name[0] != '.' && name[0] != '-' &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

static bool is_prefix64(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (!slash || strcmp(slash, "/64") != 0 ||
	    (size_t)(slash - text) >= sizeof(address))
		return false;
	(void)snprintf(address, sizeof(address), "%.*s", (int)(slash - text),
		       text);
	return inet_pton(AF_INET6, address, &in6) == 1 &&
	       !IN6_IS_ADDR_MULTICAST(&in6) && !IN6_IS_ADDR_LINKLOCAL(&in6);
}

static void name_bridge(struct host_loader *l, struct host_network *network,
			const char *prefix)
{
	char key[HOST_KEY_MAX];
	size_t len;

	if (!network->name || !host_network_is_made(network))
		return;
	len = strlen(network->name);
	(void)snprintf(key, sizeof(key), "%s.bridge", prefix);
	if (!network->bridge && len > 15) {
		host_config_refuse(l, key,
				   "missing, and the network's name is too "
				   "long for an interface: set bridge = "
				   "\"lwx0\"");
		return;
	}
	if (!network->bridge)
		network->bridge = strdup(network->name);
	if (!network->bridge)
		l->rc = -ENOMEM;
	else if (!is_plain(network->bridge))
		host_config_refuse(l, key,
				   "\"%s\": lwx-vm makes this bridge: use "
				   "letters, digits, _ . and -",
				   network->bridge);
}

static void check_network(struct host_loader *l, struct host_network *network,
			  const char *prefix)
{
	char key[HOST_KEY_MAX];

	name_bridge(l, network, prefix);
	if (!network->address && (network->nat || network->dhcp)) {
		(void)snprintf(key, sizeof(key), "%s.%s", prefix,
			       network->nat ? "nat" : "dhcp");
		host_config_refuse(l, key,
				   "needs an address: set address = "
				   "\"10.20.0.1/24\"");
	}
	if (network->address6 && !is_prefix64(network->address6)) {
		(void)snprintf(key, sizeof(key), "%s.address6", prefix);
		host_config_refuse(l, key,
				   "\"%s\": need an IPv6 address with /64 such "
				   "as \"fd20::1/64\"",
				   network->address6);
	}
	if (network->port && (network->nat || network->dhcp)) {
		(void)snprintf(key, sizeof(key), "%s.port", prefix);
		host_config_refuse(l, key,
				   "not beside nat or dhcp, which would serve "
				   "all of that network: drop it, or them");
	}
}

/* Return: is @text an address of a guest in @network? */
static bool fits(const struct host_network *network, const char *text)
{
	uint32_t own = 0, host_mask;
	unsigned int bits = 32;
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1 ||
	    schema_parse_cidr(network->address, &own, &bits))
		return false;
	host_mask = UINT32_MAX >> bits;
	return !((ntohl(in.s_addr) ^ own) & ~host_mask) &&
	       ntohl(in.s_addr) != own && (ntohl(in.s_addr) & host_mask) &&
	       (ntohl(in.s_addr) & host_mask) != host_mask;
}

static void check_publish(struct host_loader *l, const struct vm_net *net,
			  bool reachable, const char *prefix)
{
	char key[HOST_KEY_MAX];
	struct host_publish publish;

	for (size_t i = 0; i < net->num_publish; i++) {
		(void)snprintf(key, sizeof(key), "%.40s.publish[%zu]", prefix,
			       i);
		if (host_publish_parse(net->publish[i], &publish))
			host_config_refuse(l, key,
					   "\"%s\": need ports of host and "
					   "guest such as \"8080:80\" or "
					   "\"53:53/udp\"",
					   net->publish[i]);
		else if (!reachable)
			host_config_refuse(l, key,
					   "the guest's address is not known: "
					   "use a network with dhcp = true, or "
					   "set address here");
	}
}

static void check_net(struct host_loader *l, const struct vm_net *net,
		      const char *prefix)
{
	const struct host_network *network =
		net->network ? host_config_network(l->hc, net->network) : NULL;
	bool addressed = network && network->address;
	char key[HOST_KEY_MAX];

	(void)snprintf(key, sizeof(key), "%.40s.address", prefix);
	if (net->address && !addressed)
		host_config_refuse(l, key,
				   "needs a network with an address: name it "
				   "in network");
	else if (net->address && !fits(network, net->address))
		host_config_refuse(l, key,
				   "\"%s\": need an address of a guest in %s",
				   net->address, network->address);
	check_publish(l, net, addressed && (network->dhcp || net->address),
		      prefix);
}

void host_config_check_networks(struct host_loader *l)
{
	struct host_config *hc = l->hc;
	char prefix[HOST_KEY_MAX - 16];

	for (size_t i = 0; i < hc->num_networks; i++) {
		(void)snprintf(prefix, sizeof(prefix), "networks[%zu]", i);
		check_network(l, &hc->networks[i], prefix);
	}
	for (size_t i = 0; i < hc->num_vms; i++)
		for (size_t j = 0; j < hc->vms[i].num_nets; j++) {
			(void)snprintf(prefix, sizeof(prefix),
				       "vms[%zu].nets[%zu]", i, j);
			check_net(l, &hc->vms[i].nets[j], prefix);
		}
}

static bool is_taken(const struct host_config *hc, const char *network,
		     const char *address)
{
	for (size_t i = 0; i < hc->num_vms; i++)
		for (size_t j = 0; j < hc->vms[i].num_nets; j++) {
			const struct vm_net *net = &hc->vms[i].nets[j];

			if (net->network && net->address &&
			    !strcmp(net->network, network) &&
			    !strcmp(net->address, address))
				return true;
		}
	return false;
}

/* *@next is the host part to look at first; a full range assigns nothing. */
static int assign(const struct host_config *hc,
		  const struct host_network *network, struct vm_net *net,
		  uint32_t *next)
{
	char text[INET_ADDRSTRLEN];
	uint32_t own = 0, mask;
	unsigned int bits = 32;
	struct in_addr in;

	(void)schema_parse_cidr(network->address, &own, &bits);
	mask = UINT32_MAX >> bits;
	for (; *next < mask; ++*next) {
		in.s_addr = htonl((own & ~mask) | *next);
		(void)inet_ntop(AF_INET, &in, text, sizeof(text));
		if (ntohl(in.s_addr) == own ||
		    is_taken(hc, network->name, text))
			continue;
		net->address = strdup(text);
		return net->address ? 0 : -ENOMEM;
	}
	return 0;
}

int host_config_assign(struct host_config *hc)
{
	for (size_t i = 0; i < hc->num_networks; i++) {
		const struct host_network *network = &hc->networks[i];
		uint32_t next = 2;

		for (size_t j = 0; network->dhcp && j < hc->num_vms; j++)
			for (size_t k = 0; k < hc->vms[j].num_nets; k++) {
				struct vm_net *net = &hc->vms[j].nets[k];

				if (!net->network || net->address ||
				    strcmp(net->network, network->name) != 0)
					continue;
				if (assign(hc, network, net, &next))
					return -ENOMEM;
			}
	}
	return 0;
}
