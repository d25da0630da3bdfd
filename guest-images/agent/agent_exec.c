/*
 * agent_exec.c - a command's streams, signals and end, over a connection. One
 * thread.
 *
 * Output is read only while the connection's buffer has room: a host that does
 * not read stops the command and nothing else. Input is limited by credit, so
 * that the messages behind it (a signal, say) are never kept waiting by a
 * command that does not read.
 */
#include "agent.h"

#include "macros.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_UP_MS 2000 /* from SIGHUP to SIGKILL of a command left alone */
#define END_OF_INPUT 4	/* ^D, to a terminal */

/*
 * @command:  its streams are -1 once they have ended
 * @input:    accepted, to be written to the command; a ring
 * @chunk:    of output, on its way
 * @input_end: nothing follows @input
 * @status:   of waitpid(2), once @ended
 */
struct session {
	struct agent_stream *s;
	struct agent_command command;
	bool tty;
	char input[AGENT_CREDIT];
	char chunk[AGENT_DATA_MAX];
	size_t input_start, input_len;
	bool input_end;
	bool ended;
	int status;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void give_credit(struct session *session, size_t bytes)
{
	struct agent_message msg;

	agent_message_init(&msg, AGENT_CREDIT_GIVEN);
	agent_put_number(&msg, AGENT_BYTES, bytes);
	(void)agent_stream_send(session->s, &msg); /* room was made sure of */
}

/* Input that nobody takes any more is as good as taken. */
static void drop_input(struct session *session)
{
	if (session->input_len)
		give_credit(session, session->input_len);
	session->input_start = session->input_len = 0;
}

static void end_input(struct session *session)
{
	const char eof = END_OF_INPUT;

	if (session->tty)
		(void)!write(session->command.in, &eof, 1);
	else
		close_fd(&session->command.in);
	session->input_end = false;
}

static void write_input(struct session *session)
{
	size_t chunk =
		MIN(session->input_len, AGENT_CREDIT - session->input_start);
	ssize_t n;

	n = write(session->command.in, session->input + session->input_start,
		  chunk);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		close_fd(&session->command.in);
		drop_input(session);
		return;
	}
	session->input_start =
		(session->input_start + (size_t)n) % AGENT_CREDIT;
	session->input_len -= (size_t)n;
	give_credit(session, (size_t)n);
	if (!session->input_len && session->input_end)
		end_input(session);
}

static int take_input(struct session *session, const struct agent_value *data)
{
	if (data->len > AGENT_CREDIT - session->input_len)
		return -EPROTO; /* more than it has credit for */
	for (size_t i = 0; i < data->len; i++)
		session->input[(session->input_start + session->input_len++) %
			       AGENT_CREDIT] = data->bytes[i];
	if (session->command.in < 0)
		drop_input(session);
	return 0;
}

static void resize(struct session *session, const struct agent_message *msg)
{
	struct winsize size = {
		.ws_row = (unsigned short)msg->values[AGENT_ROWS].number,
		.ws_col = (unsigned short)msg->values[AGENT_COLS].number,
	};

	if (session->tty && session->command.out >= 0)
		(void)ioctl(session->command.out, TIOCSWINSZ, &size);
}

static int handle(struct session *session, const struct agent_message *msg)
{
	switch (msg->type) {
	case AGENT_STDIN:
		return take_input(session, &msg->values[AGENT_CONTENT]);
	case AGENT_STDIN_END:
		session->input_end = true;
		if (!session->input_len && session->command.in >= 0)
			end_input(session);
		return 0;
	case AGENT_SIGNAL:
		if (!session->ended)
			(void)kill(-session->command.pid,
				   (int)msg->values[AGENT_SIGNUM].number);
		return 0;
	case AGENT_RESIZE:
		resize(session, msg);
		return 0;
	default:
		return -EPROTO;
	}
}

static int read_messages(struct session *session)
{
	struct agent_message msg;
	struct err err;
	int rc = agent_stream_fill(session->s);

	if (rc == 0)
		return -ECONNRESET;
	if (rc < 0 && rc != -EAGAIN)
		return rc;
	/* An answer for each message must fit: credit. */
	while (agent_stream_room(session->s)) {
		rc = agent_stream_next(session->s, &msg, &err);
		if (rc <= 0)
			return rc;
		rc = handle(session, &msg);
		if (rc)
			return rc;
	}
	return 0;
}

