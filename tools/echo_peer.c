/* echo_peer.c - see echo_peer.h. */
#include "echo_peer.h"

#include "macros.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DATA_MAX 65536
#define RECEIVE_ROOM MIB(4) /* a hundred guests at once */
#define IP 14		    /* where the IPv4 header is in a frame */
#define UDP (IP + 20)
#define UDP_HEADER 8

/** enum kind - of a descriptor, in the upper half of epoll's data */
enum kind {
	DATAGRAMS,
	FRAMES,
	STREAM,
	LISTENER,
	CONNECTION,
	END,
};

/**
 * struct echo_peer - the thread and its descriptors
 * @udp:       socket
 * @packet:    socket of a bridge, or -1
 * @end:       eventfd: the thread is to end
 * @listeners: of the @paths, @num_listeners of them
 * @data:      of the thread: what is being sent back
 */
struct echo_peer {
	pthread_t thread;
	bool runs;
	int epoll;
	int udp;
	int packet;
	int end;
	uint16_t port;
	int listeners[ECHO_PEER_LISTENERS_MAX];
	char paths[ECHO_PEER_LISTENERS_MAX][108];
	unsigned int num_listeners;
	atomic_uint datagrams;
	atomic_uint frames;
	atomic_uint connections;
	atomic_ullong bytes;
	uint8_t data[DATA_MAX];
};

static int watch(const struct echo_peer *peer, int fd, enum kind kind,
		 struct err *err)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = (uint64_t)kind << 32 | (uint32_t)fd,
	};

	return epoll_ctl(peer->epoll, EPOLL_CTL_ADD, fd, &event)
		       ? err_set(err, -errno, "echo: epoll")
		       : 0;
}

/* A fork that has not come to its exec keeps the file open, and with it events
 * for a number that is somebody else's by then: so they are ended first. */
static void forget(const struct echo_peer *peer, int fd)
{
	(void)epoll_ctl(peer->epoll, EPOLL_CTL_DEL, fd, NULL); /* it is there */
	(void)close(fd); /* the other end is closed already */
}

static void echo_datagram(struct echo_peer *peer)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(peer->udp, peer->data, DATA_MAX, 0,
			     (struct sockaddr *)&from, &size);

	if (n > 0 && sendto(peer->udp, peer->data, (size_t)n, 0,
			    (struct sockaddr *)&from, size) == n)
		(void)atomic_fetch_add(&peer->datagrams, 1);
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t c[8];

	memcpy(c, a, len);
	memcpy(a, b, len);
	memcpy(b, c, len);
}

/* Addresses and ports change places, which no check sum notices. Return: false
 * unless it is a datagram. */
static bool turn_frame(uint8_t *frame, size_t len)
{
	static const uint8_t ours[6] = {2, 0, 0, 0, 0, 0xfe};

	if (len < UDP + UDP_HEADER || frame[12] != ETHERTYPE_IP >> 8 ||
	    frame[13] != (ETHERTYPE_IP & 0xff) || frame[IP] != 0x45 ||
	    frame[IP + 9] != IPPROTO_UDP)
		return false;
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, ours, 6);
	swap(frame + IP + 12, frame + IP + 16, 4);
	swap(frame + UDP, frame + UDP + 2, 2);
	return true;
}

static void echo_frame(struct echo_peer *peer)
{
	uint8_t *frame = peer->data;
	struct sockaddr_ll from = {0};
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(peer->packet, frame, DATA_MAX, 0,
			     (struct sockaddr *)&from, &size);

	if (n > 0 && from.sll_pkttype != PACKET_OUTGOING &&
	    turn_frame(frame, (size_t)n) &&
	    send(peer->packet, frame, (size_t)n, 0) == n)
		(void)atomic_fetch_add(&peer->frames, 1);
}

static void echo_stream(struct echo_peer *peer, int fd)
{
	uint8_t *frame = peer->data + sizeof(uint32_t);
	ssize_t len = 0, size;
	uint32_t prefix;

	if (recv(fd, &prefix, sizeof(prefix), MSG_WAITALL) == sizeof(prefix))
		len = ntohl(prefix);
	size = len + (ssize_t)sizeof(prefix);
	if (!len || size > DATA_MAX ||
	    recv(fd, frame, (size_t)len, MSG_WAITALL) != len) {
		forget(peer, fd);
		return;
	}
	memcpy(peer->data, &prefix, sizeof(prefix));
	if (turn_frame(frame, (size_t)len) &&
	    send(fd, peer->data, (size_t)size, MSG_NOSIGNAL) == size)
		(void)atomic_fetch_add(&peer->frames, 1);
}

static void echo_bytes(struct echo_peer *peer, int fd)
{
	ssize_t n = recv(fd, peer->data, DATA_MAX, 0);

	if (n > 0 && send(fd, peer->data, (size_t)n, MSG_NOSIGNAL) == n) {
		(void)atomic_fetch_add(&peer->bytes, (unsigned long long)n);
		return;
	}
	forget(peer, fd);
	(void)atomic_fetch_add(&peer->connections, 1);
}

