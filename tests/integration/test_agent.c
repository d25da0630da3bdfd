/*
 * test_agent.c - lwx-agent and the host's side of it, over a unix socket in the
 * place of vsock: commands, their streams, signals and ends; trees of files;
 * a peer that breaks the rules, on both sides.
 */
#include "agent_files.h"
#include "agent_rig.h"
#include "guest_exec.h"
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

/* Run "sh -c SCRIPT" with files for its streams. Return: what guest_exec_run()
 * does. */
static int run_script(const struct rig *rig, const char *script, int in,
		      bool tty, int *status, struct err *err)
{
	char *argv[] = {TEXT("sh"), TEXT("-c"), TEXT(script), NULL};
	char *env[] = {TEXT("WORD=from the host"), NULL};
	struct guest_exec exec = {
		.argv = argv,
		.env = env,
		.dir = "/usr",
		.tty = tty,
		.in = in,
		.out = open_file(rig, "out", O_WRONLY | O_CREAT | O_TRUNC),
		.errors =
			open_file(rig, "errors", O_WRONLY | O_CREAT | O_TRUNC),
	};
	struct agent_stream *s = open_agent(rig);
	int rc = guest_exec_run(s, &exec, status, err);

	agent_stream_destroy(s);
	(void)close(exec.out);
	(void)close(exec.errors);
	return rc;
}

static void test_streams_and_status(void **state)
{
	struct rig *rig = *state;
	char buf[256];
	struct err err;
	int status = -1;

	assert_int_equal(run_script(rig, "echo \"$WORD\"; pwd >&2; cat; exit 7",
				    -1, false, &status, &err),
			 0);
	assert_int_equal(status, 7);
	(void)read_file(rig, "out", buf, sizeof(buf));
	assert_string_equal(buf, "from the host\n");
	(void)read_file(rig, "errors", buf, sizeof(buf));
	assert_string_equal(buf, "/usr\n");
	assert_int_equal(
		run_script(rig, "kill -9 $$", -1, false, &status, &err), 0);
	assert_int_equal(status, 128 + SIGKILL);
}

/* More than all buffers on the way hold, through and back. */
static void test_input_comes_back(void **state)
{
	enum {
		SIZE = 3 << 20
	};
	struct rig *rig = *state;
	char *in = malloc(SIZE), *out = malloc(SIZE + 1);
	struct err err;
	int fd = open_file(rig, "in", O_RDWR | O_CREAT);
	int status = -1;

	assert_true(in && out);
	for (size_t i = 0; i < SIZE; i++)
		in[i] = (char)(i * 2654435761U >> 24);
	assert_int_equal(write(fd, in, SIZE), SIZE);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(run_script(rig, "cat", fd, false, &status, &err), 0);
	assert_int_equal(status, 0);
	assert_int_equal(read_file(rig, "out", out, SIZE + 1), SIZE);
	assert_memory_equal(in, out, SIZE);
	/* A command that does not read it all. */
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(
		run_script(rig, "head -c 10; exit 3", fd, false, &status, &err),
		0);
	assert_int_equal(status, 3);
	(void)close(fd);
	free(in);
	free(out);
}

static void test_commands_that_cannot_run(void **state)
{
	struct rig *rig = *state;
	char *missing[] = {TEXT("/no/such/command"), NULL};
	char *folder[] = {TEXT("/usr"), NULL};
	char *truth[] = {TEXT("true"), NULL};
	struct guest_exec cases[] = {
		{.argv = missing},
		{.argv = folder},
		{.argv = truth, .dir = "/no/such/folder"},
	};
	static const int codes[] = {-ENOENT, -EACCES, -ENOENT};
	static const char *const nouns[] = {"/no/such/command", "/usr",
					    "/no/such/folder"};
	struct err err;
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_stream *s = open_agent(rig);

		cases[i].in = cases[i].out = cases[i].errors = -1;
		assert_int_equal(guest_exec_run(s, &cases[i], &status, &err),
				 codes[i]);
		assert_non_null(strstr(err.msg, nouns[i]));
		agent_stream_destroy(s);
	}
}

