/* test_archive.c - trees to tar and back; agreement with GNU tar. */
#include "test.h"

#include "archive_read.h"
#include "archive_write_tar.h"
#include "image_rig.h"
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tar_options plain = {
	.epoch = 2000000000, .origins = true, .implied = true};

static int write_tar(const struct tree *tree, enum compression format)
{
	struct sink_compress *compress = NULL;
	struct sink_file file;
	int fd = rig_temp();

	assert_int_equal(sink_file_init(&file, fd, NULL), 0);
	assert_int_equal(
		sink_compress_create(&compress, format, 0, &file.sink, NULL),
		0);
	assert_int_equal(archive_write_tar(tree, &plain,
					   sink_compress_sink(compress), NULL),
			 0);
	assert_int_equal(sink_compress_finish(compress, NULL), 0);
	sink_compress_destroy(compress);
	sink_file_fini(&file);
	return fd;
}

static int read_tar(struct tree *tree, int fd, struct err *err)
{
	struct archive_input input = {.fd = fd, .name = "test.tar"};

	return archive_read_file(tree, &input, err);
}

static void round_trip(void **state)
{
	static const enum compression formats[] = {
		COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD,
		COMPRESSION_LZ4};

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tree *one = rig_sample();
		struct tree *two = rig_tree();
		struct err err = {0};
		int fd = write_tar(one, formats[i]);

		if (read_tar(two, fd, &err))
			fail_msg("%s", err.msg);
		rig_assert_same(one, two);
		assert_int_equal(tree_find(two, "etc/hosts")->mtime, 1000);
		assert_int_equal(tree_find(two, "etc/shadow")->mtime,
				 2000000000);
		(void)close(fd);
		tree_destroy(one);
		tree_destroy(two);
	}
}

static void origins_come_back(void **state)
{
	static char origin[] = "linuxkit/init:v1";
	static char location[] = "base.yml:3";
	struct tree *one = rig_tree();
	struct tree *two = rig_tree();
	const struct tree_entry *entry;
	int fd;

	(void)state;
	rig_put_entry(one, "bin/init", "x",
		      (struct tree_entry){.mode = 0755,
					  .origin = origin,
					  .location = location});
	rig_put(one, TREE_FILE, "own", "x");
	fd = write_tar(one, COMPRESSION_GZIP);
	assert_int_equal(read_tar(two, fd, NULL), 0);
	entry = tree_find(two, "bin/init");
	assert_string_equal(entry->origin, "linuxkit/init:v1");
	assert_string_equal(entry->location, "base.yml:3");
	assert_null(tree_find(two, "own")->origin);
	(void)close(fd);
	tree_destroy(one);
	tree_destroy(two);
}

/* As GNU tar sees it; and its own archives as we do. */
static void tar_agrees(void **state)
{
	struct tree *tree = rig_sample();
	struct tree *seen = rig_tree();
	char *dir = rig_dir();
	int from = write_tar(tree, COMPRESSION_NONE);
	int to = rig_temp();

	(void)state;
	/* GNU tar has no word for names that are not UTF-8. */
	rig_sh("tar -tvf /proc/%d/fd/%d >%s/list 2>/dev/null; "
	       "grep -q '^-rwsr-xr-x 0/0 .* bin/ping$' %s/list && "
	       "grep -q '^hrwsr-xr-x 0/0 .* bin/ping4 link to bin/ping$' "
	       "%s/list && "
	       "grep -q '^crw-rw-rw- 0/0  *1,3 .* dev/null$' %s/list",
	       getpid(), from, dir, dir, dir, dir);
	rig_sh("cd %s && mkdir d && cd d && fakeroot sh -c '"
	       "bsdtar -xpf /proc/%d/fd/%d --exclude odd && "
	       "tar --xattrs --xattrs-include=* --numeric-owner -cf ../t .'",
	       dir, getpid(), from);
	tree_remove(tree, "odd");
	rig_sh("cat %s/t >/proc/%d/fd/%d", dir, getpid(), to);
	assert_int_equal(read_tar(seen, to, NULL), 0);
	rig_assert_same(tree, seen);
	(void)close(from);
	(void)close(to);
	tree_destroy(tree);
	tree_destroy(seen);
	rig_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(origins_come_back),
		cmocka_unit_test(tar_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
