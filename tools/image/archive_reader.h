/*
 * archive_reader.h - the parent's end of the parsing child.
 */
#pragma once

#include "archive_child.h"
#include "archive_read.h"
#include "archive_record.h"
#include "tree.h"

#include <stddef.h>
#include <sys/types.h>

/**
 * struct archive_reader - a child and what has come from it
 * @name: of the archive
 * @buf:  bytes of the pipe, those from @at to @end not used yet
 */
struct archive_reader {
	const char *name;
	pid_t pid;
	int pipe;
	char *buf;
	size_t at;
	size_t end;
};

typedef int (*archive_child_fn)(const struct archive_child *child);

/**
 * archive_reader_start() - run @fn(@child) in the sandbox
 * @name:  kept by reference
 * @child: its pipe is set here
 *
 * Return: 0 or a negative errno with @err; archive_reader_end() in both cases.
 */
int archive_reader_start(struct archive_reader *reader, const char *name,
			 struct archive_child *child, archive_child_fn fn,
			 struct err *err);

/** archive_reader_attach() - take records from @fd, which is taken; no process.
 * Return: 0 or -ENOMEM with @err; archive_reader_end() in both cases. */
int archive_reader_attach(struct archive_reader *reader, const char *name,
			  int fd, struct err *err);

/**
 * archive_reader_head() - the next record: ARCHIVE_TELL_ENTRY or
 * ARCHIVE_TELL_DONE
 *
 * Return: 0; the code and message of ARCHIVE_TELL_FAILED; -ECHILD if the child
 * crashed, -EINTR once a signal has come; with @err.
 */
int archive_reader_head(struct archive_reader *reader,
			struct archive_record *record, struct err *err);

/** archive_reader_text() - @len bytes as a string to free(). Return: as
 * archive_reader_head(), -ENAMETOOLONG if there are more than @max. */
int archive_reader_text(struct archive_reader *reader, char **out, uint32_t len,
			uint32_t max, struct err *err);

/** archive_reader_xattr() - an extended attribute, the caller's to free even if
 * only half of it came. Return: as archive_reader_head(), -EFBIG. */
int archive_reader_xattr(struct archive_reader *reader,
			 struct tree_xattr *xattr, struct err *err);

/** archive_reader_nonsense() - Return: -EBADMSG with @err: a child that still
 * does its job does not say that. */
int archive_reader_nonsense(const struct archive_reader *reader,
			    struct err *err);

/**
 * archive_read_told() - the tree of what @reader tells
 * @input:    what it reads
 * @spill_fd: its spill file, taken
 *
 * Return: as archive_read().
 */
int archive_read_told(struct tree *tree, struct archive_reader *reader,
		      const struct archive_input *input, int spill_fd,
		      struct err *err);

/** archive_reader_end() - end the child if it has not, release. */
void archive_reader_end(struct archive_reader *reader);
