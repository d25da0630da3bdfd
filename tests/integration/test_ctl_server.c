/* test_ctl_server.c - the control server over real sockets: what it promises
 * to good clients, and what hostile ones cannot do to it. */
#include "ctl_client.h"
#include "ctl_server.h"
#include "macros.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HELD_MAX 32

/* The server under test and what its handlers saw. */
static struct fixture {
	struct ctl_server *server;
	struct sockaddr_un addr;
	socklen_t addr_len;
	struct ctl_request *held[HELD_MAX];
	unsigned int num_held;
	unsigned int calls;
} fx;

static void handle_echo(void *ctx, struct ctl_request *req)
{
	const struct ctl_field fields[] = {
		CTL_FIELD_TEXT("text", ctl_request_text(req, "text")),
		CTL_FIELD_UINT("number", ctl_request_uint(req, "number", 42)),
		CTL_FIELD_BOOL("flag", ctl_request_bool(req, "flag", true)),
	};

	assert_ptr_equal(ctx, &fx);
	fx.calls++;
	ctl_request_reply(req, fields, ARRAY_SIZE(fields));
}

static void handle_hold(void *ctx, struct ctl_request *req)
{
	(void)ctx;
	assert_true(fx.num_held < HELD_MAX);
	fx.held[fx.num_held++] = req;
}

static void handle_fail(void *ctx, struct ctl_request *req)
{
	struct err err;

	(void)ctx;
	(void)err_setx(&err, -ENOSPC, "disk0: no room");
	ctl_request_fail(req, &err);
}

static void handle_pipe(void *ctx, struct ctl_request *req)
{
	int fds[2];

	(void)ctx;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "hello", 5), 5);
	(void)close(fds[1]);
	ctl_request_reply_fd(req, NULL, 0, fds[0]);
}

static void handle_blob(void *ctx, struct ctl_request *req)
{
	static char data[300000];

	(void)ctx;
	memset(data, 'b', sizeof(data));
	ctl_request_reply_blob(req, data, sizeof(data));
}

static const struct ctl_arg echo_args[] = {
	{.name = "text", .type = CTL_TEXT, .required = true, .max = 8},
	{.name = "number", .type = CTL_UINT, .min = 10, .max = 99},
	{.name = "flag", .type = CTL_BOOL},
};

static const struct ctl_command commands[] = {
	{"test.echo", echo_args, ARRAY_SIZE(echo_args), handle_echo},
	{"test.hold", NULL, 0, handle_hold},
	{"test.fail", NULL, 0, handle_fail},
	{"test.pipe", NULL, 0, handle_pipe},
	{"test.blob", NULL, 0, handle_blob},
};

static int set_up(void **state)
{
	struct ctl_server_config cfg = {
		.commands = commands,
		.num_commands = ARRAY_SIZE(commands),
		.ctx = &fx,
		.num_events = 64,
	};
	struct err err;

	(void)state;
	memset(&fx, 0, sizeof(fx));
	cfg.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(cfg.listen_fd >= 0);
	fx.addr.sun_family = AF_UNIX;
	fx.addr_len = sizeof(fx.addr);
	/* Only the family: the kernel picks an abstract name. */
	assert_int_equal(bind(cfg.listen_fd, (struct sockaddr *)&fx.addr,
			      sizeof(sa_family_t)),
			 0);
	assert_int_equal(getsockname(cfg.listen_fd, (struct sockaddr *)&fx.addr,
				     &fx.addr_len),
			 0);
	assert_int_equal(listen(cfg.listen_fd, 128), 0);
	assert_int_equal(ctl_server_create(&fx.server, &cfg, &err), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ctl_server_destroy(fx.server);
	return 0;
}

static void pump(void)
{
	for (int i = 0; i < 20; i++)
		ctl_server_dispatch(fx.server);
}

static int connect_raw(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&fx.addr, fx.addr_len),
			 0);
	return fd;
}

static struct ctl_client *connect_client(void)
{
	struct ctl_client *client = NULL;
	struct err err;

