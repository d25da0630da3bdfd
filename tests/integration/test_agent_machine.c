/*
 * test_agent_machine.c - what lwx-agent tells and does of its machine:
 * services, their logs, containers, the end of it, unix sockets; and a guest
 * that answers as it likes.
 */
#include "agent_rig.h"
#include "guest_forward.h"
#include "guest_query.h"
#include "log_ring.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program of the guest. */
static void add_program(const struct rig *rig, const char *name,
			const char *script)
{
	char path[128];
	FILE *file;

	in_dir(rig, "bin", path, sizeof(path));
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/bin/%s", rig->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static struct log_ring *open_log(const struct rig *rig, const char *name)
{
	struct log_ring *ring = NULL;
	char path[128];

	in_dir(rig, "log", path, sizeof(path));
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/log/%s", rig->dir, name);
	assert_int_equal(log_ring_open(&ring, path), 0);
	return ring;
}

/*
 * What came of logs.
 * @text: "SERVICE: BYTES" of each part
 * @more: written to once something has come
 * @stop: end once this has come
 */
struct heard {
	char *text;
	size_t len;
	FILE *out;
	struct log_ring *more;
	const char *stop;
};

static int hear(void *ctx, const char *service, const char *bytes, size_t len)
{
	struct heard *heard = ctx;

	assert_int_equal(fprintf(heard->out, "%s: ", service),
			 strlen(service) + 2);
	assert_int_equal(fwrite(bytes, 1, len, heard->out), len);
	assert_int_equal(fflush(heard->out), 0);
	if (heard->more)
		log_ring_write(heard->more, "later\n", 6);
	heard->more = NULL;
	return heard->stop && strstr(heard->text, heard->stop) ? -ECANCELED : 0;
}

static int hear_logs(const struct rig *rig, const char *service, bool follow,
		     struct heard *heard, struct err *err)
{
	struct agent_stream *s = open_agent(rig);
	int rc;

	heard->out = open_memstream(&heard->text, &heard->len);
	assert_non_null(heard->out);
	rc = guest_logs(s, service, follow, hear, heard, err);
	assert_int_equal(fclose(heard->out), 0);
	agent_stream_destroy(s);
	return rc;
}

static void test_logs(void **state)
{
	struct rig *rig = *state;
	struct log_ring *web = open_log(rig, "web"), *db = open_log(rig, "db");
	struct heard heard = {0};
	struct err err;

	log_ring_write(web, "served\nopen end", 15);
	log_ring_write(db, "committed\n", 10);
	assert_int_equal(hear_logs(rig, NULL, false, &heard, &err), 0);
	assert_non_null(strstr(heard.text, "db: ["));
	assert_non_null(strstr(heard.text, "] committed\n"));
	assert_non_null(strstr(heard.text, "] served\n"));
	free(heard.text);
	log_ring_close(db); /* it has died; its log has not */
	assert_int_equal(hear_logs(rig, "db", false, &heard, &err), 0);
	assert_non_null(strstr(heard.text, "] committed\n"));
	assert_null(strstr(heard.text, "served"));
	free(heard.text);

	/* More than a message holds. */
	for (int i = 0; i < 2000; i++)
		log_ring_write(web, "thirty bytes of a service's log\n", 32);
	assert_int_equal(hear_logs(rig, "web", false, &heard, &err), 0);
	assert_true(heard.len > LOG_RING_BYTES - LOG_LINE_MAX &&
		    heard.len < LOG_RING_BYTES + 64);
	free(heard.text);
	log_ring_close(web);
}

static void test_logs_that_go_on(void **state)
{
	static const char *const services[] = {NULL, "web"};
	struct rig *rig = *state;
	struct log_ring *web = open_log(rig, "web");
	struct err err;

	log_ring_write(web, "first\n", 6);
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		struct heard heard = {.more = web, .stop = "later"};

		assert_int_equal(
			hear_logs(rig, services[i], true, &heard, &err),
			-ECANCELED);
		free(heard.text);
	}
	log_ring_close(web);
}

static void test_logs_that_are_not_there(void **state)
{
	static const struct {
		const char *service;
		int rc;
	} cases[] = {
		{"nobody", -ENOENT}, {"../socket", -EINVAL}, {".", -EINVAL},
		{"", -EINVAL},	     {NULL, -ENOENT},
	};
	struct rig *rig = *state;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct heard heard = {0};

		assert_int_equal(
			hear_logs(rig, cases[i].service, false, &heard, &err),
			cases[i].rc);
		free(heard.text);
	}
}

/* In the place of lwx-init: hears one question. */
static pid_t start_init(const struct rig *rig, const char *question,
			const char *answer)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char text[64];
	pid_t pid;

	in_dir(rig, "init.sock", addr.sun_path, sizeof(addr.sun_path));
	(void)unlink(addr.sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid == 0) {
		int client = accept(fd, NULL, NULL);
		ssize_t n = recv(client, text, sizeof(text), 0);

		_exit(n != (ssize_t)strlen(question) ||
		      memcmp(text, question, (size_t)n) != 0 ||
		      send(client, answer, strlen(answer), 0) < 0);
	}
	(void)close(fd);
	return pid;
}

