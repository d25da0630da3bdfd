/*
 * sink.c - files, sums, and writing contents. See sink.h.
 */
#include "sink.h"

#include "cleanup.h"
#include "interrupt.h"
#include "macros.h"
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK KIB(64)

int sink_write(struct sink *sink, const void *bytes, size_t size,
	       struct err *err)
{
	return size ? sink->write(sink, bytes, size, err) : 0;
}

int sink_zeros(struct sink *sink, uint64_t size, struct err *err)
{
	static const char zeros[4096];

	while (size) {
		size_t n = MIN(size, sizeof(zeros));
		int rc = sink_write(sink, zeros, n, err);

		if (rc)
			return rc;
		size -= n;
	}
	return 0;
}

int sink_content(struct sink *sink, const struct tree_content *content,
		 struct err *err)
{
	uint64_t size = content ? tree_content_size(content) : 0;
	AUTO_FREE char *buf = malloc(CHUNK);

	if (!buf)
		return err_set(err, -ENOMEM, "file content");
	for (uint64_t at = 0; at < size;) {
		size_t n = MIN(CHUNK, size - at);
		int rc = interrupt_check(err);

		if (!rc)
			rc = tree_content_read(content, at, buf, n, err);
		if (!rc)
			rc = sink_write(sink, buf, n, err);
		if (rc)
			return rc;
		at += n;
	}
	return 0;
}

static int file_write(struct sink *sink, const void *bytes, size_t size,
		      struct err *err)
{
	struct sink_file *file = container_of(sink, struct sink_file, sink);
	const char *at = bytes;

	sha256_update(file->sum, bytes, size);
	file->size += size;
	while (file->fd >= 0 && size) {
		ssize_t n = write(file->fd, at, size);

		if (n < 0 && errno == EINTR) {
			int rc = interrupt_check(err);

			if (rc)
				return rc;
			continue;
		}
		if (n < 0)
			return err_set(err, -errno, "write");
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int sink_file_init(struct sink_file *file, int fd, struct err *err)
{
	*file = (struct sink_file){.sink = {file_write}, .fd = fd};
	return sha256_create(&file->sum, err);
}

void sink_file_digest(struct sink_file *file, uint8_t digest[SHA256_SIZE])
{
	sha256_final(file->sum, digest);
}

void sink_file_fini(struct sink_file *file)
{
	sha256_destroy(file->sum);
	file->sum = NULL;
}

static int tee_write(struct sink *sink, const void *bytes, size_t size,
		     struct err *err)
{
	struct sink_tee *tee = container_of(sink, struct sink_tee, sink);

	sha256_update(tee->sum, bytes, size);
	tee->size += size;
	return sink_write(tee->next, bytes, size, err);
}

int sink_tee_init(struct sink_tee *tee, struct sink *next, struct err *err)
{
	*tee = (struct sink_tee){.sink = {tee_write}, .next = next};
	return sha256_create(&tee->sum, err);
}

void sink_tee_digest(struct sink_tee *tee, uint8_t digest[SHA256_SIZE])
{
	sha256_final(tee->sum, digest);
}

void sink_tee_fini(struct sink_tee *tee)
{
	sha256_destroy(tee->sum);
	tee->sum = NULL;
}
