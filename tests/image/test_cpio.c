/* test_cpio.c - newc archives: agreement with GNU cpio, hard links, limits. */
#include "test.h"

#include "image_rig.h"
#include "sink.h"
#include "tree_cpio.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EPOCH 1700000000

static struct tree *small(void)
{
	struct tree *tree = rig_tree();

	rig_put_entry(tree, "bin/ping", "ELF",
		      (struct tree_entry){.mode = 04755,
					  .uid = 7,
					  .gid = 8,
					  .mtime = 2000000000});
	rig_put_entry(tree, "dev/null", "",
		      (struct tree_entry){.type = TREE_CHAR,
					  .mode = 0666,
					  .major = 1,
					  .minor = 3});
	rig_put_entry(tree, "dev/pipe", "",
		      (struct tree_entry){.type = TREE_FIFO, .mode = 0600});
	rig_put_entry(tree, "lib", "usr/lib",
		      (struct tree_entry){.type = TREE_SYMLINK,
					  .mode = 0777,
					  .mtime = 2000000000});
	assert_int_equal(tree_link(tree, "a-ping", "bin/ping", NULL), 0);
	assert_int_equal(tree_link(tree, "z-ping", "bin/ping", NULL), 0);
	assert_int_equal(tree_link(tree, "z-lib", "lib", NULL), 0);
	return tree;
}

static char *write_file(const char *dir, const char *name,
			enum compression format)
{
	struct tree *tree = small();
	struct sink_compress *compress = NULL;
	struct sink_file file;
	char *path = NULL;
	int fd;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(sink_file_init(&file, fd, NULL), 0);
	assert_int_equal(
		sink_compress_create(&compress, format, 0, &file.sink, NULL),
		0);
	assert_int_equal(tree_cpio_write(tree, EPOCH,
					 sink_compress_sink(compress), NULL),
			 0);
	assert_int_equal(sink_compress_finish(compress, NULL), 0);
	sink_compress_destroy(compress);
	sink_file_fini(&file);
	(void)close(fd);
	tree_destroy(tree);
	return path;
}

static void cpio_lists_it(void **state)
{
	char *dir = rig_dir();
	char *path = write_file(dir, "c", COMPRESSION_NONE);

	(void)state;
	rig_sh("cd %s && TZ=UTC cpio -itvn --quiet <c >list && "
	       "sed -i 's/  *[A-Z][a-z][a-z] .. ..... *[0-9]* / /; "
	       "s/  *[A-Z][a-z][a-z]  *[0-9]*  *[0-9]* / /; s/  */ /g' list && "
	       "printf '%%s\\n' "
	       "'drwxr-xr-x 1 0 0 0 .' "
	       "'-rwsr-xr-x 3 7 8 0 a-ping' "
	       "'drwxr-xr-x 1 0 0 0 bin' "
	       "'-rwsr-xr-x 3 7 8 0 bin/ping' "
	       "'drwxr-xr-x 1 0 0 0 dev' "
	       "'crw-rw-rw- 1 0 0 1, 3 dev/null' "
	       "'prw------- 1 0 0 0 dev/pipe' "
	       "'lrwxrwxrwx 1 0 0 7 lib -> usr/lib' "
	       "'lrwxrwxrwx 1 0 0 7 z-lib -> usr/lib' "
	       "'-rwsr-xr-x 3 7 8 3 z-ping' >want && diff want list",
	       dir);
	free(path);
	rig_remove(dir);
}

static void cpio_unpacks_hard_links(void **state)
{
	char *dir = rig_dir();
	char *path = write_file(dir, "c", COMPRESSION_NONE);

	(void)state;
	rig_sh("mkdir %s/x && cd %s/x && fakeroot cpio -idm --quiet <../c && "
	       "test $(stat -c %%h z-ping) = 3 && test a-ping -ef bin/ping && "
	       "test \"$(cat a-ping)\" = ELF && "
	       "test $(stat -c %%Y a-ping) = %d",
	       dir, dir, EPOCH);
	free(path);
	rig_remove(dir);
}

static void compressed_forms_open(void **state)
{
	static const struct {
		enum compression format;
		const char *command;
	} forms[] = {
		{COMPRESSION_GZIP, "gzip -dc"},
		{COMPRESSION_ZSTD, "zstd -qdc"},
		{COMPRESSION_LZ4, "lz4 -qdc"},
	};
	char *dir = rig_dir();
	char *path = write_file(dir, "c", COMPRESSION_NONE);

	(void)state;
	free(path);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		path = write_file(dir, "z", forms[i].format);
		free(path);
		path = write_file(dir, "again", forms[i].format);
		free(path);
		rig_sh("cd %s && %s <z | cmp - c && cmp z again", dir,
		       forms[i].command);
	}
	rig_remove(dir);
}

static void microcode_goes_first(void **state)
{
	struct tree *tree = rig_tree();
	struct tree_content *ucode = NULL;
	struct sink_file file;
	char *dir = rig_dir();
	char *path = write_file(dir, "ucode", COMPRESSION_NONE);
	int fd;

	(void)state;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* Not a multiple of 512: as if another tool had made it. */
	assert_int_equal(tree_content_file(&ucode, fd, 0, 1164, NULL), 0);
	(void)close(fd);
	free(path);
	assert_true(asprintf(&path, "%s/initrd", dir) > 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_equal(sink_file_init(&file, fd, NULL), 0);
	assert_int_equal(tree_cpio_append(ucode, &file.sink, NULL), 0);
	assert_int_equal(file.size, 1536);
	rig_put(tree, TREE_FILE, "init", "x");
	assert_int_equal(tree_cpio_write(tree, 0, &file.sink, NULL), 0);
	assert_int_equal(file.size, 2048);
	sink_file_fini(&file);
	(void)close(fd);
	tree_content_unref(ucode);
	tree_destroy(tree);
	rig_sh("cd %s && dd if=initrd bs=512 skip=3 status=none | "
	       "cpio -it --quiet | grep -qx init",
	       dir);
	free(path);
	rig_remove(dir);
}

static void file_of_4_gib_is_refused(void **state)
{
	struct tree *tree = rig_tree();
	struct sink_file file;
	struct err err = {0};
	struct tree_entry entry = {.mode = 0644};
	char path[] = "var/big";
	int fd = rig_temp();

	(void)state;
	assert_int_equal(ftruncate(fd, 1LL << 32), 0);
	entry.path = path;
	entry.size = 1ULL << 32;
	assert_int_equal(
		tree_content_file(&entry.content, fd, 0, entry.size, NULL), 0);
	assert_int_equal(tree_put(tree, &entry, NULL), 0);
	tree_content_unref(entry.content);
	(void)close(fd);
	assert_int_equal(sink_file_init(&file, -1, NULL), 0);
	assert_int_equal(tree_cpio_write(tree, 0, &file.sink, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "var/big: 4294967296 bytes"));
	assert_int_equal(file.size, 0);
	sink_file_fini(&file);
	tree_destroy(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpio_lists_it),
		cmocka_unit_test(cpio_unpacks_hard_links),
		cmocka_unit_test(compressed_forms_open),
		cmocka_unit_test(microcode_goes_first),
		cmocka_unit_test(file_of_4_gib_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
