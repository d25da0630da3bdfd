/* user_net.c - see user_net.h. */
#include "user_net.h"

#include "dhcp_message.h"
#include "root_init.h"

#include "cleanup.h"
#include "macros.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define TRIES 8
#define FIRST_WAIT_MS 100 /* doubled up to MAX_WAIT_MS: nine seconds */
#define MAX_WAIT_MS 2000
#define STRAY_MAX 64 /* packets for others in one wait */

/*
 * @fd:    a packet socket (packet(7)): the kernel takes no packet for an
 *         address that the device does not have yet
 * @index: of the device
 * @mac:   its address
 * @id:    of the transaction
 */
struct client {
	int fd;
	int index;
	uint8_t mac[6];
	uint32_t id;
};

static int open_client(struct client *client, const char *device)
{
	struct ifreq request = {0};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
	};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s",
		       device);
	client->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || ioctl(client->fd, SIOCGIFHWADDR, &request))
		return -errno;
	memcpy(client->mac, request.ifr_hwaddr.sa_data, sizeof(client->mac));
	client->index = (int)if_nametoindex(device);
	address.sll_ifindex = client->index;
	if (bind(client->fd, (const struct sockaddr *)&address,
		 sizeof(address)) ||
	    getrandom(&client->id, sizeof(client->id), 0) < 0)
		return -errno;
	return 0;
}

static int say(const struct client *client, enum dhcp_kind kind,
	       const struct dhcp_lease *lease)
{
	struct sockaddr_ll everybody = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = client->index,
		.sll_halen = sizeof(client->mac),
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};
	uint8_t packet[DHCP_PACKET_MAX];
	size_t len = dhcp_message_write(packet, kind, client->mac, client->id,
					lease);

	return sendto(client->fd, packet, len, 0,
		      (const struct sockaddr *)&everybody,
		      sizeof(everybody)) < 0
		       ? -errno
		       : 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Return: the kind of an answer, or -1 if none came. */
static int hear(const struct client *client, struct dhcp_lease *lease,
		int wait_ms)
{
	struct pollfd pfd = {.fd = client->fd, .events = POLLIN};
	int64_t end = now_ms() + wait_ms;
	uint8_t packet[DHCP_PACKET_MAX];

	for (int i = 0; i < STRAY_MAX; i++) {
		int64_t left = end - now_ms();
		ssize_t n;
		int kind;

		if (left <= 0 || poll(&pfd, 1, (int)left) <= 0)
			break;
		n = recv(client->fd, packet, sizeof(packet), 0);
		kind = n < 0 ? -1
			     : dhcp_message_read(lease, packet, (size_t)n,
						 client->mac, client->id);
		if (kind >= 0)
			return kind;
	}
	return -1;
}

/* One question until its answer comes. Return: 0 or a negative errno. */
static int ask(const struct client *client, enum dhcp_kind question,
	       enum dhcp_kind answer, struct dhcp_lease *lease)
{
	int wait_ms = FIRST_WAIT_MS;

	for (int i = 0; i < TRIES; i++) {
		struct dhcp_lease got = {0};
		int rc = say(client, question, lease);
		int kind = rc ? -1 : hear(client, &got, wait_ms);

		if (rc)
			return rc;
		if (kind == (int)answer) {
			*lease = got;
			return 0;
		}
		if (kind == DHCP_NAK)
			return -EADDRNOTAVAIL;
		wait_ms = wait_ms * 2 < MAX_WAIT_MS ? wait_ms * 2 : MAX_WAIT_MS;
	}
	return -ETIMEDOUT;
}

static int get_lease(const char *device, struct dhcp_lease *lease)
{
	struct client client = {.fd = -1};
	int rc = open_client(&client, device);

	if (!rc)
		rc = ask(&client, DHCP_DISCOVER, DHCP_OFFER, lease);
	if (!rc)
		rc = ask(&client, DHCP_REQUEST, DHCP_ACK, lease);
	if (client.fd >= 0)
		(void)close(client.fd);
	return rc;
}

/* The root's own may be a link to a file that only a running system has. */
static void write_resolv(const char *root, const struct dhcp_lease *lease)
{
	char path[64], text[INET_ADDRSTRLEN];
	FILE *out;

	if (!lease->num_dns)
		return;
	(void)snprintf(path, sizeof(path), "%s/etc", root);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/etc/resolv.conf", root);
	(void)unlink(path);
	out = fopen(path, "we");
	for (size_t i = 0; out && i < lease->num_dns; i++)
		if (inet_ntop(AF_INET, lease->dns[i], text, sizeof(text)))
			(void)fprintf(out, "nameserver %s\n", text);
	if (!out || fclose(out))
		root_say(errno, "/etc/resolv.conf");
}

/* A line of if_inet6: address, index, prefix, scope (0: global), flags, device.
 */
static bool is_global(char *line, const char *device)
{
	char *words[6] = {NULL};
	char *save = NULL;
	size_t num = 0;

	for (char *word = strtok_r(line, " \n", &save);
	     word && num < ARRAY_SIZE(words);
	     word = strtok_r(NULL, " \n", &save))
		words[num++] = word;
	return num == ARRAY_SIZE(words) && strcmp(words[3], "00") == 0 &&
	       strcmp(words[5], device) == 0;
}

/* Has the kernel found an address by IPv6, of the whole network? */
static bool has_ipv6(const char *device)
{
	FILE *list = fopen("/proc/net/if_inet6", "re");
	char line[128];
	bool found = false;

	while (list && !found && fgets(line, sizeof(line), list))
		found = is_global(line, device);
	if (list)
		(void)fclose(list);
	return found;
}

int user_net_start(const char *device, const char *root)
{
	static const uint8_t none[4];
	struct dhcp_lease lease = {0};
	int rc = netlink_link_up(device);

	if (!rc)
		rc = get_lease(device, &lease);
	if (rc == -ETIMEDOUT && has_ipv6(device))
		return 0;
	if (!rc)
		rc = netlink_address(device, lease.address, 4, lease.prefix);
	if (!rc && memcmp(lease.router, none, sizeof(none)) != 0)
		rc = netlink_gateway(device, lease.router, 4);
	if (rc) {
		root_say(-rc, "%s: network by DHCP", device);
		return -1;
	}
	write_resolv(root, &lease);
	return 0;
}
