/* ctl_client.c - requests out, replies and events in. */
#include "ctl_client.h"

#include "cleanup.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/**
 * struct ctl_client - one connection
 * @last_id: id of the newest request
 * @buf:     the message last received
 */
struct ctl_client {
	int fd;
	uint32_t last_id;
	uint8_t buf[CTL_MESSAGE_MAX];
};

int ctl_client_create(struct ctl_client **out, int fd, struct err *err)
{
	struct ctl_client *client = calloc(1, sizeof(*client));

	if (!client)
		return err_set(err, -ENOMEM, "control client");
	client->fd = fd;
	*out = client;
	return 0;
}

int ctl_client_connect(struct ctl_client **out, const char *path,
		       struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "control socket %s", path);
	memcpy(addr.sun_path, path, strlen(path)); /* zero behind it */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "control socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return err_set(err, -errno, "control socket %s", path);
	rc = ctl_client_create(out, fd, err);
	if (!rc)
		(void)steal_fd(&fd);
	return rc;
}

void ctl_client_destroy(struct ctl_client *client)
{
	if (!client)
		return;
	(void)close(client->fd);
	free(client);
}

int ctl_client_fd(const struct ctl_client *client)
{
	return client->fd;
}

int ctl_client_send(struct ctl_client *client, const char *verb,
		    const struct ctl_field *fields, unsigned int num_fields,
		    struct err *err)
{
	struct ctl_message msg = {
		.kind = CTL_REQUEST,
		.name = verb,
		.num_fields = num_fields,
	};
	uint8_t buf[4096];
	int len;

	assert(num_fields <= CTL_FIELDS_MAX);
	for (unsigned int i = 0; i < num_fields; i++)
		msg.fields[i] = fields[i];
	client->last_id = client->last_id % INT32_MAX + 1;
	msg.id = client->last_id;
	len = ctl_message_encode(&msg, buf, sizeof(buf));
	if (len < 0)
		return err_set(err, len, "%s: arguments", verb);
	if (send(client->fd, buf, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return err_set(err, -errno, "%s: send", verb);
	return (int)msg.id;
}

/* Keep the first descriptor of a message for the caller, close all others. */
static void take_fds(struct msghdr *msg, int *fd)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t num = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < num; i++) {
			int got;

			memcpy(&got, CMSG_DATA(cmsg) + i * sizeof(int),
			       sizeof(got));
			if (fd && *fd < 0)
				*fd = got;
			else
				(void)close(got);
		}
	}
}

static int receive_now(struct ctl_client *client, struct ctl_message *msg,
		       int *fd, struct err *err)
{
	struct iovec iov = {client->buf, sizeof(client->buf)};
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	AUTO_CLOSE int got = -1;
	ssize_t n;
	int rc;

	n = recvmsg(client->fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return err_set(err, -errno, "control socket");
	if (n == 0)
		return err_setx(err, -ECONNRESET, "the VM hung up");
	take_fds(&hdr, &got);
	if (hdr.msg_flags & MSG_CTRUNC)
		return err_setx(err, -EMFILE,
				"no file descriptor left for "
				"the one the VM sent");
	rc = ctl_message_decode(msg, client->buf, (size_t)n, err);
	if (rc)
		return err_prefix(err, "bad message from the VM");
	if (fd)
		*fd = steal_fd(&got);
	return 1;
}

int ctl_client_receive(struct ctl_client *client, int timeout_ms,
		       struct ctl_message *msg, int *fd, struct err *err)
{
	struct pollfd pfd = {.fd = client->fd, .events = POLLIN};
	int n;

	if (fd)
		*fd = -1;
	if (timeout_ms) {
		n = poll(&pfd, 1, timeout_ms);
		if (n < 0 && errno != EINTR)
			return err_set(err, -errno, "control socket");
		if (n <= 0)
			return 0;
	}
	return receive_now(client, msg, fd, err);
}

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int reply_status(const struct ctl_message *msg, struct err *err)
{
	const char *text = ctl_message_text(msg, "message");

	if (!msg->status)
		return 0;
	if (text)
		return err_setx(err, -(int)msg->status, "%s", text);
	return err_set(err, -(int)msg->status, "refused by the VM");
}

int ctl_client_call(struct ctl_client *client, const char *verb,
		    const struct ctl_field *fields, unsigned int num_fields,
		    int timeout_ms, struct ctl_message *msg, int *fd,
		    struct err *err)
{
	int64_t deadline = monotonic_ms() + timeout_ms;
	int id, rc;

	id = ctl_client_send(client, verb, fields, num_fields, err);
	/* A refused connection is told so before it is closed. */
	if (id < 0 && id != -EPIPE)
		return id;
	for (;;) {
		int64_t left = deadline - monotonic_ms();

		if (timeout_ms >= 0 && left <= 0)
			return err_setx(err, -ETIMEDOUT,
					"%s: no reply within %d ms", verb,
					timeout_ms);
		rc = ctl_client_receive(client, timeout_ms < 0 ? -1 : (int)left,
					msg, fd, err);
		if (rc < 0)
			return rc;
		if (!rc || msg->kind != CTL_REPLY)
			continue;
		/* Id 0: the connection itself was refused. */
		if (msg->id == 0 || (int)msg->id == id)
			return reply_status(msg, err);
	}
}