	assert_int_equal(ctl_client_create(&client, connect_raw(), &err), 0);
	pump();
	return client;
}

static int send_request(struct ctl_client *client, const char *verb,
			const struct ctl_field *fields, unsigned int num)
{
	struct err err;
	int id = ctl_client_send(client, verb, fields, num, &err);

	assert_true(id > 0);
	return id;
}

static void receive(struct ctl_client *client, struct ctl_message *msg, int *fd)
{
	struct err err;

	pump();
	if (ctl_client_receive(client, 0, msg, fd, &err) != 1)
		fail_msg("no message");
}

static void expect_nothing(struct ctl_client *client)
{
	struct ctl_message msg;
	struct err err;

	pump();
	assert_int_equal(ctl_client_receive(client, 0, &msg, NULL, &err), 0);
}

static void expect_gone(struct ctl_client *client)
{
	struct ctl_message msg;
	struct err err;

	pump();
	assert_int_equal(ctl_client_receive(client, 0, &msg, NULL, &err),
			 -ECONNRESET);
}

static void expect_reply(struct ctl_client *client, int id, int status)
{
	struct ctl_message msg;

	receive(client, &msg, NULL);
	assert_int_equal(msg.kind, CTL_REPLY);
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.status, status);
}

static void expect_alive(void)
{
	struct ctl_field text = CTL_FIELD_TEXT("text", "alive");
	struct ctl_client *client = connect_client();

	expect_reply(client, send_request(client, "test.echo", &text, 1), 0);
	ctl_client_destroy(client);
	pump();
}

static void test_a_request_gets_its_reply(void **state)
{
	struct ctl_field text = CTL_FIELD_TEXT("text", "abc");
	struct ctl_client *client = connect_client();
	struct ctl_message msg;
	int id;

	(void)state;
	id = send_request(client, "test.echo", &text, 1);
	receive(client, &msg, NULL);
	assert_int_equal(msg.kind, CTL_REPLY);
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.status, 0);
	assert_string_equal(ctl_message_text(&msg, "text"), "abc");
	assert_int_equal(ctl_message_uint(&msg, "number", 0), 42);
	assert_true(ctl_message_bool(&msg, "flag", false));
	ctl_client_destroy(client);
}

static void test_arguments_are_checked_before_the_handler(void **state)
{
	static const struct {
		const char *verb;
		struct ctl_field fields[2];
		unsigned int num;
		int status;
		const char *message;
	} cases[] = {
		{"test.nosuch",
		 {{0}},
		 0,
		 EOPNOTSUPP,
		 "unknown verb test.nosuch"},
		{"test.echo", {{0}}, 0, EINVAL, "test.echo: text is missing"},
		{"test.echo",
		 {{.key = "txt", .type = CTL_TEXT, .text = "a"}},
		 1,
		 EINVAL,
		 "test.echo: unknown argument txt"},
		{"test.echo",
		 {{.key = "text", .type = CTL_UINT, .number = 1}},
		 1,
		 EINVAL,
		 "test.echo: text must be a text"},
		{"test.echo",
		 {{.key = "text", .type = CTL_TEXT, .text = "123456789"}},
		 1,
		 ERANGE,
		 "test.echo: text is longer than 8"},
		{"test.echo",
		 {{.key = "text", .type = CTL_TEXT, .text = "a"},
		  {.key = "number", .type = CTL_UINT, .number = 9}},
		 2,
		 ERANGE,
		 "test.echo: number must be from 10 to 99"},
		{"test.echo",
		 {{.key = "text", .type = CTL_TEXT, .text = "a"},
		  {.key = "number", .type = CTL_UINT, .number = 100}},
		 2,
		 ERANGE,
		 "test.echo: number must be from 10 to 99"},
		{"test.echo",
		 {{.key = "text", .type = CTL_TEXT, .text = "a"},
		  {.key = "flag", .type = CTL_UINT, .number = 1}},
		 2,
		 EINVAL,
		 "test.echo: flag must be a boolean"},
		{"test.hold",
		 {{.key = "x", .type = CTL_UINT, .number = 1}},
		 1,
		 EINVAL,
		 "test.hold: unknown argument x"},
	};
	struct ctl_client *client = connect_client();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ctl_message msg;
		int id = send_request(client, cases[i].verb, cases[i].fields,
				      cases[i].num);

		receive(client, &msg, NULL);
		assert_int_equal(msg.id, id);
		assert_int_equal(msg.status, cases[i].status);
		assert_string_equal(ctl_message_text(&msg, "message"),
				    cases[i].message);
	}
	assert_int_equal(fx.calls, 0);
	assert_int_equal(fx.num_held, 0);
	ctl_client_destroy(client);
}