static void test_terminal(void **state)
{
	struct rig *rig = *state;
	char buf[256];
	struct err err;
	int status = -1;

	assert_int_equal(run_script(rig, "stty size; test -t 2 && tty; exit 5",
				    -1, true, &status, &err),
			 0);
	assert_int_equal(status, 5);
	(void)read_file(rig, "out", buf, sizeof(buf));
	assert_non_null(strstr(buf, "24 80\r\n"));
	assert_non_null(strstr(buf, "/dev/pts/"));
}

/* What a process in the background keeps open is not waited for. */
static void test_background(void **state)
{
	struct rig *rig = *state;
	char buf[64];
	struct err err;
	int status = -1;

	assert_int_equal(run_script(rig, "sleep 1000 & echo $!", -1, false,
				    &status, &err),
			 0);
	assert_int_equal(status, 0);
	assert_true(read_file(rig, "out", buf, sizeof(buf)) > 1);
	assert_int_equal(kill((pid_t)atoi(buf), SIGKILL), 0);
}

static void send_exec(struct agent_stream *s, const char *argv, size_t len)
{
	struct agent_message msg;
	struct err err;

	agent_message_init(&msg, AGENT_EXEC);
	agent_put_bytes(&msg, AGENT_ARGV, argv, len);
	assert_int_equal(agent_stream_push(s, &msg, &err), 0);
}

static void send_signal(struct agent_stream *s, int sig)
{
	struct agent_message msg;
	struct err err;

	agent_message_init(&msg, AGENT_SIGNAL);
	agent_put_number(&msg, AGENT_SIGNUM, (uint64_t)sig);
	assert_int_equal(agent_stream_push(s, &msg, &err), 0);
}

static pid_t wait_started(struct agent_stream *s)
{
	struct agent_message msg;
	struct err err;

	assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err), 0);
	assert_int_equal(msg.type, AGENT_STARTED);
	return (pid_t)msg.values[AGENT_PID].number;
}

static void wait_killed(struct agent_stream *s, int sig)
{
	struct agent_message msg;
	struct err err;

	do
		assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err), 0);
	while (msg.type != AGENT_EXITED);
	assert_int_equal(msg.values[AGENT_SIGNUM].number, sig);
}

/* Neither output that is not read nor input that is not taken holds it up. */
static void test_signals_get_through(void **state)
{
	static const char yes[] = "yes", sleep[] = "sleep\0"
						   "1000";
	static const char block[AGENT_DATA_MAX];
	struct rig *rig = *state;
	struct agent_stream *s = open_agent(rig);
	struct agent_message msg;
	struct err err;

	send_exec(s, yes, sizeof(yes));
	(void)wait_started(s);
	(void)poll(NULL, 0, 200);
	send_signal(s, SIGTERM);
	wait_killed(s, SIGTERM);
	agent_stream_destroy(s);
	s = open_agent(rig);
	send_exec(s, sleep, sizeof(sleep));
	(void)wait_started(s);
	agent_message_init(&msg, AGENT_STDIN);
	agent_put_bytes(&msg, AGENT_CONTENT, block, sizeof(block));
	for (size_t sent = 0; sent < AGENT_CREDIT; sent += sizeof(block))
		assert_int_equal(agent_stream_push(s, &msg, &err), 0);
	send_signal(s, SIGUSR1);
	wait_killed(s, SIGUSR1);
	agent_stream_destroy(s);
}

static void wait_gone(pid_t pid)
{
	for (int ms = 0; !kill(pid, 0) && ms < WAIT_MS; ms += 10)
		(void)poll(NULL, 0, 10);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_commands_end_with_their_connection(void **state)
{
	static const char stubborn[] =
		"sh\0-c\0trap '' HUP; sleep 1000 & echo; wait";
	struct rig *rig = *state;
	struct agent_stream *s = open_agent(rig);
	struct agent_message msg;
	struct err err;
	pid_t pid;

	send_exec(s, stubborn, sizeof(stubborn));
	pid = wait_started(s);
	assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err), 0);
	assert_int_equal(msg.type, AGENT_STDOUT);
	agent_stream_destroy(s);
	wait_gone(pid);
	wait_gone(-pid); /* and its group */
}

