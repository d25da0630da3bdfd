/* test_tree.c - file trees: order, replacement, hard links, digest. */
#include "test.h"

#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tree *make(void)
{
	struct tree *tree = NULL;

	assert_int_equal(tree_create(&tree, NULL), 0);
	return tree;
}

static int put(struct tree *tree, enum tree_type type, const char *path,
	       const char *text)
{
	char *copy = strdup(path);
	char *target = type == TREE_SYMLINK ? strdup(text) : NULL;
	struct tree_entry entry = {
		.path = copy, .type = type, .mode = 0644, .target = target};
	int rc;

	if (type == TREE_FILE && *text) {
		entry.size = strlen(text);
		assert_int_equal(tree_content_memory(&entry.content, text,
						     strlen(text), NULL),
				 0);
	}
	rc = tree_put(tree, &entry, NULL);
	tree_content_unref(entry.content);
	free(copy);
	free(target);
	return rc;
}

static void assert_paths(const struct tree *tree, const char *want)
{
	char got[1024] = "";

	for (size_t i = 0; i < tree_num(tree); i++) {
		strcat(got, "/");
		strcat(got, tree_at(tree, i)->path);
		strcat(got, " ");
	}
	assert_string_equal(got, want);
}

static void order_is_by_bytes(void **state)
{
	struct tree *tree = make();

	(void)state;
	assert_int_equal(put(tree, TREE_FILE, "b/c", "x"), 0);
	assert_int_equal(put(tree, TREE_FILE, "b-a", ""), 0);
	assert_int_equal(put(tree, TREE_DIR, "a", NULL), 0);
	assert_paths(tree, "/ /a /b /b-a /b/c ");
	assert_int_equal(tree_find(tree, "b")->mode, 0755);
	assert_int_equal(put(tree, TREE_DIR, "b", NULL), 0);
	assert_int_equal(tree_find(tree, "b")->mode, 0644);
	assert_paths(tree, "/ /a /b /b-a /b/c ");
	tree_destroy(tree);
}

static void other_types_replace_what_is_below(void **state)
{
	struct tree *tree = make();

	(void)state;
	assert_int_equal(put(tree, TREE_FILE, "d/e/f", "x"), 0);
	assert_int_equal(put(tree, TREE_FILE, "d/g", "x"), 0);
	assert_int_equal(put(tree, TREE_FILE, "d", "x"), 0);
	assert_paths(tree, "/ /d ");
	assert_int_equal(put(tree, TREE_FILE, "d/e", "x"), -ENOTDIR);
	assert_int_equal(put(tree, TREE_DIR, "d", NULL), 0);
	assert_int_equal(put(tree, TREE_FILE, "d/e", "x"), 0);
	tree_remove(tree, "d");
	tree_remove(tree, "d");
	assert_paths(tree, "/ ");
	assert_int_equal(put(tree, TREE_FILE, "d/e/f", "x"), 0);
	tree_remove(tree, "");
	assert_paths(tree, "/ ");
	tree_destroy(tree);
}

