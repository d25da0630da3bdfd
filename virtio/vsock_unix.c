/* vsock_unix.c - see vsock_unix.h. */
#include "vsock_unix.h"

#include "cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int fill_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

static int new_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int connect_to(const char *path, int type)
{
	struct sockaddr_un address;
	AUTO_CLOSE int fd = -1;
	int rc;

	rc = fill_address(&address, path);
	if (rc < 0)
		return rc;
	fd = new_socket(type);
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return steal_fd(&fd);
}

int vsock_unix_connect(const char *path, uint32_t port, int type)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 12];

	(void)snprintf(name, sizeof(name), "%s_%" PRIu32, path, port);
	return connect_to(name, type);
}

/* Is the socket file at @path left over from somebody who is gone? Other kinds
 * of file refuse a connection too, and are not ours to remove. */
static bool is_stale(const char *path, int type)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = connect_to(path, type);
	return fd == -ECONNREFUSED;
}

int vsock_unix_listen(const char *path, int type, struct err *err)
{
	struct sockaddr_un address;
	AUTO_CLOSE int fd = -1;
	int rc;

	if (fill_address(&address, path) < 0)
		return err_setx(err, -ENAMETOOLONG,
				"vsock %s: the path is too long for a socket",
				path);
	fd = new_socket(type);
	if (fd < 0)
		return err_set(err, fd, "vsock %s: socket", path);
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (rc < 0 && errno == EADDRINUSE && is_stale(path, type)) {
		(void)unlink(path); /* bind tells if that did not help */
		rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
	}
	if (rc < 0)
		return err_set(err, -errno, "vsock %s: bind", path);
	if (listen(fd, SOMAXCONN) < 0)
		return err_set(err, -errno, "vsock %s: listen", path);
	return steal_fd(&fd);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of [*at, @end): *at moves behind it. Return: its length. */
static size_t next_word(const char **at, const char *end, const char **word)
{
	while (*at < end && is_space(**at))
		(*at)++;
	*word = *at;
	while (*at < end && !is_space(**at))
		(*at)++;
	return (size_t)(*at - *word);
}

int vsock_unix_parse_connect(const char *line, size_t len, uint32_t *port)
{
	static const char keyword[] = "connect";
	const char *end = line + len;
	const char *word;
	uint64_t value = 0;
	size_t n;

	n = next_word(&line, end, &word);
	if (n != sizeof(keyword) - 1 || strncasecmp(word, keyword, n) != 0)
		return -EINVAL;
	n = next_word(&line, end, &word);
	if (n == 0 || n > 10)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (word[i] < '0' || word[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(word[i] - '0');
	}
	if (value >= UINT32_MAX) /* the last one means "any port" */
		return -EINVAL;
	*port = (uint32_t)value;
	return 0;
}
