/* test_archive_hostile.c - archives made to break out, to eat all, to crash. */
#include "test.h"

#include "archive_read.h"
#include "archive_reader.h"
#include "image_rig.h"
#include "macros.h"
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK 512U

/** struct tar - an archive as it grows */
struct tar {
	char bytes[1 << 17];
	size_t len;
};

static void seal(char *header)
{
	unsigned int sum = 0;

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 7, "%06o", sum);
}

/* One member; @link may be NULL. Return: its header, to spoil and seal(). */
static char *member(struct tar *tar, char type, const char *name,
		    const char *link, const void *data, size_t size)
{
	char *header = tar->bytes + tar->len;

	assert_true(tar->len + BLOCK + size + BLOCK <= sizeof(tar->bytes));
	memset(header, 0, BLOCK);
	(void)snprintf(header, 100, "%s", name);
	(void)snprintf(header + 100, 8, "%07o", 0644);
	(void)snprintf(header + 108, 8, "%07o", 0);
	(void)snprintf(header + 116, 8, "%07o", 0);
	(void)snprintf(header + 124, 12, "%011o", (unsigned int)size);
	(void)snprintf(header + 136, 12, "%011o", 0);
	header[156] = type;
	if (link)
		(void)snprintf(header + 157, 100, "%s", link);
	memcpy(header + 257, "ustar\00000", 8);
	seal(header);
	tar->len += BLOCK;
	if (size)
		memcpy(tar->bytes + tar->len, data, size);
	memset(tar->bytes + tar->len + size, 0, -size % BLOCK);
	tar->len += size + -size % BLOCK;
	return header;
}

static struct tar *tar_new(void)
{
	struct tar *tar = calloc(1, sizeof(*tar));

	assert_non_null(tar);
	return tar;
}

static int read_bytes(const void *bytes, size_t len, struct tree *tree,
		      const struct archive_limits *limits, struct err *err)
{
	struct archive_input input = {
		.fd = rig_temp(), .name = "evil.tar", .limits = limits};
	int rc;

	assert_int_equal(write(input.fd, bytes, len), len);
	rc = archive_read_file(tree, &input, err);
	(void)close(input.fd);
	return rc;
}

/* The archive is freed. */
static void assert_refused(struct tar *tar, int code, const char *text)
{
	struct tree *tree = rig_tree();
	struct err err = {0};
	int rc;

	memset(tar->bytes + tar->len, 0, 2 * BLOCK);
	rc = read_bytes(tar->bytes, tar->len + 2 * BLOCK, tree, NULL, &err);
	if (rc != code || !strstr(err.msg, text))
		fail_msg("%d \"%s\" instead of %d \"%s\"", rc, err.msg, code,
			 text);
	tree_destroy(tree);
	free(tar);
}

