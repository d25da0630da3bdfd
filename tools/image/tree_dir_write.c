/*
 * tree_dir_write.c - a tree of plain files into a directory. See tree_dir.h.
 */
#include "tree_dir.h"

#include "cleanup.h"
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_file(int dir, const struct tree_entry *entry, struct err *err)
{
	AUTO_CLOSE int fd =
		openat(dir, entry->path,
		       O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	struct sink_file file = {0};
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s", entry->path);
	rc = sink_file_init(&file, fd, err);
	if (!rc)
		rc = sink_content(&file.sink, entry->content, err);
	if (rc)
		(void)err_prefix(err, "%s", entry->path);
	/* Not by open(): the umask has no say. */
	if (!rc && fchmod(fd, entry->mode))
		rc = err_set(err, -errno, "%s", entry->path);
	sink_file_fini(&file);
	return rc;
}

static int write_entry(int dir, const struct tree_entry *entry, struct err *err)
{
	int failed;

	switch (entry->type) {
	case TREE_FILE:
		return write_file(dir, entry, err);
	case TREE_DIR:
		failed = *entry->path && mkdirat(dir, entry->path, 0777);
		break;
	case TREE_SYMLINK:
		failed = symlinkat(entry->target, dir, entry->path);
		break;
	default:
		return err_setx(err, -EINVAL,
				"%s: only files, directories and links can be "
				"written without privileges",
				entry->path);
	}
	return failed ? err_set(err, -errno, "%s", entry->path) : 0;
}

static int write_all(const struct tree *tree, const char *path, struct err *err)
{
	AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (dir < 0)
		return err_set(err, -errno, "%s", path);
	for (size_t i = 0; i < tree_num(tree) && !rc; i++)
		rc = write_entry(dir, tree_at(tree, i), err);
	/* Now that they are full: some may not be writable. */
	for (size_t i = tree_num(tree); i-- && !rc;) {
		const struct tree_entry *entry = tree_at(tree, i);

		if (entry->type == TREE_DIR &&
		    fchmodat(dir, *entry->path ? entry->path : ".", entry->mode,
			     0))
			rc = err_set(err, -errno, "%s", entry->path);
	}
	return rc;
}

/* The new one in place of the old one, if there is one. */
static int replace(const char *temp, const char *path, struct err *err)
{
	if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		return err_set(err, -errno, "%s", path);
	if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_EXCHANGE))
		return err_set(err, -errno, "%s", path);
	return tree_dir_remove(temp, err); /* now the old one */
}

int tree_dir_write(const struct tree *tree, const char *path, struct err *err)
{
	AUTO_FREE char *temp = NULL;
	int rc;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
		temp = NULL;
		return err_set(err, -ENOMEM, "%s", path);
	}
	if (!mkdtemp(temp))
		return err_set(err, -errno, "%s", path);
	rc = write_all(tree, temp, err);
	if (!rc)
		rc = replace(temp, path, err);
	if (rc)
		(void)tree_dir_remove(temp, NULL); /* the first error counts */
	return rc;
}
