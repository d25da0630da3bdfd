/* image_file.c - checked reads from a window of an image file. */
#include "image_file.h"

#include "macros.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int image_file_fail(const struct image_file *file, struct err *err, int code,
		    const char *fmt, ...)
{
	bool part = file->section != NULL;
	char reason[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap); /* cut if too long */
	va_end(ap);
	return err_setx(err, code, "%s %s: %s%s%s", file->role, file->name,
			part ? file->section : "", part ? ": " : "", reason);
}

int image_file_open(struct image_file *file, int fd, const char *role,
		    const char *name, struct err *err)
{
	struct stat st;

	*file = (struct image_file){.fd = fd, .role = role, .name = name};
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s %s: stat", role, name);
	if (!S_ISREG(st.st_mode))
		return image_file_fail(file, err, -EINVAL,
				       "not a regular file");
	if (st.st_size <= 0)
		return image_file_fail(file, err, -ENOEXEC, "empty file");
	file->size = (uint64_t)st.st_size;
	return 0;
}

bool image_file_has(const struct image_file *file, uint64_t offset,
		    uint64_t len)
{
	return offset <= file->size && len <= file->size - offset;
}

static int truncated(const struct image_file *file, struct err *err)
{
	return image_file_fail(file, err, -ENOEXEC,
			       "truncated after %llu bytes; copy it again",
			       (unsigned long long)file->size);
}

/* A file may shrink after it was measured: a short read is an error too. */
static int read_fully(const struct image_file *file, uint64_t offset, void *buf,
		      uint64_t len, struct err *err)
{
	uint8_t *to = buf;

	while (len > 0) {
		ssize_t got = pread(file->fd, to, MIN(len, GIB(1)),
				    (off_t)(file->start + offset));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, -errno, "%s %s: read", file->role,
				       file->name);
		if (got == 0)
			return truncated(file, err);
		to += got;
		offset += (uint64_t)got;
		len -= (uint64_t)got;
	}
	return 0;
}

int image_file_read(const struct image_file *file, uint64_t offset, void *buf,
		    size_t len, struct err *err)
{
	if (!image_file_has(file, offset, len))
		return truncated(file, err);
	return read_fully(file, offset, buf, len, err);
}

int image_file_load(const struct image_file *file, uint64_t offset,
		    const struct guest_mem *gm, uint64_t gpa, uint64_t len,
		    struct err *err)
{
	struct iovec iov;

	if (!image_file_has(file, offset, len))
		return truncated(file, err);
	if (len == 0)
		return 0;
	if (guest_mem_slice(gm, gpa, len, &iov) < 0)
		return image_file_fail(
			file, err, -ENOMEM,
			"%llu bytes at 0x%llx do not fit into guest memory",
			(unsigned long long)len, (unsigned long long)gpa);
	return read_fully(file, offset, iov.iov_base, len, err);
}

uint64_t image_low_ram(const struct guest_mem *gm)
{
	const struct guest_mem_region *regions;

	if (guest_mem_regions(gm, &regions) == 0 || regions[0].gpa != 0)
		return 0;
	return regions[0].size;
}
