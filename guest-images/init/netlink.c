/*
 * netlink.c - see netlink.h. rtnetlink(7).
 */
#include "netlink.h"

#include "cleanup.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/**
 * struct request - a message that grows
 * @head:  of the message
 * @bytes: what follows
 */
struct request {
	struct nlmsghdr head;
	char bytes[1024];
};

static void *extend(struct request *request, size_t size)
{
	size_t at = NLMSG_ALIGN(request->head.nlmsg_len);

	if (at + NLMSG_ALIGN(size) > sizeof(*request))
		return NULL; /* names are short: not reached */
	request->head.nlmsg_len = (uint32_t)(at + size);
	return (char *)request + at;
}

static void *begin(struct request *request, uint16_t type, uint16_t flags,
		   size_t size)
{
	memset(request, 0, sizeof(*request));
	request->head.nlmsg_len = NLMSG_HDRLEN;
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags =
		(uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return extend(request, size);
}

static void add(struct request *request, uint16_t type, const void *bytes,
		size_t size)
{
	struct rtattr *attr = extend(request, RTA_LENGTH(size));

	if (!attr)
		return;
	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), bytes, size);
}

static struct rtattr *open_nest(struct request *request, uint16_t type)
{
	size_t at = NLMSG_ALIGN(request->head.nlmsg_len);

	add(request, type, NULL, 0);
	return (struct rtattr *)(void *)((char *)request + at);
}

static void close_nest(const struct request *request, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((const char *)request +
				   request->head.nlmsg_len - (char *)nest);
}

static int talk(const struct request *request)
{
	AUTO_CLOSE int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} answer;
	const struct nlmsgerr *error = NLMSG_DATA(&answer.head);
	ssize_t n;

	if (fd < 0 || send(fd, request, request->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(*error)) ||
	    answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return error->error;
}

static bool name_ok(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ;
}

int netlink_link_up(const char *name)
{
	struct request request;
	struct ifinfomsg *link = begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = (int)if_nametoindex(name);
	if (!link->ifi_index)
		return -ENODEV;
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	return talk(&request);
}

int netlink_link_move(const char *name, pid_t pid)
{
	struct request request;
	struct ifinfomsg *link = begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = (int)if_nametoindex(name);
	if (!link->ifi_index)
		return -ENODEV;
	add(&request, IFLA_NET_NS_PID, &pid, sizeof(uint32_t));
	return talk(&request);
}

int netlink_link_new(const char *name, const char *type, const char *peer,
		     pid_t pid)
{
	struct request request;
	struct rtattr *info;

	(void)begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
		    sizeof(struct ifinfomsg));
	if (!name_ok(name) || (peer && !name_ok(peer)) || strlen(type) > 32)
		return -EINVAL;
	add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	if (pid)
		add(&request, IFLA_NET_NS_PID, &pid, sizeof(uint32_t));
	info = open_nest(&request, IFLA_LINKINFO);
	add(&request, IFLA_INFO_KIND, type, strlen(type));
	if (peer) {
		struct rtattr *data = open_nest(&request, IFLA_INFO_DATA);
		struct rtattr *end = open_nest(&request, VETH_INFO_PEER);

		(void)extend(&request, sizeof(struct ifinfomsg));
		add(&request, IFLA_IFNAME, peer, strlen(peer) + 1);
		close_nest(&request, end);
		close_nest(&request, data);
	}
	close_nest(&request, info);
	return talk(&request);
}

static int address_talk(uint16_t type, uint16_t flags, const char *name,
			const uint8_t *bytes, size_t size, uint8_t prefix)
{
	struct request request;
	struct ifaddrmsg *address =
		begin(&request, type, flags, sizeof(*address));

	address->ifa_family = size == 4 ? AF_INET : AF_INET6;
	address->ifa_prefixlen = prefix;
	address->ifa_index = if_nametoindex(name);
	if (!address->ifa_index)
		return -ENODEV;
	add(&request, IFA_LOCAL, bytes, size);
	add(&request, IFA_ADDRESS, bytes, size);
	return talk(&request);
}

int netlink_address(const char *name, const uint8_t *bytes, size_t size,
		    uint8_t prefix)
{
	return address_talk(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, name,
			    bytes, size, prefix);
}

int netlink_address_drop(const char *name, const uint8_t *bytes, size_t size,
			 uint8_t prefix)
{
	return address_talk(RTM_DELADDR, 0, name, bytes, size, prefix);
}

int netlink_gateway(const char *name, const uint8_t *bytes, size_t size)
{
	struct request request;
	uint32_t index = if_nametoindex(name);
	struct rtmsg *route =
		begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
		      sizeof(*route));

	if (!index)
		return -ENODEV;
	route->rtm_family = size == 4 ? AF_INET : AF_INET6;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_BOOT;
	route->rtm_scope = RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	add(&request, RTA_GATEWAY, bytes, size);
	add(&request, RTA_OIF, &index, sizeof(index));
	return talk(&request);
}