static void assert_reads(struct tar *tar, const char *paths)
{
	struct tree *tree = rig_tree();
	struct err err = {0};

	memset(tar->bytes + tar->len, 0, 2 * BLOCK);
	if (read_bytes(tar->bytes, tar->len + 2 * BLOCK, tree, NULL, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(rig_paths(tree), paths);
	tree_destroy(tree);
	free(tar);
}

static void paths_stay_inside(void **state)
{
	static const char *const bad[] = {"../x", "a/../../x", "..",
					  "a/..", "/../x",     "a/b/.."};
	struct tar *tar;
	char name[101];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tar = tar_new();
		(void)member(tar, '0', bad[i], NULL, "x", 1);
		assert_refused(tar, -EINVAL, "leaves the root");
	}
	tar = tar_new();
	(void)member(tar, '0', "/etc/passwd", NULL, "x", 1);
	(void)member(tar, '0', ".//./a//b", NULL, "x", 1);
	assert_reads(tar, "/ /a /a/b /etc /etc/passwd ");
	tar = tar_new();
	memset(name, '/', 100);
	name[100] = '\0';
	(void)member(tar, '5', name, NULL, NULL, 0);
	assert_reads(tar, "/ ");
}

static void links_stay_inside(void **state)
{
	struct tar *tar = tar_new();

	(void)state;
	(void)member(tar, '2', "out", "../../..", NULL, 0);
	(void)member(tar, '2', "abs", "/etc", NULL, 0);
	(void)member(tar, '0', "out/one", NULL, "x", 1);
	(void)member(tar, '0', "abs/two", NULL, "x", 1);
	assert_reads(tar, "/ /abs /etc /etc/two /one /out ");

	tar = tar_new();
	(void)member(tar, '2', "loop", "loop", NULL, 0);
	(void)member(tar, '0', "loop/x", NULL, "x", 1);
	assert_refused(tar, -ELOOP, "loop/x");

	tar = tar_new();
	(void)member(tar, '1', "x", "../../etc/shadow", NULL, 0);
	assert_refused(tar, -EINVAL, "hard link to ../../etc/shadow, outside");

	tar = tar_new();
	(void)member(tar, '1', "x", "/etc/shadow", NULL, 0);
	assert_refused(tar, -ENOENT, "etc/shadow, which is not there");

	tar = tar_new();
	(void)member(tar, '1', "x", "x", NULL, 0);
	assert_refused(tar, -ENOENT, "which is not there");

	tar = tar_new();
	(void)member(tar, '5', "d", NULL, NULL, 0);
	(void)member(tar, '1', "x", "d", NULL, 0);
	assert_refused(tar, -EISDIR, "hard link to the directory d");

	tar = tar_new();
	(void)member(tar, '0', "f", NULL, "x", 1);
	(void)member(tar, '0', "f/g", NULL, "x", 1);
	assert_refused(tar, -ENOTDIR, "f/g");

	tar = tar_new();
	(void)member(tar, '0', "f", NULL, "x", 1);
	(void)member(tar, '1', "f", "f", NULL, 0);
	assert_refused(tar, -EINVAL, "hard link to itself");
}

static void devices_are_data(void **state)
{
	struct tar *tar = tar_new();
	struct tree *tree = rig_tree();
	char *header = member(tar, '4', "dev/sda", NULL, NULL, 0);

	(void)state;
	(void)snprintf(header + 329, 8, "%07o", 8);
	seal(header);
	assert_int_equal(read_bytes(tar->bytes, tar->len, tree, NULL, NULL), 0);
	assert_int_equal(tree_find(tree, "dev/sda")->type, TREE_BLOCK);
	assert_int_equal(tree_find(tree, "dev/sda")->major, 8);
	tree_destroy(tree);
	free(tar);
}

static void sizes_are_checked(void **state)
{
	struct tar *tar = tar_new();
	char *header = member(tar, '0', "big", NULL, "x", 1);

	(void)state;
	(void)snprintf(header + 124, 12, "%011llo", 077777777777ULL);
	seal(header);
	assert_refused(tar, -EBADMSG, "evil.tar: ");

	tar = tar_new();
	header = member(tar, '0', "negative", NULL, "x", 1);
	memset(header + 124, 0xff, 12);
	seal(header);
	assert_refused(tar, -EBADMSG, "evil.tar: ");

	tar = tar_new();
	header = member(tar, '0', "sum", NULL, "x", 1);
	header[0] = 'S';
	assert_refused(tar, -EBADMSG, "evil.tar: ");
}

static void pax_record(struct tar *tar, const char *record)
{
	(void)member(tar, 'x', "pax", NULL, record, strlen(record));
	(void)member(tar, '0', "f", NULL, "x", 1);
}

static void pax_headers_are_checked(void **state)
{
	static const char *const bad[] = {
		"99999999999999999999 path=x\n",
		"5 path=x\n",
		"nonsense",
		"0 path=x\n",
		"16 uid=-100000000\n",
		"40 GNU.sparse.realsize=999999999999999\n"};
	struct tree *tree;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tar *tar = tar_new();
		struct err err = {0};
		int rc;

		tree = rig_tree();
		pax_record(tar, bad[i]);
		rc = read_bytes(tar->bytes, tar->len + 2 * BLOCK, tree, NULL,
				&err);
		/* Refused, or read as if it were not there: not a crash. */
		if (rc && rc != -EBADMSG)
			fail_msg("%s: %s", bad[i], err.msg);
		if (!rc)
			assert_string_equal(rig_paths(tree), "/ /f ");
		tree_destroy(tree);
		free(tar);
	}
}

static void long_paths_are_refused(void **state)
{
	struct tar *tar = tar_new();
	char *record = malloc(20000);
	char name[600];

	(void)state;
	assert_non_null(record);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	(void)snprintf(record, 20000, "266 path=%s\n", name);
	pax_record(tar, record);
	assert_refused(tar, -EINVAL, "is too long");

	tar = tar_new();
	strcpy(record, "6011 path=");
	for (size_t i = 0; i < 3000; i++)
		strcat(record, "d/");
	strcat(record, "\n");
	pax_record(tar, record);
	assert_refused(tar, -EINVAL, "is too long");

	tar = tar_new();
	strcpy(record, "18012 path=");
	for (size_t i = 0; i < 9000; i++)
		strcat(record, "d/");
	strcat(record, "\n");
	pax_record(tar, record);
	assert_refused(tar, -ENAMETOOLONG, "a path of more than");
	free(record);
}

