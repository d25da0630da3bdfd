/*
 * tree_dir_run.c - a program on a directory that looks like a tree. See
 * tree_dir.h.
 *
 * bsdtar unpacks the tree inside the fakeroot session in which the program then
 * runs: fakeroot remembers owners, devices and attributes that the file system
 * was not allowed to take.
 */
#include "tree_dir.h"

#include "archive_write_tar.h"
#include "cleanup.h"
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS_MAX 256U

const char tree_dir_here[] = "DIRECTORY";

/*
 * $0 is the directory, $@ the program. Not GNU tar: it sets attributes before
 * owner and mode, and fakeroot forgets the type of a file that it meets so.
 */
static const char script[] =
	"LC_ALL=C.UTF-8 bsdtar -xpf - -C \"$0\" --numeric-owner --same-owner "
	"--xattrs && exec </dev/null \"$@\"";

int tree_dir_remove(const char *path, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	char *roots[] = {copy, NULL};
	FTS *fts;
	const FTSENT *at;
	int rc = 0;

	if (!copy)
		return err_set(err, -ENOMEM, "%s", path);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	if (!fts)
		return err_set(err, -errno, "%s: remove", path);
	while ((at = fts_read(fts))) {
		int failed = 0;

		if (at->fts_info == FTS_D)
			failed = chmod(at->fts_accpath, 0700);
		else if (at->fts_info == FTS_DP)
			failed = rmdir(at->fts_accpath);
		else if (at->fts_info != FTS_NS || at->fts_errno != ENOENT)
			failed = unlink(at->fts_accpath);
		if (failed && errno != ENOENT && !rc)
			rc = err_set(err, -errno, "%s: remove", at->fts_path);
	}
	(void)fts_close(fts); /* only ever read */
	return rc;
}

static int argv_make(const struct spawn *spawn, const char *dir,
		     const char **argv, struct err *err)
{
	size_t num = 0;

	argv[num++] = "sh";
	argv[num++] = "-c";
	argv[num++] = script;
	argv[num++] = dir;
	for (size_t i = 0; spawn->argv[i]; i++) {
		if (num + 1 >= ARGS_MAX)
			return err_setx(err, -E2BIG, "%s: too many arguments",
					spawn->argv[0]);
		argv[num++] =
			spawn->argv[i] == tree_dir_here ? dir : spawn->argv[i];
	}
	argv[num] = NULL;
	return 0;
}

static int feed(const struct tree *tree, int64_t epoch, int fd, struct err *err)
{
	struct tar_options options = {.epoch = epoch, .implied = true};
	struct sink_file file = {0};
	int rc = sink_file_init(&file, fd, err);

	if (!rc)
		rc = archive_write_tar(tree, &options, &file.sink, err);
	sink_file_fini(&file);
	return rc;
}

static int run_in(const struct tree *tree, const char *dir,
		  const struct spawn *spawn, struct err *err)
{
	const char *argv[ARGS_MAX];
	struct spawn session = *spawn;
	struct spawn_child *child = NULL;
	struct err child_err = {0};
	int pair[2];
	int fed;
	int rc = argv_make(spawn, dir, argv, err);

	if (rc)
		return rc;
	if (pipe2(pair, O_CLOEXEC))
		return err_set(err, -errno, "%s: pipe", spawn->argv[0]);
	session.argv = argv;
	session.as = SPAWN_FAKEROOT;
	session.name = spawn->argv[0];
	session.package = "fakeroot";
	session.in = pair[0];
	rc = spawn_start(&child, &session, err);
	(void)close(pair[0]); /* the program's end */
	if (rc) {
		(void)close(pair[1]); /* nothing was written */
		return rc;
	}
	fed = feed(tree, spawn->epoch, pair[1], err);
	(void)close(pair[1]); /* a pipe: nothing can be lost */
	rc = spawn_wait(child, &child_err);
	/* When the reader has gone it knows better why. */
	if (rc && (!fed || fed == -EPIPE)) {
		if (err)
			*err = child_err;
		return rc;
	}
	return fed;
}

int tree_dir_run(const struct tree *tree, const char *scratch,
		 const struct spawn *spawn, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	int rc;

	if (asprintf(&dir, "%s/tree.XXXXXX", scratch) < 0) {
		dir = NULL;
		return err_set(err, -ENOMEM, "%s", scratch);
	}
	if (!mkdtemp(dir))
		return err_set(err, -errno, "%s: make a directory", scratch);
	rc = run_in(tree, dir, spawn, err);
	if (rc)
		(void)tree_dir_remove(dir, NULL); /* the first error counts */
	else
		rc = tree_dir_remove(dir, err);
	return rc;
}
