/* source_build.c - one build from source. See source_build.h. */
#include "source_build.h"

#include "archive_write_tar.h"
#include "cleanup.h"
#include "definition.h"
#include "macros.h"
#include "module.h"
#include "sink.h"
#include "source_box.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LAST_WORDS 200U
#define REMOVE_TRIES 50U
#define REMOVE_WAIT_NS 20000000L

/* What the build writes to: below its folder. */
static const char *const writable[] = {"build/work", "build/dest", "build/home",
				       "temp"};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* A folder of the build's own, for the user that it is. */
static int make_writable(const char *dir, const char *name, struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return no_memory(err);
	}
	/* The umask has no say. */
	if (mkdir(path, 0755) || chmod(path, 0755) ||
	    (geteuid() == 0 && chown(path, SOURCE_BOX_ID, SOURCE_BOX_ID)))
		return err_set(err, -errno, "%s", path);
	return 0;
}

static int make_dirs(const struct source_build *build, const char *dir,
		     struct err *err)
{
	AUTO_FREE char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/build", dir) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = tree_dir_write(build->stage, path, err);
	for (size_t i = 0; i < ARRAY_SIZE(writable) && !rc; i++)
		rc = make_writable(dir, writable[i], err);
	return rc;
}

/* What a program that was killed may write meanwhile comes back. */
static void remove_dir(const char *dir)
{
	const struct timespec wait = {.tv_nsec = REMOVE_WAIT_NS};

	for (unsigned int i = 0; i < REMOVE_TRIES; i++) {
		if (!tree_dir_remove(dir, NULL))
			return;
		(void)nanosleep(&wait, NULL); /* shorter is fine too */
	}
}

/* The last lines in one; empty if there are none. */
static void last_words(int log, char words[LAST_WORDS])
{
	char text[LAST_WORDS - 2];
	off_t end = lseek(log, 0, SEEK_END);
	off_t from = MAX(end - (off_t)sizeof(text) + 1, 0);
	ssize_t num = pread(log, text, sizeof(text) - 1, from);
	const char *line = text;

	words[0] = '\0';
	while (num > 0 && strchr("\n\r\t ", text[num - 1]))
		num--;
	if (num <= 0)
		return;
	text[num] = '\0';
	if (from && strchr(text, '\n'))
		line = strchr(text, '\n') + 1;
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = *at == '\n' ? '|' : ' ';
	(void)snprintf(words, LAST_WORDS, ": %s", line);
}

/* The texts of a list with blanks between. Return: NULL without memory; free().
 */
static char *join(const json_t *source, const char *key)
{
	const json_t *list = json_object_get(source, key);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && i < json_array_size(list); i++)
		(void)fprintf(out, "%s%s", i ? " " : "",
			      json_string_value(json_array_get(list, i)));
	if (!out || ferror(out) || fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int run(const struct source_build *build, const char *dir, int log,
	       struct err *err)
{
	static const char *const argv[] = {"/bin/bash",
					   "/build/lwx-source-build", NULL};
	const char *archive = definition_text(build->source, "archive");
	AUTO_FREE char *binaries = join(build->source, "binaries");
	AUTO_FREE char *inside = NULL;
	AUTO_FREE char *outside = NULL;
	AUTO_FREE char *temp = NULL;
	const char *form = module_source_form(build->source);
	const char *recipe = definition_text(build->source, form);
	const char *env[] = {"ARCHIVE",	 "",
			     "BINARIES", binaries,
			     "DESTDIR",	 "/build/dest",
			     "FILES",	 "/build/files",
			     "FORM",	 form,
			     "RECIPE",	 recipe ? recipe : "",
			     NULL};
	struct source_box box = {.root = build->root,
				 .writable = build->writable,
				 .log = log,
				 .epoch = build->epoch,
				 .argv = argv,
				 .env = env};

	if (asprintf(&inside, "/build/" SOURCE_PACKAGE "/%s",
		     archive ? archive : "") < 0)
		inside = NULL;
	if (asprintf(&outside, "%s/build", dir) < 0)
		outside = NULL;
	if (asprintf(&temp, "%s/temp", dir) < 0)
		temp = NULL;
	if (!binaries || !inside || !outside || !temp)
		return no_memory(err);
	if (archive)
		env[1] = inside;
	box.build = outside;
	box.temp = temp;
	return source_box_run(&box, err);
}

/* A build that failed says why at the end of its log. */
static int run_logged(const struct source_build *build, const char *dir,
		      struct err *err)
{
	AUTO_CLOSE int log =
		open(build->log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char words[LAST_WORDS];
	struct err why = {0};
	int rc;

	if (log < 0)
		return err_set(err, -errno, "%s", build->log);
	rc = run(build, dir, log, &why);
	if (rc == -ECHILD) {
		last_words(log, words);
		return err_setx(err, rc, "%s%s; its log is %s", why.msg, words,
				build->log);
	}
	(void)unlink(build->log); /* nobody needs it */
	return rc ? err_setx(err, rc, "%s", why.msg) : 0;
}

/* Is @entry there only because of what is below it? So it has no say in what
 * the image has there: a folder, or a link to one. */
static bool is_implied(const struct tree *tree, size_t i)
{
	const struct tree_entry *entry = tree_at(tree, i);
	size_t len = strlen(entry->path);
	const char *next;

	if (!*entry->path)
		return true;
	if (entry->type != TREE_DIR || entry->mode != 0755 ||
	    i + 1 == tree_num(tree))
		return false;
	next = tree_at(tree, i + 1)->path;
	return strncmp(next, entry->path, len) == 0 && next[len] == '/';
}

static int take_installed(const char *dir, struct tree *out, struct err *err)
{
	const struct tree_dir_options options = {0};
	AUTO_FREE char *path = NULL;
	struct tree *tree = NULL;
	int rc;

	if (asprintf(&path, "%s/build/dest", dir) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = tree_create(&tree, err);
	if (!rc)
		rc = tree_dir_read(tree, path, &options, err);
	if (!rc && tree_num(tree) == 1)
		rc = err_setx(err, -ENODATA,
			      "the build installed nothing below $DESTDIR");
	for (size_t i = 0; !rc && i < tree_num(tree); i++) {
		struct tree_entry entry = *tree_at(tree, i);

		entry.implied = is_implied(tree, i);
		rc = tree_put(out, &entry, err);
	}
	tree_destroy(tree);
	return rc;
}

static int write_installed(const struct source_build *build, const char *dir,
			   int out, struct err *err)
{
	const struct tar_options options = {.epoch = build->epoch};
	struct sink_file file = {0};
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	if (!rc)
		rc = take_installed(dir, tree, err);
	if (!rc)
		rc = sink_file_init(&file, out, err);
	if (!rc)
		rc = archive_write_tar(tree, &options, &file.sink, err);
	sink_file_fini(&file);
	tree_destroy(tree);
	return rc;
}

int source_build_run(const struct source_build *build, int out, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	int rc = image_cache_scratch_dir(build->cache, "source", &dir, err);

	if (rc)
		return rc;
	rc = make_dirs(build, dir, err);
	if (!rc)
		rc = run_logged(build, dir, err);
	if (!rc)
		rc = write_installed(build, dir, out, err);
	remove_dir(dir);
	return rc;
}
