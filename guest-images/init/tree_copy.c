/*
 * tree_copy.c - see tree_copy.h. Device nodes and sockets are left out.
 */
#include "tree_copy.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define DEPTH_MAX 64

static int copy_dir(int from, int to, int depth);

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
	AUTO_CLOSE int in =
		openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int out =
		openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return -errno;
	while ((n = sendfile(out, in, NULL, 1U << 20)) > 0)
		;
	if (n < 0 || fchown(out, st->st_uid, st->st_gid) ||
	    fchmod(out, st->st_mode & 07777))
		return -errno;
	return 0;
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (symlinkat(target, to, name) ||
	    fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return 0;
}

static int copy_below(int from, int to, const char *name, const struct stat *st,
		      int depth)
{
	AUTO_CLOSE int in = -1;
	AUTO_CLOSE int out = -1;

	if (depth == DEPTH_MAX)
		return -ELOOP;
	if (mkdirat(to, name, 0700))
		return -errno;
	in = openat(from, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || out < 0 || fchown(out, st->st_uid, st->st_gid) ||
	    fchmod(out, st->st_mode & 07777))
		return -errno;
	return copy_dir(in, out, depth + 1);
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return copy_below(from, to, name, &st, depth);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st);
	return S_ISLNK(st.st_mode) ? copy_link(from, to, name, &st) : 0;
}

static int copy_dir(int from, int to, int depth)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return -errno;
	}
	while (!rc && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			rc = copy_entry(from, to, entry->d_name, depth);
	(void)closedir(dir);
	return rc;
}

int tree_copy(int from, int to)
{
	return copy_dir(from, to, 0);
}
