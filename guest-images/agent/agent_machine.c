/*
 * agent_machine.c - services, containers and the end of the machine: what
 * lwx-init, crun and poweroff say and do, for the host. One thread.
 */
#include "agent.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (256U << 10) /* as lwx-init's own client */
#define ANSWER_MS 10000

static void send_end(struct agent_stream *s)
{
	struct agent_message msg;
	struct err err;

	agent_message_init(&msg, AGENT_END);
	(void)agent_stream_push(s, &msg, &err); /* gone: so are we */
}

static int send_data(struct agent_stream *s, const char *bytes, size_t len)
{
	struct agent_message msg;
	struct err err;
	int rc = 0;

	for (size_t at = 0; !rc && at < len; at += AGENT_DATA_MAX) {
		agent_message_init(&msg, AGENT_DATA);
		agent_put_bytes(&msg, AGENT_CONTENT, bytes + at,
				MIN(len - at, (size_t)AGENT_DATA_MAX));
		rc = agent_stream_push(s, &msg, &err);
	}
	return rc;
}

/* Return: bytes of the answer in @answer, ANSWER_BYTES_MAX long, or a negative
 * errno; -ENOENT: there is no lwx-init. */
static ssize_t ask_init(const char *run_dir, const char *question, char *answer)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/init.sock",
		     run_dir) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
		return -errno;
	if (poll(&pfd, 1, ANSWER_MS) <= 0)
		return -ETIMEDOUT;
	n = recv(fd, answer, ANSWER_BYTES_MAX, 0);
	return n > 0 ? n : -EPROTO;
}

static void init_failed(struct agent_stream *s, int code)
{
	if (code == -ENOENT || code == -ECONNREFUSED)
		agent_stream_fail(s, -ENOENT,
				  "lwx-init is not process 1 of this guest");
	else
		agent_stream_fail(s, code, "lwx-init: %s", strerror(-code));
}

void agent_services(struct agent_stream *s, const char *run_dir)
{
	AUTO_FREE char *answer = malloc(ANSWER_BYTES_MAX);
	ssize_t n = answer ? ask_init(run_dir, "list", answer) : -ENOMEM;

	if (n < 0)
		init_failed(s, (int)n);
	else if (!send_data(s, answer, (size_t)n))
		send_end(s);
}

void agent_steps(struct agent_stream *s, const char *run_dir)
{
	AUTO_FREE char *text = malloc(AGENT_STEPS_MAX);
	char path[256];
	size_t n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/steps", run_dir);
	file = fopen(path, "re");
	if (!text || !file) {
		init_failed(s, text ? -errno : -ENOMEM);
	} else {
		n = fread(text, 1, AGENT_STEPS_MAX, file);
		while (n && text[n - 1] != '\n')
			n--;
		if (!send_data(s, text, n))
			send_end(s);
	}
	if (file)
		(void)fclose(file);
}

/* What a command writes, as data; its errors go nowhere. */
static int send_output(struct agent_stream *s, int out)
{
	AUTO_FREE char *chunk = malloc(AGENT_DATA_MAX);
	struct pollfd pfd = {.fd = out, .events = POLLIN};
	ssize_t n = -1;
	int rc = chunk ? 0 : -ENOMEM;

	while (!rc && n) {
		if (poll(&pfd, 1, ANSWER_MS) == 0)
			return -ETIMEDOUT;
		n = read(out, chunk, AGENT_DATA_MAX);
		if (n > 0)
			rc = send_data(s, chunk, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			rc = -errno;
	}
	return rc;
}

void agent_containers(struct agent_stream *s)
{
	static const char argv[] = "crun\0list\0--format\0json";
	struct agent_command command;
	struct agent_message request;
	struct err err;
	int status = -1;
	int rc;

	agent_message_init(&request, AGENT_EXEC);
	agent_put_bytes(&request, AGENT_ARGV, argv, sizeof(argv));
	rc = agent_command_start(&command, &request, &err);
	if (rc) {
		agent_stream_fail(s, rc, "%s", err.msg);
		return;
	}
	rc = send_output(s, command.out);
	if (rc)
		(void)kill(command.pid, SIGKILL);
	(void)waitpid(command.pid, &status, 0);
	agent_command_close(&command);
	if (rc)
		agent_stream_fail(s, rc, "crun list: %s", strerror(-rc));
	else if (status)
		agent_stream_fail(s, -EIO, "crun list: failed");
	else
		send_end(s);
}

/* Of systemd and others. Return: 0 if it was started. */
static int run_program(const char *name, struct err *err)
{
	struct agent_command command;
	struct agent_message request;
	int rc;

	agent_message_init(&request, AGENT_EXEC);
	agent_put_bytes(&request, AGENT_ARGV, name, strlen(name) + 1);
	rc = agent_command_start(&command, &request, err);
	if (!rc)
		agent_command_close(&command);
	return rc;
}

void agent_shutdown(struct agent_stream *s, const struct agent_message *request,
		    const char *run_dir)
{
	static const char *const actions[] = {
		[AGENT_POWEROFF] = "poweroff",
		[AGENT_REBOOT] = "reboot",
		[AGENT_HALT] = "halt",
	};
	AUTO_FREE char *answer = malloc(ANSWER_BYTES_MAX);
	const char *action = actions[request->values[AGENT_ACTION].number];
	struct err err = {0};
	ssize_t n = answer ? ask_init(run_dir, action, answer) : -ENOMEM;

	_Static_assert(ARRAY_SIZE(actions) == AGENT_POWERS, "a word each");
	if (n == -ENOENT || n == -ECONNREFUSED) {
		n = run_program(action, &err);
		if (n)
			agent_stream_fail(s, (int)n, "%s", err.msg);
		else
			send_end(s);
	} else if (n < 0) {
		init_failed(s, (int)n);
	} else {
		send_end(s);
	}
}
