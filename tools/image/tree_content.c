/*
 * tree_content.c - the bytes of files, by reference. See tree.h.
 */
#include "tree.h"

#include "cleanup.h"
#include "macros.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_SIZE KIB(64)

struct tree_source {
	unsigned int refs;
	int fd;
};

/*
 * Exactly one of @bytes, @source: memory, or a range of a file. With @path the
 * source is the directory that it is below.
 */
struct tree_content {
	unsigned int refs;
	uint64_t size;
	char *bytes;
	struct tree_source *source;
	uint64_t offset;
	char *path;
	bool has_digest;
	uint8_t digest[TREE_DIGEST_SIZE];
};

int tree_source_create(struct tree_source **out, int fd, struct err *err)
{
	struct tree_source *source = malloc(sizeof(*source));

	if (!source) {
		(void)close(fd);
		return err_set(err, -ENOMEM, "file content");
	}
	source->refs = 1;
	source->fd = fd;
	*out = source;
	return 0;
}

struct tree_source *tree_source_ref(struct tree_source *source)
{
	source->refs++;
	return source;
}

void tree_source_unref(struct tree_source *source)
{
	if (!source || --source->refs)
		return;
	(void)close(source->fd); /* only ever read */
	free(source);
}

static struct tree_content *content_new(uint64_t size)
{
	struct tree_content *content = calloc(1, sizeof(*content));

	if (content) {
		content->refs = 1;
		content->size = size;
	}
	return content;
}

int tree_content_memory(struct tree_content **out, const void *bytes,
			size_t size, struct err *err)
{
	struct tree_content *content = content_new(size);

	if (content)
		content->bytes = malloc(size ? size : 1);
	if (!content || !content->bytes) {
		free(content);
		return err_set(err, -ENOMEM, "file content");
	}
	if (size)
		memcpy(content->bytes, bytes, size);
	*out = content;
	return 0;
}

static struct tree_content *range_new(struct tree_source *source,
				      uint64_t offset, uint64_t size)
{
	struct tree_content *content = content_new(size);

	if (content) {
		content->source = tree_source_ref(source);
		content->offset = offset;
	}
	return content;
}

int tree_content_range(struct tree_content **out, struct tree_source *source,
		       uint64_t offset, uint64_t size, struct err *err)
{
	*out = range_new(source, offset, size);
	return *out ? 0 : err_set(err, -ENOMEM, "file content");
}

int tree_content_path(struct tree_content **out, struct tree_source *source,
		      const char *path, uint64_t size, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct tree_content *content = range_new(source, 0, size);

	if (!copy || !content) {
		tree_content_unref(content);
		return err_set(err, -ENOMEM, "file content");
	}
	content->path = steal_ptr(&copy);
	*out = content;
	return 0;
}

int tree_content_file(struct tree_content **out, int fd, uint64_t offset,
		      uint64_t size, struct err *err)
{
	struct tree_source *source = malloc(sizeof(*source));

	if (!source)
		return err_set(err, -ENOMEM, "file content");
	source->refs = 1;
	source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (source->fd < 0) {
		free(source);
		return err_set(err, -errno, "file content: keep open");
	}
	*out = range_new(source, offset, size);
	tree_source_unref(source);
	return *out ? 0 : err_set(err, -ENOMEM, "file content");
}

int tree_content_whole(struct tree_content **out, const char *path,
		       struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_setx(err, -EINVAL, "%s: not a regular file", path);
	return tree_content_file(out, fd, 0, (uint64_t)st.st_size, err);
}

struct tree_content *tree_content_ref(struct tree_content *content)
{
	content->refs++;
	return content;
}

void tree_content_unref(struct tree_content *content)
{
	if (!content || --content->refs)
		return;
	tree_source_unref(content->source);
	free(content->bytes);
	free(content->path);
	free(content);
}

uint64_t tree_content_size(const struct tree_content *content)
{
	return content->size;
}

static int read_all(int fd, uint64_t offset, char *buf, size_t size,
		    struct err *err)
{
	while (size) {
		ssize_t n = pread(fd, buf, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "read");
		if (n == 0)
			return err_setx(err, -EIO,
					"read: file became shorter meanwhile");
		buf += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int open_path(const struct tree_content *content, struct err *err)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, content->source->fd, content->path,
			      &how, sizeof(how));

	return fd >= 0 ? fd : err_set(err, -errno, "%s: open", content->path);
}

static int read_path(const struct tree_content *content, uint64_t offset,
		     void *buf, size_t size, struct err *err)
{
	AUTO_CLOSE int fd = open_path(content, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = read_all(fd, offset, buf, size, err);
	if (rc)
		(void)err_prefix(err, "%s", content->path);
	return rc;
}

int tree_content_open(const struct tree_content *content, uint64_t *offset,
		      struct err *err)
{
	AUTO_CLOSE int fd = -1;

	*offset = content->offset;
	if (content->path)
		return open_path(content, err);
	if (content->source) {
		fd = fcntl(content->source->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return err_set(err, -errno, "file content");
		return steal_fd(&fd);
	}
	fd = memfd_create("content", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, content->bytes, content->size, 0) !=
			      (ssize_t)content->size)
		return err_set(err, -errno, "file content");
	return steal_fd(&fd);
}

int tree_content_read(const struct tree_content *content, uint64_t offset,
		      void *buf, size_t size, struct err *err)
{
	if (offset > content->size || size > content->size - offset)
		return err_setx(err, -EINVAL,
				"file content: read behind its end");
	if (content->bytes) {
		memcpy(buf, content->bytes + offset, size);
		return 0;
	}
	if (content->path)
		return read_path(content, offset, buf, size, err);
	return read_all(content->source->fd, content->offset + offset, buf,
			size, err);
}

static int digest_make(struct tree_content *content, struct err *err)
{
	AUTO_FREE char *buf = malloc(READ_SIZE);
	struct sha256 *sum = NULL;
	int rc;

	if (!buf)
		return err_set(err, -ENOMEM, "file content");
	rc = sha256_create(&sum, err);
	if (rc)
		return rc;
	for (uint64_t at = 0; at < content->size;) {
		size_t n = MIN(READ_SIZE, content->size - at);

		rc = tree_content_read(content, at, buf, n, err);
		if (rc)
			break;
		sha256_update(sum, buf, n);
		at += n;
	}
	if (!rc) {
		sha256_final(sum, content->digest);
		content->has_digest = true;
	}
	sha256_destroy(sum);
	return rc;
}

int tree_content_digest(struct tree_content *content,
			uint8_t digest[TREE_DIGEST_SIZE], struct err *err)
{
	if (!content) {
		sha256_bytes("", 0, digest);
		return 0;
	}
	if (!content->has_digest) {
		int rc = digest_make(content, err);

		if (rc)
			return rc;
	}
	memcpy(digest, content->digest, TREE_DIGEST_SIZE);
	return 0;
}
