/*
 * tree_path.c - what a path of a tree looks like. See tree.h.
 */
#include "tree_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') ||
	       (len == 2 && name[0] == '.' && name[1] == '.');
}

bool tree_path_ok(const char *path)
{
	if (!*path)
		return true;
	if (strlen(path) >= TREE_PATH_SIZE)
		return false;
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len == 0 || len > TREE_NAME_MAX || is_dots(path, len))
			return false;
		path += len;
		if (!*path)
			return true;
		path++;
	}
}

int tree_path_clean(const char *path, char *out, size_t size)
{
	size_t used = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && is_dots(path, len))
			return -EINVAL;
		if (len && !is_dots(path, len)) {
			/* A slash in front of all but the first, and a NUL. */
			if (len > TREE_NAME_MAX || size < used + len + 2)
				return -EINVAL;
			if (used)
				out[used++] = '/';
			memcpy(out + used, path, len);
			used += len;
		}
		path += len;
		path += *path == '/';
	}
	if (size < used + 1)
		return -EINVAL;
	out[used] = '\0';
	return 0;
}
