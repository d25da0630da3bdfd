/* guest_exec.c - one command of a guest: a poll loop over its streams. */
#include "guest_exec.h"

#include "macros.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define PIPE_ROOM 4096 /* what a pipe takes at once when it polls writable */
#define SIGNAL_STATUS 128

/*
 * @credit: bytes of input that we may send
 * @output: the end of the last message of output, not written yet
 * @fd:     where it goes
 */
struct session {
	struct agent_stream *s;
	const struct guest_exec *cfg;
	int signals;
	int in;
	size_t credit;
	struct agent_value output;
	int fd;
	bool raw;
	struct termios saved;
	sigset_t old_mask;
	int status;
	char chunk[AGENT_DATA_MAX];
};

static const int forwarded[] = {SIGINT,	 SIGTERM, SIGHUP,
				SIGQUIT, SIGUSR1, SIGUSR2};

/* Strings one behind the other, each with its NUL. Return: NULL if there is no
 * memory. */
static char *join(char *const *list, size_t *len)
{
	char *all = NULL;
	FILE *out = open_memstream(&all, len);

	for (; out && *list; list++)
		(void)fwrite(*list, 1, strlen(*list) + 1, out);
	if (out && fclose(out)) {
		free(all);
		all = NULL;
	}
	return all;
}

static void put_size(struct agent_message *msg)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	agent_put_number(msg, AGENT_ROWS, size.ws_row);
	agent_put_number(msg, AGENT_COLS, size.ws_col);
}

static int ask(struct session *session, struct err *err)
{
	const struct guest_exec *cfg = session->cfg;
	struct agent_message msg;
	size_t argv_len = 0, env_len = 0;
	char *argv = join(cfg->argv, &argv_len);
	char *env = cfg->env ? join(cfg->env, &env_len) : NULL;
	int rc = -ENOMEM;

	agent_message_init(&msg, AGENT_EXEC);
	if (argv)
		agent_put_bytes(&msg, AGENT_ARGV, argv, argv_len);
	if (env_len)
		agent_put_bytes(&msg, AGENT_ENV, env, env_len);
	if (cfg->dir)
		agent_put_string(&msg, AGENT_DIR, cfg->dir);
	if (cfg->tty) {
		agent_put_number(&msg, AGENT_TTY, 1);
		put_size(&msg);
	}
	if (argv && (env || !cfg->env))
		rc = agent_stream_send(session->s, &msg);
	free(argv);
	free(env);
	agent_message_init(&msg, AGENT_STDIN_END);
	if (!rc && cfg->in < 0)
		rc = agent_stream_send(session->s, &msg);
	if (rc == -EMSGSIZE)
		return err_setx(err, -E2BIG,
				"arguments and variables: more than %d bytes",
				AGENT_MESSAGE_MAX);
	return rc ? err_set(err, rc, "command") : 0;
}

/* Return: 0 when the command runs. */
static int wait_started(struct session *session, struct err *err)
{
	struct agent_message msg;
	int rc = agent_stream_wait(session->s, &msg, -1, err);

	if (rc)
		return rc;
	if (msg.type == AGENT_ERROR)
		return err_setx(err, -(int)msg.values[AGENT_ERRNO].number, "%s",
				msg.values[AGENT_MESSAGE].bytes);
	if (msg.type != AGENT_STARTED)
		return err_setx(err, -EPROTO, "agent: \"%s\" is out of place",
				agent_type_name(msg.type));
	return 0;
}

static int take_signals(struct session *session, struct err *err)
{
	sigset_t set;

	if (session->cfg->leave_signals)
		return 0;
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	if (session->cfg->tty)
		(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, &session->old_mask);
	session->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return session->signals < 0 ? err_set(err, -errno, "signalfd") : 0;
}

static int take_terminal(struct session *session, struct err *err)
{
	struct termios raw;

	if (!session->cfg->tty || !isatty(session->in))
		return 0;
	if (tcgetattr(session->in, &session->saved))
		return err_set(err, -errno, "terminal");
	raw = session->saved;
	cfmakeraw(&raw);
	if (tcsetattr(session->in, TCSADRAIN, &raw))
		return err_set(err, -errno, "terminal");
	session->raw = true;
	return 0;
}

static void forward_signal(struct session *session)
{
	struct signalfd_siginfo info;
	struct agent_message msg;

	if (read(session->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		agent_message_init(&msg, AGENT_RESIZE);
		put_size(&msg);
	} else {
		agent_message_init(&msg, AGENT_SIGNAL);
		agent_put_number(&msg, AGENT_SIGNUM, info.ssi_signo);
	}
	(void)agent_stream_send(session->s, &msg); /* has room */
}

static void read_input(struct session *session)
{
	size_t size = MIN(session->credit, sizeof(session->chunk));
	ssize_t n = read(session->in, session->chunk, size);
	struct agent_message msg;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		agent_message_init(&msg, AGENT_STDIN);
		agent_put_bytes(&msg, AGENT_CONTENT, session->chunk, (size_t)n);
		session->credit -= (size_t)n;
	} else {
		agent_message_init(&msg, AGENT_STDIN_END);
		session->in = -1;
	}
	(void)agent_stream_send(session->s, &msg); /* has room */
}

