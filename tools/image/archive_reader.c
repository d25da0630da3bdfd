/*
 * archive_reader.c - starts the parsing child and takes its records. See
 * archive_reader.h.
 */
#include "archive_reader.h"

#include "archive_sandbox.h"
#include "cleanup.h"
#include "interrupt.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_BUFFER KIB(64)

static void child_run(struct archive_child *child, archive_child_fn fn,
		      pid_t parent)
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
			.type = ARCHIVE_TELL_FAILED,
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

int archive_reader_attach(struct archive_reader *reader, const char *name,
			  int fd, struct err *err)
{
	*reader = (struct archive_reader){.name = name, .pipe = fd};
	reader->buf = malloc(PIPE_BUFFER);
	return reader->buf ? 0 : err_set(err, -ENOMEM, "%s", name);
}

int archive_reader_start(struct archive_reader *reader, const char *name,
			 struct archive_child *child, archive_child_fn fn,
			 struct err *err)
{
	pid_t parent = getpid();
	int pair[2];

	int rc = archive_reader_attach(reader, name, -1, err);

	if (rc)
		return rc;
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
static int reader_crash(struct archive_reader *reader, struct err *err)
{
	int status = 0;

	if (reader->pid <= 0)
		return err_setx(err, -ECHILD, "%s: told only in part",
				reader->name);
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

void archive_reader_end(struct archive_reader *reader)
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
static int take(struct archive_reader *reader, void *out, size_t size,
		struct err *err)
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

int archive_reader_nonsense(const struct archive_reader *reader,
			    struct err *err)
{
	return err_setx(err, -EBADMSG, "%s: its reader speaks nonsense",
			reader->name);
}

/* A failure or an unknown record ends the reading. */
int archive_reader_head(struct archive_reader *reader,
			struct archive_record *record, struct err *err)
{
	char text[301];
	int rc = take(reader, record, sizeof(*record), err);

	if (rc)
		return rc;
	if (record->type == ARCHIVE_TELL_ENTRY ||
	    record->type == ARCHIVE_TELL_DONE)
		return 0;
	if (record->type != ARCHIVE_TELL_FAILED || record->code >= 0 ||
	    record->path_len >= sizeof(text))
		return archive_reader_nonsense(reader, err);
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

int archive_reader_text(struct archive_reader *reader, char **out, uint32_t len,
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

int archive_reader_xattr(struct archive_reader *reader,
			 struct tree_xattr *xattr, struct err *err)
{
	struct archive_xattr_record record;
	int rc = take(reader, &record, sizeof(record), err);

	if (rc)
		return rc;
	if (record.size > ARCHIVE_XATTR_MAX)
		return err_setx(err, -EFBIG, "%s: extended attribute too large",
				reader->name);
	rc = archive_reader_text(reader, &xattr->name, record.name_len,
				 TREE_NAME_MAX, err);
	if (rc)
		return rc;
	xattr->value = malloc(record.size + 1U);
	if (!xattr->value)
		return err_set(err, -ENOMEM, "%s", reader->name);
	xattr->size = record.size;
	return take(reader, xattr->value, record.size, err);
}
