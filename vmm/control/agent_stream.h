/*
 * agent_stream.h - messages of agent_proto.h over a stream that does not block.
 *
 * Both directions have a buffer of their own, allocated once. One thread.
 */
#pragma once

#include "agent_proto.h"

#include <sys/types.h>

struct agent_stream;

/**
 * agent_stream_create() - messages over @fd
 * @fd: a stream socket; made non-blocking; owned by the stream on success
 *
 * Return: 0 and *out, or a negative errno.
 */
int agent_stream_create(struct agent_stream **out, int fd);

/** agent_stream_destroy() - close and free. Accepts NULL. */
void agent_stream_destroy(struct agent_stream *s);

/** agent_stream_fd() - for poll(2): POLLIN while agent_stream_wants_read(),
 * POLLOUT while agent_stream_pending(). */
int agent_stream_fd(const struct agent_stream *s);

/** agent_stream_pending() - Return: bytes that agent_stream_flush() has still
 * to write. */
size_t agent_stream_pending(const struct agent_stream *s);

/** agent_stream_room() - Return: whether a message of any size fits. */
bool agent_stream_room(const struct agent_stream *s);

/**
 * agent_stream_fill() - read what is there
 *
 * Return: 1 if there was something, 0 at the end of the stream, -EAGAIN if
 * there is nothing now or messages must be taken first; another negative errno.
 */
int agent_stream_fill(struct agent_stream *s);

/**
 * agent_stream_next() - the next message that is complete
 * @msg: filled; valid until the next call for this stream
 *
 * Return: 1, 0 if there is none, or a negative errno with @err: the peer breaks
 * the rules and nothing more can be read.
 */
int agent_stream_next(struct agent_stream *s, struct agent_message *msg,
		      struct err *err);

/** agent_stream_send() - put a message into the buffer. Return: 0, or -EMSGSIZE
 * if there is no room. */
int agent_stream_send(struct agent_stream *s, const struct agent_message *msg);

/** agent_stream_flush() - write what can be written. Return: 0 or a negative
 * errno, never -EAGAIN. */
int agent_stream_flush(struct agent_stream *s);

/**
 * agent_stream_push() - send a message, waiting until there is room
 *
 * Return: 0 or a negative errno with @err.
 */
int agent_stream_push(struct agent_stream *s, const struct agent_message *msg,
		      struct err *err);

/**
 * agent_stream_wait() - the next message, waiting for it, after all of ours
 * have been written
 * @timeout_ms: -1: for ever
 *
 * For who has nothing else to do. Return: 0, -ETIMEDOUT, -ECONNRESET at the end
 * of the stream, or another negative errno, with @err.
 */
int agent_stream_wait(struct agent_stream *s, struct agent_message *msg,
		      int timeout_ms, struct err *err);

/** agent_stream_drain() - write what is pending, waiting. Return: 0 or a
 * negative errno. */
int agent_stream_drain(struct agent_stream *s);

/** agent_stream_rest() - what was read and not taken as messages. Return: @len
 * bytes, the stream's; for who goes on without messages. */
const void *agent_stream_rest(const struct agent_stream *s, size_t *len);

/**
 * agent_stream_linger() - write what is left and wait until the peer has closed
 * @timeout_ms: at most so long
 *
 * Before agent_stream_destroy(): closing while something of the peer is unread
 * would take back what it has not read yet. What comes is thrown away.
 */
void agent_stream_linger(struct agent_stream *s, int timeout_ms);

/** agent_stream_fail() - send AGENT_ERROR with @code, a negative errno, and
 * what went wrong. */
void agent_stream_fail(struct agent_stream *s, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
