/* net_tap.c - a tap interface as network backend. */
#include "net_tap.h"

#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Known to Linux since 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
#define HOST_OFFLOADS                                                          \
	(NET_FEATURE(CSUM) | NET_FEATURE(HOST_TSO4) | NET_FEATURE(HOST_TSO6) | \
	 NET_FEATURE(HOST_ECN))
#define GUEST_OFFLOADS                                                         \
	(NET_FEATURE(GUEST_CSUM) | NET_FEATURE(GUEST_TSO4) |                   \
	 NET_FEATURE(GUEST_TSO6) | NET_FEATURE(GUEST_ECN))
#define USO                                                                    \
	(NET_FEATURE(HOST_USO) | NET_FEATURE(GUEST_USO4) |                     \
	 NET_FEATURE(GUEST_USO6))

static const struct {
	uint64_t feature;
	unsigned int flag;
} offloads[] = {
	{NET_FEATURE(GUEST_CSUM), TUN_F_CSUM},
	{NET_FEATURE(GUEST_TSO4), TUN_F_TSO4},
	{NET_FEATURE(GUEST_TSO6), TUN_F_TSO6},
	{NET_FEATURE(GUEST_ECN), TUN_F_TSO_ECN},
	{NET_FEATURE(GUEST_USO4), TUN_F_USO4},
	{NET_FEATURE(GUEST_USO6), TUN_F_USO6},
};

static int tap_offload(struct net_backend *tap, uint64_t features)
{
	unsigned int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++) {
		if (features & offloads[i].feature)
			flags |= offloads[i].flag;
	}
	return ioctl(tap->fd, TUNSETOFFLOAD, flags) ? -errno : 0;
}

static int tap_send(struct net_backend *tap,
		    const struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
		    unsigned int count)
{
	struct virtio_net_hdr_v1 copy = *hdr;
	ssize_t n;

	iov[0].iov_base = &copy;
	iov[0].iov_len = sizeof(copy);
	do
		n = writev(tap->fd, iov, (int)count);
	while (n < 0 && errno == EINTR);
	/* The interface was deleted: nobody is there any more. */
	if (n < 0 && (errno == EBADFD || errno == ENODEV))
		return -EPIPE;
	return n < 0 ? -errno : 0;
}

static ssize_t tap_receive(struct net_backend *tap,
			   struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
			   unsigned int count)
{
	ssize_t n;

	iov[0].iov_base = hdr;
	iov[0].iov_len = sizeof(*hdr);
	do
		n = readv(tap->fd, iov, (int)count);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EBADFD || errno == ENODEV))
		return -EPIPE;
	if (n < 0)
		return -errno;
	return n < (ssize_t)(sizeof(*hdr) + NET_FRAME_MIN)
		       ? -EBADMSG
		       : n - (ssize_t)sizeof(*hdr);
}

static void tap_destroy(struct net_backend *tap)
{
	(void)close(tap->fd); /* a tap is gone with its last descriptor */
	free(tap);
}

static const struct net_backend_ops tap_ops = {
	.name = "tap",
	.send = tap_send,
	.receive = tap_receive,
	.offload = tap_offload,
	.destroy = tap_destroy,
};

static int check_tap(int fd, struct err *err)
{
	struct ifreq ifr = {0};

	if (ioctl(fd, TUNGETIFF, &ifr))
		return err_setx(err, -EINVAL, "tap: not attached to a tap");
	if ((ifr.ifr_flags & TAP_FLAGS) != TAP_FLAGS)
		return err_setx(err, -EINVAL,
				"tap %.*s: needs IFF_TAP, IFF_NO_PI and "
				"IFF_VNET_HDR",
				IFNAMSIZ, ifr.ifr_name);
	return 0;
}

int net_tap_create(struct net_backend **out, int fd, struct err *err)
{
	int header = sizeof(struct virtio_net_hdr_v1), little_endian = 1;
	struct net_backend *tap;
	int rc, flags;

	rc = check_tap(fd, err);
	if (rc)
		return rc;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(fd, TUNSETVNETLE, &little_endian))
		return err_set(err, -errno, "tap: set-up");
	tap = calloc(1, sizeof(*tap));
	if (!tap)
		return err_set(err, -ENOMEM, "tap");
	tap->ops = &tap_ops;
	tap->fd = fd;
	tap->features = HOST_OFFLOADS | GUEST_OFFLOADS | USO;
	if (tap_offload(tap, tap->features))
		tap->features &= ~USO;
	(void)tap_offload(tap, 0); /* no flags are always accepted */
	*out = tap;
	return 0;
}
