/* test_log.c - what a line on stderr looks like; irq_line. */
#include "irq_line.h"
#include "log.h"
#include "macros.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved_stderr = -1;
static int captured = -1;

static int capture(void **state)
{
	char stream[64];
	struct stat st;
	int pipes[2];

	(void)state;
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	(void)dup2(pipes[1], STDERR_FILENO);
	(void)close(pipes[1]);
	captured = pipes[0];
	/* As systemd says that stderr is the journal. */
	if (fstat(STDERR_FILENO, &st))
		return -1;
	(void)snprintf(stream, sizeof(stream), "%llu:%llu",
		       (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	return setenv("JOURNAL_STREAM", stream, 1);
}

static int release(void **state)
{
	(void)state;
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	(void)close(captured);
	return 0;
}

/* What was printed since the last call. */
static const char *printed(void)
{
	static char text[65536];
	ssize_t n = read(captured, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_only_the_journal_gets_priorities(void **state)
{
	(void)state;
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	log_init("web1", LOG_LEVEL_INFO);
	log_err("a");
	assert_string_equal(printed(), "web1: a\n");
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	log_init("", LOG_LEVEL_INFO);
	log_err("b");
	assert_string_equal(printed(), "b\n");
}

static void test_level_and_prefix(void **state)
{
	(void)state;
	log_init("", LOG_LEVEL_INFO);
	log_warn("disk %d", 1);
	assert_string_equal(printed(), "<4>disk 1\n");
	log_init("web1", LOG_LEVEL_WARN);
	log_err("%s", "a");
	log_warn("b");
	log_info("c"); /* above the level */
	log_debug("d");
	assert_string_equal(printed(), "<3>web1: a\n<4>web1: b\n");
	log_init("web1", LOG_LEVEL_DEBUG);
	log_debug("d");
	assert_string_equal(printed(), "<7>web1: d\n");
}

static void test_a_message_is_one_line(void **state)
{
	char *huge = malloc(5000);
	const char *text;

	(void)state;
	assert_non_null(huge);
	log_init("web1", LOG_LEVEL_INFO);
	/* A guest's string must not forge a line of its own. */
	log_info("name \"%s\"", "a\n<3>web2: b\r\033[2J\177");
	assert_string_equal(printed(),
			    "<6>web1: name \"a?<3>web2: b??[2J?\"\n");
	memset(huge, 'x', 4999);
	huge[4999] = '\0';
	log_info("%s", huge);
	text = printed();
	assert_int_equal(strlen(text), 1023);
	assert_ptr_equal(strchr(text, '\n'), text + 1022);
	free(huge);
}

static void test_prefix_is_cut(void **state)
{
	char longname[200];

	(void)state;
	memset(longname, 'n', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	log_init(longname, LOG_LEVEL_INFO);
	log_info("end");
	assert_int_equal(strlen(printed()), strlen("<6>") + 63 + 6);
}

static unsigned int count_lines(const char *text)
{
	unsigned int lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void test_guest_cannot_flood(void **state)
{
	struct log_bucket bucket = {0}, other = {0};
	const char *text;

	(void)state;
	log_init("", LOG_LEVEL_INFO);
	for (int i = 0; i < 1000; i++)
		log_guest(&bucket, "bad descriptor %d", i);
	text = printed();
	/* The burst; one more if the second changed meanwhile. */
	assert_in_range(count_lines(text), LOG_BUCKET_BURST,
			LOG_BUCKET_BURST + 2);
	assert_non_null(strstr(text, "bad descriptor 9\n"));
	log_guest(&other, "another device");
	assert_string_equal(printed(), "<4>another device\n");
	bucket.dropped = 990;
	bucket.refilled_ns -= 3000000000ULL; /* three seconds later */
	log_guest(&bucket, "once more");
	assert_string_equal(printed(), "<4>990 messages of this kind dropped\n"
				       "<4>once more\n");
}

static void test_irq_line_never_blocks(void **state)
{
	struct irq_line line = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	eventfd_t value = 0;

	(void)state;
	irq_line_raise(&line);
	irq_line_raise(&line);
	assert_int_equal(eventfd_read(line.fd, &value), 0);
	assert_int_equal(value, 2);
	assert_int_equal(eventfd_write(line.fd, UINT64_MAX - 1), 0);
	irq_line_raise(&line); /* full: an edge is pending already */
	assert_int_equal(eventfd_read(line.fd, &value), 0);
	assert_int_equal(value, UINT64_MAX - 1);
	(void)close(line.fd);
	irq_line_raise(&line); /* gone: nothing to tell anybody */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, capture, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_level_and_prefix),
		TEST(test_only_the_journal_gets_priorities),
		TEST(test_a_message_is_one_line),
		TEST(test_prefix_is_cut),
		TEST(test_guest_cannot_flood),
		cmocka_unit_test(test_irq_line_never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
