/* agent_relay.c - see agent_relay.h. */
#include "agent_relay.h"

#include "agent_proto.h"
#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_SIZE ((size_t)2 * AGENT_FRAME_MAX)

/*
 * One direction.
 * @start, @end: of what was read and is not written yet
 * @eof:         nothing follows
 * @done:        nothing is left to do
 */
struct half {
	int from;
	int to;
	size_t start, end;
	bool eof;
	bool done;
	char bytes[BUFFER_SIZE];
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void take(struct half *half)
{
	ssize_t n = recv(half->from, half->bytes, sizeof(half->bytes), 0);

	half->start = half->end = 0;
	if (n > 0)
		half->end = (size_t)n;
	else if (n == 0 || !would_block())
		half->eof = true;
}

static void give(struct half *half)
{
	ssize_t n = send(half->to, half->bytes + half->start,
			 half->end - half->start, MSG_NOSIGNAL);

	if (n >= 0)
		half->start += (size_t)n;
	else if (!would_block())
		half->done = true; /* nobody takes it any more */
}

static void end_if_over(struct half *half)
{
	if (half->done || !half->eof || half->start < half->end)
		return;
	(void)shutdown(half->to, SHUT_WR); /* it may be gone */
	half->done = true;
}

static short reads(const struct half *half)
{
	return !half->done && !half->eof && half->start == half->end ? POLLIN
								     : 0;
}

static short writes(const struct half *half)
{
	return !half->done && half->start < half->end ? POLLOUT : 0;
}

static void step(struct half *there, struct half *back)
{
	struct pollfd fds[] = {
		{.fd = there->from,
		 .events = (short)(reads(there) | writes(back))},
		{.fd = there->to,
		 .events = (short)(reads(back) | writes(there))},
	};
	const short gone = POLLHUP | POLLERR;

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return; /* EINTR */
	if (fds[0].revents && reads(there))
		take(there);
	else if (fds[0].revents & gone && there->eof)
		back->done = true; /* it takes nothing any more */
	if (fds[1].revents && reads(back))
		take(back);
	else if (fds[1].revents & gone && back->eof)
		there->done = true;
	if (writes(there))
		give(there);
	if (writes(back))
		give(back);
	end_if_over(there);
	end_if_over(back);
}

static int unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

int agent_relay(int a, int b, const void *first, size_t len)
{
	AUTO_FREE struct half *halves = calloc(2, sizeof(*halves));
	int rc = halves ? unblock(a) : -ENOMEM;

	if (!rc)
		rc = unblock(b);
	if (!rc && len > BUFFER_SIZE)
		rc = -EMSGSIZE;
	if (rc)
		return rc;
	halves[0].from = halves[1].to = a;
	halves[0].to = halves[1].from = b;
	if (len)
		memcpy(halves[0].bytes, first, len);
	halves[0].end = len;
	while (!halves[0].done || !halves[1].done)
		step(&halves[0], &halves[1]);
	return 0;
}
