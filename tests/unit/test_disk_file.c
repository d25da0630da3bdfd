/* test_disk_file.c - opening, locking and measuring disk files; iov helpers. */
#include "cleanup.h"
#include "disk_file.h"
#include "iov.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "test_disk_file.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0 || ftruncate(fd, MIB(1)) < 0)
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int open_disk(bool readonly, struct err *err)
{
	const struct disk_file_options options = {.readonly = readonly};
	int fd = -1;
	int rc = disk_file_open(path, &options, &fd, err);

	return rc < 0 ? rc : fd;
}

static void test_second_writer_is_told_who_holds_it(void **state)
{
	AUTO_CLOSE int fd = -1;
	struct err err = {0};
	char want[64];

	(void)state;
	fd = open_disk(false, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);

	assert_int_equal(open_disk(false, &err), -EBUSY);
	(void)snprintf(want, sizeof(want), "in use by test_disk_file (pid %d)",
		       getpid());
	assert_non_null(strstr(err.msg, want));
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(open_disk(true, &err), -EBUSY);
}

static void test_readers_share(void **state)
{
	AUTO_CLOSE int one = -1;
	AUTO_CLOSE int two = -1;
	struct err err;

	(void)state;
	one = open_disk(true, &err);
	two = open_disk(true, &err);
	assert_true(one >= 0 && two >= 0);
	assert_int_equal(open_disk(false, &err), -EBUSY);
}

/* The lock lives in the open file: it survives the process that took it as
 * long as another one has the descriptor, and no longer. */
static void test_lock_travels_with_the_descriptor(void **state)
{
	int gate[2];
	struct err err;
	int status;
	pid_t child;
	int fd;

	(void)state;
	assert_int_equal(pipe(gate), 0);
	fd = open_disk(false, &err);
	assert_true(fd >= 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char byte;

		(void)close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
	}
	(void)close(gate[0]);
	(void)close(fd);
	assert_int_equal(open_disk(false, &err), -EBUSY);
	(void)close(gate[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fd = open_disk(false, &err);
	assert_true(fd >= 0);
	(void)close(fd);
}

/* Put the locked file into a socket, where no process has it. */
static void send_away(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &msg, 0), 1);
	(void)close(fd);
}

static void *close_later(void *arg)
{
	const int *pair = arg;

	(void)usleep(100000);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return NULL;
}

/* As io_uring leaves it for a while after the end of its process. */
static void test_a_lock_that_nobody_has_is_waited_for(void **state)
{
	pthread_t thread;
	struct err err;
	int pair[2], fd;

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fd = open_disk(false, &err);
	assert_true(fd >= 0);
	send_away(pair[0], fd);
	assert_int_equal(pthread_create(&thread, NULL, close_later, pair), 0);
	fd = open_disk(false, &err);
	assert_true(fd >= 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(fd);
}

static void test_other_files_are_refused(void **state)
{
	const struct disk_file_options options = {0};
	struct err err;
	int fd = -1;

	(void)state;
	assert_int_equal(disk_file_open("/dev/null", &options, &fd, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "disk /dev/null: neither a regular file "
				     "nor a block device");
	assert_int_equal(disk_file_open("/nonexistent/x", &options, &fd, &err),
			 -ENOENT);
	assert_string_equal(err.msg, "disk /nonexistent/x: open: No such file "
				     "or directory");

	(void)unlink("test_disk_file.fifo");
	assert_int_equal(mkfifo("test_disk_file.fifo", 0600), 0);
	assert_int_equal(
		disk_file_open("test_disk_file.fifo",
			       &(struct disk_file_options){.readonly = true},
			       &fd, &err),
		-EINVAL);
	(void)unlink("test_disk_file.fifo");
	assert_int_equal(fd, -1);
}

static void test_geometry(void **state)
{
	struct disk_geometry geometry;
	AUTO_CLOSE int fd = -1;
	struct stat st;
	struct err err;

	(void)state;
	fd = open_disk(false, &err);
	assert_int_equal(disk_file_probe(fd, path, &geometry, &err), 0);
	assert_int_equal(geometry.size, MIB(1));
	assert_int_equal(geometry.offset_align, 1);
	assert_int_equal(geometry.memory_align, 1);
	assert_false(geometry.readonly || geometry.direct ||
		     geometry.block_device);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, MIB(1)); /* probing changed nothing */

	assert_int_equal(disk_file_resize(fd, path, MIB(2), &err), 0);
	assert_int_equal(disk_file_size(fd, path, &geometry.size, &err), 0);
	assert_int_equal(geometry.size, MIB(2));
	assert_int_equal(disk_file_resize(fd, path, UINT64_MAX, &err), -EFBIG);
	assert_int_equal(disk_file_resize(fd, path, MIB(1), &err), 0);
}

static void test_direct_geometry(void **state)
{
	const struct disk_file_options options = {.direct = true};
	struct disk_geometry geometry;
	AUTO_CLOSE int fd = -1;
	struct err err;

	(void)state;
	if (disk_file_open(path, &options, &fd, &err) == -EINVAL) {
		assert_non_null(strstr(err.msg, "direct = false"));
		skip();
	}
	assert_int_equal(disk_file_probe(fd, path, &geometry, &err), 0);
	assert_true(geometry.direct);
	assert_true(geometry.offset_align >= 512);
	assert_true(geometry.memory_align >= 1);
}

static void test_iov(void **state)
{
	char a[] = "abc", b[] = "", c[] = "defgh";
	struct iovec iov[] = {{a, 3}, {b, 0}, {c, 5}};
	struct iovec *at = iov;
	unsigned int count = ARRAY_SIZE(iov);
	char out[16] = {0};

	(void)state;
	assert_int_equal(iov_len(iov, count), 8);
	assert_int_equal(iov_gather(iov, count, 2, out, 4), 4);
	assert_string_equal(out, "cdef");
	assert_int_equal(iov_gather(iov, count, 6, out, 16), 2);
	assert_int_equal(iov_gather(iov, count, 9, out, 16), 0);
	assert_int_equal(iov_scatter(iov, count, 2, "XYZ", 3), 3);
	assert_string_equal(a, "abX");
	assert_string_equal(c, "YZfgh");
	assert_int_equal(iov_advance(&at, &count, 4), 4);
	assert_int_equal(count, 1);
	assert_ptr_equal(at->iov_base, c + 1);
	assert_int_equal(at->iov_len, 4);
	assert_int_equal(iov_advance(&at, &count, 9), 4);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_writer_is_told_who_holds_it),
		cmocka_unit_test(test_readers_share),
		cmocka_unit_test(test_lock_travels_with_the_descriptor),
		cmocka_unit_test(test_a_lock_that_nobody_has_is_waited_for),
		cmocka_unit_test(test_other_files_are_refused),
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_direct_geometry),
		cmocka_unit_test(test_iov),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
