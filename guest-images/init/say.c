/*
 * say.c - messages of the init; see say.h.
 */
#include "say.h"

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void write_line(int level, const char *text)
{
	char line[768];
	int n = snprintf(line, sizeof(line), "<%d>lwx-init: %s\n", level, text);
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t skip = 0;

	if (n < 0)
		return;
	if (fd < 0) {
		fd = STDERR_FILENO;
		skip = 3; /* the level */
	}
	(void)!write(fd, line + skip, strlen(line) - skip);
	if (fd != STDERR_FILENO)
		(void)close(fd);
}

static void __attribute__((format(printf, 3, 0)))
say(int level, int code, const char *fmt, va_list ap)
{
	char text[640];
	size_t len;

	(void)vsnprintf(text, sizeof(text) - 80, fmt, ap);
	len = strlen(text);
	if (code)
		(void)snprintf(text + len, sizeof(text) - len, ": %s",
			       strerror(code));
	write_line(level, text);
}

void say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(3, 0, fmt, ap);
	va_end(ap);
}

void say_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(6, 0, fmt, ap);
	va_end(ap);
}

void say_errno(const char *fmt, ...)
{
	int code = errno;
	va_list ap;

	va_start(ap, fmt);
	say(3, code, fmt, ap);
	va_end(ap);
}

void say_err(const struct err *err)
{
	say_error("%s", err->msg);
}

/* A line with the time since power-on in front. */
static void __attribute__((format(printf, 2, 3)))
note(const char *path, const char *fmt, ...)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	struct timespec now;
	char text[400];
	va_list ap;

	if (fd < 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	(void)dprintf(fd, "%lld.%06ld %s\n", (long long)now.tv_sec,
		      now.tv_nsec / 1000, text);
	(void)close(fd);
}

void say_mark(const char *what)
{
	note(RUN_DIR "/boot", "%s", what);
}

void say_step(const char *event, const char *kind, const char *name)
{
	note(RUN_DIR "/steps", "%s %s %s", event, kind, name);
}
