/* image_rig.c - see image_rig.h. */
#include "test.h"

#include "image_rig.h"
#include "sha256.h"

#include "archive_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tree *rig_tree(void)
{
	struct tree *tree = NULL;

	assert_int_equal(tree_create(&tree, NULL), 0);
	return tree;
}

static int put_entry(struct tree *tree, const char *path, const char *text,
		     struct tree_entry *entry)
{
	int rc;

	entry->path = strdup(path);
	assert_non_null(entry->path);
	if (entry->type == TREE_SYMLINK) {
		entry->target = strdup(text);
		assert_non_null(entry->target);
	} else if (entry->type == TREE_FILE && *text) {
		entry->size = strlen(text);
		assert_int_equal(tree_content_memory(&entry->content, text,
						     strlen(text), NULL),
				 0);
	}
	rc = tree_put(tree, entry, NULL);
	tree_content_unref(entry->content);
	free(entry->path);
	free(entry->target);
	return rc;
}

int rig_put(struct tree *tree, enum tree_type type, const char *path,
	    const char *text)
{
	struct tree_entry entry = {.type = type, .mode = 0644};

	return put_entry(tree, path, text, &entry);
}

void rig_put_entry(struct tree *tree, const char *path, const char *text,
		   struct tree_entry entry)
{
	assert_int_equal(put_entry(tree, path, text, &entry), 0);
}

struct tree *rig_sample(void)
{
	static char name[] = "user.note";
	static char capability[] = "security.capability";
	static char value[] = "a\0b\n=c";
	static unsigned char caps[] = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0,
				       0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct tree_xattr xattrs[] = {
		{.name = name, .value = value, .size = sizeof(value)},
		{.name = capability, .value = caps, .size = sizeof(caps)},
	};
	struct tree *tree = rig_tree();
	char path[400];

	rig_put_entry(tree, "", "",
		      (struct tree_entry){.type = TREE_DIR, .mode = 0755});
	rig_put_entry(tree, "etc", "",
		      (struct tree_entry){.type = TREE_DIR, .mode = 0755});
	rig_put_entry(tree, "etc/hosts", "127.0.0.1 localhost\n",
		      (struct tree_entry){.mode = 0644, .mtime = 1000});
	rig_put_entry(tree, "etc/shadow", "root:*:::::::\n",
		      (struct tree_entry){
			      .mode = 0640, .gid = 42, .mtime = 4000000000});
	rig_put_entry(tree, "empty", "", (struct tree_entry){.mode = 0});
	rig_put_entry(tree, "tmp", "",
		      (struct tree_entry){.type = TREE_DIR, .mode = 01777});
	rig_put_entry(tree, "bin/ping",
		      "\x7f"
		      "ELF",
		      (struct tree_entry){
			      .mode = 04755, .xattrs = xattrs, .xattr_num = 2});
	rig_put_entry(tree, "bin/big-id", "x",
		      (struct tree_entry){
			      .mode = 0600, .uid = 3000000000U, .gid = 65534});
	rig_put_entry(tree, "dev/null", "",
		      (struct tree_entry){.type = TREE_CHAR,
					  .mode = 0666,
					  .major = 1,
					  .minor = 3});
	rig_put_entry(tree, "dev/sda", "",
		      (struct tree_entry){.type = TREE_BLOCK,
					  .mode = 0660,
					  .gid = 6,
					  .major = 8,
					  .minor = 1000000});
	rig_put_entry(tree, "dev/initctl", "",
		      (struct tree_entry){.type = TREE_FIFO, .mode = 0600});
	rig_put_entry(tree, "lib", "usr/lib",
		      (struct tree_entry){.type = TREE_SYMLINK, .mode = 0777});
	rig_put_entry(tree, "odd/sp ace\ttab\"quote'\\n", "x",
		      (struct tree_entry){.mode = 0644});
	rig_put_entry(tree, "odd/\xc3\xa4\xe2\x82\xac", "utf-8",
		      (struct tree_entry){.mode = 0644});
	rig_put_entry(tree, "odd/\xff\xfe", "no utf-8",
		      (struct tree_entry){.mode = 0644});
	memset(path, 'x', sizeof(path));
	memcpy(path, "long/", 5);
	path[200] = '/';
	path[399] = '\0';
	rig_put_entry(tree, path, "long",
		      (struct tree_entry){.mode = 0644, .mtime = -5});
	path[150] = '\0';
	rig_put_entry(tree, "long/link", path,
		      (struct tree_entry){.type = TREE_SYMLINK, .mode = 0777});
	assert_int_equal(tree_link(tree, "zz/hosts", "etc/hosts", NULL), 0);
	assert_int_equal(tree_link(tree, "bin/ping4", "bin/ping", NULL), 0);
	return tree;
}

const char *rig_paths(const struct tree *tree)
{
	static char text[16384];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < tree_num(tree); i++) {
		int n = snprintf(text + used, sizeof(text) - used, "/%s ",
				 tree_at(tree, i)->path);

		assert_true(n > 0 && (size_t)n < sizeof(text) - used);
		used += (size_t)n;
	}
	return text;
}

void rig_assert_same(const struct tree *one, const struct tree *two)
{
	uint8_t a[TREE_DIGEST_SIZE];
	uint8_t b[TREE_DIGEST_SIZE];

	for (size_t i = 0; i < tree_num(one) && i < tree_num(two); i++) {
		const struct tree_entry *x = tree_at(one, i);
		const struct tree_entry *y = tree_at(two, i);

		assert_string_equal(x->path, y->path);
		if (x->type != y->type || x->mode != y->mode ||
		    x->uid != y->uid || x->gid != y->gid ||
		    x->size != y->size || x->xattr_num != y->xattr_num ||
		    x->major != y->major || x->minor != y->minor ||
		    !x->link != !y->link)
			fail_msg("%s differs", x->path);
	}
	assert_int_equal(tree_num(one), tree_num(two));
	assert_int_equal(tree_digest(one, a, NULL), 0);
	assert_int_equal(tree_digest(two, b, NULL), 0);
	assert_memory_equal(a, b, sizeof(a));
}

int rig_temp(void)
{
	int fd = archive_temp_file(NULL);

	assert_true(fd >= 0);
	return fd;
}

char *rig_dir(void)
{
	const char *base = getenv("TMPDIR");
	char *dir = NULL;

	assert_true(asprintf(&dir, "%s/lwx-test.XXXXXX", base ? base : "/tmp") >
		    0);
	assert_non_null(mkdtemp(dir));
	return dir;
}

void rig_sh(const char *fmt, ...)
{
	char *command = NULL;
	va_list args;

	va_start(args, fmt);
	assert_true(vasprintf(&command, fmt, args) > 0);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
	free(command);
}

void rig_remove(char *dir)
{
	rig_sh("chmod -R u+rwX %s && rm -rf %s", dir, dir);
	free(dir);
}
