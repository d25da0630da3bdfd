/*
 * guest_forward.h - a unix socket of a guest as a unix socket of the host.
 *
 * Each client is served by a process of its own: what a guest sends cannot harm
 * the others.
 */
#pragma once

#include "agent_stream.h"

/**
 * guest_connect() - be a client of a unix socket of the guest
 * @s:    connection of its own to the agent
 * @path: absolute, in the guest; must be in the guest's list
 *
 * After it the bytes of @s are those of the socket: agent_relay() with
 * agent_stream_rest(). Return: 0, -EACCES if the guest does not allow it, the
 * guest's errno, or another negative errno; with @err.
 */
int guest_connect(struct agent_stream *s, const char *path, struct err *err);

/**
 * guest_forward_listen() - the socket on the host, for its owner only
 * @path: must not be there; the caller removes it
 *
 * Return: a descriptor, or a negative errno with @err.
 */
int guest_forward_listen(const char *path, struct err *err);

/**
 * struct guest_forward - what to forward
 * @listener: of guest_forward_listen()
 * @path:     in the guest
 * @connect:  a new connection to the agent; called in the process of a client.
 *            Return: 0 or a negative errno with @err
 * @failed:   told why a client was not served; in its process
 * @ctx:      first argument of both
 */
struct guest_forward {
	int listener;
	const char *path;
	int (*connect)(void *ctx, struct agent_stream **s, struct err *err);
	void (*failed)(void *ctx, const struct err *err);
	void *ctx;
};

/**
 * guest_forward_accept() - take one client, when @listener polls readable
 *
 * Its process ends with it or with ours. Children are not reaped here: the
 * caller ignores SIGCHLD or waits. Return: 0 or a negative errno.
 */
int guest_forward_accept(const struct guest_forward *forward);
