/* console_out.c - lines of several VMs, one output. */
#include "console_out.h"

#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* A chunk of newlines alone, each with the longest name and separator. */
#define NAME_MAX_BYTES 36
#define GROWTH_MAX (CONSOLE_CHUNK_MAX * (NAME_MAX_BYTES + 1) + CONSOLE_LINE_MAX)

bool console_out_has_room(const struct console_out *out)
{
	return sizeof(out->buf) - out->len >= GROWTH_MAX;
}

static void put(struct console_out *out, const char *bytes, size_t len)
{
	if (out->fd < 0)
		return;
	assert(len <= sizeof(out->buf) - out->len);
	memcpy(out->buf + out->len, bytes, len);
	out->len += len;
}

static void put_line(struct console_out *out, struct console_line *line)
{
	if (line->len && line->text[line->len - 1] == '\r')
		line->len--;
	put(out, line->name, strlen(line->name));
	put(out, " | ", 3);
	put(out, line->text, line->len);
	put(out, "\n", 1);
	line->len = 0;
}

void console_out_add(struct console_out *out, struct console_line *line,
		     const char *bytes, size_t len)
{
	assert(len <= CONSOLE_CHUNK_MAX);
	if (!line->name) {
		put(out, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n')
			line->text[line->len++] = bytes[i];
		if (bytes[i] == '\n' || line->len == CONSOLE_LINE_MAX)
			put_line(out, line);
	}
}

void console_out_end(struct console_out *out, struct console_line *line)
{
	if (line->len)
		put_line(out, line);
}

void console_out_flush(struct console_out *out)
{
	ssize_t n;

	if (!out->len || out->fd < 0)
		return;
	/* A pipe that polls writable takes PIPE_BUF without blocking. */
	n = write(out->fd, out->buf, MIN(out->len, (size_t)PIPE_BUF));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		out->fd = -1;
		out->len = 0;
		return;
	}
	out->len -= (size_t)n;
	memmove(out->buf, out->buf + n, out->len);
}
