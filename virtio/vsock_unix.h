/*
 * vsock_unix.h - the host's side of vsock: unix sockets and the CONNECT line.
 *
 * A socket path P stands for the guest. Clients connect to P (a stream) or
 * P.seqpacket (messages) and send "CONNECT <port>\n"; the guest's own
 * connections to port N of the host go to P_N. No state; any thread.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define VSOCK_UNIX_PATH_MAX 90 /* bytes of P, with room for suffixes */
#define VSOCK_UNIX_LINE_MAX 64 /* bytes of a CONNECT line, newline included */

/**
 * vsock_unix_listen() - bind and listen on @path
 * @type: SOCK_STREAM or SOCK_SEQPACKET
 *
 * A socket file that nobody listens on any more is replaced. Return: a
 * non-blocking descriptor; -EADDRINUSE if somebody listens there; another
 * negative errno.
 */
int vsock_unix_listen(const char *path, int type, struct err *err);

/**
 * vsock_unix_connect() - connect to the listener of host port @port
 * @path: P
 * @type: SOCK_STREAM or SOCK_SEQPACKET
 *
 * Return: a connected non-blocking descriptor; -EAGAIN if the listener's
 * backlog is full; another negative errno.
 */
int vsock_unix_connect(const char *path, uint32_t port, int type);

/**
 * vsock_unix_parse_connect() - "CONNECT <decimal port>"
 * @line: @len bytes, untrusted; a newline at the end is ignored
 *
 * The keyword in any case, words split on white space; more words are ignored.
 * Return: 0 and *port, or -EINVAL.
 */
int vsock_unix_parse_connect(const char *line, size_t len, uint32_t *port);
