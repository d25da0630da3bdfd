/*
 * files.c - small files; see files.h.
 */
#include "files.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

ssize_t file_read(const char *path, char *buf, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

ssize_t file_read_line(const char *path, char *buf, size_t size)
{
	ssize_t n = file_read(path, buf, size);

	if (n < 0)
		return n;
	buf[strcspn(buf, "\n")] = '\0';
	return (ssize_t)strlen(buf);
}

static int put(int fd, const char *text)
{
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write(const char *path, const char *text, mode_t mode)
{
	AUTO_CLOSE int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	return put(fd, text);
}

int file_put(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return put(fd, text);
}

int dir_make(const char *path, mode_t mode)
{
	char buf[4096];
	size_t len = strlen(path);

	if (len >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (buf[i] != '/' && buf[i] != '\0')
			continue;
		buf[i] = '\0';
		if (mkdir(buf, i == len ? mode : 0755) && errno != EEXIST &&
		    (errno != EROFS || access(buf, F_OK)))
			return -errno;
		if (i < len)
			buf[i] = '/';
	}
	return 0;
}

int path_is_mount(const char *path)
{
	char parent[4096];
	struct stat here;
	struct stat above;

	(void)snprintf(parent, sizeof(parent), "%s/..", path);
	return !stat(path, &here) && !stat(parent, &above) &&
	       here.st_dev != above.st_dev;
}

int json_load_limited(json_t **out, const char *path, struct err *err)
{
	AUTO_FREE char *text = malloc(FILE_BYTES_MAX + 2);
	json_error_t where;
	ssize_t n;

	*out = NULL;
	if (!text)
		return err_set(err, -ENOMEM, "%s", path);
	n = file_read(path, text, FILE_BYTES_MAX + 2);
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_set(err, (int)n, "%s", path);
	if (n > (ssize_t)FILE_BYTES_MAX)
		return err_setx(err, -EFBIG, "%s: more than %u bytes", path,
				FILE_BYTES_MAX);
	*out = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &where);
	return *out ? 0
		    : err_setx(err, -EBADMSG, "%s:%d:%d: %s", path, where.line,
			       where.column, where.text);
}
