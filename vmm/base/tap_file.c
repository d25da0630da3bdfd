/* tap_file.c - open a tap interface. */
#include "tap_file.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct ifreq request_for(const char *name)
{
	struct ifreq ifr = {0};

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.*s", IFNAMSIZ - 1,
		       name);
	return ifr;
}

static int attach(int fd, char *name, struct err *err)
{
	struct ifreq ifr = request_for(name);

	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	if (ioctl(fd, TUNSETIFF, &ifr))
		return err_set(err, -errno, "tap %s", name);
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return 0;
}

static int set_mtu(int control, const char *name, uint32_t mtu, struct err *err)
{
	struct ifreq ifr = request_for(name);

	if (!mtu)
		return 0;
	if (!ioctl(control, SIOCGIFMTU, &ifr) && ifr.ifr_mtu == (int)mtu)
		return 0;
	ifr.ifr_mtu = (int)mtu;
	if (ioctl(control, SIOCSIFMTU, &ifr))
		return err_set(err, -errno, "tap %s: mtu %u", name, mtu);
	return 0;
}

static bool is_port_of(const char *bridge, const char *name)
{
	char path[96];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.*s/brif/%.*s",
		       IFNAMSIZ - 1, bridge, IFNAMSIZ - 1, name);
	return !stat(path, &st);
}

static int join_bridge(int control, const char *name, const char *bridge,
		       struct err *err)
{
	struct ifreq ifr = request_for(bridge);

	if (!bridge[0] || is_port_of(bridge, name))
		return 0;
	ifr.ifr_ifindex = (int)if_nametoindex(name);
	if (!ifr.ifr_ifindex)
		return err_set(err, -errno, "tap %s", name);
	if (ioctl(control, SIOCBRADDIF, &ifr))
		return err_set(err, -errno, "tap %s: bridge %s", name, bridge);
	return 0;
}

static int bring_up(int control, const char *name, struct err *err)
{
	struct ifreq ifr = request_for(name);

	if (ioctl(control, SIOCGIFFLAGS, &ifr))
		return err_set(err, -errno, "tap %s: flags", name);
	if (ifr.ifr_flags & IFF_UP)
		return 0;
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &ifr))
		return err_set(err, -errno, "tap %s: bring up", name);
	return 0;
}

int tap_open(int *out, char name[IFNAMSIZ], const char *bridge, uint32_t mtu,
	     struct err *err)
{
	AUTO_CLOSE int control = -1;
	AUTO_CLOSE int fd = -1;
	int rc;

	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, -errno, "tap %s: /dev/net/tun", name);
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		return err_set(err, -errno, "tap %s: socket", name);
	rc = attach(fd, name, err);
	if (!rc)
		rc = set_mtu(control, name, mtu, err);
	if (!rc)
		rc = join_bridge(control, name, bridge ? bridge : "", err);
	if (!rc)
		rc = bring_up(control, name, err);
	if (rc)
		return rc;
	*out = steal_fd(&fd);
	return 0;
}
