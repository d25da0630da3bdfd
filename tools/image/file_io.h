/*
 * file_io.h - whole reads, writes and copies at an offset, with the error
 * message; one thread per file.
 */
#pragma once

#include "cleanup.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** file_read() - all of @size bytes at @offset. Return: 0, -EIO if the file is
 * shorter, or a negative errno; with @err, which says @name. */
int file_read(int fd, void *buf, size_t size, uint64_t offset, const char *name,
	      struct err *err);

/** file_write() - all of @size bytes at @offset. Return: 0 or a negative errno
 * with @err. */
int file_write(int fd, const void *buf, size_t size, uint64_t offset,
	       const char *name, struct err *err);

/**
 * file_copy() - @size bytes from one file into another
 *
 * Blocks of zeros become holes: @out_fd must be empty there.
 *
 * Return: 0; -EINTR once a signal has come; or a negative errno with @err.
 */
int file_copy(int in_fd, uint64_t in_offset, int out_fd, uint64_t out_offset,
	      uint64_t size, const char *name, struct err *err);

/** file_truncate() - set the size. Return: 0 or a negative errno with @err. */
int file_truncate(int fd, uint64_t size, const char *name, struct err *err);

/** file_size() - of a regular file. Return: 0 or a negative errno with @err. */
int file_size(int fd, uint64_t *size, const char *name, struct err *err);

/** file_load() - a whole file of at most @max bytes; free(). Return: 0, -EFBIG
 * or a negative errno; with @err. */
int file_load(const char *path, void **bytes, size_t *size, size_t max,
	      struct err *err);

/** file_is_zero() - are these bytes all 0? */
bool file_is_zero(const void *buf, size_t size);

/**
 * file_next_block() - the next block that is not all zeros
 * @size:   of the file; a last block that it cuts is filled up with zeros
 * @block:  bytes of a block
 * @offset: in: where to look from, a multiple of @block; out: where it is
 * @buf:    @block bytes, filled
 *
 * What is a hole in the file makes no difference.
 *
 * Return: 1 if there is one, 0 at the end, -EINTR once a signal has come, or a
 * negative errno; with @err.
 */
int file_next_block(int fd, uint64_t size, size_t block, uint64_t *offset,
		    void *buf, const char *name, struct err *err);
