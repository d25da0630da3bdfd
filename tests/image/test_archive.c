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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
