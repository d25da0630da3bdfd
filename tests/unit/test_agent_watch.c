/* test_agent_watch.c - what a guest's agent may tell before it is asked. */
#include "agent_watch.h"
#include "macros.h"
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 10000

/*
 * @guest: connected to the listener that @watch has
 */
struct rig {
	struct agent_watch watch;
	int listener;
	int guest;
};

static void set_up(struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr);

	rig->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	rig->guest = socket(AF_UNIX, SOCK_STREAM, 0);
	/* Linux picks a name of its own. */
	assert_int_equal(bind(rig->listener, (const struct sockaddr *)&addr,
			      sizeof(addr.sun_family)),
			 0);
	assert_int_equal(listen(rig->listener, 1), 0);
	assert_int_equal(
		getsockname(rig->listener, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(
		connect(rig->guest, (const struct sockaddr *)&addr, len), 0);
	agent_watch_init(&rig->watch, rig->listener);
}

static void tear_down(struct rig *rig)
{
	agent_watch_fini(&rig->watch);
	(void)close(rig->listener);
	(void)close(rig->guest);
}

/* Until there is news. Return: whether it came. */
static bool learn(struct rig *rig, struct agent_news *news)
{
	struct pollfd pfd = {.events = POLLIN};
	int timeout_ms;

	for (;;) {
		pfd.fd = agent_watch_fd(&rig->watch, &timeout_ms);
		if (pfd.fd < 0 || poll(&pfd, 1, WAIT_MS) <= 0)
			return false;
		if (agent_watch_ready(&rig->watch, news))
			return true;
	}
}

/* Tell it "ready" with texts, byte by byte if @slow. */
static void tell(struct rig *rig, const char *hostname, const char *boot,
		 size_t boot_len, bool slow)
{
	uint8_t frame[256 + AGENT_BOOT_MAX];
	struct agent_message msg;
	int len;

	agent_message_init(&msg, AGENT_READY);
	agent_put_number(&msg, AGENT_INIT_US, 11);
	agent_put_number(&msg, AGENT_READY_US, 22);
	agent_put_string(&msg, AGENT_HOSTNAME, hostname);
	agent_put_bytes(&msg, AGENT_BOOT, boot, boot_len);
	len = agent_message_encode(&msg, frame, sizeof(frame));
	assert_true(len > 0);
	for (int at = 0; at < len; at += slow ? 1 : len) {
		struct agent_news news;
		int step = slow ? 1 : len;

		assert_int_equal(send(rig->guest, frame + at, (size_t)step, 0),
				 step);
		if (slow && at + 1 < len)
			assert_false(agent_watch_ready(&rig->watch, &news));
	}
}

static void test_ready(void **state)
{
	static const char boot[] = "0.5 mounts\n1.25 ready\n";

	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		struct agent_news news;
		struct rig rig;

		set_up(&rig);
		tell(&rig, "web1", boot, strlen(boot), slow);
		assert_true(learn(&rig, &news));
		assert_true(news.ready);
		assert_int_equal(news.init_us, 11);
		assert_int_equal(news.ready_us, 22);
		assert_string_equal(news.hostname, "web1");
		assert_string_equal(news.boot, "0.5 mounts,1.25 ready");
		/* It may say no more, and its end is news. */
		assert_int_equal(shutdown(rig.guest, SHUT_WR), 0);
		assert_true(learn(&rig, &news));
		assert_false(news.ready);
		tear_down(&rig);
	}
}

/* Texts that are none, or that would paint the screen of who reads events. */
static void test_hostile_texts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{"1 \033[2J\n", 7},
		{"1 a\rb\n", 6},
		{"1 a\0b\n", 6},
		{"\xff\xfe", 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_news news;
		struct rig rig;

		set_up(&rig);
		tell(&rig, "\033]0;x\007", cases[i].text, cases[i].len, false);
		assert_true(learn(&rig, &news));
		assert_true(news.ready);
		assert_string_equal(news.hostname, "");
		assert_string_equal(news.boot, "");
		tear_down(&rig);
	}
}

static void test_as_long_as_it_may_be(void **state)
{
	static char boot[AGENT_BOOT_MAX];
	struct agent_news news;
	struct rig rig;
	char hostname[65];

	(void)state;
	memset(boot, 'b', sizeof(boot));
	memset(hostname, 'h', sizeof(hostname));
	hostname[sizeof(hostname) - 1] = '\0';
	set_up(&rig);
	tell(&rig, hostname, boot, sizeof(boot), false);
	assert_true(learn(&rig, &news));
	assert_string_equal(news.hostname, hostname);
	assert_int_equal(strlen(news.boot), sizeof(boot));
	tear_down(&rig);
}

/* What breaks the rules is dropped, and heard again only a second later. */
static void test_garbage(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{"\xff\xff\xff\xff", 4},
		{"\0\0\0\0", 4},
		{"\0\0\0\x07\x83\x01\x63\x65nd\xa0", 11},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_news news;
		struct rig rig;
		int timeout_ms;

		set_up(&rig);
		assert_int_equal(
			send(rig.guest, cases[i].text, cases[i].len, 0),
			cases[i].len);
		assert_false(learn(&rig, &news));
		assert_int_equal(agent_watch_fd(&rig.watch, &timeout_ms), -1);
		assert_in_range(timeout_ms, 1, 1000);
		tear_down(&rig);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_hostile_texts),
		cmocka_unit_test(test_as_long_as_it_may_be),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
