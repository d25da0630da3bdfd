/*
 * sink.h - where the bytes of an output go; writers stand on each other.
 *
 * tar -> gzip -> file with SHA-256. One thread per chain.
 */
#pragma once

#include "err.h"
#include "sha256.h"

#include <stddef.h>
#include <stdint.h>

struct tree_content;

/**
 * struct sink - something that takes bytes
 * @write: all of @size bytes or an error. Return: 0 or a negative errno with
 *         @err
 */
struct sink {
	int (*write)(struct sink *sink, const void *bytes, size_t size,
		     struct err *err);
};

/** sink_write() - to whatever it is. Return: 0 or a negative errno with @err.
 */
int sink_write(struct sink *sink, const void *bytes, size_t size,
	       struct err *err);

/** sink_zeros() - @size bytes of 0. Return: as sink_write(). */
int sink_zeros(struct sink *sink, uint64_t size, struct err *err);

/** sink_content() - the bytes of a file; NULL is none. Return: as sink_write()
 * or tree_content_read(); -EINTR once a signal has come. */
int sink_content(struct sink *sink, const struct tree_content *content,
		 struct err *err);

/**
 * struct sink_file - the end of a chain
 * @sink:  give this to a writer
 * @fd:    -1: bytes are only counted and summed
 * @size:  bytes taken
 * @sum:   over them
 */
struct sink_file {
	struct sink sink;
	int fd;
	uint64_t size;
	struct sha256 *sum;
};

/** sink_file_init() - @fd stays the caller's. Return: 0 or -ENOMEM with @err;
 * sink_file_fini() when done. */
int sink_file_init(struct sink_file *file, int fd, struct err *err);

/** sink_file_digest() - SHA-256 of all bytes; afterwards it starts anew. */
void sink_file_digest(struct sink_file *file, uint8_t digest[SHA256_SIZE]);

/** sink_file_fini() - a zeroed one is fine. */
void sink_file_fini(struct sink_file *file);

/**
 * struct sink_tee - a sum on the way
 *
 * What an OCI image calls diff_id: the digest before compression.
 */
struct sink_tee {
	struct sink sink;
	struct sink *next;
	uint64_t size;
	struct sha256 *sum;
};

/** sink_tee_init() - count and sum what goes to @next. Return: 0 or -ENOMEM
 * with @err; sink_tee_fini() when done. */
int sink_tee_init(struct sink_tee *tee, struct sink *next, struct err *err);

/** sink_tee_digest() - as sink_file_digest(). */
void sink_tee_digest(struct sink_tee *tee, uint8_t digest[SHA256_SIZE]);

/** sink_tee_fini() - a zeroed one is fine. */
void sink_tee_fini(struct sink_tee *tee);

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD,
	COMPRESSION_LZ4, /* the legacy frame, which Linux wants of an initrd */
};

/** compression_parse() - by name ("gzip"). Return: 0 or -EINVAL. */
int compression_parse(const char *name, enum compression *out);

/** struct sink_compress - compresses what goes through it */
struct sink_compress;

/**
 * sink_compress_create() - one compressed stream in front of @next
 * @level: 0: a good one of the format
 *
 * Same bytes in, same bytes out: no time, no name, one thread.
 *
 * Return: 0 or a negative errno with @err; sink_compress_destroy() when done.
 */
int sink_compress_create(struct sink_compress **out, enum compression format,
			 int level, struct sink *next, struct err *err);

/** sink_compress_sink() - what to write into. */
struct sink *sink_compress_sink(struct sink_compress *compress);

/** sink_compress_finish() - write the rest. Return: as sink_write(). */
int sink_compress_finish(struct sink_compress *compress, struct err *err);

/** sink_compress_destroy() - NULL is fine. */
void sink_compress_destroy(struct sink_compress *compress);
