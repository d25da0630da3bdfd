/* agent_stream.c - framed messages over a non-blocking stream socket. */
#include "agent_stream.h"

#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)2 * AGENT_FRAME_MAX)

/*
 * @in, @in_start, @in_end:    read, of it not taken yet
 * @out, @out_start, @out_end: to write, of it not written yet
 */
struct agent_stream {
	int fd;
	size_t in_start, in_end;
	size_t out_start, out_end;
	uint8_t in[BUFFER_SIZE];
	uint8_t out[BUFFER_SIZE];
};

int agent_stream_create(struct agent_stream **out, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct agent_stream *s;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->in_start = s->in_end = s->out_start = s->out_end = 0;
	*out = s;
	return 0;
}

void agent_stream_destroy(struct agent_stream *s)
{
	if (!s)
		return;
	(void)close(s->fd);
	free(s);
}

int agent_stream_fd(const struct agent_stream *s)
{
	return s->fd;
}

size_t agent_stream_pending(const struct agent_stream *s)
{
	return s->out_end - s->out_start;
}

bool agent_stream_room(const struct agent_stream *s)
{
	return BUFFER_SIZE - agent_stream_pending(s) >= AGENT_FRAME_MAX;
}

int agent_stream_fill(struct agent_stream *s)
{
	ssize_t n;

	memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
	s->in_end -= s->in_start;
	s->in_start = 0;
	if (s->in_end == BUFFER_SIZE)
		return -EAGAIN;
	do
		n = read(s->fd, s->in + s->in_end, BUFFER_SIZE - s->in_end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	s->in_end += (size_t)n;
	return n > 0;
}

int agent_stream_next(struct agent_stream *s, struct agent_message *msg,
		      struct err *err)
{
	size_t have = s->in_end - s->in_start;
	const uint8_t *frame = s->in + s->in_start;
	int len;

	if (have < AGENT_HEAD_SIZE)
		return 0;
	len = agent_message_length(frame);
	if (len < 0)
		return err_setx(err, len, "a message of more than %d bytes",
				AGENT_MESSAGE_MAX);
	if (have - AGENT_HEAD_SIZE < (size_t)len)
		return 0;
	s->in_start += AGENT_HEAD_SIZE + (size_t)len;
	if (agent_message_decode(msg, frame + AGENT_HEAD_SIZE, (size_t)len,
				 err))
		return err->code;
	return 1;
}

int agent_stream_send(struct agent_stream *s, const struct agent_message *msg)
{
	int n;

	memmove(s->out, s->out + s->out_start, agent_stream_pending(s));
	s->out_end -= s->out_start;
	s->out_start = 0;
	n = agent_message_encode(msg, s->out + s->out_end,
				 BUFFER_SIZE - s->out_end);
	if (n < 0)
		return n;
	s->out_end += (size_t)n;
	return 0;
}

int agent_stream_flush(struct agent_stream *s)
{
	while (s->out_start < s->out_end) {
		ssize_t n = send(s->fd, s->out + s->out_start,
				 s->out_end - s->out_start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		s->out_start += (size_t)n;
	}
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Return: 0, or a negative errno; -ETIMEDOUT once @deadline is over. */
static int wait_ready(struct agent_stream *s, int64_t deadline)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
	int64_t left = deadline < 0 ? -1 : MAX(deadline - now_ms(), 0);
	int n;

	if (agent_stream_pending(s))
		pfd.events |= POLLOUT;
	n = poll(&pfd, 1, (int)MIN(left, 1 << 30));
	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 && left == 0 ? -ETIMEDOUT : 0;
}

int agent_stream_push(struct agent_stream *s, const struct agent_message *msg,
		      struct err *err)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	int rc;

	for (;;) {
		rc = agent_stream_flush(s);
		if (rc)
			return err_set(err, rc, "agent");
		if (agent_stream_room(s))
			break;
		(void)poll(&pfd, 1, -1); /* EINTR: round again */
	}
	(void)agent_stream_send(s, msg); /* has room */
	rc = agent_stream_flush(s);
	return rc ? err_set(err, rc, "agent") : 0;
}

int agent_stream_drain(struct agent_stream *s)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	int rc = agent_stream_flush(s);

	while (!rc && agent_stream_pending(s)) {
		(void)poll(&pfd, 1, -1); /* EINTR: round again */
		rc = agent_stream_flush(s);
	}
	return rc;
}

const void *agent_stream_rest(const struct agent_stream *s, size_t *len)
{
	*len = s->in_end - s->in_start;
	return s->in + s->in_start;
}

int agent_stream_wait(struct agent_stream *s, struct agent_message *msg,
		      int timeout_ms, struct err *err)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	int rc;

	for (;;) {
		rc = agent_stream_flush(s);
		if (rc)
			return err_set(err, rc, "agent");
		if (!agent_stream_pending(s)) {
			rc = agent_stream_next(s, msg, err);
			if (rc)
				return rc < 0 ? err_prefix(err, "agent") : 0;
		}
		rc = wait_ready(s, deadline);
		if (rc)
			return err_set(err, rc, "agent");
		rc = agent_stream_fill(s);
		if (rc == 0)
			return err_set(err, -ECONNRESET, "agent");
		if (rc < 0 && rc != -EAGAIN)
			return err_set(err, rc, "agent");
	}
}

void agent_stream_linger(struct agent_stream *s, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	int rc;

	do {
		s->in_start = s->in_end = 0;
		rc = agent_stream_flush(s);
		if (!rc)
			rc = wait_ready(s, deadline);
		if (!rc)
			rc = agent_stream_fill(s);
	} while (rc > 0 || rc == -EAGAIN);
}

void agent_stream_fail(struct agent_stream *s, int code, const char *fmt, ...)
{
	struct agent_message msg;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	agent_message_init(&msg, AGENT_ERROR);
	agent_put_number(&msg, AGENT_ERRNO, (uint64_t)-code);
	agent_put_string(&msg, AGENT_MESSAGE, text);
	(void)agent_stream_send(s, &msg); /* no room: the end says as much */
}