static void odd_names_are_kept(void **state)
{
	struct tar *tar = tar_new();
	struct tree *tree = rig_tree();

	(void)state;
	(void)member(tar, '0', "new\nline", NULL, "x", 1);
	(void)member(tar, '0', "\x1b[31mred", NULL, "x", 1);
	(void)member(tar, '0', "\xff\xfe", NULL, "x", 1);
	(void)member(tar, '0', "%s%n", NULL, "x", 1);
	assert_int_equal(read_bytes(tar->bytes, tar->len, tree, NULL, NULL), 0);
	assert_string_equal(rig_paths(tree),
			    "/ /\x1b[31mred /%s%n /new\nline /\xff\xfe ");
	tree_destroy(tree);
	free(tar);
}

static void limits_hold(void **state)
{
	static const struct archive_limits few = {.bytes = MIB(1),
						  .entries = 3};
	struct sink_compress *compress = NULL;
	struct sink_file file;
	struct tree *tree = rig_tree();
	struct archive_input input = {.name = "bomb.gz", .limits = &few};
	struct tar *tar = tar_new();
	struct err err = {0};

	(void)state;
	input.fd = rig_temp();
	assert_int_equal(sink_file_init(&file, input.fd, NULL), 0);
	assert_int_equal(sink_compress_create(&compress, COMPRESSION_GZIP, 9,
					      &file.sink, NULL),
			 0);
	assert_int_equal(
		sink_zeros(sink_compress_sink(compress), MIB(64), NULL), 0);
	assert_int_equal(sink_compress_finish(compress, NULL), 0);
	sink_compress_destroy(compress);
	sink_file_fini(&file);
	if (archive_read_file(tree, &input, &err) != -EFBIG)
		fail_msg("%s", err.msg);
	assert_non_null(strstr(err.msg, "bomb.gz: unpacks to more"));
	(void)close(input.fd);

	for (char name[] = "a"; name[0] < 'e'; name[0]++)
		(void)member(tar, '0', name, NULL, "x", 1);
	assert_int_equal(read_bytes(tar->bytes, tar->len, tree, &few, &err),
			 -EFBIG);
	assert_non_null(strstr(err.msg, "more entries than the limit"));
	free(tar);
	tree_destroy(tree);
}

