/*
 * echo_peer.h - whom guests talk to, in lwx-bench and in tests: sends back what
 * comes by UDP, by unix sockets, and what comes as UDP in frames. A thread of
 * its own; the functions are for one other.
 */
#pragma once

#include "err.h"

#include <stdint.h>

#define ECHO_PEER_LISTENERS_MAX 128

struct echo_peer;

/** struct echo_counts - what was sent back */
struct echo_counts {
	unsigned int datagrams;	  /* through the UDP socket */
	unsigned int frames;	  /* with a datagram in them */
	unsigned int connections; /* of unix sockets, ended */
	uint64_t bytes;		  /* of these */
};

/** echo_peer_create() - with a UDP socket on a port of the loopback. Return: 0
 * or a negative errno. */
int echo_peer_create(struct echo_peer **out, struct err *err);

/** echo_peer_port() - its UDP port. */
uint16_t echo_peer_port(const struct echo_peer *peer);

/** echo_peer_listen() - also for connections to a unix socket at @path, which
 * is made, and removed by echo_peer_destroy(). Return: 0 or a negative errno.
 */
int echo_peer_listen(struct echo_peer *peer, const char *path, struct err *err);

/** echo_peer_bridge() - also for datagrams in frames that come over a bridge,
 * or any interface. Return: 0 or a negative errno. */
int echo_peer_bridge(struct echo_peer *peer, const char *interface,
		     struct err *err);

/** echo_peer_stream() - also in frames of a stream socket, each behind its
 * length, as passt(1) and QEMU have them. @fd is the peer's from here on: it is
 * closed when the other end is. Return: 0 or a negative errno. */
int echo_peer_stream(struct echo_peer *peer, int fd, struct err *err);

/** echo_peer_counts() - so far. */
struct echo_counts echo_peer_counts(const struct echo_peer *peer);

/** echo_peer_destroy() - end its thread and close what it listens on. Accepts
 * NULL. */
void echo_peer_destroy(struct echo_peer *peer);