/* Return: 0, 1 when the command has ended, or a negative errno with @err. */
static int handle(struct session *session, const struct agent_message *msg,
		  struct err *err)
{
	const struct agent_value *values = msg->values;

	switch (msg->type) {
	case AGENT_STDOUT:
	case AGENT_STDERR:
		session->output = values[AGENT_CONTENT];
		session->fd = msg->type == AGENT_STDOUT ? session->cfg->out
							: session->cfg->errors;
		return 0;
	case AGENT_CREDIT_GIVEN:
		session->credit =
			MIN(session->credit + values[AGENT_BYTES].number,
			    (size_t)AGENT_CREDIT);
		return 0;
	case AGENT_EXITED:
		session->status =
			agent_has(msg, AGENT_SIGNUM)
				? SIGNAL_STATUS +
					  (int)values[AGENT_SIGNUM].number
				: (int)values[AGENT_STATUS].number;
		return 1;
	default:
		return err_setx(err, -EPROTO, "agent: \"%s\" is out of place",
				agent_type_name(msg->type));
	}
}

/* Return: as handle(); also 0 if there is nothing more now. */
static int take_messages(struct session *session, struct err *err)
{
	struct agent_message msg;
	int rc = 0;

	while (!rc && !session->output.len) {
		rc = agent_stream_next(session->s, &msg, err);
		if (rc < 0)
			return err_prefix(err, "agent");
		if (!rc)
			return 0;
		rc = handle(session, &msg, err);
	}
	return rc;
}

/* A reader that has gone is the command's affair: it is told by SIGPIPE. */
static void output_failed(struct session *session)
{
	struct agent_message msg;

	session->output.len = 0;
	if (errno != EPIPE)
		return;
	agent_message_init(&msg, AGENT_SIGNAL);
	agent_put_number(&msg, AGENT_SIGNUM, SIGPIPE);
	(void)agent_stream_send(session->s, &msg); /* no room: next time */
}

static void write_output(struct session *session)
{
	struct stat st;
	size_t len = session->output.len;
	ssize_t n;

	if (fstat(session->fd, &st) || !S_ISREG(st.st_mode))
		len = MIN(len, (size_t)PIPE_ROOM);
	n = write(session->fd, session->output.bytes, len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		output_failed(session);
		return;
	}
	session->output.bytes += n;
	session->output.len -= (size_t)n;
}

static int fill(struct session *session, struct err *err)
{
	int rc = agent_stream_fill(session->s);

	if (rc == 0)
		return err_setx(err, -ECONNRESET, "the VM has ended");
	if (rc < 0 && rc != -EAGAIN)
		return err_set(err, rc, "agent");
	return 0;
}

/* One round. Return: as take_messages(). */
static int serve(struct session *session, struct err *err)
{
	bool room = agent_stream_room(session->s);
	bool output = session->output.len;
	struct pollfd fds[] = {
		{.fd = agent_stream_fd(session->s),
		 .events = (short)((output ? 0 : POLLIN) |
				   (agent_stream_pending(session->s) ? POLLOUT
								     : 0))},
		{.fd = room ? session->signals : -1, .events = POLLIN},
		{.fd = room && session->credit ? session->in : -1,
		 .events = POLLIN},
		{.fd = output ? session->fd : -1, .events = POLLOUT},
	};
	int rc = 0;

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return 0; /* EINTR */
	if (fds[1].revents)
		forward_signal(session);
	if (fds[2].revents)
		read_input(session);
	if (fds[3].revents)
		write_output(session);
	if (!session->output.len)
		rc = take_messages(session, err);
	if (!rc && !session->output.len && fds[0].revents & ~POLLOUT) {
		rc = fill(session, err);
		if (!rc)
			rc = take_messages(session, err);
	}
	if (!rc)
		rc = agent_stream_flush(session->s);
	return rc;
}

static int run(struct session *session, struct err *err)
{
	int rc = ask(session, err);

	if (!rc)
		rc = wait_started(session, err);
	if (!rc)
		rc = take_signals(session, err);
	if (!rc)
		rc = take_terminal(session, err);
	while (!rc)
		rc = serve(session, err);
	return rc > 0 ? 0 : rc;
}

int guest_exec_run(struct agent_stream *s, const struct guest_exec *cfg,
		   int *status, struct err *err)
{
	struct session *session = calloc(1, sizeof(*session));
	int rc;

	if (!session)
		return err_set(err, -ENOMEM, "command");
	session->s = s;
	session->cfg = cfg;
	session->signals = -1;
	session->in = cfg->in;
	session->credit = AGENT_CREDIT;
	err->code = 0;
	rc = run(session, err);
	if (rc && !err->code)
		rc = err_set(err, rc, "agent");
	if (session->raw)
		(void)tcsetattr(cfg->in, TCSADRAIN, &session->saved);
	if (session->signals >= 0) {
		(void)close(session->signals);
		(void)sigprocmask(SIG_SETMASK, &session->old_mask, NULL);
	}
	if (!rc)
		*status = session->status;
	free(session);
	return rc;
}