static void links_are_followed_inside(void **state)
{
	struct tree *tree = make();
	char out[TREE_PATH_SIZE];

	(void)state;
	put(tree, TREE_SYMLINK, "lib", "usr/lib");
	put(tree, TREE_SYMLINK, "out", "../../../etc");
	put(tree, TREE_SYMLINK, "abs", "/lib/x");
	put(tree, TREE_SYMLINK, "loop", "loop");
	put(tree, TREE_FILE, "file", "x");
	assert_int_equal(tree_resolve(tree, "abs/a/b", out), 0);
	assert_string_equal(out, "usr/lib/x/a/b");
	assert_int_equal(tree_resolve(tree, "lib", out), 0);
	assert_string_equal(out, "lib");
	assert_null(tree_follow(tree, "loop"));
	assert_null(tree_follow(tree, "lib/none"));
	assert_int_equal(put(tree, TREE_FILE, "lib/foo", "x"), 0);
	put(tree, TREE_SYMLINK, "d/to", "../lib/./foo");
	put(tree, TREE_SYMLINK, "d/up", "..");
	assert_string_equal(tree_follow(tree, "d/to")->path, "usr/lib/foo");
	assert_string_equal(tree_follow(tree, "lib")->path, "usr/lib");
	assert_string_equal(tree_follow(tree, "d/up")->path, "");
	assert_string_equal(tree_follow(tree, "d/up/lib/foo")->path,
			    "usr/lib/foo");
	tree_remove(tree, "d");
	assert_int_equal(put(tree, TREE_FILE, "out/passwd", "x"), 0);
	assert_int_equal(put(tree, TREE_FILE, "loop/a", "x"), -ELOOP);
	assert_int_equal(put(tree, TREE_FILE, "file/a", "x"), -ENOTDIR);
	assert_paths(tree, "/ /abs /etc /etc/passwd /file /lib /loop /out /usr "
			   "/usr/lib /usr/lib/foo ");
	tree_destroy(tree);
}

static void implied_directories_change_nothing(void **state)
{
	struct tree *one = make();
	struct tree *two = make();

	(void)state;
	put(one, TREE_DIR, "d", NULL);
	put(one, TREE_SYMLINK, "l", "d");
	put(two, TREE_FILE, "d/f", "x");
	put(two, TREE_FILE, "l/g", "x");
	assert_int_equal(tree_merge(one, two, "", NULL), 0);
	assert_int_equal(tree_find(one, "d")->mode, 0644);
	assert_paths(one, "/ /d /d/f /d/g /l ");
	tree_destroy(one);
	tree_destroy(two);
}

static void bad_entries_are_refused(void **state)
{
	static const char *const paths[] = {"/a", "a/",	    "a//b", ".",
					    "..", "a/../b", "a/.",  "./a"};
	struct tree *tree = make();
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(put(tree, TREE_FILE, paths[i], "x"), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(put(tree, TREE_FILE, name, "x"), -EINVAL);
	name[255] = '\0';
	assert_int_equal(put(tree, TREE_FILE, name, "x"), 0);
	assert_int_equal(put(tree, TREE_FILE, "", "x"), -EINVAL);
	assert_int_equal(put(tree, TREE_SYMLINK, "s", ""), -EINVAL);
	assert_int_equal(tree_num(tree), 2);
	tree_destroy(tree);
}

static void paths_are_cleaned(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(tree_path_clean("./usr//bin/", out, 16), 0);
	assert_string_equal(out, "usr/bin");
	assert_int_equal(tree_path_clean("/", out, 16), 0);
	assert_string_equal(out, "");
	assert_int_equal(tree_path_clean("a/../b", out, 16), -EINVAL);
	assert_int_equal(tree_path_clean("..", out, 16), -EINVAL);
	assert_int_equal(tree_path_clean("..a/.b", out, 16), 0);
	assert_string_equal(out, "..a/.b");
	assert_int_equal(tree_path_clean("0123456789/bcde", out, 16), 0);
	assert_int_equal(tree_path_clean("0123456789/bcdef", out, 16), -EINVAL);
}

static void put_link(struct tree *tree, const char *path, uint64_t link)
{
	char *copy = strdup(path);
	struct tree_entry entry = {
		.path = copy, .type = TREE_FILE, .mode = 0644, .link = link};

	assert_int_equal(tree_put(tree, &entry, NULL), 0);
	free(copy);
}

static void merge_keeps_hard_links_apart(void **state)
{
	struct tree *one = make();
	struct tree *two = make();

	(void)state;
	put_link(one, "a", 1);
	put_link(one, "b", 1);
	put_link(two, "c", 1);
	put_link(two, "d", 1);
	assert_int_equal(tree_merge(one, two, "x/y", NULL), 0);
	assert_paths(one, "/ /a /b /x /x/y /x/y/c /x/y/d ");
	assert_int_equal(tree_find(one, "a")->link, tree_find(one, "b")->link);
	assert_int_equal(tree_find(one, "x/y/c")->link,
			 tree_find(one, "x/y/d")->link);
	assert_int_not_equal(tree_find(one, "a")->link,
			     tree_find(one, "x/y/c")->link);
	tree_destroy(one);
	tree_destroy(two);
}

static void digest_of(struct tree *tree, uint8_t digest[TREE_DIGEST_SIZE])
{
	assert_int_equal(tree_digest(tree, digest, NULL), 0);
}

static void digest_tells_what_differs(void **state)
{
	struct tree *one = make();
	struct tree *two = make();
	uint8_t a[TREE_DIGEST_SIZE];
	uint8_t b[TREE_DIGEST_SIZE];

	(void)state;
	put(one, TREE_FILE, "a", "x");
	put(one, TREE_FILE, "b", "y");
	put(two, TREE_FILE, "b", "y");
	put(two, TREE_FILE, "a", "x");
	digest_of(one, a);
	digest_of(two, b);
	assert_memory_equal(a, b, sizeof(a));
	put(two, TREE_FILE, "a", "z");
	digest_of(two, b);
	assert_memory_not_equal(a, b, sizeof(a));
	put(two, TREE_FILE, "a", "x");
	put_link(one, "l", 5);
	put_link(one, "m", 5);
	put_link(two, "l", 7);
	put_link(two, "m", 7);
	digest_of(one, a);
	digest_of(two, b);
	assert_memory_equal(a, b, sizeof(a));
	put_link(two, "m", 8);
	digest_of(two, b);
	assert_memory_not_equal(a, b, sizeof(a));
	tree_destroy(one);
	tree_destroy(two);
}

static void many_entries(void **state)
{
	struct tree *tree = make();
	char path[64];

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int k = i * 7919 % 20000;

		(void)snprintf(path, sizeof(path), "d%02u/f%05u", k % 97, k);
		assert_int_equal(put(tree, TREE_FILE, path, ""), 0);
	}
	assert_int_equal(tree_num(tree), 20000 + 97 + 1);
	for (size_t i = 1; i < tree_num(tree); i++)
		assert_true(strcmp(tree_at(tree, i - 1)->path,
				   tree_at(tree, i)->path) < 0);
	tree_destroy(tree);
}

