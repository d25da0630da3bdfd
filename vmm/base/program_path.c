/*
 * program_path.c - see program_path.h.
 */
#include "program_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int program_path(const char *name, char *path, size_t size, struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		(void)snprintf(path, size, "%s/%s", self, name);
		if (!access(path, R_OK))
			return 0;
	}
	(void)snprintf(path, size, "%s/%s", LWX_PKGLIBEXECDIR, name);
	return access(path, R_OK) ? err_set(err, -errno, "%s", path) : 0;
}
