/* root_modules.c - messages to the kernel's log, modules of an initrd. One
 * thread. */
#include "root_init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES_LIST "/modules.load"
#define COMPRESSED_FILE 4 /* finit_module(2) */

void root_say(int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text) - 64, fmt, ap);
	va_end(ap);
	dprintf(fd < 0 ? 2 : fd, "<3>%s: %s%s%s\n", root_program, text,
		code ? ": " : "", code ? strerror(code) : "");
	if (fd >= 0)
		(void)close(fd);
}

static void load_module(const char *path)
{
	const char *dot = strrchr(path, '.');
	int flags = dot && strcmp(dot, ".ko") != 0 ? COMPRESSED_FILE : 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* A driver without its device says ENODEV, one whose helper did so
	 * ENOENT: both are no fault. */
	if (fd < 0)
		root_say(errno, "%s", path);
	else if (syscall(SYS_finit_module, fd, "", flags) && errno != EEXIST &&
		 errno != ENODEV && errno != ENOENT)
		root_say(errno, "%s: load", path);
	if (fd >= 0)
		(void)close(fd);
	(void)unlink(path); /* its memory is of more use elsewhere */
}

void root_modules_load(void)
{
	FILE *list = fopen(MODULES_LIST, "re");
	char line[4096];

	if (!list)
		return;
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		load_module(line);
	}
	(void)fclose(list);
}