static void expect_asked(pid_t init)
{
	int status = -1;

	assert_int_equal(waitpid(init, &status, 0), init);
	assert_int_equal(status, 0);
}

static int query(const struct rig *rig, enum agent_type question, char **text,
		 size_t *len, struct err *err)
{
	struct agent_stream *s = open_agent(rig);
	int rc = guest_query(s, question, text, len, err);

	agent_stream_destroy(s);
	return rc;
}

static void test_services(void **state)
{
	static char answer[150000];
	struct rig *rig = *state;
	struct err err;
	char *text;
	size_t len;
	pid_t init;

	assert_int_equal(query(rig, AGENT_SERVICES, &text, &len, &err),
			 -ENOENT);
	assert_non_null(strstr(err.msg, "lwx-init is not process 1"));
	memset(answer, 'x', sizeof(answer) - 1);
	init = start_init(rig, "list", answer);
	assert_int_equal(query(rig, AGENT_SERVICES, &text, &len, &err), 0);
	assert_int_equal(len, sizeof(answer) - 1);
	assert_string_equal(text, answer);
	free(text);
	expect_asked(init);
}

static void test_steps(void **state)
{
	static const char lines[] = "1.000000 end init mounts\n"
				    "1.500000 begin service web\n";
	struct rig *rig = *state;
	struct err err;
	char *text;
	size_t len;
	int fd;

	assert_int_equal(query(rig, AGENT_STEPS, &text, &len, &err), -ENOENT);
	fd = open_file(rig, "steps", O_WRONLY | O_CREAT);
	assert_int_equal(write(fd, lines, sizeof(lines) - 1),
			 sizeof(lines) - 1);
	assert_int_equal(write(fd, "2.0", 3), 3); /* not a line yet */
	assert_int_equal(query(rig, AGENT_STEPS, &text, &len, &err), 0);
	assert_string_equal(text, lines);
	free(text);
	for (int i = 0; i < AGENT_STEPS_MAX / 16; i++)
		assert_int_equal(write(fd, "0 end init step\n", 16), 16);
	(void)close(fd);
	assert_int_equal(query(rig, AGENT_STEPS, &text, &len, &err), 0);
	assert_in_range(len, AGENT_STEPS_MAX - 16, AGENT_STEPS_MAX);
	assert_int_equal(text[len - 1], '\n');
	free(text);
}

static void test_containers(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char *text;
	size_t len;

	add_program(rig, "crun", "echo \"$*\"");
	assert_int_equal(query(rig, AGENT_CONTAINERS, &text, &len, &err), 0);
	assert_string_equal(text, "list --format json\n");
	free(text);
	add_program(rig, "crun", "echo []; exit 1");
	assert_int_equal(query(rig, AGENT_CONTAINERS, &text, &len, &err), -EIO);
}

static int shut_down(const struct rig *rig, enum agent_power action,
		     struct err *err)
{
	struct agent_stream *s = open_agent(rig);
	int rc = guest_shutdown(s, action, err);

	agent_stream_destroy(s);
	return rc;
}

