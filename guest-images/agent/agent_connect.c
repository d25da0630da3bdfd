/*
 * agent_connect.c - a unix socket of the guest for a client of the host. Only
 * those that are listed: who may forward is not to reach every daemon by
 * accident. One thread.
 */
#include "agent.h"

#include "agent_relay.h"
#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Of what manages containers. */
static const char *const known[] = {
	"/run/containerd/containerd.sock",
	"/run/docker.sock",
	"/run/podman/podman.sock",
	"/run/crio/crio.sock",
	"/var/run/docker.sock",
};

/* A path a line. */
static bool is_listed(const char *list, const char *path)
{
	FILE *file = fopen(list, "re");
	bool found = false;
	char line[512];

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line, path) == 0;
	}
	if (file)
		(void)fclose(file);
	return found;
}

static bool is_allowed(const char *list, const char *path)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], path) == 0)
			return true;
	return path[0] == '/' && is_listed(list, path);
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(addr.sun_path, path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return steal_fd(&fd);
}

void agent_connect(struct agent_stream *s, const struct agent_message *request,
		   const char *list)
{
	const char *path = request->values[AGENT_PATH].bytes;
	AUTO_CLOSE int fd = -1;
	struct agent_message msg;
	const void *rest;
	struct err err;
	size_t len;

	if (!is_allowed(list, path)) {
		agent_stream_fail(s, -EACCES, "%s: not in %s of the guest",
				  path, list);
		return;
	}
	fd = connect_to(path);
	if (fd < 0) {
		agent_stream_fail(s, fd, "%s: %s", path, strerror(-fd));
		return;
	}
	agent_message_init(&msg, AGENT_CONNECTED);
	if (agent_stream_push(s, &msg, &err) || agent_stream_drain(s))
		return;
	rest = agent_stream_rest(s, &len);
	(void)agent_relay(agent_stream_fd(s), fd, rest, len); /* over anyhow */
}
