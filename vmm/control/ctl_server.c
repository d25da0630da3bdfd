/* ctl_server.c - clients of the control socket and the events they follow. */
#include "ctl_server_priv.h"

#include "cleanup.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define EVENTS_DEFAULT 1024
#define DISPATCH_BATCH 16
#define LAST_ROUNDS 64 /* of dispatching in ctl_server_destroy() */

void ctl_conn_drop(struct ctl_conn *conn)
{
	struct ctl_request *req;
	struct ctl_outgoing *out;

	if (conn->fd < 0)
		return;
	(void)close(conn->fd); /* leaves the epoll set with it */
	conn->fd = -1;
	conn->server->num_conns--;
	TAILQ_FOREACH (req, &conn->server->requests, link)
		if (req->conn == conn)
			req->conn = NULL;
	while ((out = STAILQ_FIRST(&conn->replies))) {
		STAILQ_REMOVE_HEAD(&conn->replies, link);
		if (out->fd >= 0)
			(void)close(out->fd);
		free(out);
	}
}

/* Dropped clients stay until no event of the running batch can name them. */
static void reap(struct ctl_server *server)
{
	struct ctl_conn *conn = TAILQ_FIRST(&server->conns);

	while (conn) {
		struct ctl_conn *next = TAILQ_NEXT(conn, link);

		if (conn->fd < 0) {
			TAILQ_REMOVE(&server->conns, conn, link);
			free(conn);
		}
		conn = next;
	}
}

