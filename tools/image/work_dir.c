/* work_dir.c - see work_dir.h. */
#include "work_dir.h"

#include "cleanup.h"
#include "tree_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PREFIX ".lwx-output."
#define RANDOM 6U /* of mkdtemp(3) */

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* One whose maker is gone is removed; whatever fails, it is only debris. */
static void sweep_one(const char *path)
{
	AUTO_CLOSE int fd = open_dir(path);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)tree_dir_remove(path, NULL);
}

static void sweep(const char *dest, int len)
{
	AUTO_FREE char *place = NULL;
	const struct dirent *entry;
	DIR *dir;

	if (asprintf(&place, "%.*s", len ? len : 1, len ? dest : ".") < 0) {
		place = NULL;
		return;
	}
	dir = opendir(place);
	while (dir && (entry = readdir(dir))) {
		AUTO_FREE char *path = NULL;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    strlen(entry->d_name) != strlen(PREFIX) + RANDOM)
			continue;
		if (asprintf(&path, "%s/%s", place, entry->d_name) < 0)
			path = NULL;
		else
			sweep_one(path);
	}
	if (dir)
		(void)closedir(dir); /* only ever read */
}

/* Is @path still what @fd is? A sweep may have come between mkdtemp() and the
 * lock. */
static bool is_there(const char *path, int fd)
{
	struct stat by_path;
	struct stat by_fd;

	return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 &&
	       by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev;
}

/* Return: 1 if it was swept away at once, 0, or a negative errno with @err. */
static int try_make(struct work_dir *dir, const char *dest, int len,
		    struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;

	if (asprintf(&path, "%.*s" PREFIX "XXXXXX", len, dest) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "%s", dest);
	}
	if (!mkdtemp(path))
		return err_set(err, -errno, "%s: make a directory beside it",
			       dest);
	fd = open_dir(path);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || flock(fd, LOCK_EX))
		return err_set(err, -errno, "%s: lock", path);
	if (!is_there(path, fd))
		return 1;
	dir->path = steal_ptr(&path);
	dir->lock = steal_fd(&fd);
	return 0;
}

int work_dir_make(struct work_dir *dir, const char *dest, struct err *err)
{
	const char *slash = strrchr(dest, '/');
	int len = slash ? (int)(slash - dest) + 1 : 0;
	int rc;

	sweep(dest, len);
	do {
		rc = try_make(dir, dest, len, err);
	} while (rc == 1);
	return rc;
}

int work_dir_remove(struct work_dir *dir, struct err *err)
{
	int rc = 0;

	if (!dir->path)
		return 0;
	rc = tree_dir_remove(dir->path, err);
	(void)close(dir->lock); /* only ever read */
	free(dir->path);
	*dir = (struct work_dir){0};
	return rc;
}
