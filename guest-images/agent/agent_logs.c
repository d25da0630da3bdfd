/*
 * agent_logs.c - the last lines of services, from the rings that lwx-init keeps
 * (log_ring.h): of running ones and of those that have ended. One thread.
 */
#include "agent.h"

#include "cleanup.h"
#include "log_ring.h"
#include "macros.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEEDS_MAX 256
#define STEP_MS 100 /* between two looks at what was added */

/*
 * @name: of the service
 * @from: number of the next byte of its log
 */
struct feed {
	char name[NAME_MAX + 1];
	uint64_t from;
};

/*
 * @dir:   of the rings
 * @only:  one service, or NULL: all
 * @feeds: those of which something was read
 * @text:  LOG_RING_BYTES
 */
struct logs {
	struct agent_stream *s;
	char dir[256];
	const char *only;
	struct feed feeds[FEEDS_MAX];
	size_t num;
	char *text;
};

static int send_text(struct logs *logs, const char *name, size_t len,
		     struct err *err)
{
	struct agent_message msg;
	int rc = 0;

	for (size_t at = 0; !rc && at < len; at += AGENT_DATA_MAX) {
		agent_message_init(&msg, AGENT_LOG);
		agent_put_string(&msg, AGENT_SERVICE, name);
		agent_put_bytes(&msg, AGENT_CONTENT, logs->text + at,
				MIN(len - at, (size_t)AGENT_DATA_MAX));
		rc = agent_stream_push(logs->s, &msg, err);
	}
	return rc;
}

/* What came since the last time. */
static int send_feed(struct logs *logs, struct feed *feed, struct err *err)
{
	char path[sizeof(logs->dir) + NAME_MAX + 2];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", logs->dir, feed->name);
	n = log_ring_read(path, &feed->from, logs->text);
	if (n < 0)
		return err_set(err, (int)n, "log of %s", feed->name);
	return send_text(logs, feed->name, (size_t)n, err);
}

/* Return: NULL if there are too many. */
static struct feed *find_feed(struct logs *logs, const char *name)
{
	struct feed *feed = logs->feeds;

	for (; feed < logs->feeds + logs->num; feed++)
		if (strcmp(feed->name, name) == 0)
			return feed;
	if (logs->num == ARRAY_SIZE(logs->feeds))
		return NULL;
	(void)snprintf(feed->name, sizeof(feed->name), "%s", name);
	feed->from = 0;
	logs->num++;
	return feed;
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int send_all(struct logs *logs, struct err *err)
{
	struct dirent **list;
	int num = scandir(logs->dir, &list, no_dots, alphasort);
	int rc = num < 0 ? err_set(err, -errno, "%s", logs->dir) : 0;

	for (int i = 0; i < num; i++) {
		struct feed *feed =
			rc ? NULL : find_feed(logs, list[i]->d_name);

		if (feed)
			rc = send_feed(logs, feed, err);
		free(list[i]);
	}
	if (num >= 0)
		free(list);
	return rc;
}

static int send_new(struct logs *logs, struct err *err)
{
	struct feed *feed;

	if (!logs->only)
		return send_all(logs, err);
	feed = find_feed(logs, logs->only); /* the first: there is room */
	return feed ? send_feed(logs, feed, err) : 0;
}

/* Return: whether the host still wants more. It has nothing to say. */
static bool wait_step(struct agent_stream *s)
{
	struct pollfd pfd = {.fd = agent_stream_fd(s), .events = POLLIN};

	return poll(&pfd, 1, STEP_MS) <= 0;
}

static int send_logs(struct logs *logs, bool follow, struct err *err)
{
	int rc = send_new(logs, err);

	while (!rc && follow) {
		if (!wait_step(logs->s))
			return -ECONNRESET;
		rc = send_new(logs, err);
	}
	return rc;
}

void agent_logs(struct agent_stream *s, const struct agent_message *request,
		const char *run_dir)
{
	AUTO_FREE struct logs *logs = calloc(1, sizeof(*logs));
	AUTO_FREE char *text = malloc(LOG_RING_BYTES);
	const char *only = request->values[AGENT_SERVICE].bytes;
	struct agent_message end;
	struct err err;
	int rc;

	if (only && (only[0] == '.' || strchr(only, '/') || !only[0])) {
		agent_stream_fail(s, -EINVAL, "%s: not a service's name", only);
		return;
	}
	if (!logs || !text) {
		agent_stream_fail(s, -ENOMEM, "logs");
		return;
	}
	logs->s = s;
	logs->only = only;
	logs->text = text;
	(void)snprintf(logs->dir, sizeof(logs->dir), "%s/log", run_dir);
	rc = send_logs(logs, request->values[AGENT_FOLLOW].number, &err);
	if (rc == -ECONNRESET)
		return;
	agent_message_init(&end, AGENT_END);
	if (rc)
		agent_stream_fail(s, rc, "%s", err.msg);
	else
		(void)agent_stream_push(s, &end, &err); /* gone: so are we */
}