static void test_a_failure_carries_errno_and_message(void **state)
{
	struct ctl_client *client = connect_client();
	struct ctl_message msg;
	int id;

	(void)state;
	id = send_request(client, "test.fail", NULL, 0);
	receive(client, &msg, NULL);
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.status, ENOSPC);
	assert_string_equal(ctl_message_text(&msg, "message"),
			    "disk0: no room");
	ctl_client_destroy(client);
}

static void test_replies_may_come_later_and_in_any_order(void **state)
{
	struct ctl_client *client = connect_client();
	int first, second;

	(void)state;
	first = send_request(client, "test.hold", NULL, 0);
	second = send_request(client, "test.hold", NULL, 0);
	expect_nothing(client);
	assert_int_equal(fx.num_held, 2);
	ctl_request_reply(fx.held[1], NULL, 0);
	expect_reply(client, second, 0);
	ctl_request_reply(fx.held[0], NULL, 0);
	expect_reply(client, first, 0);
	ctl_client_destroy(client);
}

static void test_a_reply_to_a_client_that_left_is_dropped(void **state)
{
	struct ctl_client *client = connect_client();

	(void)state;
	(void)send_request(client, "test.hold", NULL, 0);
	pump();
	ctl_client_destroy(client);
	pump();
	assert_int_equal(fx.num_held, 1);
	ctl_request_reply(fx.held[0], NULL, 0);
	expect_alive();
}

static void test_only_so_many_requests_are_under_way(void **state)
{
	struct ctl_client *client = connect_client();

	(void)state;
	for (int i = 0; i < CTL_PENDING_MAX + 3; i++)
		(void)send_request(client, "test.hold", NULL, 0);
	expect_nothing(client);
	assert_int_equal(fx.num_held, CTL_PENDING_MAX);
	ctl_request_reply(fx.held[0], NULL, 0);
	pump();
	assert_int_equal(fx.num_held, CTL_PENDING_MAX + 1);
	for (unsigned int i = 1; i < fx.num_held; i++) {
		ctl_request_reply(fx.held[i], NULL, 0);
		pump();
	}
	assert_int_equal(fx.num_held, CTL_PENDING_MAX + 3);
	ctl_client_destroy(client);
}

