/* test_vsock_unix.c - the CONNECT line, socket paths. */
#include "cleanup.h"
#include "macros.h"
#include "test.h"
#include "vsock_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_connect_line(void **state)
{
	static const struct {
		const char *line;
		int want;
		uint32_t port;
	} cases[] = {
		{"CONNECT 1234\n", 0, 1234},
		{"connect 0\n", 0, 0},
		{"CoNnEcT\t 52 \r\n", 0, 52},
		{"  CONNECT 7", 0, 7},
		{"CONNECT 7 more words\n", 0, 7},
		{"CONNECT 4294967294\n", 0, 4294967294U},
		{"CONNECT 0000000052\n", 0, 52},
		{"CONNECT 4294967295\n", -EINVAL, 0},
		{"CONNECT 4294967296\n", -EINVAL, 0},
		{"CONNECT 99999999999\n", -EINVAL, 0},
		{"CONNECT -1\n", -EINVAL, 0},
		{"CONNECT +1\n", -EINVAL, 0},
		{"CONNECT 0x10\n", -EINVAL, 0},
		{"CONNECT\n", -EINVAL, 0},
		{"CONNECT", -EINVAL, 0},
		{"CONNEC 1\n", -EINVAL, 0},
		{"CONNECTS 1\n", -EINVAL, 0},
		{"CONNECT1234\n", -EINVAL, 0},
		{"1234\n", -EINVAL, 0},
		{"\n", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t port = 0;

		assert_int_equal(vsock_unix_parse_connect(cases[i].line,
							  strlen(cases[i].line),
							  &port),
				 cases[i].want);
		assert_int_equal(port, cases[i].port);
	}
}

static void test_bytes_that_are_no_text(void **state)
{
	static const char zero[] = "CONNECT 1\0002\n";
	uint32_t port;

	(void)state;
	assert_int_equal(
		vsock_unix_parse_connect(zero, sizeof(zero) - 1, &port),
		-EINVAL);
}

static void test_stale_sockets_are_replaced(void **state)
{
	AUTO_CLOSE int other = -1;
	struct err err = {0};
	int fd;

	(void)state;
	(void)unlink("test_vsock_unix.sock");
	fd = vsock_unix_listen("test_vsock_unix.sock", SOCK_STREAM, &err);
	assert_true(fd >= 0);
	assert_int_equal(
		vsock_unix_listen("test_vsock_unix.sock", SOCK_STREAM, &err),
		-EADDRINUSE);
	assert_string_equal(err.msg, "vsock test_vsock_unix.sock: bind: "
				     "Address already in use");
	(void)close(fd);
	other = vsock_unix_listen("test_vsock_unix.sock", SOCK_STREAM, &err);
	assert_true(other >= 0);
	assert_int_equal(
		vsock_unix_connect("test_vsock_unix.soc", 1, SOCK_STREAM),
		-ENOENT);
	(void)unlink("test_vsock_unix.sock");
}

/* A connection to a regular file is refused as well. */
static void test_other_files_are_not_removed(void **state)
{
	static const char path[] = "test_vsock_unix.file";
	AUTO_CLOSE int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct err err;
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(vsock_unix_listen(path, SOCK_STREAM, &err),
			 -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_line),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_stale_sockets_are_replaced),
		cmocka_unit_test(test_other_files_are_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
