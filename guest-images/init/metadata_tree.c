/*
 * metadata_tree.c - user data as files; see metadata.h. linuxkit:
 * docs/metadata.md.
 */
#include "metadata.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 16
#define ENTRIES_MAX 4096U

static int write_tree(int dir, const json_t *tree, int depth, size_t *count,
		      struct err *err);

static int bad(struct err *err, const char *name, const char *why)
{
	return err_setx(err, -EBADMSG, "user data: %.64s: %s", name, why);
}

static int read_mode(const json_t *entry, const char *name, mode_t *mode,
		     struct err *err)
{
	const json_t *value = json_object_get(entry, "perm");
	const char *text = json_string_value(value);
	unsigned long bits;
	char *end = NULL;

	if (!value)
		return 0;
	bits = text ? strtoul(text, &end, 8) : 0;
	if (!text || !*text || *end || bits > 0777)
		return bad(err, name, "perm: expected octal, as \"0644\"");
	*mode = (mode_t)bits;
	return 0;
}

static int write_file(int dir, const char *name, const json_t *content,
		      mode_t mode, struct err *err)
{
	AUTO_CLOSE int fd = openat(dir, name,
				   O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
					   O_CLOEXEC | O_NONBLOCK,
				   0600);
	const char *text = json_string_value(content);
	size_t len = json_string_length(content);

	if (fd < 0)
		return err_set(err, -errno, "user data: %.64s", name);
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return err_set(err, -errno, "user data: %.64s", name);
		text += n;
		len -= (size_t)n;
	}
	if (fchmod(fd, mode))
		return err_set(err, -errno, "user data: %.64s", name);
	return 0;
}

static int write_dir(int dir, const char *name, const json_t *entries,
		     mode_t mode, int depth, size_t *count, struct err *err)
{
	AUTO_CLOSE int below = -1;
	int rc;

	if (mkdirat(dir, name, 0700) && errno != EEXIST)
		return err_set(err, -errno, "user data: %.64s", name);
	below = openat(dir, name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return err_set(err, -errno, "user data: %.64s", name);
	rc = write_tree(below, entries, depth + 1, count, err);
	if (!rc && fchmod(below, mode))
		rc = err_set(err, -errno, "user data: %.64s", name);
	return rc;
}

static int write_entry(int dir, const char *name, const json_t *entry,
		       int depth, size_t *count, struct err *err)
{
	const json_t *content = json_object_get(entry, "content");
	const json_t *entries = json_object_get(entry, "entries");
	mode_t mode = entries ? 0755 : 0644;
	int rc;

	if (!*name || strlen(name) > 255 || strchr(name, '/') ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return bad(err, name, "a name is one part of a path");
	if (++*count > ENTRIES_MAX)
		return bad(err, name, "too many files");
	if (!json_is_object(entry) || !content == !entries)
		return bad(err, name, "expected content or entries");
	rc = read_mode(entry, name, &mode, err);
	if (rc)
		return rc;
	if (json_is_object(entries))
		return write_dir(dir, name, entries, mode, depth, count, err);
	if (json_is_string(content))
		return write_file(dir, name, content, mode, err);
	return bad(err, name, "content is a text, entries an object");
}

static int write_tree(int dir, const json_t *tree, int depth, size_t *count,
		      struct err *err)
{
	const char *name;
	const json_t *entry;

	if (depth == DEPTH_MAX)
		return bad(err, "entries", "too deep");
	json_object_foreach ((json_t *)(uintptr_t)tree, name, entry) {
		int rc = write_entry(dir, name, entry, depth, count, err);

		if (rc)
			return rc;
	}
	return 0;
}

int metadata_tree(int dir, const json_t *tree, struct err *err)
{
	size_t count = 0;

	if (!json_is_object(tree))
		return bad(err, "top", "expected an object");
	return write_tree(dir, tree, 0, &count, err);
}
