/*
 * archive_read.h - tar archives to file trees, in a locked-down child.
 *
 * An archive is hostile. It is decompressed and parsed by libarchive in a child
 * process that may read and write the descriptors it was given and nothing
 * else (archive_sandbox.h); what the child says is checked here like any other
 * foreign input. A child that crashes is an error message. One thread.
 *
 * Files are not unpacked: their contents stay ranges of the uncompressed
 * archive, which has to stay unchanged as long as the tree lives.
 */
#pragma once

#include "err.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct archive_limits - when an archive is a bomb
 * @bytes:   at most so many, decompressed, and in all files together
 * @entries: at most so many
 */
struct archive_limits {
	uint64_t bytes;
	uint64_t entries;
};

/** archive_limits_default - 64 GiB, 4 million entries. */
extern const struct archive_limits archive_limits_default;

/**
 * struct archive_input - an archive in a file
 * @fd:       the file; stays the caller's
 * @offset:   where the archive starts in it
 * @size:     its bytes, 0: to the end of the file
 * @name:     for messages
 * @below:    tree in which hard links may find what the archive lacks, or NULL
 * @origin:   of every entry, NULL: LINUXKIT.source of the archive
 * @location: of every entry, NULL: LINUXKIT.location of the archive
 * @limits:   NULL: archive_limits_default
 */
struct archive_input {
	int fd;
	uint64_t offset;
	uint64_t size;
	const char *name;
	const struct tree *below;
	const char *origin;
	const char *location;
	const struct archive_limits *limits;
};

/**
 * archive_decompress() - the tar inside a compressed tar
 * @input:  gzip, bzip2, xz, lzma, zstd, lz4 or plain; @input->fd may be a pipe,
 *          then @input->offset is 0
 * @out_fd: empty regular file, receives the bytes
 * @plain:  set if @input is in a regular file and not compressed: it can be
 * used as it is and @out_fd stays empty; NULL: copy in that case too
 *
 * Return: 0; -EFBIG above @limits, -EBADMSG if the data is damaged, -ECHILD if
 * the child crashed, or another negative errno; with @err.
 */
int archive_decompress(const struct archive_input *input, int out_fd,
		       bool *plain, struct err *err);

/**
 * archive_read() - put all entries of a tar into @tree
 * @input: not compressed, in a regular file
 *
 * Later entries replace earlier ones. Leading slashes fall away; a path or hard
 * link with ".." is refused. Sockets are left out.
 *
 * Return: as archive_decompress(), or as tree_put().
 */
int archive_read(struct tree *tree, const struct archive_input *input,
		 struct err *err);

/** archive_read_file() - archive_decompress() into a nameless temporary file
 * where that is needed, then archive_read(). Return: as these. */
int archive_read_file(struct tree *tree, const struct archive_input *input,
		      struct err *err);

/** archive_temp_file() - a nameless file in $TMPDIR, else /var/tmp. Return: the
 * descriptor or a negative errno with @err. */
int archive_temp_file(struct err *err);