static void test_a_descriptor_travels_with_a_reply(void **state)
{
	struct ctl_client *client = connect_client();
	struct ctl_message msg;
	char text[8] = "";
	int fd = -1;

	(void)state;
	(void)send_request(client, "test.pipe", NULL, 0);
	receive(client, &msg, &fd);
	assert_int_equal(msg.status, 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	(void)close(fd);
	ctl_client_destroy(client);
}

static void test_a_blob_is_a_sealed_memfd(void **state)
{
	struct ctl_client *client = connect_client();
	struct ctl_message msg;
	char *map;
	int fd = -1;

	(void)state;
	(void)send_request(client, "test.blob", NULL, 0);
	receive(client, &msg, &fd);
	assert_int_equal(ctl_message_uint(&msg, "size", 0), 300000);
	assert_int_equal(lseek(fd, 0, SEEK_END), 300000);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	map = mmap(NULL, 300000, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(map[0], 'b');
	assert_int_equal(map[299999], 'b');
	(void)munmap(map, 300000);
	(void)close(fd);
	ctl_client_destroy(client);
}

static void emit(unsigned int num)
{
	for (unsigned int i = 0; i < num; i++)
		(void)ctl_server_event(fx.server, "test.event", NULL, 0);
}

static int ask_events(struct ctl_client *client, uint64_t since, bool follow)
{
	const struct ctl_field args[] = {
		CTL_FIELD_UINT("since", since),
		CTL_FIELD_BOOL("follow", follow),
	};

	return send_request(client, "vm.events", args, ARRAY_SIZE(args));
}

static void expect_event(struct ctl_client *client, uint64_t seq)
{
	struct ctl_message msg;

	receive(client, &msg, NULL);
	assert_int_equal(msg.kind, CTL_EVENT);
	assert_string_equal(msg.name, "test.event");
	assert_int_equal(ctl_message_uint(&msg, "seq", 0), seq);
}

static void test_late_readers_get_the_events_replayed(void **state)
{
	struct ctl_client *client = connect_client();
	struct ctl_message msg;
	int id;

	(void)state;
	emit(5);
	id = ask_events(client, 2, false);
	receive(client, &msg, NULL);
	assert_int_equal(msg.id, id);
	assert_int_equal(ctl_message_uint(&msg, "last", 0), 5);
	for (uint64_t seq = 3; seq <= 5; seq++)
		expect_event(client, seq);
	emit(1);
	expect_nothing(client); /* it did not follow */
	ctl_client_destroy(client);
}

static void test_followers_get_events_as_they_come(void **state)
{
	struct ctl_client *client = connect_client();
	int id;

	(void)state;
	emit(1);
	expect_reply(client, ask_events(client, 0, true), 0);
	expect_event(client, 1);
	expect_nothing(client);
	emit(2);
	expect_event(client, 2);
	expect_event(client, 3);
	/* One stream a connection; requests still work beside it. */
	id = ask_events(client, 0, false);
	expect_reply(client, id, EBUSY);
	ctl_client_destroy(client);
}

static void test_a_reader_that_stops_loses_events_not_the_vm(void **state)
{
	struct ctl_client *slow = connect_client(), *quick = connect_client();
	uint64_t expected = 1, lost = 0;
	struct ctl_message msg;
	struct err err;

	(void)state;
	expect_reply(slow, ask_events(slow, 0, true), 0);
	expect_reply(quick, ask_events(quick, 0, true), 0);
	for (uint64_t seq = 1; seq <= 20000; seq++) {
		emit(1);
		expect_event(quick, seq);
	}
	while (expected <= 20000) {
		pump();
		if (ctl_client_receive(slow, 0, &msg, NULL, &err) != 1)
			fail_msg("stuck at %llu", (unsigned long long)expected);
		assert_int_equal(msg.kind, CTL_EVENT);
		if (!strcmp(msg.name, "events.lost")) {
			lost = ctl_message_uint(&msg, "lost", 0);
			expected += lost;
			assert_int_equal(ctl_message_uint(&msg, "seq", 0),
					 expected - 1);
			continue;
		}
		assert_int_equal(ctl_message_uint(&msg, "seq", 0), expected);
		expected++;
	}
	assert_true(lost > 0);
	expect_nothing(slow);
	ctl_client_destroy(slow);
	ctl_client_destroy(quick);
}

static void test_a_client_that_never_reads_is_not_read(void **state)
{
	struct ctl_field text = CTL_FIELD_TEXT("text", "x");
	struct ctl_client *client = connect_client();
	unsigned int sent = 0, calls;
	struct err err;

	(void)state;
	/* Until its own sends block: the server must have stopped reading. */
	for (int idle = 0; idle < 3;) {
		if (ctl_client_send(client, "test.echo", &text, 1, &err) > 0) {
			sent++;
			idle = 0;
		} else {
			idle++;
		}
		assert_true(sent < 100000);
		pump();
	}
	calls = fx.calls;
	pump();
	assert_int_equal(fx.calls, calls);
	assert_true(calls < sent);
	expect_alive();
	fx.calls--; /* of expect_alive() */
	for (unsigned int i = 0; i < sent; i++) {
		struct ctl_message msg;

		receive(client, &msg, NULL);
		assert_int_equal(msg.status, 0);
	}
	assert_int_equal(fx.calls, sent);
	ctl_client_destroy(client);
}

static void send_raw(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static const struct {
	const char *bytes;
	size_t len;
} garbage[] = {
	{"\x00", 1},
	{"garbage", 7},
	{"\x9a\x40\x00\x00\x00", 5},
	{"\x84\x01\x05\x69vm.events", 13},
	{"\x84\x01\x05\x00\xa0", 5},			    /* a reply */
	{"\x84\x01\x00\x6avm.started\xa0", 15},		    /* an event */
	{"\x84\x02\x05\x69vm.events\xa0", 14},		    /* version 2 */
	{"\x84\x01\x05\x69vm.events\xa1\x61k\x81\x00", 18}, /* nested */
	{"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00", 11},
};

static void test_who_breaks_the_protocol_is_told_and_dropped(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		struct ctl_client *client = connect_client();
		struct ctl_message msg;

		send_raw(ctl_client_fd(client), garbage[i].bytes,
			 garbage[i].len);
		receive(client, &msg, NULL);
		assert_int_equal(msg.kind, CTL_REPLY);
		assert_int_not_equal(msg.status, 0);
		assert_non_null(ctl_message_text(&msg, "message"));
		expect_gone(client);
		ctl_client_destroy(client);
	}
	expect_alive();
}

static void test_a_message_too_long_is_refused(void **state)
{
	static char bytes[CTL_MESSAGE_MAX + 1];
	struct ctl_client *client = connect_client();
	struct ctl_message msg;

	(void)state;
	send_raw(ctl_client_fd(client), bytes, sizeof(bytes));
	receive(client, &msg, NULL);
	assert_int_equal(msg.status, EMSGSIZE);
	expect_gone(client);
	ctl_client_destroy(client);
	expect_alive();
}

static void test_an_empty_message_ends_the_connection(void **state)
{
	struct ctl_client *client = connect_client();

	(void)state;
	send_raw(ctl_client_fd(client), "", 0);
	expect_gone(client);
	ctl_client_destroy(client);
	expect_alive();
}

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int num = 0;

	assert_non_null(dir);
	while (readdir(dir))
		num++;
	(void)closedir(dir);
	return num;
}

static void test_descriptors_of_a_client_never_come_in(void **state)
{
	static uint8_t bytes[] = "\x84\x01\x05\x69test.fail\xa0";
	struct iovec iov = {bytes, sizeof(bytes) - 1};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 2)];
	} control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	struct ctl_client *client = connect_client();
	int fds[2] = {STDIN_FILENO, STDOUT_FILENO};
	unsigned int before;

	(void)state;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	before = count_fds();
	assert_true(sendmsg(ctl_client_fd(client), &msg, MSG_NOSIGNAL) > 0);
	expect_reply(client, 5, ENOSPC);
	assert_int_equal(count_fds(), before);
	ctl_client_destroy(client);
}

