/*
 * tree_dir.c - directories to trees. See tree_dir.h.
 */
#include "tree_dir.h"

#include "cleanup.h"
#include "interrupt.h"
#include "macros.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define XATTR_LIST_SIZE 65536U
#define XATTRS_READ_MAX 64U

/**
 * struct inode - a file with several names that has been met
 * @path: the first name
 */
struct inode {
	dev_t dev;
	ino_t ino;
	char *path;
};

/**
 * struct reader - a directory on its way into a tree
 * @source: the directory
 * @dirs:   paths of directories still to be read
 * @inodes: files with several names, in the order in which they were met
 */
struct reader {
	struct tree *tree;
	const char *name;
	const struct tree_dir_options *options;
	struct tree_source *source;
	int fd;
	char **dirs;
	size_t dir_num;
	size_t dir_room;
	struct inode *inodes;
	size_t inode_num;
	size_t inode_room;
};

static int no_memory(const struct reader *reader, struct err *err)
{
	return err_set(err, -ENOMEM, "%s", reader->name);
}

static int fail(const struct reader *reader, const char *path, struct err *err)
{
	return err_set(err, -errno, "%s/%s", reader->name, path);
}

static int push_dir(struct reader *reader, const char *path)
{
	if (reader->dir_num == reader->dir_room) {
		size_t room = reader->dir_room ? 2 * reader->dir_room : 64;
		char **dirs = reallocarray(reader->dirs, room, sizeof(*dirs));

		if (!dirs)
			return -ENOMEM;
		reader->dirs = dirs;
		reader->dir_room = room;
	}
	reader->dirs[reader->dir_num] = strdup(path);
	return reader->dirs[reader->dir_num++] ? 0 : -ENOMEM;
}

/* The first name of the same file, or NULL: then @path becomes it. */
static int inode_find(struct reader *reader, const struct stat *st,
		      const char *path, const char **first)
{
	*first = NULL;
	for (size_t i = 0; i < reader->inode_num; i++) {
		const struct inode *inode = &reader->inodes[i];

		if (inode->ino == st->st_ino && inode->dev == st->st_dev) {
			*first = inode->path;
			return 0;
		}
	}
	if (reader->inode_num == reader->inode_room) {
		size_t room = reader->inode_room ? 2 * reader->inode_room : 64;
		struct inode *inodes =
			reallocarray(reader->inodes, room, sizeof(*inodes));

		if (!inodes)
			return -ENOMEM;
		reader->inodes = inodes;
		reader->inode_room = room;
	}
	reader->inodes[reader->inode_num] = (struct inode){
		.dev = st->st_dev, .ino = st->st_ino, .path = strdup(path)};
	return reader->inodes[reader->inode_num++].path ? 0 : -ENOMEM;
}

static bool xattr_wanted(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
	       strcmp(name, "security.capability") == 0;
}

/* By /proc: there is no llistxattrat(). */
static int read_xattrs(const struct reader *reader, const char *path,
		       struct tree_entry *entry, struct err *err)
{
	AUTO_FREE char *names = malloc(XATTR_LIST_SIZE);
	AUTO_FREE char *full = NULL;
	ssize_t len;

	if (!names ||
	    asprintf(&full, "/proc/self/fd/%d/%s", reader->fd, path) < 0)
		return no_memory(reader, err);
	len = llistxattr(full, names, XATTR_LIST_SIZE);
	if (len < 0)
		return errno == ENOTSUP ? 0 : fail(reader, path, err);
	for (const char *name = names; name < names + len;
	     name += strlen(name) + 1) {
		struct tree_xattr *xattrs;
		struct tree_xattr *xattr;
		ssize_t size;

		if (!xattr_wanted(name))
			continue;
		xattrs = reallocarray(entry->xattrs, entry->xattr_num + 1,
				      sizeof(*xattrs));
		if (!xattrs)
			return no_memory(reader, err);
		entry->xattrs = xattrs;
		xattr = &xattrs[entry->xattr_num];
		size = lgetxattr(full, name, NULL, 0);
		if (size < 0)
			return fail(reader, path, err);
		xattr->name = strdup(name);
		xattr->value = malloc((size_t)size + 1);
		entry->xattr_num++;
		if (!xattr->name || !xattr->value)
			return no_memory(reader, err);
		size = lgetxattr(full, name, xattr->value, (size_t)size + 1);
		if (size < 0)
			return fail(reader, path, err);
		xattr->size = (size_t)size;
	}
	return 0;
}

static int read_link(const struct reader *reader, const char *path,
		     struct tree_entry *entry, struct err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(reader->fd, path, target, sizeof(target));

	if (len < 0 || (size_t)len >= sizeof(target))
		return fail(reader, path, err);
	entry->target = strndup(target, (size_t)len);
	return entry->target ? 0 : no_memory(reader, err);
}

