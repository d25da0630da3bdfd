/*
 * fuzz_agent.c - what a guest's agent may send to its host. The first byte
 * chooses: messages that are decoded and, if taken, come back from their own
 * encoding; the answers to a command; a tree of files, which must not leave its
 * folder; answers to a question, logs, and to a wish for a socket; the steps of
 * a boot, drawn.
 */
#include "agent_files.h"
#include "boot_chart.h"
#include "guest_exec.h"
#include "guest_forward.h"
#include "guest_query.h"
#include "macros.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char outer[64];

/* A stream on which the peer has said everything and hung up. */
static struct agent_stream *peer_says(const uint8_t *data, size_t size)
{
	struct agent_stream *s = NULL;
	int pair[2];
	int room = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	(void)!send(pair[0], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(pair[0], SHUT_WR);
	if (agent_stream_create(&s, pair[1]))
		abort();
	(void)close(pair[0]);
	return s;
}

static void compare(const struct agent_message *a,
		    const struct agent_message *b)
{
	assert(a->type == b->type && a->present == b->present);
	for (unsigned int i = 0; i < AGENT_KEYS; i++) {
		const struct agent_value *x = &a->values[i], *y = &b->values[i];

		assert(x->number == y->number && x->len == y->len);
		assert(!x->len || !memcmp(x->bytes, y->bytes, x->len));
	}
}

static void decode(const uint8_t *data, size_t size)
{
	static uint8_t again[AGENT_FRAME_MAX];
	/* Exactly as long, so that a sanitizer sees a step too far. */
	uint8_t *copy = malloc(size ? size : 1);
	struct agent_message a, b;
	struct err err;
	char **list;
	int n;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (!agent_message_decode(&a, copy, size, &err)) {
		n = agent_message_encode(&a, again, sizeof(again));
		assert(n > 0 || size > AGENT_MESSAGE_MAX - 8);
		if (n > 0) {
			assert(!agent_message_decode(
				&b, again + AGENT_HEAD_SIZE,
				(size_t)n - AGENT_HEAD_SIZE, &err));
			compare(&a, &b);
		}
		if (agent_has(&a, AGENT_ARGV)) {
			n = agent_strings(&a.values[AGENT_ARGV], &list);
			assert(n >= 0 && !list[n]);
			free(list);
		}
	}
	free(copy);
}

static void execute(const uint8_t *data, size_t size)
{
	static char word[] = "command";
	static char *const argv[] = {word, NULL};
	struct agent_stream *s = peer_says(data, size);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct guest_exec exec = {
		.argv = argv, .in = null, .out = null, .errors = null};
	struct err err;
	int status = -1;

	if (!guest_exec_run(s, &exec, &status, &err))
		assert(status >= 0 && status <= 255);
	else
		assert(err.code && err.msg[0]);
	agent_stream_destroy(s);
	(void)close(null);
}

static void clean(void)
{
	char command[96];

	(void)snprintf(command, sizeof(command), "rm -rf %s", outer);
	(void)!system(command);
}

static void receive(const uint8_t *data, size_t size)
{
	static unsigned int rounds;
	struct agent_stream *s;
	struct err err;
	struct stat st;
	char inner[80];

	if (!outer[0]) {
		(void)snprintf(outer, sizeof(outer), "/tmp/fuzz-agent.XXXXXX");
		if (!mkdtemp(outer))
			abort();
		(void)atexit(clean);
	}
	(void)snprintf(inner, sizeof(inner), "%s/inner", outer);
	if (rounds++ % 1000 == 0) {
		clean();
		if (mkdir(outer, 0700) || mkdir(inner, 0700))
			abort();
	}
	s = peer_says(data, size);
	(void)agent_files_receive(s, inner, &err);
	agent_stream_destroy(s);
	/* One entry in the outer folder: two links and the inner one's. */
	assert(!stat(outer, &st) && st.st_nlink == 3);
}

static void ask(const uint8_t *data, size_t size)
{
	struct agent_stream *s = peer_says(data, size);
	char *text = NULL;
	size_t len = 0;
	struct err err = {0};

	if (!guest_query(s, AGENT_SERVICES, &text, &len, &err))
		assert(text && len <= GUEST_QUERY_MAX && !text[len]);
	else
		assert(!text && err.code < 0 && err.msg[0]);
	free(text);
	agent_stream_destroy(s);
}

static int take(void *ctx, const char *service, const char *bytes, size_t len)
{
	size_t *taken = ctx;

	assert(strlen(service) < 256 && len <= AGENT_DATA_MAX);
	for (size_t i = 0; i < len; i++)
		*taken += (unsigned char)bytes[i];
	return 0;
}

static void hear(const uint8_t *data, size_t size)
{
	struct agent_stream *s = peer_says(data, size);
	size_t taken = 0;
	struct err err = {0};

	if (guest_logs(s, NULL, true, take, &taken, &err))
		assert(err.code < 0 && err.msg[0]);
	agent_stream_destroy(s);
}

static void join(const uint8_t *data, size_t size)
{
	struct agent_stream *s = peer_says(data, size);
	struct err err = {0};
	const uint8_t *rest;
	size_t len, sum = 0;

	if (guest_connect(s, "/run/x", &err))
		assert(err.code < 0 && err.msg[0]);
	rest = agent_stream_rest(s, &len);
	assert(len <= size);
	for (size_t i = 0; i < len; i++)
		sum += rest[i];
	assert(sum <= len * 255);
	agent_stream_destroy(s);
}

/* What the drawings hold is printable, whatever came. */
static void expect_clean(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
}

/* Three numbers of 8 bytes, and steps as the guest has sent them. */
static void draw(const uint8_t *data, size_t size)
{
	static void (*const ways[])(const struct boot_chart *chart,
				    FILE *out) = {boot_chart_text,
						  boot_chart_svg};
	static struct boot_chart chart;
	struct boot_times times = {.run_us = 1000, .hostname = "\033[2J<&"};
	uint64_t numbers[3];

	if (size < sizeof(numbers))
		return;
	memcpy(numbers, data, sizeof(numbers));
	times.heard_us = numbers[0];
	times.init_us = numbers[1];
	times.ready_us = numbers[2];
	boot_chart_read(&chart, "fuzzed", &times,
			(const char *)data + sizeof(numbers),
			size - sizeof(numbers));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		if (!out)
			abort();
		ways[i](&chart, out);
		(void)fclose(out);
		expect_clean(text, len);
		free(text);
	}
	json_decref(boot_chart_json(&chart));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ways[])(const uint8_t *data, size_t size) = {
		decode, execute, receive, ask, hear, join, draw};

	(void)signal(SIGPIPE, SIG_IGN);
	if (size)
		ways[data[0] % ARRAY_SIZE(ways)](data + 1, size - 1);
	return 0;
}
