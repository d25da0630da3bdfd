/*
 * archive_read.c - starts the parsing child, checks what it says and builds the
 * tree. See archive_read.h.
 */
#include "archive_read.h"

#include "archive_child.h"
#include "archive_record.h"
#include "archive_sandbox.h"
#include "cleanup.h"
#include "interrupt.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_BUFFER KIB(64)
#define XATTRS_TOLD_MAX 64U

const struct archive_limits archive_limits_default = {
	.bytes = GIB(64),
	.entries = 4000000,
};

/**
 * struct reader - a child and what has come from it
 * @name: of the archive
 * @buf:  PIPE_BUFFER bytes, those from @at to @end not used yet
 */
struct reader {
	const char *name;
	pid_t pid;
	int pipe;
	char *buf;
	size_t at;
	size_t end;
};

typedef int (*child_fn)(const struct archive_child *child);

static void child_run(struct archive_child *child, child_fn fn, pid_t parent)
{
	static const int defaults[] = {SIGINT, SIGTERM, SIGHUP};
	const int keep[] = {child->in, child->out, child->pipe};
	struct err err = {0};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		(void)signal(defaults[i], SIG_DFL); /* valid numbers */
	/* Or libarchive has no word for names beyond ASCII. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (archive_sandbox_enter(keep, ARRAY_SIZE(keep), child->limits.bytes,
				  &err)) {
		struct archive_record record = {
			.type = ARCHIVE_FAILED,
			.code = err.code,
			.path_len = (uint32_t)strlen(err.msg),
		};
		ssize_t n = write(child->pipe, &record, sizeof(record));

		if (n == sizeof(record))
			n = write(child->pipe, err.msg, strlen(err.msg));
		_exit(n > 0 ? 1 : 2);
	}
	_exit(fn(child));
}

static int reader_start(struct reader *reader, const char *name,
			struct archive_child *child, child_fn fn,
			struct err *err)
{
	pid_t parent = getpid();
	int pair[2];

	*reader = (struct reader){.name = name, .pipe = -1};
	reader->buf = malloc(PIPE_BUFFER);
	if (!reader->buf)
		return err_set(err, -ENOMEM, "%s", name);
	if (pipe2(pair, O_CLOEXEC))
		return err_set(err, -errno, "%s: pipe", name);
	reader->pipe = pair[0];
	child->pipe = pair[1];
	reader->pid = fork();
	if (reader->pid == 0)
		child_run(child, fn, parent);
	(void)close(pair[1]); /* the child's end */
	if (reader->pid < 0)
		return err_set(err, -errno, "%s: start its reader", name);
	return 0;
}

/* Why it ended without a last word. */
static int reader_crash(struct reader *reader, struct err *err)
{
	int status = 0;

	while (waitpid(reader->pid, &status, 0) < 0 && errno == EINTR)
		;
	reader->pid = 0;
	if (WIFSIGNALED(status))
		return err_setx(err, -ECHILD,
				"%s: damaged: it made its reader crash (signal "
				"%d)",
				reader->name, WTERMSIG(status));
	return err_setx(err, -ECHILD, "%s: its reader ended early (status %d)",
			reader->name, WEXITSTATUS(status));
}

