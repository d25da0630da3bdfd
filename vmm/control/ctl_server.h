/*
 * ctl_server.h - the control socket's server side, inside lwx-vmm.
 *
 * Everything runs on the control thread: it polls ctl_server_fd() and calls
 * ctl_server_dispatch() when that is readable. Nothing here blocks. What a verb
 * means is the caller's table of commands; vm.events is served here.
 *
 *	static void handle_pause(void *ctx, struct ctl_request *req)
 *	{
 *		...
 *		ctl_request_reply(req, NULL, 0);
 *	}
 *	static const struct ctl_arg resize_args[] = {
 *		{.name = "disk", .type = CTL_TEXT, .required = true, .max = 20},
 *		{.name = "size", .type = CTL_UINT, .max = INT64_MAX},
 *	};
 *	static const struct ctl_command commands[] = {
 *		{"vm.pause", NULL, 0, handle_pause},
 *		{"disk.resize", resize_args, ARRAY_SIZE(resize_args), handle},
 *	};
 *
 * A client that breaks the protocol is told why and dropped. A client that does
 * not read costs at most one unsent reply: its requests are not read meanwhile,
 * and events it missed in the log's ring are reported to it as lost.
 */
#pragma once

#include "ctl_proto.h"

#define CTL_CLIENTS_MAX 32    /* connected at once; further ones are refused */
#define CTL_PENDING_MAX 8     /* requests of one client without reply */
#define CTL_BLOB_MAX 16777216 /* bytes of ctl_request_reply_blob() */

struct ctl_server;
struct ctl_request;

/**
 * struct ctl_arg - one argument a command takes
 * @name:     its key
 * @type:     what it must be
 * @required: refused with -EINVAL if absent
 * @min:      CTL_UINT: least value
 * @max:      CTL_UINT: greatest value; CTL_TEXT: greatest length in bytes
 */
struct ctl_arg {
	const char *name;
	enum ctl_type type;
	bool required;
	uint64_t min;
	uint64_t max;
};

/**
 * struct ctl_command - one verb
 * @name:     "vm.pause"
 * @args:     what it takes; anything else is refused before @handle runs
 * @num_args: entries of @args
 * @handle:   called on the control thread; must see to it that one of
 *            ctl_request_reply(), _reply_fd(), _reply_blob() or _fail() is
 *            called for @req, now or later
 */
struct ctl_command {
	const char *name;
	const struct ctl_arg *args;
	unsigned int num_args;
	void (*handle)(void *ctx, struct ctl_request *req);
};

/**
 * struct ctl_server_config - how to make a server
 * @listen_fd:    listening SOCK_SEQPACKET socket; owned by the server when
 *                ctl_server_create() succeeded
 * @commands:     the verbs; must outlive the server
 * @num_commands: entries of @commands
 * @ctx:          first argument of the handlers
 * @num_events:   events kept for late readers; 0: 1024
 */
struct ctl_server_config {
	int listen_fd;
	const struct ctl_command *commands;
	unsigned int num_commands;
	void *ctx;
	unsigned int num_events;
};

/**
 * ctl_server_create() - start serving a listening socket
 *
 * Return: 0 and *out, or a negative errno with @err.
 */
int ctl_server_create(struct ctl_server **out,
		      const struct ctl_server_config *cfg, struct err *err);

/**
 * ctl_server_destroy() - drop all clients and release; accepts NULL
 *
 * Events and replies that fit into the clients' socket buffers are sent first,
 * also to clients that have connected but were not accepted yet. Requests
 * without a reply are answered with ECANCELED and freed: their pointers are
 * dead afterwards. No handler is called any more.
 */
void ctl_server_destroy(struct ctl_server *server);

/** ctl_server_fd() - Return: an fd that polls readable (POLLIN) when
 * ctl_server_dispatch() has work; owned by the server. */
int ctl_server_fd(const struct ctl_server *server);

/** ctl_server_dispatch() - do what is ready, then return; never blocks. */
void ctl_server_dispatch(struct ctl_server *server);

/**
 * ctl_server_event() - append an event and hand it to those who follow
 * @name:   "vm.stopped"; names and fields are listed in tools/control.cddl
 * @fields: copied; "seq" and "time" are put in front of them
 *
 * Control thread only. Cannot fail: an event too large or without memory is
 * counted as lost, which readers are told.
 *
 * Return: its sequence number, from 1 upwards without gaps.
 */
uint64_t ctl_server_event(struct ctl_server *server, const char *name,
			  const struct ctl_field *fields,
			  unsigned int num_fields);

/** ctl_request_name() - Return: the verb; valid until the reply. */
const char *ctl_request_name(const struct ctl_request *req);

/** ctl_request_uint() - Return: an argument, or @fallback if it was absent. */
uint64_t ctl_request_uint(const struct ctl_request *req, const char *name,
			  uint64_t fallback);

/** ctl_request_text() - Return: an argument or NULL; valid until the reply. */
const char *ctl_request_text(const struct ctl_request *req, const char *name);

/** ctl_request_bool() - Return: an argument, or @fallback if it was absent. */
bool ctl_request_bool(const struct ctl_request *req, const char *name,
		      bool fallback);

/** ctl_request_reply() - success; @fields are copied. Frees @req. */
void ctl_request_reply(struct ctl_request *req, const struct ctl_field *fields,
		       unsigned int num_fields);

/** ctl_request_reply_fd() - success with one file descriptor. @fd is closed in
 * any case. Frees @req. */
void ctl_request_reply_fd(struct ctl_request *req,
			  const struct ctl_field *fields,
			  unsigned int num_fields, int fd);

/**
 * ctl_request_reply_blob() - success with bytes of any kind, handed over as a
 * sealed memfd; the result is {"size": len}
 * @data: copied; @len at most CTL_BLOB_MAX, else the request fails
 *
 * Frees @req.
 */
void ctl_request_reply_blob(struct ctl_request *req, const void *data,
			    size_t len);

/** ctl_request_fail() - failure: err->code (negative errno) and message. Frees
 * @req. */
void ctl_request_fail(struct ctl_request *req, const struct err *err);