static void test_more_input_than_granted(void **state)
{
	static const char sleep[] = "sleep\0"
				    "1000";
	static const char block[AGENT_DATA_MAX];
	struct rig *rig = *state;
	struct agent_stream *s = open_agent(rig);
	struct agent_message msg;
	struct err err;
	pid_t pid;

	send_exec(s, sleep, sizeof(sleep));
	pid = wait_started(s);
	agent_message_init(&msg, AGENT_STDIN);
	agent_put_bytes(&msg, AGENT_CONTENT, block, sizeof(block));
	for (int i = 0; i < 8; i++)
		if (agent_stream_push(s, &msg, &err))
			break;
	wait_gone(pid);
	agent_stream_destroy(s);
}

static void make_tree(const struct rig *rig)
{
	char command[512];

	(void)snprintf(command, sizeof(command),
		       "cd %s && mkdir -p a/b a/empty && printf text >a/b/file "
		       "&& chmod 751 a/b/file && ln -s /etc/passwd a/link && "
		       "head -c 1000000 /dev/urandom >a/large && mkfifo a/fifo "
		       "&& touch -d @1000000000 a/b/file && mkdir in out",
		       rig->dir);
	assert_int_equal(system(command), 0);
}

static void transfer(const struct rig *rig, enum agent_type type,
		     const char *theirs, const char *ours)
{
	struct agent_stream *s = open_agent(rig);
	struct agent_message msg;
	char path[128], local[128];
	struct err err;

	in_dir(rig, theirs, path, sizeof(path));
	in_dir(rig, ours, local, sizeof(local));
	agent_message_init(&msg, type);
	agent_put_string(&msg, AGENT_PATH, path);
	assert_int_equal(agent_stream_push(s, &msg, &err), 0);
	if (type == AGENT_GET) {
		assert_int_equal(agent_files_receive(s, local, &err), 0);
	} else {
		assert_int_equal(agent_files_send(s, local, &err), 0);
		assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err), 0);
		assert_int_equal(msg.type, AGENT_END);
	}
	agent_stream_destroy(s);
}

static void compare_trees(const struct rig *rig, const char *copy)
{
	char command[512];

	(void)snprintf(command, sizeof(command),
		       "cd %s && diff -r --no-dereference -x fifo a %s && "
		       "test ! -e %s/fifo && "
		       "test \"$(stat -c '%%a %%Y' %s/b/file)\" = "
		       "'751 1000000000'",
		       rig->dir, copy, copy, copy);
	assert_int_equal(system(command), 0);
}

static void test_trees_of_files(void **state)
{
	struct rig *rig = *state;

	make_tree(rig);
	transfer(rig, AGENT_PUT, "in", "a"); /* into a folder */
	compare_trees(rig, "in/a");
	transfer(rig, AGENT_GET, "a", "out/new"); /* under another name */
	compare_trees(rig, "out/new");
	transfer(rig, AGENT_GET, "a",
		 "out"); /* and again, over what is there */
	transfer(rig, AGENT_GET, "a", "out");
	compare_trees(rig, "out/a");
}

static void test_files_that_are_not_there(void **state)
{
	struct rig *rig = *state;
	struct agent_stream *s = open_agent(rig);
	struct agent_message msg;
	struct err err;

	agent_message_init(&msg, AGENT_GET);
	agent_put_string(&msg, AGENT_PATH, "/no/such/file");
	assert_int_equal(agent_stream_push(s, &msg, &err), 0);
	assert_int_equal(agent_files_receive(s, rig->dir, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/no/such/file"));
	agent_stream_destroy(s);
	/* The whole tree is read before the fault is told. */
	s = open_agent(rig);
	agent_message_init(&msg, AGENT_PUT);
	agent_put_string(&msg, AGENT_PATH, "/no/such/folder/x");
	assert_int_equal(agent_stream_push(s, &msg, &err), 0);
	assert_int_equal(agent_files_send(s, "/etc/passwd", &err), 0);
	assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err), 0);
	assert_int_equal(msg.type, AGENT_ERROR);
	assert_int_equal(msg.values[AGENT_ERRNO].number, ENOENT);
	agent_stream_destroy(s);
}

