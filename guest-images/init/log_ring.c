/*
 * log_ring.c - see log_ring.h.
 */
#include "log_ring.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define RING_FILE_BYTES (sizeof(struct log_ring_header) + LOG_RING_BYTES)

/**
 * struct log_ring - a file that is written to
 * @header: mapped
 * @bytes:  mapped, after @header
 * @line:   what has no end yet
 * @used:   of @line
 */
struct log_ring {
	struct log_ring_header *header;
	char *bytes;
	char line[LOG_LINE_MAX];
	size_t used;
};

static bool header_ok(const struct log_ring_header *header)
{
	return memcmp(header->magic, LOG_RING_MAGIC, sizeof(header->magic)) ==
		       0 &&
	       header->size == LOG_RING_BYTES;
}

int log_ring_open(struct log_ring **out, const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct log_ring *ring;
	void *map;

	if (fd < 0 || ftruncate(fd, RING_FILE_BYTES))
		return -errno;
	map = mmap(NULL, RING_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring = calloc(1, sizeof(*ring));
	if (!ring) {
		(void)munmap(map, RING_FILE_BYTES);
		return -ENOMEM;
	}
	ring->header = map;
	ring->bytes = (char *)map + sizeof(*ring->header);
	if (!header_ok(ring->header)) {
		memcpy(ring->header->magic, LOG_RING_MAGIC,
		       sizeof(ring->header->magic));
		ring->header->size = LOG_RING_BYTES;
		ring->header->written = 0;
	}
	*out = ring;
	return 0;
}

void log_ring_close(struct log_ring *ring)
{
	if (!ring)
		return;
	log_ring_flush(ring);
	(void)munmap(ring->header, RING_FILE_BYTES);
	free(ring);
}

static void append(struct log_ring *ring, const char *bytes, size_t size)
{
	uint64_t at = ring->header->written;

	while (size) {
		size_t place = (size_t)(at % LOG_RING_BYTES);
		size_t part = MIN(size, (size_t)LOG_RING_BYTES - place);

		memcpy(ring->bytes + place, bytes, part);
		bytes += part;
		size -= part;
		at += part;
	}
	/* Pairs with the acquire in read_header(): bytes before their number.
	 */
	__atomic_store_n(&ring->header->written, at, __ATOMIC_RELEASE);
}

static void end_line(struct log_ring *ring)
{
	char text[LOG_LINE_MAX + 40];
	struct timespec now;
	int n;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	n = snprintf(text, sizeof(text), "[%5lld.%06ld] ",
		     (long long)now.tv_sec, now.tv_nsec / 1000);
	memcpy(text + n, ring->line, ring->used);
	text[(size_t)n + ring->used] = '\n';
	append(ring, text, (size_t)n + ring->used + 1);
	ring->used = 0;
}

void log_ring_write(struct log_ring *ring, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n' || ring->used == LOG_LINE_MAX)
			end_line(ring);
		if (bytes[i] != '\n')
			ring->line[ring->used++] = bytes[i];
	}
}

void log_ring_flush(struct log_ring *ring)
{
	if (ring->used)
		end_line(ring);
}

static int read_header(int fd, struct log_ring_header *header)
{
	if (pread(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
		return -EBADMSG;
	return header_ok(header) ? 0 : -EBADMSG;
}

static int read_bytes(int fd, uint64_t from, char *buf, size_t size)
{
	while (size) {
		size_t place = (size_t)(from % LOG_RING_BYTES);
		size_t part = MIN(size, (size_t)LOG_RING_BYTES - place);
		ssize_t n =
			pread(fd, buf, part,
			      (off_t)(sizeof(struct log_ring_header) + place));

		if (n != (ssize_t)part)
			return -EBADMSG;
		buf += part;
		from += part;
		size -= part;
	}
	return 0;
}

ssize_t log_ring_read(const char *path, uint64_t *from, char *buf)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct log_ring_header before;
	struct log_ring_header after;
	uint64_t first = *from;
	uint64_t oldest;
	size_t skip = 0;
	size_t size;

	if (fd < 0)
		return -errno;
	if (read_header(fd, &before))
		return -EBADMSG;
	if (first > before.written)
		first = before.written;
	if (before.written - first > LOG_RING_BYTES)
		first = before.written - LOG_RING_BYTES;
	size = (size_t)(before.written - first);
	if (read_bytes(fd, first, buf, size) || read_header(fd, &after))
		return -EBADMSG;
	/* What the writer overwrote while it was read is no log. */
	oldest = after.written > LOG_RING_BYTES ? after.written - LOG_RING_BYTES
						: 0;
	if (oldest > first)
		skip = (size_t)MIN(oldest - first, (uint64_t)size);
	if (first + skip > *from) {
		while (skip < size && buf[skip] != '\n')
			skip++;
		skip += skip < size ? 1 : 0;
	}
	memmove(buf, buf + skip, size - skip);
	*from = before.written;
	return (ssize_t)(size - skip);
}
