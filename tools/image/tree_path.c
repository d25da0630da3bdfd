/*
 * tree_path.c - what a path of a tree looks like and where it leads. See
 * tree.h.
 */
#include "tree_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX 40U /* as Linux */

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

/* @path without its last component. */
static void pop(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

/* Put the target of a link in front of @rest, which is the end of @left. */
static int expand(char left[TREE_PATH_SIZE], const char *target,
		  const char *rest)
{
	size_t target_len = strlen(target);
	size_t rest_len = strlen(rest); /* empty, or it starts with a slash */
	char kept;

	if (target_len + rest_len >= TREE_PATH_SIZE)
		return -ENAMETOOLONG;
	memmove(left + target_len, rest, rest_len + 1);
	kept = left[target_len];
	(void)strcpy(left, target); /* fits; its NUL is in the way */
	left[target_len] = kept;
	return 0;
}

static int resolve(const struct tree *tree, const char *path, bool follow,
		   char out[TREE_PATH_SIZE])
{
	char left[TREE_PATH_SIZE];
	const char *at = left;
	unsigned int links = 0;
	size_t used;

	if (strlen(path) >= TREE_PATH_SIZE)
		return -ENAMETOOLONG;
	(void)strcpy(left, path); /* fits */
	out[0] = '\0';
	for (;;) {
		const struct tree_entry *entry;
		size_t len;

		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (!len)
			return 0; /* a link led to a directory: "usr/" */
		if (is_dots(at, len)) {
			if (len == 2)
				pop(out);
			at += len;
			continue;
		}
		used = strlen(out);
		if (used + len + 2 > TREE_PATH_SIZE)
			return -ENAMETOOLONG;
		if (used)
			out[used++] = '/';
		memcpy(out + used, at, len);
		out[used + len] = '\0';
		at += len;
		if (!*at && !follow)
			return 0;
		entry = tree_find(tree, out);
		if (!*at && (!entry || entry->type != TREE_SYMLINK))
			return 0;
		if (!entry || entry->type == TREE_DIR)
			continue;
		if (entry->type != TREE_SYMLINK)
			return -ENOTDIR;
		if (++links > LINKS_MAX)
			return -ELOOP;
		if (expand(left, entry->target, at))
			return -ENAMETOOLONG;
		at = left;
		if (*at == '/')
			out[0] = '\0';
		else
			pop(out);
	}
}

int tree_resolve(const struct tree *tree, const char *path,
		 char out[TREE_PATH_SIZE])
{
	return resolve(tree, path, false, out);
}

const struct tree_entry *tree_follow(const struct tree *tree, const char *path)
{
	char out[TREE_PATH_SIZE];

	return resolve(tree, path, true, out) ? NULL : tree_find(tree, out);
}
