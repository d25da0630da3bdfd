/* guest_forward.c - see guest_forward.h. */
#include "guest_forward.h"

#include "agent_relay.h"
#include "cleanup.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define BACKLOG 16

int guest_connect(struct agent_stream *s, const char *path, struct err *err)
{
	struct agent_message msg;
	int rc;

	agent_message_init(&msg, AGENT_CONNECT);
	agent_put_string(&msg, AGENT_PATH, path);
	rc = agent_stream_push(s, &msg, err);
	if (!rc)
		rc = agent_stream_wait(s, &msg, ANSWER_MS, err);
	if (rc)
		return rc;
	if (msg.type == AGENT_CONNECTED)
		return 0;
	if (msg.type == AGENT_ERROR && msg.values[AGENT_ERRNO].number)
		return err_setx(err, -(int)msg.values[AGENT_ERRNO].number, "%s",
				msg.values[AGENT_MESSAGE].bytes);
	return err_setx(err, -EPROTO, "agent: \"%s\" is out of place",
			agent_type_name(msg.type));
}

int guest_forward_listen(const char *path, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "%s", path);
	(void)strcpy(addr.sun_path, path);
	mask = umask(077);
	rc = fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) ||
			     listen(fd, BACKLOG)
		     ? -errno
		     : 0;
	(void)umask(mask);
	return rc ? err_set(err, rc, "%s", path) : steal_fd(&fd);
}

static int serve(const struct guest_forward *forward, int client,
		 struct err *err)
{
	struct agent_stream *s = NULL;
	const void *rest;
	size_t len;
	int rc = forward->connect(forward->ctx, &s, err);

	if (!rc)
		rc = guest_connect(s, forward->path, err);
	if (!rc) {
		rest = agent_stream_rest(s, &len);
		rc = agent_relay(agent_stream_fd(s), client, rest, len);
		if (rc)
			(void)err_set(err, rc, "%s", forward->path);
	}
	agent_stream_destroy(s);
	return rc;
}

int guest_forward_accept(const struct guest_forward *forward)
{
	AUTO_CLOSE int client =
		accept4(forward->listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t parent = getpid(), pid;
	struct err err;

	if (client < 0)
		return -errno;
	pid = fork();
	if (pid)
		return pid < 0 ? -errno : 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(forward->listener);
	if (getppid() == parent && serve(forward, client, &err))
		forward->failed(forward->ctx, &err);
	_exit(0);
}
