/* host_net.c - taps and passt. */
#include "host_net.h"

#include "cleanup.h"
#include "tap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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

/* What it says when all is well (that it is not root any more, say) would be in
 * the way of a command's own errors: it goes to @said. */
static int spawn_passt(pid_t *pid, int socket_fd, int said)
{
	char number[16];
	char program[] = "passt", quiet[] = "--quiet", option[] = "--fd";
	char *const argv[] = {program, quiet, option, number, NULL};
	posix_spawn_file_actions_t actions;
	int rc;

	(void)snprintf(number, sizeof(number), "%d", socket_fd);
	if (fcntl(socket_fd, F_SETFD, 0))
		return -errno;
	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return -rc;
	rc = posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
	if (!rc)
		rc = posix_spawnp(pid, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions); /* frees, no more */
	return -rc;
}

/* The reason is in the last line. */
static int passt_failed(int said, const char *vm, struct err *err)
{
	char text[256] = "";
	off_t size = lseek(said, 0, SEEK_END);
	off_t from =
		size < (off_t)sizeof(text) ? 0 : size - (off_t)sizeof(text);
	ssize_t n = pread(said, text, sizeof(text) - 1, from);
	const char *line;

	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = strrchr(text, '\n');
	return err_setx(err, -EIO, "%s: passt failed: %s", vm,
			line ? line + 1 : text);
}

/* passt takes one end, sets itself up, goes to the background and ends when
 * the other end closes. */
static int open_passt(struct vm_net *net, const char *vm, struct err *err)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int said = memfd_create("lwx-passt", MFD_CLOEXEC);
	int pair[2], rc, status;
	pid_t pid = -1;

	if (said < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(err, -errno, "%s: passt: socket pair", vm);
	ours = pair[0];
	theirs = pair[1];
	rc = spawn_passt(&pid, theirs, said);
	if (rc == -ENOENT)
		return err_setx(err, -ENOENT,
				"%s: passt is not installed: apt-get install "
				"passt",
				vm);
	if (rc)
		return err_set(err, rc, "%s: passt", vm);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_set(err, -errno, "%s: passt", vm);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return passt_failed(said, vm, err);
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