static void take_connection(const struct echo_peer *peer, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct err err;

	if (fd >= 0 && watch(peer, fd, CONNECTION, &err))
		(void)close(fd); /* the guest sees it end */
}

static void *serve(void *arg)
{
	struct echo_peer *peer = arg;
	struct epoll_event event;

	for (;;) {
		int fd;

		if (epoll_wait(peer->epoll, &event, 1, -1) != 1)
			continue;
		fd = (int)(uint32_t)event.data.u64;
		switch ((enum kind)(event.data.u64 >> 32)) {
		case DATAGRAMS:
			echo_datagram(peer);
			break;
		case FRAMES:
			echo_frame(peer);
			break;
		case STREAM:
			echo_stream(peer, fd);
			break;
		case LISTENER:
			take_connection(peer, fd);
			break;
		case CONNECTION:
			echo_bytes(peer, fd);
			break;
		case END:
			return NULL;
		}
	}
}

static int open_udp(struct echo_peer *peer, struct err *err)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	const int room = (int)RECEIVE_ROOM;

	peer->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (peer->udp < 0 ||
	    bind(peer->udp, (struct sockaddr *)&address, size) ||
	    getsockname(peer->udp, (struct sockaddr *)&address, &size))
		return err_set(err, -errno, "echo: UDP socket");
	/* The most that is allowed will do. */
	(void)setsockopt(peer->udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	peer->port = ntohs(address.sin_port);
	return watch(peer, peer->udp, DATAGRAMS, err);
}

static int set_up(struct echo_peer *peer, struct err *err)
{
	int rc;

	peer->epoll = epoll_create1(EPOLL_CLOEXEC);
	peer->end = eventfd(0, EFD_CLOEXEC);
	if (peer->epoll < 0 || peer->end < 0)
		return err_set(err, -errno, "echo");
	rc = watch(peer, peer->end, END, err);
	if (!rc)
		rc = open_udp(peer, err);
	if (rc)
		return rc;
	rc = pthread_create(&peer->thread, NULL, serve, peer);
	peer->runs = !rc;
	return rc ? err_set(err, -rc, "echo: thread") : 0;
}

int echo_peer_create(struct echo_peer **out, struct err *err)
{
	struct echo_peer *peer = calloc(1, sizeof(*peer));
	int rc;

	*out = NULL;
	if (!peer)
		return err_set(err, -ENOMEM, "echo");
	peer->epoll = peer->end = peer->udp = peer->packet = -1;
	rc = set_up(peer, err);
	if (rc)
		echo_peer_destroy(peer);
	else
		*out = peer;
	return rc;
}

uint16_t echo_peer_port(const struct echo_peer *peer)
{
	return peer->port;
}

int echo_peer_bridge(struct echo_peer *peer, const char *interface,
		     struct err *err)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(interface),
	};

	/* It gets no frames before it is bound. */
	peer->packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (peer->packet < 0 ||
	    bind(peer->packet, (const struct sockaddr *)&address,
		 sizeof(address)))
		return err_set(err, -errno, "echo: %s", interface);
	return watch(peer, peer->packet, FRAMES, err);
}

int echo_peer_stream(struct echo_peer *peer, int fd, struct err *err)
{
	return watch(peer, fd, STREAM, err);
}

int echo_peer_listen(struct echo_peer *peer, const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned int n = peer->num_listeners;
	int fd;

	if (n == ECHO_PEER_LISTENERS_MAX ||
	    strlen(path) >= sizeof(address.sun_path))
		return err_setx(err, -E2BIG, "echo: %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "echo: socket");
	(void)strcpy(address.sun_path, path);
	(void)strcpy(peer->paths[n], path);
	peer->listeners[n] = fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 8)) {
		int rc = err_set(err, -errno, "echo: %s", path);

		(void)close(fd);
		return rc;
	}
	peer->num_listeners++;
	return watch(peer, fd, LISTENER, err);
}

struct echo_counts echo_peer_counts(const struct echo_peer *peer)
{
	return (struct echo_counts){
		.datagrams = atomic_load(&peer->datagrams),
		.frames = atomic_load(&peer->frames),
		.connections = atomic_load(&peer->connections),
		.bytes = atomic_load(&peer->bytes),
	};
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void echo_peer_destroy(struct echo_peer *peer)
{
	const uint64_t one = 1;

	if (!peer)
		return;
	if (peer->runs && write(peer->end, &one, sizeof(one)) == sizeof(one))
		(void)pthread_join(peer->thread, NULL); /* started by us */
	for (unsigned int i = 0; i < peer->num_listeners; i++) {
		(void)close(peer->listeners[i]);
		(void)unlink(peer->paths[i]); /* it may be gone */
	}
	close_if_open(peer->packet);
	close_if_open(peer->udp);
	close_if_open(peer->end);
	close_if_open(peer->epoll);
	free(peer);
}
