/*
 * fuzz_ctl_proto.c - what a client may send to a VM's control socket.
 *
 * The input is a row of messages, each behind its length in two bytes (little
 * endian). Each is decoded and, if taken, must come back from its own encoding;
 * then all are sent to a real server over a real socket.
 */
#include "ctl_proto.h"
#include "ctl_server.h"
#include "macros.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HELD_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ctl_server *server;
static struct sockaddr_un addr = {.sun_family = AF_UNIX};
static socklen_t addr_len = sizeof(addr);
static struct ctl_request *held[HELD_MAX];
static unsigned int num_held;

static void handle_echo(void *ctx, struct ctl_request *req)
{
	const char *text = ctl_request_text(req, "text");
	struct ctl_field field = CTL_FIELD_TEXT("text", text);

	(void)ctx;
	assert(strlen(text) <= 16);
	assert(ctl_request_uint(req, "number", 1) <= 1000);
	(void)ctl_server_event(server, "test.event", &field, 1);
	ctl_request_reply(req, &field, 1);
}

static void handle_hold(void *ctx, struct ctl_request *req)
{
	(void)ctx;
	if (num_held == HELD_MAX)
		ctl_request_reply(held[--num_held], NULL, 0);
	held[num_held++] = req;
}

static const struct ctl_arg echo_args[] = {
	{.name = "text", .type = CTL_TEXT, .required = true, .max = 16},
	{.name = "number", .type = CTL_UINT, .max = 1000},
	{.name = "flag", .type = CTL_BOOL},
};

static const struct ctl_command commands[] = {
	{"t.echo", echo_args, ARRAY_SIZE(echo_args), handle_echo},
	{"t.hold", NULL, 0, handle_hold},
};

static void make_server(void)
{
	struct ctl_server_config cfg = {
		.commands = commands,
		.num_commands = ARRAY_SIZE(commands),
		.num_events = 8,
	};
	struct err err;

	cfg.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(cfg.listen_fd, (struct sockaddr *)&addr,
		 sizeof(sa_family_t)) ||
	    getsockname(cfg.listen_fd, (struct sockaddr *)&addr, &addr_len) ||
	    listen(cfg.listen_fd, 4) || ctl_server_create(&server, &cfg, &err))
		abort();
}

static void dispatch(void)
{
	for (int i = 0; i < 4; i++)
		ctl_server_dispatch(server);
}

static void compare(const struct ctl_message *a, const struct ctl_message *b)
{
	assert(a->kind == b->kind && a->id == b->id && a->status == b->status);
	assert(!a->name == !b->name);
	assert(!a->name || !strcmp(a->name, b->name));
	assert(a->num_fields == b->num_fields);
	for (unsigned int i = 0; i < a->num_fields; i++) {
		const struct ctl_field *x = &a->fields[i], *y = &b->fields[i];

		assert(!strcmp(x->key, y->key) && x->type == y->type);
		assert(x->boolean == y->boolean && x->number == y->number);
		assert(!x->text == !y->text);
		assert(!x->text || !strcmp(x->text, y->text));
		assert(ctl_message_find(a, x->key) == x);
	}
}

static void round_trip(const uint8_t *bytes, size_t len)
{
	static uint8_t again[CTL_MESSAGE_MAX];
	/* Exactly as long, so that a sanitizer sees a step too far. */
	uint8_t *copy = malloc(len ? len : 1);
	struct ctl_message a, b;
	struct err err;
	int n;

	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	if (!ctl_message_decode(&a, copy, len, &err)) {
		n = ctl_message_encode(&a, again, sizeof(again));
		/* The writer's heads of array and map take two bytes more
		 * than the shortest form. */
		assert(n > 0 || len > CTL_MESSAGE_MAX - 4);
		assert(n <= (int)len + 4);
		if (n < 0) {
			free(copy);
			return;
		}
		assert(!ctl_message_decode(&b, again, (size_t)n, &err));
		compare(&a, &b);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (!server)
		make_server();
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, addr_len))
		abort();
	dispatch();
	while (size >= 2) {
		size_t len = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		len = MIN(len, size);
		round_trip(data, len);
		(void)!send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		dispatch();
		data += len;
		size -= len;
	}
	if (num_held)
		ctl_request_reply(held[--num_held], NULL, 0);
	(void)close(fd);
	dispatch();
	return 0;
}