static void put_entry(struct agent_stream *s, const char *path,
		      enum agent_file kind, const char *target)
{
	struct agent_message msg;

	agent_message_init(&msg, AGENT_ENTRY);
	agent_put_string(&msg, AGENT_PATH, path);
	agent_put_number(&msg, AGENT_KIND, kind);
	agent_put_number(&msg, AGENT_MODE, 0644);
	if (target)
		agent_put_string(&msg, AGENT_TARGET, target);
	assert_int_equal(agent_stream_send(s, &msg), 0);
}

/* A guest that wants to write elsewhere on the host. */
static void test_hostile_trees(void **state)
{
	static const struct {
		const char *paths[2];
		const char *target; /* of the first; else it is a folder */
	} cases[] = {
		{{"..", NULL}, NULL},	      {{"x", "x/../../escaped"}, NULL},
		{{"x", "/escaped"}, NULL},    {{"x", "x//escaped"}, NULL},
		{{"x", "x/./escaped"}, NULL}, {{"x", "x/escaped"}, ".."},
		{{"x", "x/escaped"}, "/"},
	};
	struct rig *rig = *state;
	char inner[128];
	struct err err;

	in_dir(rig, "inner", inner, sizeof(inner));
	assert_int_equal(mkdir(inner, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_stream *guest = NULL, *host = NULL;
		struct agent_message end;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(agent_stream_create(&guest, pair[0]), 0);
		assert_int_equal(agent_stream_create(&host, pair[1]), 0);
		put_entry(guest, cases[i].paths[0],
			  cases[i].target ? AGENT_SYMLINK : AGENT_DIRECTORY,
			  cases[i].target);
		if (cases[i].paths[1])
			put_entry(guest, cases[i].paths[1], AGENT_FILE, NULL);
		agent_message_init(&end, AGENT_END);
		assert_int_equal(agent_stream_push(guest, &end, &err), 0);
		assert_true(agent_files_receive(host, inner, &err) < 0);
		agent_stream_destroy(guest);
		agent_stream_destroy(host);
	}
	in_dir(rig, "escaped", inner, sizeof(inner));
	assert_int_equal(access(inner, F_OK), -1);
	assert_int_equal(access("/escaped", F_OK), -1);
}

/* Whatever a connection brings, the agent serves the next. */
static void test_garbage(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.0\r\n\r\n",
		"\xff\xff\xff\xff",
		"\0\0\0\x01\xff",
		"\0\0\0\x07\x83\x01\x63\x65nd\xa0",
	};
	static const size_t lens[] = {18, 4, 5, 11};
	struct rig *rig = *state;
	struct err err;
	int status = -1;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct agent_stream *s = open_agent(rig);
		struct agent_message msg;

		assert_int_equal(write(agent_stream_fd(s), texts[i], lens[i]),
				 lens[i]);
		assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err), 0);
		assert_int_equal(msg.type, AGENT_ERROR);
		assert_int_equal(agent_stream_wait(s, &msg, WAIT_MS, &err),
				 -ECONNRESET);
		agent_stream_destroy(s);
	}
	assert_int_equal(run_script(rig, "exit 9", -1, false, &status, &err),
			 0);
	assert_int_equal(status, 9);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		AGENT_TEST(test_streams_and_status),
		AGENT_TEST(test_input_comes_back),
		AGENT_TEST(test_commands_that_cannot_run),
		AGENT_TEST(test_terminal),
		AGENT_TEST(test_background),
		AGENT_TEST(test_signals_get_through),
		AGENT_TEST(test_commands_end_with_their_connection),
		AGENT_TEST(test_more_input_than_granted),
		AGENT_TEST(test_trees_of_files),
		AGENT_TEST(test_files_that_are_not_there),
		AGENT_TEST(test_hostile_trees),
		AGENT_TEST(test_garbage),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
