/*
 * log_ring.h - the last lines of a container in a file of fixed size below
 * /run/lwx-init/log. It outlives the container and, being a file, its writer.
 * One writer; readers map nothing and lock nothing: they read, and check that
 * what they read was not overwritten meanwhile.
 *
 * File: struct log_ring_header, then LOG_RING_BYTES bytes, used round and
 * round. Byte number N since the start is at N % LOG_RING_BYTES.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_RING_BYTES 65536U
#define LOG_RING_MAGIC "LWXLOG1"
#define LOG_LINE_MAX 1024U

/**
 * struct log_ring_header - host byte order
 * @magic:   LOG_RING_MAGIC
 * @size:    LOG_RING_BYTES
 * @written: bytes since the start
 */
struct log_ring_header {
	char magic[8];
	uint64_t size;
	uint64_t written;
};

struct log_ring;

/** log_ring_open() - make or go on with the file at @path. Return: 0 or a
 * negative errno; log_ring_close(). */
int log_ring_open(struct log_ring **out, const char *path);

/** log_ring_close() - the file stays. NULL is fine. */
void log_ring_close(struct log_ring *ring);

/** log_ring_write() - @size bytes, in the order of calls. A line gets its time
 * since power-on in front; one without an end waits for it, at most
 * LOG_LINE_MAX bytes. */
void log_ring_write(struct log_ring *ring, const char *bytes, size_t size);

/** log_ring_flush() - end a line that has no end. */
void log_ring_flush(struct log_ring *ring);

/**
 * log_ring_read() - what was written from @from on
 * @path: of the file
 * @from: in: number of the first byte wanted; out: of the next one
 * @buf:  filled, LOG_RING_BYTES bytes at most; from a line's start on, if
 *        something was overwritten
 *
 * Return: bytes in @buf, or a negative errno; -EBADMSG: not such a file.
 */
ssize_t log_ring_read(const char *path, uint64_t *from, char *buf);
