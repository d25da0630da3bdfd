/* guest_query.c - questions to a guest's agent. */
#include "guest_query.h"

#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 20000 /* longer than the agent waits for its own answers */

/* Return: 1 if @msg is of type @wanted, 0 if it is the end, or a negative
 * errno with @err. */
static int judge(const struct agent_message *msg, enum agent_type wanted,
		 struct err *err)
{
	if (msg->type == wanted)
		return 1;
	if (msg->type == AGENT_END)
		return 0;
	if (msg->type != AGENT_ERROR)
		return err_setx(err, -EPROTO, "agent: \"%s\" is out of place",
				agent_type_name(msg->type));
	/* An error with number 0 is none that could be reported. */
	return err_setx(err,
			msg->values[AGENT_ERRNO].number
				? -(int)msg->values[AGENT_ERRNO].number
				: -EPROTO,
			"%s", msg->values[AGENT_MESSAGE].bytes);
}

static int append(char **text, size_t *len, const struct agent_value *part,
		  struct err *err)
{
	char *more;

	if (part->len > GUEST_QUERY_MAX - *len)
		return err_setx(err, -EMSGSIZE,
				"agent: an answer of more than %u bytes",
				GUEST_QUERY_MAX);
	more = realloc(*text, *len + part->len + 1);
	if (!more)
		return err_set(err, -ENOMEM, "agent");
	memcpy(more + *len, part->bytes, part->len);
	*len += part->len;
	more[*len] = '\0';
	*text = more;
	return 0;
}

int guest_query(struct agent_stream *s, enum agent_type question, char **text,
		size_t *len, struct err *err)
{
	static const struct agent_value nothing = {.bytes = ""};
	AUTO_FREE char *answer = NULL;
	struct agent_message msg;
	int rc;

	*len = 0;
	agent_message_init(&msg, question);
	rc = agent_stream_push(s, &msg, err);
	if (!rc)
		rc = append(&answer, len, &nothing, err);
	while (!rc) {
		rc = agent_stream_wait(s, &msg, ANSWER_MS, err);
		if (!rc)
			rc = judge(&msg, AGENT_DATA, err);
		if (rc <= 0)
			break;
		rc = append(&answer, len, &msg.values[AGENT_CONTENT], err);
	}
	if (!rc)
		*text = steal_ptr(&answer);
	return rc;
}

int guest_logs(struct agent_stream *s, const char *service, bool follow,
	       guest_log_fn take, void *ctx, struct err *err)
{
	struct agent_message msg;
	int rc;

	agent_message_init(&msg, AGENT_LOGS);
	if (service)
		agent_put_string(&msg, AGENT_SERVICE, service);
	agent_put_number(&msg, AGENT_FOLLOW, follow);
	rc = agent_stream_push(s, &msg, err);
	while (!rc) {
		rc = agent_stream_wait(s, &msg, follow ? -1 : ANSWER_MS, err);
		if (!rc)
			rc = judge(&msg, AGENT_LOG, err);
		if (rc <= 0)
			return rc;
		rc = take(ctx, msg.values[AGENT_SERVICE].bytes,
			  msg.values[AGENT_CONTENT].bytes,
			  msg.values[AGENT_CONTENT].len);
		if (rc)
			return err_set(err, rc, "log");
	}
	return rc;
}

int guest_shutdown(struct agent_stream *s, enum agent_power action,
		   struct err *err)
{
	struct agent_message msg;
	int rc;

	agent_message_init(&msg, AGENT_SHUTDOWN);
	agent_put_number(&msg, AGENT_ACTION, action);
	rc = agent_stream_push(s, &msg, err);
	if (!rc)
		rc = agent_stream_wait(s, &msg, ANSWER_MS, err);
	if (!rc)
		rc = judge(&msg, AGENT_END, err);
	return rc < 0 ? rc : 0;
}
