/* host_net.c - taps and passt. */
#include "host_net.h"

#include "cleanup.h"
#include "tap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int open_tap(struct vm_net *net, const char *vm, struct err *err)
{
	char name[IFNAMSIZ];
	int rc;

	(void)snprintf(name, sizeof(name), "%s", net->tap ? net->tap : "lwx%d");
	rc = tap_open(&net->fd, name, net->bridge, net->mtu, err);
	if (!rc)
		return 0;
	(void)err_prefix(err, "%s", vm);
	if (rc == -EPERM)
		return err_setx(err, rc,
				"%s: tap: not permitted: run as root, or use "
				"type = \"passt\"",
				vm);
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
	return net->type == VM_NET_TAP ? open_tap(net, vm, err)
				       : open_passt(net, vm, err);
}