static void reader_end(struct reader *reader)
{
	if (reader->pid > 0) {
		(void)kill(reader->pid, SIGKILL);
		while (waitpid(reader->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (reader->pipe >= 0)
		(void)close(reader->pipe);
	free(reader->buf);
}

/* Exactly @size bytes. */
static int take(struct reader *reader, void *out, size_t size, struct err *err)
{
	char *to = out;

	while (size) {
		size_t have = MIN(reader->end - reader->at, size);
		ssize_t n;

		memcpy(to, reader->buf + reader->at, have);
		reader->at += have;
		to += have;
		size -= have;
		if (!size)
			break;
		n = read(reader->pipe, reader->buf, PIPE_BUFFER);
		if (n < 0 && errno == EINTR) {
			int rc = interrupt_check(err);

			if (rc)
				return rc;
			continue;
		}
		if (n < 0)
			return err_set(err, -errno, "%s", reader->name);
		if (n == 0)
			return reader_crash(reader, err);
		reader->at = 0;
		reader->end = (size_t)n;
	}
	return 0;
}

static int nonsense(const struct reader *reader, struct err *err)
{
	return err_setx(err, -EBADMSG, "%s: its reader speaks nonsense",
			reader->name);
}

/* A failure or an unknown record ends the reading. */
static int take_head(struct reader *reader, struct archive_record *record,
		     struct err *err)
{
	char text[301];
	int rc = take(reader, record, sizeof(*record), err);

	if (rc)
		return rc;
	if (record->type == ARCHIVE_ENTRY || record->type == ARCHIVE_DONE)
		return 0;
	if (record->type != ARCHIVE_FAILED || record->code >= 0 ||
	    record->path_len >= sizeof(text))
		return nonsense(reader, err);
	rc = take(reader, text, record->path_len, err);
	if (rc)
		return rc;
	text[record->path_len] = '\0';
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			*c = '?';
	}
	return err_setx(err, record->code, "%s: %s", reader->name, text);
}

static int take_text(struct reader *reader, char **out, uint32_t len,
		     uint32_t max, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc;

	if (len > max)
		return err_setx(err, -ENAMETOOLONG,
				"%s: a path of more than %u bytes",
				reader->name, max);
	text = malloc(len + 1U);
	if (!text)
		return err_set(err, -ENOMEM, "%s", reader->name);
	rc = take(reader, text, len, err);
	if (rc)
		return rc;
	text[len] = '\0';
	*out = steal_ptr(&text);
	return 0;
}

static int take_xattr(struct reader *reader, struct tree_xattr *xattr,
		      struct err *err)
{
	struct archive_xattr_record record;
	int rc = take(reader, &record, sizeof(record), err);

	if (rc)
		return rc;
	if (record.size > ARCHIVE_XATTR_MAX)
		return err_setx(err, -EFBIG, "%s: extended attribute too large",
				reader->name);
	rc = take_text(reader, &xattr->name, record.name_len, TREE_NAME_MAX,
		       err);
	if (rc)
		return rc;
	xattr->value = malloc(record.size + 1U);
	if (!xattr->value)
		return err_set(err, -ENOMEM, "%s", reader->name);
	xattr->size = record.size;
	return take(reader, xattr->value, record.size, err);
}

/**
 * struct raw - one entry as it came
 * @entry: without path; owns its xattrs and target
 * @path:  as in the archive
 */
struct raw {
	struct archive_record head;
	struct tree_entry entry;
	char *path;
	char *target;
};

static void raw_fini(struct raw *raw)
{
	for (size_t i = 0; i < raw->entry.xattr_num; i++) {
		free(raw->entry.xattrs[i].name);
		free(raw->entry.xattrs[i].value);
	}
	free(raw->entry.xattrs);
	free(raw->path);
	free(raw->target);
}

static int take_entry(struct reader *reader, struct raw *raw, struct err *err)
{
	const struct archive_record *head = &raw->head;
	int rc;

	rc = take_text(reader, &raw->path, head->path_len, ARCHIVE_TEXT_MAX,
		       err);
	if (!rc)
		rc = take_text(reader, &raw->target, head->target_len,
			       ARCHIVE_TEXT_MAX, err);
	if (rc || !head->xattr_num)
		return rc;
	if (head->xattr_num > XATTRS_TOLD_MAX)
		return err_setx(err, -EBADMSG,
				"%s: %s: too many extended attributes",
				reader->name, raw->path);
	raw->entry.xattrs = calloc(head->xattr_num, sizeof(struct tree_xattr));
	if (!raw->entry.xattrs)
		return err_set(err, -ENOMEM, "%s", reader->name);
	raw->entry.xattr_num = head->xattr_num;
	for (size_t i = 0; i < head->xattr_num && !rc; i++)
		rc = take_xattr(reader, &raw->entry.xattrs[i], err);
	return rc;
}

/**
 * struct files - where the contents are
 * @archive: the tar, @archive_size bytes
 * @spill:   sparse files, laid out by the child
 */
struct files {
	struct tree_source *archive;
	uint64_t archive_size;
	struct tree_source *spill;
	int spill_fd;
};

static int content_make(const struct reader *reader, const struct files *files,
			const struct archive_record *head,
			struct tree_entry *entry, struct err *err)
{
	uint64_t end = files->archive_size;
	struct stat st;

	entry->size = head->size;
	if (!head->size)
		return 0;
	if (head->in_spill) {
		if (fstat(files->spill_fd, &st))
			return err_set(err, -errno, "%s", reader->name);
		end = (uint64_t)st.st_size;
	}
	if (head->offset > end || head->size > end - head->offset)
		return err_setx(err, -EBADMSG, "%s: %s: cut off", reader->name,
				entry->path);
	return tree_content_range(
		&entry->content, head->in_spill ? files->spill : files->archive,
		head->offset, head->size, err);
}

/* What an entry below says, now here: the archive changes one of its names. */
static int copy_up(struct tree *tree, const struct tree *below,
		   const char *target, struct err *err)
{
	char path[TREE_PATH_SIZE];
	const struct tree_entry *found;
	struct tree_entry entry;

	if (!below ||
	    (tree_resolve(tree, target, path) == 0 && tree_find(tree, path)))
		return 0;
	if (tree_resolve(below, target, path))
		return 0;
	found = tree_find(below, path);
	if (!found || found->type == TREE_DIR)
		return 0; /* tree_link() will say so */
	entry = *found;
	entry.link = 0; /* a number of the other tree */
	return tree_put(tree, &entry, err);
}

static int put_link(struct tree *tree, const struct archive_input *input,
		    const struct raw *raw, const char *path, struct err *err)
{
	AUTO_FREE char *target = malloc(TREE_PATH_SIZE);
	int rc;

	if (!target)
		return err_set(err, -ENOMEM, "%s", path);
	if (tree_path_clean(raw->target, target, TREE_PATH_SIZE))
		return err_setx(err, -EINVAL,
				"%s: hard link to %.200s, outside the root",
				path, raw->target);
	rc = copy_up(tree, input->below, target, err);
	return rc ? rc : tree_link(tree, path, target, err);
}

static const enum tree_type tree_types[] = {
	[ARCHIVE_FILE] = TREE_FILE,	  [ARCHIVE_DIR] = TREE_DIR,
	[ARCHIVE_SYMLINK] = TREE_SYMLINK, [ARCHIVE_CHAR] = TREE_CHAR,
	[ARCHIVE_BLOCK] = TREE_BLOCK,	  [ARCHIVE_FIFO] = TREE_FIFO,
};

static int put_raw(struct tree *tree, const struct reader *reader,
		   const struct archive_input *input, const struct files *files,
		   struct raw *raw, struct err *err)
{
	const struct archive_record *head = &raw->head;
	struct tree_entry *entry = &raw->entry;
	AUTO_FREE char *path = malloc(TREE_PATH_SIZE);
	int rc;

	if (!path)
		return err_set(err, -ENOMEM, "%s", reader->name);
	if (tree_path_clean(raw->path, path, TREE_PATH_SIZE))
		return err_setx(err, -EINVAL,
				"%s: \"%.200s\" leaves the root or is too long",
				reader->name, raw->path);
	if (head->kind == ARCHIVE_HARD_LINK) {
		rc = put_link(tree, input, raw, path, err);
		return rc ? err_prefix(err, "%s", reader->name) : 0;
	}
	if (head->kind >= ARRAY_SIZE(tree_types))
		return nonsense(reader, err);
	entry->path = path;
	entry->type = tree_types[head->kind];
	entry->mode = head->mode;
	entry->uid = head->uid;
	entry->gid = head->gid;
	entry->mtime = head->mtime;
	entry->major = head->major;
	entry->minor = head->minor;
	entry->origin = input->origin;
	entry->location = input->location;
	if (entry->type == TREE_SYMLINK)
		entry->target = raw->target;
	if (entry->type == TREE_FILE) {
		rc = content_make(reader, files, head, entry, err);
		if (rc)
			return rc;
	}
	rc = tree_put(tree, entry, err);
	tree_content_unref(entry->content);
	return rc ? err_prefix(err, "%s", reader->name) : 0;
}

static int read_entries(struct tree *tree, struct reader *reader,
			const struct archive_input *input,
			const struct files *files, struct err *err)
{
	for (;;) {
		struct raw raw = {0};
		int rc = take_head(reader, &raw.head, err);

		if (rc || raw.head.type == ARCHIVE_DONE)
			return rc;
		rc = take_entry(reader, &raw, err);
		if (!rc)
			rc = put_raw(tree, reader, input, files, &raw, err);
		raw_fini(&raw);
		if (rc)
			return rc;
	}
}

static int files_open(struct files *files, const struct archive_input *input,
		      struct err *err)
{
	struct stat st;
	int fd;
	int rc;

	if (fstat(input->fd, &st))
		return err_set(err, -errno, "%s", input->name);
	if (!S_ISREG(st.st_mode))
		return err_setx(err, -EINVAL, "%s: not a regular file",
				input->name);
	files->archive_size = (uint64_t)st.st_size;
	fd = fcntl(input->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "%s", input->name);
	rc = tree_source_create(&files->archive, fd, err);
	if (rc)
		return rc;
	fd = archive_temp_file(err);
	if (fd < 0)
		return fd;
	files->spill_fd = fd;
	return tree_source_create(&files->spill, fd, err);
}

int archive_read(struct tree *tree, const struct archive_input *input,
		 struct err *err)
{
	struct files files = {0};
	struct archive_child child = {
		.in = input->fd,
		.limits =
			input->limits ? *input->limits : archive_limits_default,
	};
	struct reader reader = {.pipe = -1};
	int rc;

	rc = files_open(&files, input, err);
	if (!rc && lseek(input->fd, 0, SEEK_SET) < 0)
		rc = err_set(err, -errno, "%s", input->name);
	if (!rc) {
		child.out = files.spill_fd;
		rc = reader_start(&reader, input->name, &child,
				  archive_child_read, err);
	}
	if (!rc)
		rc = read_entries(tree, &reader, input, &files, err);
	reader_end(&reader);
	tree_source_unref(files.archive);
	tree_source_unref(files.spill);
	return rc;
}

int archive_decompress(int fd, const char *name, int out_fd, bool *plain,
		       const struct archive_limits *limits, struct err *err)
{
	struct archive_child child = {
		.in = fd,
		.out = out_fd,
		.plain = plain != NULL,
		.limits = limits ? *limits : archive_limits_default,
	};
	struct archive_record record;
	struct reader reader;
	int rc;

	(void)lseek(fd, 0, SEEK_SET); /* a pipe has only one place */
	rc = reader_start(&reader, name, &child, archive_child_decompress, err);
	if (!rc)
		rc = take_head(&reader, &record, err);
	if (!rc && record.type != ARCHIVE_DONE)
		rc = nonsense(&reader, err);
	if (!rc && plain)
		*plain = record.size != 0;
	reader_end(&reader);
	return rc;
}

int archive_temp_file(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd >= 0 ? fd : err_set(err, -errno, "temporary file in %s", dir);
}

int archive_read_file(struct tree *tree, const struct archive_input *input,
		      struct err *err)
{
	struct archive_input plain_input = *input;
	AUTO_CLOSE int temp = archive_temp_file(err);
	bool plain;
	int rc;

	if (temp < 0)
		return temp;
	rc = archive_decompress(input->fd, input->name, temp, &plain,
				input->limits, err);
	if (rc)
		return rc;
	if (!plain)
		plain_input.fd = temp;
	return archive_read(tree, &plain_input, err);
}