static int type_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return TREE_FILE;
	case S_IFDIR:
		return TREE_DIR;
	case S_IFLNK:
		return TREE_SYMLINK;
	case S_IFCHR:
		return TREE_CHAR;
	case S_IFBLK:
		return TREE_BLOCK;
	case S_IFIFO:
		return TREE_FIFO;
	default:
		return -1;
	}
}

static int fill_entry(struct reader *reader, const struct stat *st,
		      struct tree_entry *entry, struct err *err)
{
	const struct tree_dir_options *options = reader->options;
	const char *path = *entry->path ? entry->path : ".";
	int rc;

	entry->mode = st->st_mode & 07777;
	entry->mtime = st->st_mtime;
	entry->origin = options->origin;
	entry->location = options->location;
	if (options->keep_owners) {
		entry->uid = st->st_uid;
		entry->gid = st->st_gid;
	}
	if (entry->type == TREE_CHAR || entry->type == TREE_BLOCK) {
		entry->major = major(st->st_rdev);
		entry->minor = minor(st->st_rdev);
	}
	if (entry->type == TREE_FILE && st->st_size > 0) {
		entry->size = (uint64_t)st->st_size;
		rc = tree_content_path(&entry->content, reader->source, path,
				       entry->size, err);
		if (rc)
			return rc;
	}
	if (entry->type == TREE_SYMLINK) {
		rc = read_link(reader, path, entry, err);
		if (rc)
			return rc;
	}
	return read_xattrs(reader, path, entry, err);
}

static void entry_fini(struct tree_entry *entry)
{
	for (size_t i = 0; i < entry->xattr_num; i++) {
		free(entry->xattrs[i].name);
		free(entry->xattrs[i].value);
	}
	free(entry->xattrs);
	free(entry->target);
	tree_content_unref(entry->content);
}

static int read_entry(struct reader *reader, char *path, struct err *err)
{
	struct tree_entry entry = {.path = path};
	const char *first = NULL;
	struct stat st;
	int type;
	int rc;

	if (fstatat(reader->fd, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW))
		return fail(reader, path, err);
	type = type_of(&st);
	if (type < 0)
		return 0; /* a socket: no image can have one */
	entry.type = (enum tree_type)type;
	if (type != TREE_DIR && st.st_nlink > 1 &&
	    inode_find(reader, &st, path, &first))
		return no_memory(reader, err);
	if (first)
		return tree_link(reader->tree, path, first, err);
	rc = fill_entry(reader, &st, &entry, err);
	if (!rc)
		rc = tree_put(reader->tree, &entry, err);
	entry_fini(&entry);
	if (!rc && type == TREE_DIR && push_dir(reader, path))
		rc = no_memory(reader, err);
	return rc;
}

static int not_dots(const struct dirent *dirent)
{
	return strcmp(dirent->d_name, ".") != 0 &&
	       strcmp(dirent->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_names(struct reader *reader, const char *dir, struct err *err)
{
	struct dirent **names = NULL;
	int num;
	int rc = 0;

	num = scandirat(reader->fd, *dir ? dir : ".", &names, not_dots,
			by_bytes);
	if (num < 0)
		return fail(reader, dir, err);
	for (int i = 0; i < num; i++) {
		AUTO_FREE char *path = NULL;

		if (!rc)
			rc = interrupt_check(err);
		if (!rc && asprintf(&path, "%s%s%s", dir, *dir ? "/" : "",
				    names[i]->d_name) < 0) {
			path = NULL;
			rc = no_memory(reader, err);
		}
		if (!rc)
			rc = read_entry(reader, path, err);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int read_all(struct reader *reader, struct err *err)
{
	char root[] = "";
	int rc = read_entry(reader, root, err);

	while (!rc && reader->dir_num) {
		AUTO_FREE char *dir = reader->dirs[--reader->dir_num];

		rc = read_names(reader, dir, err);
	}
	return rc;
}

int tree_dir_read(struct tree *tree, const char *path,
		  const struct tree_dir_options *options, struct err *err)
{
	static const struct tree_dir_options none;
	struct reader reader = {
		.tree = tree,
		.name = path,
		.options = options ? options : &none,
	};
	int rc;

	reader.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (reader.fd < 0)
		return err_set(err, -errno, "%s", path);
	rc = tree_source_create(&reader.source, reader.fd, err);
	if (rc)
		return rc;
	rc = read_all(&reader, err);
	tree_source_unref(reader.source);
	for (size_t i = 0; i < reader.dir_num; i++)
		free(reader.dirs[i]);
	for (size_t i = 0; i < reader.inode_num; i++)
		free(reader.inodes[i].path);
	free(reader.dirs);
	free(reader.inodes);
	return rc;
}