static void test_shutdown(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char path[128];
	pid_t init = start_init(rig, "reboot", "{\"ok\": true}");

	assert_int_equal(shut_down(rig, AGENT_REBOOT, &err), 0);
	expect_asked(init);
	/* Without lwx-init. */
	in_dir(rig, "init.sock", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	add_program(rig, "halt", "cd \"${0%/bin/*}\" && echo >halted");
	assert_int_equal(shut_down(rig, AGENT_HALT, &err), 0);
	in_dir(rig, "halted", path, sizeof(path));
	for (int ms = 0; access(path, F_OK) && ms < WAIT_MS; ms += 10)
		(void)poll(NULL, 0, 10);
	assert_int_equal(access(path, F_OK), 0);
}

/* A daemon of the guest: what a client sends comes back once it has ended. */
static pid_t start_daemon(const char *path)
{
	static char bytes[1 << 20];
	struct err err;
	int listener = guest_forward_listen(path, &err);
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_true(listener >= 0);
	pid = fork();
	if (pid == 0) {
		int fd = accept(listener, NULL, NULL);

		while ((n = read(fd, bytes + len, sizeof(bytes) - len)) > 0)
			len += (size_t)n;
		for (size_t at = 0; at < len; at += (size_t)n) {
			n = write(fd, bytes + at, len - at);
			if (n <= 0)
				_exit(1);
		}
		_exit(0);
	}
	(void)close(listener);
	return pid;
}

static int connect_agent(void *ctx, struct agent_stream **s, struct err *err)
{
	(void)err;
	*s = open_agent(ctx);
	return 0;
}

static void not_served(void *ctx, const struct err *err)
{
	const struct rig *rig = ctx;
	int fd = open_file(rig, "refused", O_WRONLY | O_CREAT | O_TRUNC);

	(void)!write(fd, err->msg, strlen(err->msg));
	(void)close(fd);
}

/* A client of @path of the guest, through a socket of the host. */
static int open_forwarded(struct rig *rig, const char *path)
{
	struct guest_forward forward = {
		.path = path,
		.connect = connect_agent,
		.failed = not_served,
		.ctx = rig,
	};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	struct err err;

	in_dir(rig, "host", addr.sun_path, sizeof(addr.sun_path));
	forward.listener = guest_forward_listen(addr.sun_path, &err);
	assert_true(forward.listener >= 0);
	assert_int_equal(stat(addr.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(guest_forward_listen(addr.sun_path, &err),
			 -EADDRINUSE);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(guest_forward_accept(&forward), 0);
	(void)close(forward.listener);
	assert_int_equal(unlink(addr.sun_path), 0);
	return fd;
}

static void allow(const struct rig *rig, const char *path)
{
	int fd = open_file(rig, "sockets", O_WRONLY | O_CREAT | O_APPEND);

	assert_true(dprintf(fd, "%s\n", path) > 0);
	(void)close(fd);
}

static void test_forward(void **state)
{
	static char bytes[700000], back[sizeof(bytes) + 1];
	struct rig *rig = *state;
	size_t len = 0;
	char path[108];
	ssize_t n;
	pid_t daemon;
	int fd;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	in_dir(rig, "daemon", path, sizeof(path));
	allow(rig, path);
	daemon = start_daemon(path);
	fd = open_forwarded(rig, path);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(shutdown(fd, SHUT_WR), 0); /* the other way lives */
	while ((n = read(fd, back + len, sizeof(back) - len)) > 0)
		len += (size_t)n;
	assert_int_equal(len, sizeof(bytes));
	assert_memory_equal(back, bytes, sizeof(bytes));
	(void)close(fd);
	expect_asked(daemon);
	assert_true(wait(NULL) > 0); /* the client's process has ended too */
}

static void test_forward_refused(void **state)
{
	struct rig *rig = *state;
	char missing[108], text[512], byte;
	const struct {
		const char *path;
		const char *message;
	} cases[] = {
		{"/run/systemd/private", ": not in "},
		{"../x", ": not in "},
		{missing, ": No such file or directory"},
	};
	int fd;

	in_dir(rig, "missing", missing, sizeof(missing));
	allow(rig, missing);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fd = open_forwarded(rig, cases[i].path);
		assert_true(read(fd, &byte, 1) <= 0);
		(void)close(fd);
		assert_true(wait(NULL) > 0);
		(void)read_file(rig, "refused", text, sizeof(text));
		assert_non_null(strstr(text, cases[i].message));
	}
}

/* A guest that answers without end, out of turn, or with an error that is
 * none. */
static void test_hostile_answers(void **state)
{
	static const char data[AGENT_DATA_MAX];
	static const struct {
		enum agent_type type;
		int rc;
	} cases[] = {
		{AGENT_DATA, -EMSGSIZE},
		{AGENT_STDIN_END, -EPROTO},
		{AGENT_ERROR, -EPROTO},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_stream *guest = NULL, *host = NULL;
		struct agent_message msg;
		char *text = NULL;
		size_t len;
		int pair[2];
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(agent_stream_create(&guest, pair[0]), 0);
		agent_message_init(&msg, cases[i].type);
		if (cases[i].type == AGENT_DATA) {
			agent_put_bytes(&msg, AGENT_CONTENT, data,
					sizeof(data));
		} else if (cases[i].type == AGENT_ERROR) {
			agent_put_number(&msg, AGENT_ERRNO, 0);
			agent_put_string(&msg, AGENT_MESSAGE, "fine");
		}
		pid = fork();
		if (pid == 0) {
			(void)close(pair[1]);
			while (!agent_stream_push(guest, &msg, &err))
				;
			_exit(0);
		}
		agent_stream_destroy(guest);
		assert_int_equal(agent_stream_create(&host, pair[1]), 0);
		assert_int_equal(
			guest_query(host, AGENT_SERVICES, &text, &len, &err),
			cases[i].rc);
		assert_null(text);
		agent_stream_destroy(host);
		expect_asked(pid);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		AGENT_TEST(test_logs),
		AGENT_TEST(test_logs_that_go_on),
		AGENT_TEST(test_logs_that_are_not_there),
		AGENT_TEST(test_services),
		AGENT_TEST(test_steps),
		AGENT_TEST(test_containers),
		AGENT_TEST(test_shutdown),
		AGENT_TEST(test_forward),
		AGENT_TEST(test_forward_refused),
		cmocka_unit_test(test_hostile_answers),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
