/* test_tree_dir.c - directories to trees and back, without privileges. */
#include "test.h"

#include "archive_read.h"
#include "image_rig.h"
#include "interrupt.h"
#include "tree_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void reads_what_is_there(void **state)
{
	struct tree *tree = rig_tree();
	char *dir = rig_dir();
	const struct tree_entry *entry;

	(void)state;
	rig_sh("cd %s && umask 022 && mkdir -p d/e sock && echo hello >d/f && "
	       "ln d/f d/e/g && ln -s ../f d/e/l && mkfifo p && : >empty && "
	       "chmod 4711 d/f && touch -d @1234567890 d/f && "
	       "ln p p2 && chmod 700 .",
	       dir);
	assert_int_equal(tree_dir_read(tree, dir, NULL, NULL), 0);
	assert_string_equal(rig_paths(tree), "/ /d /d/e /d/e/g /d/e/l /d/f "
					     "/empty /p /p2 /sock ");
	assert_int_equal(tree_find(tree, "")->mode, 0700);
	entry = tree_find(tree, "d/f");
	assert_int_equal(entry->mode, 04711);
	assert_int_equal(entry->uid, 0);
	assert_int_equal(entry->size, 6);
	assert_int_equal(entry->mtime, 1234567890);
	assert_true(entry->link != 0);
	assert_int_equal(entry->link, tree_find(tree, "d/e/g")->link);
	assert_string_equal(tree_find(tree, "d/e/l")->target, "../f");
	assert_int_equal(tree_find(tree, "p")->link,
			 tree_find(tree, "p2")->link);
	tree_destroy(tree);
	rig_remove(dir);
}

static void missing_directory_is_named(void **state)
{
	struct tree *tree = rig_tree();
	struct err err = {0};

	(void)state;
	assert_int_equal(tree_dir_read(tree, "/no/such", NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "/no/such: No such file or directory");
	tree_destroy(tree);
}

/* What mkfs sees, as another reader of directories sees it in its place. */
static void program_sees_the_tree(void **state)
{
	struct tree *tree = rig_sample();
	struct tree *seen = rig_tree();
	char *dir = rig_dir();
	const char *const argv[] = {"bsdtar",
				    "-cf",
				    "-",
				    "--numeric-owner",
				    "--format=pax",
				    "-C",
				    tree_dir_here,
				    ".",
				    NULL};
	int fd = rig_temp();
	struct spawn spawn = {.argv = argv, .out = fd, .epoch = 1500000000};
	struct archive_input input = {.fd = fd, .name = "seen"};
	struct err err = {0};

	(void)state;
	if (tree_dir_run(tree, dir, &spawn, &err) ||
	    archive_read_file(seen, &input, &err))
		fail_msg("%s", err.msg);
	rig_assert_same(tree, seen);
	assert_int_equal(tree_find(seen, "etc/shadow")->mtime, 1500000000);
	assert_int_equal(tree_find(seen, "etc/hosts")->mtime, 1000);
	rig_sh("test -z \"$(ls -A %s)\"", dir);
	(void)close(fd);
	tree_destroy(seen);
	tree_destroy(tree);
	rig_remove(dir);
}

static void failing_program_leaves_nothing(void **state)
{
	struct tree *tree = rig_sample();
	char *dir = rig_dir();
	const char *const argv[] = {"sh", "-c",
				    "chmod 0 \"$0\"/etc; echo bad >&2; exit 1",
				    tree_dir_here, NULL};
	struct spawn spawn = {.argv = argv};
	struct err err = {0};

	(void)state;
	assert_int_equal(tree_dir_run(tree, dir, &spawn, &err), -ECHILD);
	assert_string_equal(err.msg, "sh failed (exit status 1): bad");
	rig_sh("test -z \"$(ls -A %s)\"", dir);
	tree_destroy(tree);
	rig_remove(dir);
}

/* In a process of its own: the signal is remembered for good. */
static void signal_leaves_nothing(void **state)
{
	char *dir = rig_dir();
	int status = 1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct tree *tree = rig_sample();
		char script[512];
		const char *const argv[] = {"sh", "-c", script, tree_dir_here,
					    NULL};
		struct spawn spawn = {.argv = argv};
		struct err err = {0};

		interrupt_init();
		(void)snprintf(script, sizeof(script),
			       "echo $FAKEROOTKEY >%s/../lwx-test-key.%d; "
			       "kill -TERM %d; sleep 100",
			       dir, (int)getpid(), (int)getpid());
		_exit(tree_dir_run(tree, dir, &spawn, &err) == -EINTR ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* Nor fakeroot's daemon and its message queue. */
	rig_sh("file=%s/../lwx-test-key.%d; key=$(cat $file); rm $file; "
	       "key=$(printf 0x%%08x $key); for i in $(seq 50); do "
	       "ipcs -q | grep -q ^$key || exit 0; sleep 0.1; done; exit 1",
	       dir, (int)pid);
	rig_sh("test -z \"$(ls -A %s)\"", dir);
	rig_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_there),
		cmocka_unit_test(missing_directory_is_named),
		cmocka_unit_test(program_sees_the_tree),
		cmocka_unit_test(failing_program_leaves_nothing),
		cmocka_unit_test(signal_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