/* Return: 0, or a negative errno of sendmsg(2). */
static int send_bytes(int sock, const uint8_t *data, size_t len, int fd)
{
	struct iovec iov = {.iov_len = len};
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	iov.iov_base = (void *)(uintptr_t)data; /* sendmsg only reads it */
	if (fd >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	if (sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int send_replies(struct ctl_conn *conn)
{
	struct ctl_outgoing *out;
	int rc;

	while ((out = STAILQ_FIRST(&conn->replies))) {
		rc = send_bytes(conn->fd, out->data, out->len, out->fd);
		if (rc)
			return rc;
		STAILQ_REMOVE_HEAD(&conn->replies, link);
		if (out->fd >= 0)
			(void)close(out->fd);
		free(out);
	}
	return 0;
}

static int send_lost(struct ctl_conn *conn, uint64_t lost)
{
	struct ctl_message msg = {.kind = CTL_EVENT, .name = "events.lost"};
	uint8_t buf[128];
	int len;

	msg.fields[msg.num_fields++] = CTL_FIELD_UINT("seq", conn->seq - 1);
	msg.fields[msg.num_fields++] = CTL_FIELD_UINT("lost", lost);
	len = ctl_message_encode(&msg, buf, sizeof(buf));
	assert(len > 0);
	return send_bytes(conn->fd, buf, (size_t)len, -1);
}

/* The ring is the queue: a client that is slow only falls behind in it. */
static int send_events(struct ctl_conn *conn)
{
	while (conn->reading && conn->seq <= conn->until) {
		uint64_t seq = conn->seq, lost;
		const uint8_t *data;
		size_t len;
		int rc;

		if (!event_log_read(conn->server->log, &conn->seq, &data, &len,
				    &lost))
			return 0;
		rc = lost ? send_lost(conn, lost)
			  : send_bytes(conn->fd, data, len, -1);
		if (rc) {
			conn->seq = seq;
			return rc;
		}
	}
	conn->reading = false;
	return 0;
}

static void conn_set_interest(struct ctl_conn *conn, bool blocked)
{
	struct epoll_event event = {.data.ptr = conn};

	if (blocked)
		event.events = EPOLLOUT;
	else if (conn->pending < CTL_PENDING_MAX)
		event.events = EPOLLIN;
	if (event.events == conn->interest)
		return;
	conn->interest = event.events;
	if (epoll_ctl(conn->server->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event))
		ctl_conn_drop(conn);
}

/* Send what is due; read on only when all of it went out. */
void ctl_conn_flush(struct ctl_conn *conn)
{
	int rc;

	if (conn->fd < 0)
		return;
	rc = send_replies(conn);
	if (!rc)
		rc = send_events(conn);
	if (rc && rc != -EAGAIN)
		ctl_conn_drop(conn);
	else
		conn_set_interest(conn, rc == -EAGAIN);
}

/* An error that concerns the connection itself: told once, not queued. */
static void refuse(int sock, uint32_t id, int code, const char *text)
{
	struct ctl_message msg = {
		.kind = CTL_REPLY,
		.id = id,
		.status = (uint32_t)-code,
		.fields = {CTL_FIELD_TEXT("message", text)},
		.num_fields = 1,
	};
	uint8_t buf[1024];
	int len = ctl_message_encode(&msg, buf, sizeof(buf));

	if (len > 0)
		(void)send_bytes(sock, buf, (size_t)len, -1); /* best effort */
}

static void conn_request(struct ctl_conn *conn, size_t len)
{
	struct ctl_server *server = conn->server;
	struct ctl_request *req = malloc(sizeof(*req) + len);
	struct err err;
	int rc;

	if (!req) {
		ctl_conn_drop(conn);
		return;
	}
	memcpy(req->data, server->buf, len);
	rc = ctl_message_decode(&req->msg, req->data, len, &err);
	if (!rc && req->msg.kind != CTL_REQUEST)
		rc = err_setx(&err, -EPROTO, "not a request");
	if (rc) {
		refuse(conn->fd, req->msg.id, rc, err.msg);
		ctl_conn_drop(conn);
		free(req);
		return;
	}
	req->server = server;
	req->conn = conn;
	TAILQ_INSERT_TAIL(&server->requests, req, link);
	conn->pending++;
	ctl_request_run(req);
	if (conn->fd >= 0)
		ctl_conn_flush(conn);
}

static void conn_readable(struct ctl_conn *conn)
{
	struct ctl_server *server = conn->server;
	ssize_t n;

	/* No room for control data: descriptors a client sends are discarded
	 * by the kernel and never enter this process. */
	n = recv(conn->fd, server->buf, sizeof(server->buf),
		 MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0) {
		/* ECONNRESET stands in front of what was sent before it. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
			ctl_conn_drop(conn);
	} else if (n == 0) {
		ctl_conn_drop(conn);
	} else if ((size_t)n > sizeof(server->buf)) {
		refuse(conn->fd, 0, -EMSGSIZE, "message too long");
		ctl_conn_drop(conn);
	} else {
		conn_request(conn, (size_t)n);
	}
}

static void accept_refusing(struct ctl_server *server)
{
	int fd;

	if (server->reserve_fd < 0)
		return;
	(void)close(server->reserve_fd);
	fd = accept4(server->cfg.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		refuse(fd, 0, -EMFILE, "no file descriptor left");
		(void)close(fd);
	}
	server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int check_peer(const struct ctl_server *server, int fd, struct err *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return err_set(err, -errno, "peer credentials");
	if (cred.uid != 0 && cred.uid != geteuid())
		return err_setx(err, -EPERM, "this VM belongs to another user");
	if (server->num_conns >= CTL_CLIENTS_MAX)
		return err_setx(err, -EBUSY, "%d clients are connected",
				CTL_CLIENTS_MAX);
	return 0;
}

static void accept_client(struct ctl_server *server)
{
	struct epoll_event event = {.events = EPOLLIN};
	AUTO_CLOSE int fd = -1;
	struct ctl_conn *conn;
	struct err err;
	int rc;

	fd = accept4(server->cfg.listen_fd, NULL, NULL,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			accept_refusing(server);
		return;
	}
	rc = check_peer(server, fd, &err);
	if (rc) {
		refuse(fd, 0, rc, err.msg);
		return;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return;
	event.data.ptr = conn;
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
		free(conn);
		return;
	}
	conn->server = server;
	conn->interest = event.events;
	conn->fd = steal_fd(&fd);
	STAILQ_INIT(&conn->replies);
	TAILQ_INSERT_TAIL(&server->conns, conn, link);
	server->num_conns++;
}

static void conn_ready(struct ctl_conn *conn, uint32_t events)
{
	if (conn->fd < 0)
		return;
	if (events & conn->interest & EPOLLIN)
		conn_readable(conn);
	else if (events & (EPOLLHUP | EPOLLERR))
		ctl_conn_drop(conn);
	else if (events & EPOLLOUT)
		ctl_conn_flush(conn);
}

/* Return: number of events handled. */
static int dispatch(struct ctl_server *server)
{
	struct epoll_event events[DISPATCH_BATCH];
	int n;

	reap(server);
	n = epoll_wait(server->epoll_fd, events, ARRAY_SIZE(events), 0);
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			conn_ready(events[i].data.ptr, events[i].events);
		else
			accept_client(server);
	}
	reap(server);
	return n;
}

void ctl_server_dispatch(struct ctl_server *server)
{
	(void)dispatch(server); /* level-triggered: the rest comes again */
}

uint64_t ctl_server_event(struct ctl_server *server, const char *name,
			  const struct ctl_field *fields,
			  unsigned int num_fields)
{
	uint64_t seq;
	struct ctl_conn *conn;

	seq = event_log_append(server->log, name, fields, num_fields);
	TAILQ_FOREACH (conn, &server->conns, link)
		ctl_conn_flush(conn);
	return seq;
}

int ctl_server_fd(const struct ctl_server *server)
{
	return server->epoll_fd;
}

int ctl_server_create(struct ctl_server **out,
		      const struct ctl_server_config *cfg, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct ctl_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server)
		return err_set(err, -ENOMEM, "control server");
	server->cfg = *cfg;
	server->cfg.listen_fd = -1;
	TAILQ_INIT(&server->conns);
	TAILQ_INIT(&server->requests);
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	rc = event_log_create(&server->log, cfg->num_events ? cfg->num_events
							    : EVENTS_DEFAULT);
	if (!rc && (server->epoll_fd < 0 || server->reserve_fd < 0 ||
		    fcntl(cfg->listen_fd, F_SETFL, O_NONBLOCK) ||
		    epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, cfg->listen_fd,
			      &event)))
		rc = -errno;
	if (rc) {
		ctl_server_destroy(server);
		return err_set(err, rc, "control server");
	}
	server->cfg.listen_fd = cfg->listen_fd;
	*out = server;
	return 0;
}

void ctl_server_destroy(struct ctl_server *server)
{
	struct err err = {-ECANCELED, "the VM has ended"};
	struct ctl_request *req;
	struct ctl_conn *conn;

	if (!server)
		return;
	while ((req = TAILQ_FIRST(&server->requests)))
		ctl_request_fail(req, &err);
	/* A VM may end before whoever started it is accepted. */
	server->closing = true;
	for (int i = 0; i < LAST_ROUNDS && dispatch(server) > 0; i++)
		;
	TAILQ_FOREACH (conn, &server->conns, link) {
		ctl_conn_flush(conn);
		ctl_conn_drop(conn);
	}
	reap(server);
	event_log_destroy(server->log);
	if (server->cfg.listen_fd >= 0)
		(void)close(server->cfg.listen_fd);
	if (server->reserve_fd >= 0)
		(void)close(server->reserve_fd);
	if (server->epoll_fd >= 0)
		(void)close(server->epoll_fd);
	free(server);
}
