/*
 * program_path.c - see program_path.h.
 */
#include "program_path.h"

#include "macros.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int program_path(const char *name, char *path, size_t size, struct err *err)
{
	static const char *const dirs[] = {LWX_PKGLIBEXECDIR, LWX_LIBEXECDIR};
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
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, size, "%s/%s", dirs[i], name);
		if (!access(path, R_OK))
			return 0;
	}
	(void)snprintf(path, size, "%s/%s", dirs[0], name);
	return err_set(err, -ENOENT, "%s", path);
}