/* Return: whether there was something. */
static bool read_output(struct session *session, int *fd, enum agent_type type)
{
	struct agent_message msg;
	ssize_t n;

	if (*fd < 0 || !agent_stream_room(session->s))
		return false;
	n = read(*fd, session->chunk, sizeof(session->chunk));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) { /* EIO: nobody has the terminal open any more */
		close_fd(fd);
		return false;
	}
	agent_message_init(&msg, type);
	agent_put_bytes(&msg, AGENT_CONTENT, session->chunk, (size_t)n);
	(void)agent_stream_send(session->s, &msg); /* has room */
	return true;
}

static bool read_outputs(struct session *session)
{
	bool out = read_output(session, &session->command.out, AGENT_STDOUT);

	return read_output(session, &session->command.errors, AGENT_STDERR) ||
	       out;
}

static void reap(struct session *session)
{
	pid_t pid;

	do
		pid = waitpid(session->command.pid, &session->status, 0);
	while (pid < 0 && errno == EINTR);
	session->ended = true;
	close_fd(&session->command.pidfd);
	close_fd(&session->command.in);
	drop_input(session);
}

/* The connection has gone: so must the command and what it has started. */
static void hang_up(struct session *session)
{
	struct pollfd pfd = {.fd = session->command.pidfd, .events = POLLIN};

	if (session->ended)
		return;
	(void)kill(-session->command.pid, SIGHUP);
	(void)poll(&pfd, 1, HANG_UP_MS);
	(void)kill(-session->command.pid, SIGKILL);
	reap(session);
}

static void say_exited(struct session *session)
{
	struct agent_message msg;

	agent_message_init(&msg, AGENT_EXITED);
	if (WIFSIGNALED(session->status))
		agent_put_number(&msg, AGENT_SIGNUM,
				 (uint64_t)WTERMSIG(session->status));
	else
		agent_put_number(&msg, AGENT_STATUS,
				 (uint64_t)WEXITSTATUS(session->status));
	(void)agent_stream_send(session->s, &msg); /* room was made sure of */
}

static void wait_for_work(struct session *session)
{
	struct agent_stream *s = session->s;
	bool room = agent_stream_room(s);
	struct pollfd fds[] = {
		{.fd = agent_stream_fd(s),
		 .events = (short)((room ? POLLIN : 0) |
				   (agent_stream_pending(s) ? POLLOUT : 0))},
		{.fd = session->input_len && room ? session->command.in : -1,
		 .events = POLLOUT},
		{.fd = room ? session->command.out : -1, .events = POLLIN},
		{.fd = room ? session->command.errors : -1, .events = POLLIN},
		{.fd = session->command.pidfd, .events = POLLIN},
	};

	if (poll(fds, ARRAY_SIZE(fds), session->ended ? 0 : -1) < 0)
		return; /* EINTR */
	if (fds[1].revents)
		write_input(session);
	if (fds[4].revents)
		reap(session);
}

/*
 * What the command has written is in its pipes when it ends. What others that
 * have its output open still write is not waited for.
 */
static int run(struct session *session)
{
	int rc = 0;

	while (!rc) {
		bool more;

		wait_for_work(session);
		rc = read_messages(session);
		more = read_outputs(session);
		if (!rc)
			rc = agent_stream_flush(session->s);
		if (session->ended && !more && agent_stream_room(session->s))
			break;
	}
	return rc;
}

static void finish(struct session *session)
{
	struct pollfd pfd = {.fd = agent_stream_fd(session->s),
			     .events = POLLOUT};

	say_exited(session);
	while (!agent_stream_flush(session->s) &&
	       agent_stream_pending(session->s))
		(void)poll(&pfd, 1, -1);
}

void agent_exec(struct agent_stream *s, const struct agent_message *request)
{
	struct session *session = calloc(1, sizeof(*session));
	struct agent_message msg;
	struct err err;

	if (!session) {
		agent_stream_fail(s, -ENOMEM, "out of memory");
		return;
	}
	session->s = s;
	session->tty = request->values[AGENT_TTY].number;
	if (agent_command_start(&session->command, request, &err)) {
		agent_stream_fail(s, err.code, "%s", err.msg);
		free(session);
		return;
	}
	agent_message_init(&msg, AGENT_STARTED);
	agent_put_number(&msg, AGENT_PID, (uint64_t)session->command.pid);
	(void)agent_stream_send(s, &msg); /* the first message fits */
	(void)agent_stream_flush(s);
	if (run(session))
		hang_up(session);
	else
		finish(session);
	agent_command_close(&session->command);
	free(session);
}
