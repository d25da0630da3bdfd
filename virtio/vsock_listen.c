/*
 * vsock_listen.c - the two sockets on which a vsock device takes the host's
 * clients. At the cap clients stay in the backlog until a connection goes.
 */
#include "macros.h"
#include "vsock_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void accept_from(struct vsock_listener *listener)
{
	struct virtio_vsock *vsock = listener->vsock;

	while (listener->ready && vsock->count < VIRTIO_VSOCK_CONNECTIONS_MAX) {
		int fd = accept4(listener->fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct vsock_conn *conn;

		if (fd < 0 && errno == EAGAIN)
			listener->ready = false;
		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0) {
			/* Out of descriptors: look again later. */
			if (listener->ready)
				vsock_arm_tick(vsock, VSOCK_TICK_MS);
			return;
		}
		conn = vsock_new(vsock, listener->type);
		if (conn == NULL) {
			(void)close(fd);
			continue;
		}
		vsock_count(&vsock->stats.from_host, 1);
		if (vsock_attach(conn, fd) < 0)
			vsock_close(conn);
		else
			vsock_give_up_in(conn, vsock->options.handshake_ms);
	}
}

void vsock_accept(struct virtio_vsock *vsock)
{
	for (size_t i = 0; i < ARRAY_SIZE(vsock->listeners); i++)
		accept_from(&vsock->listeners[i]);
}

static void listener_event(struct io_op *op, int res)
{
	struct vsock_listener *listener =
		container_of(op, struct vsock_listener, watch);

	if (res < 0) {
		if (res != -ECANCELED)
			log_warn("vsock %s: no more clients: %s",
				 listener->path, strerror(-res));
		return;
	}
	listener->ready = true;
	accept_from(listener);
}

static int bind_listener(struct vsock_listener *listener, const char *suffix,
			 struct err *err)
{
	struct virtio_vsock *vsock = listener->vsock;
	int fd;

	(void)snprintf(listener->path, sizeof(listener->path), "%s%s",
		       vsock->path, suffix);
	fd = vsock_unix_listen(listener->path,
			       vsock_socket_type(listener->type), err);
	if (fd < 0)
		return fd;
	listener->fd = fd;
	listener->file = io_engine_file_add(vsock->dev.engine, fd);
	if (listener->file < 0)
		return err_set(err, listener->file, "vsock %s", listener->path);
	return 0;
}

int vsock_listen(struct virtio_vsock *vsock, struct err *err)
{
	struct vsock_listener *listeners = vsock->listeners;
	int rc;

	listeners[0].type = VIRTIO_VSOCK_TYPE_STREAM;
	listeners[1].type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	rc = bind_listener(&listeners[0], "", err);
	if (rc == 0)
		rc = bind_listener(&listeners[1], ".seqpacket", err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(vsock->listeners); i++) {
		listeners[i].watch.done = listener_event;
		io_engine_watch(vsock->dev.engine, &listeners[i].watch,
				listeners[i].file, EPOLLIN | EPOLLET);
	}
	return 0;
}

void vsock_listen_fini(struct virtio_vsock *vsock)
{
	for (size_t i = 0; i < ARRAY_SIZE(vsock->listeners); i++) {
		struct vsock_listener *listener = &vsock->listeners[i];

		if (listener->fd < 0)
			continue;
		(void)unlink(listener->path); /* or somebody did */
		(void)close(listener->fd);
		if (listener->file >= 0)
			io_engine_file_remove(vsock->dev.engine,
					      listener->file);
	}
}
