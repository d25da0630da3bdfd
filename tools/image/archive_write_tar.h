/*
 * archive_write_tar.h - a tree as a POSIX.1-2001 (PAX) tar; one thread.
 *
 * Our own writer: libarchive has no way to write records of other names, and
 * the bytes are to depend on the tree alone.
 */
#pragma once

#include "sink.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct tar_options - how
 * @epoch:   SOURCE_DATE_EPOCH: no time is later
 * @origins: write LINUXKIT.source and LINUXKIT.location
 * @implied: write directories that are there only for what is below them (a
 *           layer leaves them out), the root among them
 * @prefix:  put in front of every path ("rootfs/"), or NULL
 */
struct tar_options {
	int64_t epoch;
	bool origins;
	bool implied;
	const char *prefix;
};

/**
 * archive_write_tar() - every entry in path order, then the end of the archive
 *
 * Directories end in "/"; the root is "./". A second name of a file is a hard
 * link to the first.
 *
 * Return: 0 or the negative errno of a failed read or write with @err.
 */
int archive_write_tar(const struct tree *tree,
		      const struct tar_options *options, struct sink *sink,
		      struct err *err);

/**
 * archive_write_tar_member() - one plain file (0644, root), without an end
 *
 * For archives whose order has a meaning, as an OCI archive.
 *
 * Return: as archive_write_tar().
 */
int archive_write_tar_member(const char *path, struct tree_content *content,
			     int64_t epoch, struct sink *sink, struct err *err);

/**
 * archive_write_tar_gnu() - the same with a header of GNU tar's old format
 * @path: up to 100 bytes
 * @size: of the file: zeros follow the content
 */
int archive_write_tar_gnu(const char *path, const struct tree_content *content,
			  uint64_t size, int64_t epoch, struct sink *sink,
			  struct err *err);

/** archive_write_tar_end() - two empty blocks. Return: as archive_write_tar().
 */
int archive_write_tar_end(struct sink *sink, struct err *err);