static void content_of_files(void **state)
{
	char name[] = "/tmp/test_tree.XXXXXX";
	char buf[8] = "";
	struct tree_content *content = NULL;
	struct tree_source *dir = NULL;
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(tree_content_file(&content, fd, 2, 6, NULL), 0);
	(void)close(fd);
	assert_int_equal(tree_content_read(content, 1, buf, 3, NULL), 0);
	assert_memory_equal(buf, "345", 3);
	assert_int_equal(tree_content_read(content, 4, buf, 3, NULL), -EINVAL);
	assert_int_equal(truncate(name, 5), 0);
	assert_int_equal(tree_content_read(content, 1, buf, 3, NULL), -EIO);
	tree_content_unref(content);

	fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tree_source_create(&dir, fd, NULL), 0);
	assert_int_equal(tree_content_path(&content, dir, name + 5, 5, NULL),
			 0);
	tree_source_unref(dir);
	assert_int_equal(tree_content_read(content, 3, buf, 2, NULL), 0);
	assert_memory_equal(buf, "34", 2);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(tree_content_read(content, 3, buf, 2, NULL), -ENOENT);
	tree_content_unref(content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_by_bytes),
		cmocka_unit_test(other_types_replace_what_is_below),
		cmocka_unit_test(links_are_followed_inside),
		cmocka_unit_test(implied_directories_change_nothing),
		cmocka_unit_test(bad_entries_are_refused),
		cmocka_unit_test(paths_are_cleaned),
		cmocka_unit_test(merge_keeps_hard_links_apart),
		cmocka_unit_test(digest_tells_what_differs),
		cmocka_unit_test(many_entries),
		cmocka_unit_test(content_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
