/* file_io.c - reads, writes and copies at an offset. See file_io.h. */
#include "file_io.h"

#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BLOCK ((size_t)64 << 10)

int file_read(int fd, void *buf, size_t size, uint64_t offset, const char *name,
	      struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, size - done,
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "%s: read", name);
		if (n == 0)
			return err_setx(err, -EIO, "%s: ends too early", name);
		done += (size_t)n;
	}
	return 0;
}

int file_write(int fd, const void *buf, size_t size, uint64_t offset,
	       const char *name, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)buf + done, size - done,
				   (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "%s: write", name);
		done += (size_t)n;
	}
	return 0;
}

bool file_is_zero(const void *buf, size_t size)
{
	const char *bytes = buf;

	return size == 0 ||
	       (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Where data may start at or behind @at; the end if there is none. */
static uint64_t skip_hole(int fd, uint64_t at, uint64_t end)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? end : at;
	return (uint64_t)data < end ? (uint64_t)data : end;
}

int file_next_block(int fd, uint64_t size, size_t block, uint64_t *offset,
		    void *buf, const char *name, struct err *err)
{
	while (*offset < size) {
		uint64_t data = skip_hole(fd, *offset, size);
		size_t part;
		int rc = interrupt_check(err);

		if (rc)
			return rc;
		if (data >= size)
			return 0;
		*offset = data / block * block;
		part = size - *offset < block ? (size_t)(size - *offset)
					      : block;
		memset((char *)buf + part, 0, block - part);
		rc = file_read(fd, buf, part, *offset, name, err);
		if (rc)
			return rc;
		if (!file_is_zero(buf, part))
			return 1;
		*offset += block;
	}
	return 0;
}

int file_copy(int in_fd, uint64_t in_offset, int out_fd, uint64_t out_offset,
	      uint64_t size, const char *name, struct err *err)
{
	AUTO_FREE char *buf = malloc(COPY_BLOCK);
	uint64_t done = 0;
	int rc;

	if (!buf)
		return err_set(err, -ENOMEM, "%s", name);
	while (done < size) {
		uint64_t at =
			skip_hole(in_fd, in_offset + done, in_offset + size);
		size_t part;

		rc = interrupt_check(err);
		if (rc)
			return rc;
		done = at - in_offset;
		part = size - done < COPY_BLOCK ? (size_t)(size - done)
						: COPY_BLOCK;
		rc = file_read(in_fd, buf, part, at, name, err);
		if (!rc && !file_is_zero(buf, part))
			rc = file_write(out_fd, buf, part, out_offset + done,
					name, err);
		if (rc)
			return rc;
		done += part;
	}
	return 0;
}

int file_truncate(int fd, uint64_t size, const char *name, struct err *err)
{
	if (size > INT64_MAX)
		return err_setx(err, -EFBIG, "%s: too large", name);
	if (ftruncate(fd, (off_t)size))
		return err_set(err, -errno, "%s: set the size", name);
	return 0;
}

int file_size(int fd, uint64_t *size, const char *name, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, -errno, "%s: size", name);
	*size = (uint64_t)st.st_size;
	return 0;
}

int file_load(const char *path, void **bytes, size_t *size, size_t max,
	      struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE void *buf = NULL;
	uint64_t total = 0;
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s: open", path);
	rc = file_size(fd, &total, path, err);
	if (rc)
		return rc;
	if (total > max)
		return err_setx(err, -EFBIG, "%s: more than %zu bytes", path,
				max);
	buf = malloc(total + 1);
	if (!buf)
		return err_set(err, -ENOMEM, "%s", path);
	rc = file_read(fd, buf, total, 0, path, err);
	if (rc)
		return rc;
	((char *)buf)[total] = '\0';
	*bytes = steal_ptr(&buf);
	*size = total;
	return 0;
}
