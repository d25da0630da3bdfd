/* ctl_request.c - arguments and replies of requests, and vm.events. */
#include "ctl_server_priv.h"

#include "cleanup.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>

/* Encode the reply, queue it, free the request. Takes @fd. */
static void request_finish(struct ctl_request *req, struct ctl_message *msg,
			   int fd_taken)
{
	AUTO_CLOSE int fd = fd_taken;
	struct ctl_server *server = req->server;
	struct ctl_conn *conn = req->conn;
	struct ctl_outgoing *out = NULL;
	int len;

	TAILQ_REMOVE(&server->requests, req, link);
	if (!conn) {
		free(req);
		return;
	}
	conn->pending--;
	msg->kind = CTL_REPLY;
	msg->id = req->msg.id;
	len = ctl_message_encode(msg, server->buf, sizeof(server->buf));
	if (len > 0)
		out = malloc(sizeof(*out) + (size_t)len);
	free(req);
	if (!out) {
		ctl_conn_drop(conn); /* better than a reply that never comes */
		return;
	}
	out->fd = steal_fd(&fd);
	out->len = (size_t)len;
	memcpy(out->data, server->buf, out->len);
	STAILQ_INSERT_TAIL(&conn->replies, out, link);
	ctl_conn_flush(conn);
}

void ctl_request_reply_fd(struct ctl_request *req,
			  const struct ctl_field *fields,
			  unsigned int num_fields, int fd)
{
	struct ctl_message msg = {0};

	assert(num_fields <= CTL_FIELDS_MAX);
	for (unsigned int i = 0; i < num_fields; i++)
		msg.fields[i] = fields[i];
	msg.num_fields = num_fields;
	request_finish(req, &msg, fd);
}

void ctl_request_reply(struct ctl_request *req, const struct ctl_field *fields,
		       unsigned int num_fields)
{
	ctl_request_reply_fd(req, fields, num_fields, -1);
}

void ctl_request_fail(struct ctl_request *req, const struct err *err)
{
	struct ctl_message msg = {
		.status = (uint32_t)(err->code < 0 ? -err->code : EIO),
		.fields = {CTL_FIELD_TEXT("message", err->msg)},
		.num_fields = 1,
	};

	request_finish(req, &msg, -1);
}

