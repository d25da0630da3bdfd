/* host_net.c - taps, bridges and passt. */
#include "host_net.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int open_tap(const struct vm_net *net, const char *vm,
		    struct ifreq *request, struct err *err)
{
	const char *name = net->tap ? net->tap : "lwx%d";
	AUTO_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "%s: /dev/net/tun", vm);
	memset(request, 0, sizeof(*request));
	request->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	(void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s",
		       name);
	if (!ioctl(fd, TUNSETIFF, request))
		return steal_fd(&fd);
	if (errno == EPERM)
		return err_setx(err, -EPERM,
				"%s: tap: not permitted: run as root, or use "
				"type = \"passt\"",
				vm);
	if (errno == EBUSY)
		return err_setx(err, -EBUSY, "%s: tap %s: in use", vm, name);
	return err_set(err, -errno, "%s: tap %s", vm, name);
}

static int bridge_error(const struct vm_net *net, const char *vm, int error,
			struct err *err)
{
	if (error == ENODEV || error == EOPNOTSUPP)
		return err_setx(err, -error,
				"%s: there is no bridge %s: make it with  ip "
				"link add %s type bridge",
				vm, net->bridge, net->bridge);
	return err_set(err, -error, "%s: bridge %s", vm, net->bridge);
}

/* Put the tap on its bridge, if it has one, and bring it up. */
static int connect_tap(const struct vm_net *net, const char *vm,
		       struct ifreq *request, struct err *err)
{
	AUTO_CLOSE int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq bridge = {0};

	if (control < 0)
		return err_set(err, -errno, "%s: socket", vm);
	if (net->bridge) {
		bridge.ifr_ifindex = (int)if_nametoindex(request->ifr_name);
		(void)snprintf(bridge.ifr_name, sizeof(bridge.ifr_name), "%s",
			       net->bridge);
		if (ioctl(control, SIOCBRADDIF, &bridge))
			return bridge_error(net, vm, errno, err);
	}
	if (ioctl(control, SIOCGIFFLAGS, request))
		return err_set(err, -errno, "%s: tap %s", vm,
			       request->ifr_name);
	request->ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, request))
		return err_set(err, -errno, "%s: tap %s up", vm,
			       request->ifr_name);
	return 0;
}

static int open_connected_tap(struct vm_net *net, const char *vm,
			      struct err *err)
{
	struct ifreq request;
	AUTO_CLOSE int fd = open_tap(net, vm, &request, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = connect_tap(net, vm, &request, err);
	if (!rc)
		net->fd = steal_fd(&fd);
	return rc;
}

/* passt takes one end, sets itself up, goes to the background and ends when
 * the other end closes. */
static int open_passt(struct vm_net *net, const char *vm, struct err *err)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	char number[16];
	char program[] = "passt", quiet[] = "--quiet", option[] = "--fd";
	char *const argv[] = {program, quiet, option, number, NULL};
	int pair[2], rc, status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(err, -errno, "%s: passt: socket pair", vm);
	ours = pair[0];
	theirs = pair[1];
	(void)snprintf(number, sizeof(number), "%d", theirs);
	if (fcntl(theirs, F_SETFD, 0))
		return err_set(err, -errno, "%s: passt", vm);
	rc = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	if (rc == ENOENT)
		return err_setx(err, -ENOENT,
				"%s: passt is not installed: apt-get install "
				"passt",
				vm);
	if (rc)
		return err_set(err, -rc, "%s: passt", vm);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_set(err, -errno, "%s: passt", vm);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_setx(err, -EIO,
				"%s: passt failed; what it said is above", vm);
	net->fd = steal_fd(&ours);
	return 0;
}

int host_net_open(struct vm_net *net, const char *vm, struct err *err)
{
	if (net->fd >= 0)
		return 0;
	return net->type == VM_NET_TAP ? open_connected_tap(net, vm, err)
				       : open_passt(net, vm, err);
}