/* The content of a sparse file of version 1.0: a map, then the data. */
static void sparse_files_are_laid_out(void **state)
{
	static const struct archive_limits small = {.bytes = MIB(1),
						    .entries = 100};
	static const char record[] = "22 GNU.sparse.major=1\n"
				     "22 GNU.sparse.minor=0\n"
				     "22 GNU.sparse.name=sp\n"
				     "31 GNU.sparse.realsize=1000000\n";
	char data[2 * BLOCK] = "1\n999000\n4\n";
	struct tar *tar = tar_new();
	struct tree *tree = rig_tree();
	struct err err = {0};
	char buf[8] = "";

	(void)state;
	memcpy(data + BLOCK, "DATA", 4);
	(void)member(tar, 'x', "pax", NULL, record, strlen(record));
	(void)member(tar, '0', "GNUSparseFile.0/sp", NULL, data, BLOCK + 4);
	(void)member(tar, '0', "after", NULL, "x", 1);
	if (read_bytes(tar->bytes, tar->len, tree, &small, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(rig_paths(tree), "/ /after /sp ");
	assert_int_equal(tree_find(tree, "sp")->size, 1000000);
	assert_int_equal(tree_content_read(tree_find(tree, "sp")->content,
					   998998, buf, 8, NULL),
			 0);
	assert_memory_equal(buf, "\0\0DATA\0\0", 8);
	assert_int_equal(tree_content_read(tree_find(tree, "after")->content, 0,
					   buf, 1, NULL),
			 0);
	assert_int_equal(buf[0], 'x');
	free(tar);

	/* 9 EiB of nothing. */
	tar = tar_new();
	(void)member(tar, 'x', "pax", NULL,
		     "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
		     "43 GNU.sparse.realsize=9000000000000000000\n",
		     87);
	(void)member(tar, '0', "sp", NULL, data, BLOCK + 4);
	assert_int_not_equal(read_bytes(tar->bytes, tar->len, tree, NULL, &err),
			     0);
	free(tar);
	tree_destroy(tree);
}

static void garbage_is_no_archive(void **state)
{
	struct tree *tree = rig_tree();
	struct err err = {0};
	char bytes[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 5);
	assert_int_equal(read_bytes(bytes, sizeof(bytes), tree, NULL, &err),
			 -EBADMSG);
	assert_string_equal(err.msg, "evil.tar: Unrecognized archive format");
	/* Cut off in the middle of the compressed data. */
	assert_int_equal(read_bytes("\x1f\x8b\x08\0\0\0\0\0\0\3\x4b", 11, tree,
				    NULL, &err),
			 -EBADMSG);
	/* A file system has its superblock behind zeros; an empty tar is zeros.
	 */
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(read_bytes(bytes, sizeof(bytes), tree, NULL, &err), 0);
	bytes[1024] = 'E';
	assert_int_equal(read_bytes(bytes, sizeof(bytes), tree, NULL, &err),
			 -EBADMSG);
	assert_non_null(strstr(err.msg, "evil.tar: not an archive"));
	assert_int_equal(read_bytes("", 0, tree, NULL, &err), 0);
	assert_string_equal(rig_paths(tree), "/ ");
	tree_destroy(tree);
}

static int crash(const struct archive_child *child)
{
	(void)child;
	abort();
}

static int lie(const struct archive_child *child)
{
	struct archive_record record = {.type = ARCHIVE_TELL_ENTRY,
					.path_len = UINT32_MAX};

	return write(child->pipe, &record, sizeof(record)) < 0;
}

/* Everything that it may not do. Return: 100 and the number of the first that
 * it could. */
static int try_all(const struct archive_child *child)
{
	struct archive_record record = {.type = ARCHIVE_TELL_DONE};
	char byte;

	if (open("/etc/passwd", O_RDONLY) >= 0)
		record.size = 1;
	else if (open("/tmp/evil", O_WRONLY | O_CREAT, 0600) >= 0)
		record.size = 2;
	else if (socket(AF_INET, SOCK_STREAM, 0) >= 0)
		record.size = 3;
	else if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		record.size = 4;
	else if (fork() >= 0)
		record.size = 5;
	else if (execl("/bin/true", "true", NULL) >= 0)
		record.size = 6;
	else if (kill(getppid(), SIGTERM) >= 0)
		record.size = 7;
	else if (unlink("/tmp/evil") >= 0 || errno != EPERM)
		record.size = 8;
	else if (read(9, &byte, 1) >= 0 || errno != EBADF)
		record.size = 9; /* a descriptor that was not given */
	return write(child->pipe, &record, sizeof(record)) < 0;
}

static int ask(archive_child_fn fn, struct archive_record *record,
	       struct err *err)
{
	struct archive_child child = {
		.in = rig_temp(),
		.out = rig_temp(),
		.limits = archive_limits_default,
	};
	struct archive_reader reader;
	int rc = archive_reader_start(&reader, "evil", &child, fn, err);

	if (!rc)
		rc = archive_reader_head(&reader, record, err);
	if (!rc && record->type == ARCHIVE_TELL_ENTRY) {
		char *text = NULL;

		rc = archive_reader_text(&reader, &text, record->path_len,
					 ARCHIVE_TEXT_MAX, err);
	}
	archive_reader_end(&reader);
	(void)close(child.in);
	(void)close(child.out);
	return rc;
}

static void child_is_locked_down(void **state)
{
	struct archive_record record = {0};
	struct err err = {0};

	(void)state;
	if (dup2(1, 9) != 9)
		fail();
	assert_int_equal(ask(try_all, &record, &err), 0);
	assert_int_equal(record.size, 0);
	(void)close(9);
	assert_int_equal(ask(crash, &record, &err), -ECHILD);
	assert_non_null(strstr(err.msg, "evil: damaged: it made its reader "
					"crash (signal 6)"));
	assert_int_equal(ask(lie, &record, &err), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_stay_inside),
		cmocka_unit_test(links_stay_inside),
		cmocka_unit_test(devices_are_data),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(pax_headers_are_checked),
		cmocka_unit_test(long_paths_are_refused),
		cmocka_unit_test(odd_names_are_kept),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(sparse_files_are_laid_out),
		cmocka_unit_test(garbage_is_no_archive),
		cmocka_unit_test(child_is_locked_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