static void test_too_many_clients_are_refused(void **state)
{
	struct ctl_client *clients[CTL_CLIENTS_MAX], *last;
	struct ctl_message msg;

	(void)state;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		clients[i] = connect_client();
	last = connect_client();
	receive(last, &msg, NULL);
	assert_int_equal(msg.kind, CTL_REPLY);
	assert_int_equal(msg.id, 0);
	assert_int_equal(msg.status, EBUSY);
	expect_gone(last);
	ctl_client_destroy(last);
	ctl_client_destroy(clients[0]);
	pump();
	expect_alive();
	for (int i = 1; i < CTL_CLIENTS_MAX; i++)
		ctl_client_destroy(clients[i]);
}

static void test_without_descriptors_clients_are_refused(void **state)
{
	struct rlimit old, low;
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	struct err err;
	int raw = connect_raw();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 3; /* nothing new can be opened */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	pump();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(ctl_client_create(&client, raw, &err), 0);
	assert_int_equal(ctl_client_receive(client, 0, &msg, NULL, &err), 0);
	ctl_client_destroy(client);
	pump();
	expect_alive();
}

static void test_clients_that_come_and_go(void **state)
{
	unsigned int before = count_fds();

	(void)state;
	for (int i = 0; i < 500; i++) {
		int fd = connect_raw();

		if (i % 3 == 0)
			pump();
		if (i % 2)
			send_raw(fd, "\x84\x01\x05\x69test.hold\xa0", 14);
		if (i % 5 == 0)
			pump();
		(void)close(fd);
		pump();
		while (fx.num_held)
			ctl_request_reply(fx.held[--fx.num_held], NULL, 0);
	}
	assert_int_equal(count_fds(), before);
	expect_alive();
}

