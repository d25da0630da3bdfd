/*
 * ctl_client.h - the control socket's client side: lwx-vm and the supervisor.
 * Owner: one thread.
 */
#pragma once

#include "ctl_proto.h"

struct ctl_client;

/**
 * ctl_client_connect() - connect to a VM's control socket
 * @path: the socket
 *
 * Return: 0 and *out; -ECONNREFUSED or -ENOENT where no VM listens.
 */
int ctl_client_connect(struct ctl_client **out, const char *path,
		       struct err *err);

/** ctl_client_create() - use a connected SOCK_SEQPACKET socket; owned by the
 * client on success. Return: 0 and *out, or -ENOMEM. */
int ctl_client_create(struct ctl_client **out, int fd, struct err *err);

/** ctl_client_destroy() - disconnect and free; accepts NULL. */
void ctl_client_destroy(struct ctl_client *client);

/** ctl_client_fd() - Return: the socket, for poll(2); owned by the client. */
int ctl_client_fd(const struct ctl_client *client);

/**
 * ctl_client_send() - send a request without waiting
 * @fields: its arguments
 *
 * Return: the request's id (> 0), or a negative errno with @err; -EAGAIN if the
 * VM does not read.
 */
int ctl_client_send(struct ctl_client *client, const char *verb,
		    const struct ctl_field *fields, unsigned int num_fields,
		    struct err *err);

/**
 * ctl_client_receive() - take the next message
 * @timeout_ms: how long to wait; 0: not at all, -1: for ever
 * @msg:        valid until the next call on this client
 * @fd:         descriptor that came with it, or -1; the caller's to close. NULL
 *              to have it closed.
 *
 * Return: 1 if @msg was filled, 0 after the timeout, -ECONNRESET if the VM hung
 * up, or another negative errno, with @err.
 */
int ctl_client_receive(struct ctl_client *client, int timeout_ms,
		       struct ctl_message *msg, int *fd, struct err *err);

/**
 * ctl_client_call() - send a request and wait for its reply
 * @timeout_ms: for the reply; -1: for ever
 * @msg:        the reply, valid until the next call on this client
 * @fd:         as in ctl_client_receive()
 *
 * Events that arrive meanwhile are dropped: follow them on a connection of
 * their own.
 *
 * Return: 0, the negative errno of a reply that says so (its message in @err),
 * -ETIMEDOUT, or a negative errno of the connection.
 */
int ctl_client_call(struct ctl_client *client, const char *verb,
		    const struct ctl_field *fields, unsigned int num_fields,
		    int timeout_ms, struct ctl_message *msg, int *fd,
		    struct err *err);
