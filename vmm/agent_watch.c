/* agent_watch.c - see agent_watch.h. */
#include "agent_watch.h"

#include "cbor_rw.h"
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REST_MS 1000 /* from the end of a connection to the next */

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns() / 1000000);
}

void agent_watch_init(struct agent_watch *watch, int listener)
{
	*watch = (struct agent_watch){.listener = listener, .conn = -1};
}

void agent_watch_fini(struct agent_watch *watch)
{
	if (watch->conn >= 0)
		(void)close(watch->conn);
	watch->conn = -1;
}

int agent_watch_fd(const struct agent_watch *watch, int *timeout_ms)
{
	int64_t rest =
		watch->rest_until_ms ? watch->rest_until_ms - now_ms() : 0;

	*timeout_ms = -1;
	if (watch->listener < 0 || watch->conn >= 0)
		return watch->conn;
	if (rest <= 0)
		return watch->listener;
	*timeout_ms = (int)rest;
	return -1;
}

/* Return: whether it had been ready before. */
static bool drop(struct agent_watch *watch)
{
	bool told = watch->told;

	agent_watch_fini(watch);
	watch->told = false;
	watch->rest_until_ms = now_ms() + REST_MS;
	return told;
}

static void accept_guest(struct agent_watch *watch)
{
	watch->conn = accept4(watch->listener, NULL, NULL,
			      SOCK_NONBLOCK | SOCK_CLOEXEC);
	watch->len = 0;
}

/* Whoever prints events prints this. */
static bool has_control(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
			return true;
	return false;
}

/* What is no text is left out; lines become one. @text is empty. */
static void take_text(const struct agent_message *msg, enum agent_key key,
		      char *text, size_t size)
{
	const struct agent_value *value = &msg->values[key];

	if (!agent_has(msg, key) || value->len >= size ||
	    !cbor_utf8_valid(value->bytes, value->len))
		return;
	memcpy(text, value->bytes, value->len);
	if (value->len && text[value->len - 1] == '\n')
		text[value->len - 1] = '\0';
	for (char *at = strchr(text, '\n'); at; at = strchr(at, '\n'))
		*at = ',';
	if (strlen(text) + 1 < value->len || has_control(text, strlen(text)))
		memset(text, 0, size);
}

/* Return: 1 if @news was filled, 0 if more is to come, or -EPROTO. */
static int parse(struct agent_watch *watch, struct agent_news *news)
{
	struct agent_message msg;
	struct err err;
	int len;

	if (watch->len < AGENT_HEAD_SIZE)
		return 0;
	len = agent_message_length(watch->frame);
	if (len < 0 || (size_t)len > sizeof(watch->frame) - AGENT_HEAD_SIZE)
		return -EPROTO;
	if (watch->len - AGENT_HEAD_SIZE < (size_t)len)
		return 0;
	if (agent_message_decode(&msg, watch->frame + AGENT_HEAD_SIZE,
				 (size_t)len, &err) ||
	    msg.type != AGENT_READY)
		return -EPROTO;
	*news = (struct agent_news){
		.ready = true,
		.init_us = msg.values[AGENT_INIT_US].number,
		.ready_us = msg.values[AGENT_READY_US].number,
	};
	take_text(&msg, AGENT_HOSTNAME, news->hostname, sizeof(news->hostname));
	take_text(&msg, AGENT_BOOT, news->boot, sizeof(news->boot));
	return 1;
}

/* Once it is ready it has nothing more to say. */
static bool read_guest(struct agent_watch *watch, struct agent_news *news)
{
	size_t room = sizeof(watch->frame) - watch->len;
	ssize_t n = recv(watch->conn, watch->frame + watch->len,
			 watch->told ? 1 : room, 0);
	int rc = -EPROTO;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0 && !watch->told) {
		watch->len += (size_t)n;
		rc = parse(watch, news);
	}
	if (rc < 0) {
		*news = (struct agent_news){.ready = false};
		return drop(watch);
	}
	watch->told = rc > 0;
	watch->len = watch->told ? 0 : watch->len;
	return watch->told;
}

bool agent_watch_ready(struct agent_watch *watch, struct agent_news *news)
{
	if (watch->conn >= 0)
		return read_guest(watch, news);
	accept_guest(watch);
	return watch->conn >= 0 && read_guest(watch, news);
}
