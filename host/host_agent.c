/* host_agent.c - unix sockets that stand for a guest's agent. */
#include "host_agent.h"

#include "cbor_rw.h"
#include "cleanup.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BACKLOG 4
#define LINE_MAX_BYTES 32 /* of "OK 1073741824\n" */

void host_agent_path(const struct vm_vsock *vsock, char *path, size_t size)
{
	(void)snprintf(path, size, "%s_%d", vsock->path, AGENT_PORT);
}

static int set_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(addr->sun_path, path);
	return 0;
}

static int connect_to(const char *path)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	if (fd < 0 || set_address(&addr, path))
		return fd < 0 ? -errno : -ENAMETOOLONG;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return steal_fd(&fd);
}

/* A file that a VM of before has left. */
static void remove_stale(const char *path)
{
	int fd = connect_to(path);

	if (fd >= 0)
		(void)close(fd);
	else if (fd == -ECONNREFUSED)
		(void)unlink(path);
}

int host_agent_listen(struct vm_vsock *vsock, const char *vm, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un addr;
	char path[128];

	if (!vsock->agent || vsock->agent_fd >= 0)
		return 0;
	host_agent_path(vsock, path, sizeof(path));
	if (set_address(&addr, path))
		return err_set(err, -ENAMETOOLONG, "%s: %s", vm, path);
	remove_stale(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, BACKLOG))
		return err_set(err, -errno, "%s: %s", vm, path);
	vsock->agent_fd = steal_fd(&fd);
	return 0;
}

/* "CONNECT PORT" and its answer, docs/vsock.md. A byte at a time: what follows
 * the line is the agent's. */
static int ask_for_port(int fd, int timeout_ms)
{
	char line[LINE_MAX_BYTES];
	int len = snprintf(line, sizeof(line), "CONNECT %d\n", AGENT_PORT);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t have = 0;

	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) != len)
		return -errno;
	while (!have || line[have - 1] != '\n') {
		ssize_t n;

		if (have == sizeof(line))
			return -EPROTO;
		n = poll(&pfd, 1, timeout_ms);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ETIMEDOUT;
		n = read(fd, line + have, 1);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNREFUSED;
		have++;
	}
	return strncmp(line, "OK ", 3) == 0 ? 0 : -EPROTO;
}

int host_agent_connect(struct agent_stream **out, const char *path,
		       const char *vm, int timeout_ms, struct err *err)
{
	AUTO_CLOSE int fd = connect_to(path);
	int rc;

	if (fd < 0)
		return err_set(err, fd, "%s: vsock %s", vm, path);
	rc = ask_for_port(fd, timeout_ms);
	if (rc == -ECONNREFUSED || rc == -ECONNRESET)
		return err_setx(err, -ECONNREFUSED,
				"%s: no lwx-agent answers in the guest", vm);
	if (!rc)
		rc = agent_stream_create(out, fd);
	if (rc)
		return err_set(err, rc, "%s: agent", vm);
	(void)steal_fd(&fd); /* the stream's */
	return 0;
}

/* Where the guest's sockets are: the configuration that the VM runs with. */
static int find_vsock(struct vm_registry *reg, const char *name, char *path,
		      size_t size, struct err *err)
{
	AUTO_FREE uint8_t *bytes = malloc(CBOR_MESSAGE_MAX);
	AUTO_FREE struct vm_config *cfg = malloc(sizeof(*cfg));
	ssize_t len;
	int rc;

	if (!bytes || !cfg)
		return err_set(err, -ENOMEM, "%s", name);
	len = vm_registry_load(reg, name, "config.cbor", bytes,
			       CBOR_MESSAGE_MAX);
	if (len < 0)
		return err_setx(err, -ESRCH, "%s: no such VM is running", name);
	rc = vm_config_decode(cfg, bytes, (size_t)len, err);
	if (!rc && !cfg->vsock.path)
		rc = err_setx(err, -ENODEV,
			      "%s: has no vsock, by which its agent is reached",
			      name);
	if (!rc)
		(void)snprintf(path, size, "%s", cfg->vsock.path);
	vm_config_fini(cfg);
	return rc;
}

int host_agent_open(struct agent_stream **out, struct vm_registry *reg,
		    const char *name, int timeout_ms, struct err *err)
{
	char path[PATH_MAX];
	int rc = find_vsock(reg, name, path, sizeof(path), err);

	return rc ? rc : host_agent_connect(out, path, name, timeout_ms, err);
}
