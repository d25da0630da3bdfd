/*
 * archive_child.h - the part of archive_read that runs in the sandbox.
 */
#pragma once

#include "archive_read.h"

/**
 * struct archive_child - what the child works with
 * @in:     the archive is in this file
 * @offset: where it starts
 * @size:   its bytes, UINT64_MAX: to the end of the file
 * @out:    decompressed bytes, or the spill file for sparse files
 * @pipe:   records go there (archive_record.h)
 * @plain:  may a plain tar be left where it is?
 * @limits: see archive_read.h
 */
struct archive_child {
	int in;
	uint64_t offset;
	uint64_t size;
	int out;
	int pipe;
	bool plain;
	struct archive_limits limits;
};

/** archive_child_decompress() - @in to @out; tells ARCHIVE_TELL_DONE, its size
 * being 1 if the input is plain and was left. Return: exit status. */
int archive_child_decompress(const struct archive_child *child);

/** archive_child_read() - tell every entry of the tar, then ARCHIVE_TELL_DONE.
 * Return: exit status. */
int archive_child_read(const struct archive_child *child);