static void test_another_user_is_refused(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (geteuid())
		skip();
	pid = fork();
	if (!pid) {
		struct ctl_client *client = NULL;
		struct ctl_message msg;
		struct err err;

		if (setuid(65534) ||
		    ctl_client_create(&client, connect_raw(), &err))
			_exit(1);
		_exit(ctl_client_receive(client, 20000, &msg, NULL, &err) ==
					      1 &&
				      msg.status == EPERM
			      ? 0
			      : 2);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		pump();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_destroy_answers_what_is_open(void **state)
{
	struct ctl_client *client = connect_client(), *late = NULL;
	struct ctl_message msg;
	struct err err;
	int id;

	(void)state;
	id = send_request(client, "test.hold", NULL, 0);
	pump();
	emit(2);
	/* Connected and asked, but never dispatched. */
	assert_int_equal(ctl_client_create(&late, connect_raw(), &err), 0);
	(void)send_request(late, "test.fail", NULL, 0);
	(void)ask_events(late, 0, true);
	ctl_server_destroy(fx.server);
	fx.server = NULL;
	assert_int_equal(ctl_client_receive(client, 0, &msg, NULL, &err), 1);
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.status, ECANCELED);
	assert_int_equal(ctl_client_receive(client, 0, &msg, NULL, &err),
			 -ECONNRESET);
	assert_int_equal(ctl_client_receive(late, 0, &msg, NULL, &err), 1);
	assert_int_equal(msg.status, ECANCELED); /* no handler ran */
	assert_int_equal(ctl_client_receive(late, 0, &msg, NULL, &err), 1);
	assert_int_equal(ctl_message_uint(&msg, "last", 0), 2);
	for (uint64_t seq = 1; seq <= 2; seq++) {
		assert_int_equal(ctl_client_receive(late, 0, &msg, NULL, &err),
				 1);
		assert_int_equal(ctl_message_uint(&msg, "seq", 0), seq);
	}
	ctl_client_destroy(client);
	ctl_client_destroy(late);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_request_gets_its_reply),
		TEST(test_arguments_are_checked_before_the_handler),
		TEST(test_a_failure_carries_errno_and_message),
		TEST(test_replies_may_come_later_and_in_any_order),
		TEST(test_a_reply_to_a_client_that_left_is_dropped),
		TEST(test_only_so_many_requests_are_under_way),
		TEST(test_a_descriptor_travels_with_a_reply),
		TEST(test_a_blob_is_a_sealed_memfd),
		TEST(test_late_readers_get_the_events_replayed),
		TEST(test_followers_get_events_as_they_come),
		TEST(test_a_reader_that_stops_loses_events_not_the_vm),
		TEST(test_a_client_that_never_reads_is_not_read),
		TEST(test_who_breaks_the_protocol_is_told_and_dropped),
		TEST(test_a_message_too_long_is_refused),
		TEST(test_an_empty_message_ends_the_connection),
		TEST(test_descriptors_of_a_client_never_come_in),
		TEST(test_too_many_clients_are_refused),
		TEST(test_without_descriptors_clients_are_refused),
		TEST(test_clients_that_come_and_go),
		TEST(test_another_user_is_refused),
		TEST(test_destroy_answers_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
