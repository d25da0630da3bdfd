/* agent_session.c - the job of one connection. One thread, in a process of its
 * own. */
#include "agent.h"

#include "agent_files.h"

#include <errno.h>
#include <unistd.h>

#define FIRST_MESSAGE_MS 10000 /* who asks for nothing is not waited for */
#define LAST_BYTES_MS 10000    /* for the host to take what is left */

/* What was asked is done, or not. */
static void answer(struct agent_stream *s, int rc, const struct err *err)
{
	struct agent_message msg;

	agent_message_init(&msg, AGENT_END);
	if (rc)
		agent_stream_fail(s, rc, "%s", err->msg);
	else
		(void)agent_stream_send(s, &msg); /* nothing else is there */
}

static void get(struct agent_stream *s, const char *path)
{
	struct err err;

	if (agent_files_send(s, path, &err))
		answer(s, err.code, &err);
}

static void put(struct agent_stream *s, const char *path)
{
	struct err err;

	answer(s, agent_files_receive(s, path, &err), &err);
}

static void dispatch(struct agent_stream *s, const struct agent_message *msg,
		     const struct agent_options *options)
{
	const char *run_dir = options->run_dir;

	switch (msg->type) {
	case AGENT_EXEC:
		agent_exec(s, msg);
		break;
	case AGENT_GET:
		get(s, msg->values[AGENT_PATH].bytes);
		break;
	case AGENT_PUT:
		put(s, msg->values[AGENT_PATH].bytes);
		break;
	case AGENT_LOGS:
		agent_logs(s, msg, run_dir);
		break;
	case AGENT_SERVICES:
		agent_services(s, run_dir);
		break;
	case AGENT_CONTAINERS:
		agent_containers(s);
		break;
	case AGENT_STEPS:
		agent_steps(s, run_dir);
		break;
	case AGENT_CONNECT:
		agent_connect(s, msg, options->sockets);
		break;
	case AGENT_SHUTDOWN:
		agent_shutdown(s, msg, run_dir);
		break;
	default:
		agent_stream_fail(s, -EBADMSG, "\"%s\" asks for nothing",
				  agent_type_name(msg->type));
		break;
	}
}

void agent_session(int fd, const struct agent_options *options)
{
	struct agent_stream *s = NULL;
	struct agent_message msg;
	struct err err;
	int rc = agent_stream_create(&s, fd);

	if (rc) {
		(void)close(fd);
		return;
	}
	rc = agent_stream_wait(s, &msg, FIRST_MESSAGE_MS, &err);
	if (!rc)
		dispatch(s, &msg, options);
	else if (rc == -EBADMSG || rc == -EMSGSIZE)
		agent_stream_fail(s, rc, "%s", err.msg);
	agent_stream_linger(s, LAST_BYTES_MS);
	agent_stream_destroy(s);
}