static int make_blob(const void *data, size_t len, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	const uint8_t *next = data;
	size_t left = len;

	if (len > CTL_BLOB_MAX)
		return err_setx(err, -EFBIG, "result of %zu bytes", len);
	fd = memfd_create("lwx-reply", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set(err, -errno, "memfd_create");
	while (left) {
		ssize_t n = write(fd, next, left);

		if (n < 0)
			return err_set(err, -errno, "memfd: write");
		next += n;
		left -= (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		return err_set(err, -errno, "memfd: seal");
	return steal_fd(&fd);
}

void ctl_request_reply_blob(struct ctl_request *req, const void *data,
			    size_t len)
{
	struct ctl_field size = CTL_FIELD_UINT("size", len);
	struct err err;
	int fd;

	fd = make_blob(data, len, &err);
	if (fd < 0)
		ctl_request_fail(req, &err);
	else
		ctl_request_reply_fd(req, &size, 1, fd);
}

const char *ctl_request_name(const struct ctl_request *req)
{
	return req->msg.name;
}

uint64_t ctl_request_uint(const struct ctl_request *req, const char *name,
			  uint64_t fallback)
{
	return ctl_message_uint(&req->msg, name, fallback);
}

const char *ctl_request_text(const struct ctl_request *req, const char *name)
{
	return ctl_message_text(&req->msg, name);
}

bool ctl_request_bool(const struct ctl_request *req, const char *name,
		      bool fallback)
{
	return ctl_message_bool(&req->msg, name, fallback);
}

/* vm.events: the reply names the newest event, then the events themselves
 * follow, up to that one or without end. */
static void handle_events(void *ctx, struct ctl_request *req)
{
	struct ctl_server *server = ctx;
	uint64_t last = event_log_last(server->log);
	struct ctl_field field = CTL_FIELD_UINT("last", last);
	struct ctl_conn *conn = req->conn;
	struct err err;

	if (conn->reading) {
		(void)err_setx(&err, -EBUSY,
			       "this connection already reads events");
		ctl_request_fail(req, &err);
		return;
	}
	conn->reading = true;
	conn->seq = ctl_request_uint(req, "since", 0) + 1;
	conn->until =
		ctl_request_bool(req, "follow", false) ? UINT64_MAX : last;
	ctl_request_reply(req, &field, 1);
}

static const struct ctl_arg events_args[] = {
	{.name = "since", .type = CTL_UINT, .max = INT64_MAX},
	{.name = "follow", .type = CTL_BOOL},
};

static const struct ctl_command events_command = {
	"vm.events", events_args, ARRAY_SIZE(events_args), handle_events};

static const struct ctl_command *find_command(const struct ctl_server *server,
					      const char *name)
{
	if (!strcmp(name, events_command.name))
		return &events_command;
	for (unsigned int i = 0; i < server->cfg.num_commands; i++)
		if (!strcmp(name, server->cfg.commands[i].name))
			return &server->cfg.commands[i];
	return NULL;
}

static const struct ctl_arg *find_arg(const struct ctl_command *command,
				      const char *key)
{
	for (unsigned int i = 0; i < command->num_args; i++)
		if (!strcmp(key, command->args[i].name))
			return &command->args[i];
	return NULL;
}

static const char *const type_names[] = {
	[CTL_BOOL] = "a boolean",
	[CTL_UINT] = "an unsigned integer",
	[CTL_TEXT] = "a text",
};

static int check_field(const struct ctl_command *command,
		       const struct ctl_field *field, struct err *err)
{
	const struct ctl_arg *arg = find_arg(command, field->key);

	if (!arg)
		return err_setx(err, -EINVAL, "%s: unknown argument %s",
				command->name, field->key);
	if (field->type != arg->type)
		return err_setx(err, -EINVAL, "%s: %s must be %s",
				command->name, arg->name,
				type_names[arg->type]);
	if (arg->type == CTL_UINT &&
	    (field->number < arg->min || field->number > arg->max))
		return err_setx(
			err, -ERANGE, "%s: %s must be from %llu to %llu",
			command->name, arg->name, (unsigned long long)arg->min,
			(unsigned long long)arg->max);
	if (arg->type == CTL_TEXT && strlen(field->text) > arg->max)
		return err_setx(err, -ERANGE, "%s: %s is longer than %llu",
				command->name, arg->name,
				(unsigned long long)arg->max);
	return 0;
}

static int check_args(const struct ctl_command *command,
		      const struct ctl_message *msg, struct err *err)
{
	int rc;

	for (unsigned int i = 0; i < msg->num_fields; i++) {
		rc = check_field(command, &msg->fields[i], err);
		if (rc)
			return rc;
	}
	for (unsigned int i = 0; i < command->num_args; i++)
		if (command->args[i].required &&
		    !ctl_message_find(msg, command->args[i].name))
			return err_setx(err, -EINVAL, "%s: %s is missing",
					command->name, command->args[i].name);
	return 0;
}

void ctl_request_run(struct ctl_request *req)
{
	struct ctl_server *server = req->server;
	struct err err;

	req->command = find_command(server, req->msg.name);
	if (!req->command) {
		(void)err_setx(&err, -EOPNOTSUPP, "unknown verb %s",
			       req->msg.name);
		ctl_request_fail(req, &err);
	} else if (check_args(req->command, &req->msg, &err)) {
		ctl_request_fail(req, &err);
	} else if (server->closing && req->command != &events_command) {
		(void)err_setx(&err, -ECANCELED, "the VM has ended");
		ctl_request_fail(req, &err);
	} else {
		req->command->handle(req->command == &events_command
					     ? server
					     : server->cfg.ctx,
				     req);
	}
}
