/* agent_rig.c - see agent_rig.h. */
#include "agent_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_once(const struct rig *rig)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (!connect(fd, (const struct sockaddr *)&rig->addr,
		     sizeof(rig->addr)))
		return fd;
	(void)close(fd);
	return -1;
}

struct agent_stream *open_agent(const struct rig *rig)
{
	struct agent_stream *s = NULL;
	int fd = -1;

	for (int ms = 0; fd < 0 && ms < WAIT_MS; ms += 10) {
		fd = connect_once(rig);
		if (fd < 0)
			(void)poll(NULL, 0, 10);
	}
	assert_true(fd >= 0);
	assert_int_equal(agent_stream_create(&s, fd), 0);
	return s;
}

int agent_rig_set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char *argv[] = {TEXT(LWX_AGENT),
			TEXT("--unix"),
			NULL,
			TEXT("--run-dir"),
			NULL,
			TEXT("--sockets"),
			NULL,
			NULL};
	char path[128], sockets[128];

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/lwx-agent.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	rig->addr.sun_family = AF_UNIX;
	(void)snprintf(rig->addr.sun_path, sizeof(rig->addr.sun_path),
		       "%s/socket", rig->dir);
	argv[2] = rig->addr.sun_path;
	argv[4] = rig->dir;
	(void)snprintf(sockets, sizeof(sockets), "%s/sockets", rig->dir);
	argv[6] = sockets;
	/* Its poweroff is the test's own, whatever goes wrong. */
	(void)snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", rig->dir);
	rig->agent = fork();
	assert_true(rig->agent >= 0);
	if (rig->agent == 0) {
		(void)setenv("PATH", path, 1);
		(void)execv(argv[0], argv);
		_exit(1);
	}
	/* It takes signals once it listens. */
	agent_stream_destroy(open_agent(rig));
	*state = rig;
	return 0;
}

int agent_rig_tear_down(void **state)
{
	struct rig *rig = *state;
	char command[96];
	int status = -1;

	assert_int_equal(kill(rig->agent, SIGTERM), 0);
	assert_int_equal(waitpid(rig->agent, &status, 0), rig->agent);
	assert_int_equal(status, 0);
	assert_int_equal(access(rig->addr.sun_path, F_OK), -1);
	(void)snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
	assert_int_equal(system(command), 0);
	free(rig);
	return 0;
}

void in_dir(const struct rig *rig, const char *name, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/%s", rig->dir, name);
}

int open_file(const struct rig *rig, const char *name, int flags)
{
	char path[128];
	int fd;

	in_dir(rig, name, path, sizeof(path));
	fd = open(path, flags | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

size_t read_file(const struct rig *rig, const char *name, char *buf,
		 size_t size)
{
	int fd = open_file(rig, name, O_RDONLY);
	ssize_t n = read(fd, buf, size - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	(void)close(fd);
	return (size_t)n;
}
