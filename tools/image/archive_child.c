/*
 * archive_child.c - decompresses and parses, inside the sandbox. See
 * archive_child.h.
 */
#include "archive_child.h"

#include "archive_origin.h"
#include "archive_record.h"
#include "cleanup.h"
#include "macros.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE KIB(64)
#define HEADERS_MAX (1 << 18) /* bytes searched for unknown records */

/** struct window - the part of a file that libarchive sees */
struct window {
	const struct archive_child *child;
	bool seekable;
	uint64_t at; /* bytes given so far */
	char buf[BLOCK_SIZE];
};

static la_ssize_t window_read(struct archive *a, void *data, const void **out)
{
	struct window *window = data;
	const struct archive_child *child = window->child;
	size_t size = MIN(sizeof(window->buf), child->size - window->at);
	ssize_t n;

	do {
		if (window->seekable)
			n = pread(child->in, window->buf, size,
				  (off_t)(child->offset + window->at));
		else
			n = read(child->in, window->buf, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "read: %s", strerror(errno));
		return -1;
	}
	window->at += (uint64_t)n;
	*out = window->buf;
	return n;
}

static la_int64_t window_skip(struct archive *a, void *data, la_int64_t size)
{
	struct window *window = data;
	uint64_t skip;

	(void)a;
	if (!window->seekable || size <= 0)
		return 0; /* it reads instead */
	skip = MIN((uint64_t)size, window->child->size - window->at);
	window->at += skip;
	return (la_int64_t)skip;
}

static int window_close(struct archive *a, void *data)
{
	(void)a;
	free(data);
	return ARCHIVE_OK;
}

static int window_open(const struct archive_child *child, struct archive *a)
{
	struct window *window = calloc(1, sizeof(*window));

	if (!window) {
		archive_set_error(a, ENOMEM, "out of memory");
		return ARCHIVE_FATAL;
	}
	window->child = child;
	window->seekable = lseek(child->in, 0, SEEK_CUR) >= 0;
	return archive_read_open2(a, window, NULL, window_read, window_skip,
				  window_close);
}

static int put(const struct archive_child *child, const void *bytes,
	       size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t n = write(child->pipe, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE; /* the parent has gone */
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int tell_failure(const struct archive_child *child, int code,
			const char *text)
{
	struct archive_record record = {
		.type = ARCHIVE_TELL_FAILED,
		.code = code,
		.path_len = (uint32_t)strnlen(text, 300),
	};

	(void)(put(child, &record, sizeof(record)) ||
	       put(child, text, record.path_len));
	return 1;
}

/* libarchive's own words. */
static int tell_archive_error(const struct archive_child *child,
			      struct archive *a)
{
	const char *text = archive_error_string(a);
	int code = archive_errno(a);

	return tell_failure(child, code == ENOMEM ? -ENOMEM : -EBADMSG,
			    text ? text : "damaged archive");
}

static int tell_done(const struct archive_child *child, uint64_t value)
{
	struct archive_record record = {.type = ARCHIVE_TELL_DONE,
					.size = value};

	return put(child, &record, sizeof(record)) ? 1 : 0;
}

static int copy_data(const struct archive_child *child, struct archive *a)
{
	uint64_t total = 0;
	const void *bytes;
	size_t size;
	la_int64_t offset;
	int rc;

	for (;;) {
		rc = archive_read_data_block(a, &bytes, &size, &offset);
		if (rc == ARCHIVE_EOF)
			return tell_done(child, 0);
		if (rc != ARCHIVE_OK)
			return tell_archive_error(child, a);
		if (size > child->limits.bytes - total)
			return tell_failure(child, -EFBIG,
					    "unpacks to more than the limit");
		total += size;
		for (const char *at = bytes; size;) {
			ssize_t n = write(child->out, at, size);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return tell_failure(child, -errno,
						    strerror(errno));
			at += n;
			size -= (size_t)n;
		}
	}
}

static int decompress(const struct archive_child *child, struct archive *a)
{
	struct archive_entry *entry;
	struct stat st;
	int rc;

	/* Those that libarchive does itself: none runs a program. */
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_lzma(a);
	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_filter_lz4(a);
	(void)archive_read_support_format_raw(a);
	(void)archive_read_support_format_empty(a);
	if (window_open(child, a) != ARCHIVE_OK)
		return tell_archive_error(child, a);
	rc = archive_read_next_header(a, &entry);
	if (rc == ARCHIVE_EOF)
		return tell_done(child, 0); /* no bytes at all */
	if (rc != ARCHIVE_OK)
		return tell_archive_error(child, a);
	if (child->plain && archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE &&
	    fstat(child->in, &st) == 0 && S_ISREG(st.st_mode))
		return tell_done(child, 1);
	return copy_data(child, a);
}

int archive_child_decompress(const struct archive_child *child)
{
	struct archive *a = archive_read_new();
	int rc = a ? decompress(child, a)
		   : tell_failure(child, -ENOMEM, "out of memory");

	(void)archive_read_free(a); /* all has been told */
	return rc;
}

static int tell_text(const struct archive_child *child, const char *text,
		     uint32_t len)
{
	return len ? put(child, text, len) : 0;
}

static int tell_xattrs(const struct archive_child *child,
		       struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t size;

	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) ==
	       ARCHIVE_OK) {
		struct archive_xattr_record record = {
			.name_len = (uint32_t)strnlen(name, ARCHIVE_TEXT_MAX),
			.size = (uint32_t)MIN(size, ARCHIVE_XATTR_MAX + 1U),
		};

		if (put(child, &record, sizeof(record)) ||
		    put(child, name, record.name_len) ||
		    put(child, value, record.size))
			return -EPIPE;
	}
	return 0;
}

static int kind_of(struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry))
		return ARCHIVE_HARD_LINK;
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return ARCHIVE_FILE;
	case AE_IFDIR:
		return ARCHIVE_DIR;
	case AE_IFLNK:
		return ARCHIVE_SYMLINK;
	case AE_IFCHR:
		return ARCHIVE_CHAR;
	case AE_IFBLK:
		return ARCHIVE_BLOCK;
	case AE_IFIFO:
		return ARCHIVE_FIFO;
	default:
		return -1;
	}
}

/* A sparse file is laid out, with its holes, at the end of the spill file. */
static int spill(const struct archive_child *child, struct archive *a,
		 struct archive_record *record)
{
	off_t start = lseek(child->out, 0, SEEK_END);
	const void *bytes;
	size_t size;
	la_int64_t at;
	int rc;

	if (start < 0 || ftruncate(child->out, start + (off_t)record->size))
		return tell_failure(child, -errno, "sparse file");
	while ((rc = archive_read_data_block(a, &bytes, &size, &at)) ==
	       ARCHIVE_OK) {
		if (at < 0 || (uint64_t)at > record->size ||
		    size > record->size - (uint64_t)at)
			return tell_failure(child, -EBADMSG,
					    "sparse file with data behind its "
					    "end");
		for (const char *from = bytes; size;) {
			ssize_t n = pwrite(child->out, from, size, start + at);

			if (n < 0)
				return tell_failure(child, -errno,
						    "sparse file");
			from += n;
			at += n;
			size -= (size_t)n;
		}
	}
	if (rc != ARCHIVE_EOF)
		return tell_archive_error(child, a);
	record->in_spill = 1;
	record->offset = (uint64_t)start;
	return 0;
}

/* Between where the first header starts and where the data does. */
static void find_origin(const struct archive_child *child, struct archive *a,
			struct archive_origin *origin)
{
	la_int64_t start = archive_read_header_position(a);
	la_int64_t end = archive_filter_bytes(a, 0);
	AUTO_FREE char *headers = NULL;
	ssize_t n = 0;

	*origin = (struct archive_origin){0};
	/* One block is a header without records. */
	if (start < 0 || end - start <= 512 || end - start > HEADERS_MAX)
		return;
	headers = malloc((size_t)(end - start));
	if (headers)
		n = pread(child->in, headers, (size_t)(end - start),
			  (off_t)(child->offset + (uint64_t)start));
	if (n == end - start)
		archive_origin_parse(origin, headers, (size_t)n);
}

static int tell_entry(const struct archive_child *child, struct archive *a,
		      struct archive_entry *entry, uint64_t *total)
{
	const char *path = archive_entry_pathname(entry);
	const char *target = archive_entry_hardlink(entry);
	la_int64_t uid = archive_entry_uid(entry);
	la_int64_t gid = archive_entry_gid(entry);
	la_int64_t size = archive_entry_size(entry);
	int kind = kind_of(entry);
	struct archive_record record = {.type = ARCHIVE_TELL_ENTRY};
	struct archive_origin origin;

	if (!path)
		return tell_failure(child, -EBADMSG,
				    "an entry without a readable path");
	if (kind < 0)
		return 0; /* a socket: no image can have one */
	if (kind == ARCHIVE_SYMLINK)
		target = archive_entry_symlink(entry);
	if (!target)
		target = "";
	if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX ||
	    size < 0)
		return tell_failure(child, -EBADMSG, path);
	record.kind = (uint32_t)kind;
	record.mode = archive_entry_perm(entry) & 07777;
	record.uid = (uint32_t)uid;
	record.gid = (uint32_t)gid;
	record.mtime = archive_entry_mtime(entry);
	if (kind == ARCHIVE_CHAR || kind == ARCHIVE_BLOCK) {
		record.major = (uint32_t)archive_entry_rdevmajor(entry);
		record.minor = (uint32_t)archive_entry_rdevminor(entry);
	}
	record.path_len = (uint32_t)strnlen(path, ARCHIVE_TEXT_MAX + 1);
	record.target_len = (uint32_t)strnlen(target, ARCHIVE_TEXT_MAX + 1);
	record.xattr_num = (uint32_t)archive_entry_xattr_count(entry);
	find_origin(child, a, &origin);
	record.source_len = (uint32_t)strlen(origin.source);
	record.location_len = (uint32_t)strlen(origin.location);
	if (kind == ARCHIVE_FILE) {
		record.size = (uint64_t)size;
		/* All of the header has been read, nothing of the data. */
		record.offset = (uint64_t)archive_filter_bytes(a, 0);
		if (record.size > child->limits.bytes - *total)
			return tell_failure(child, -EFBIG,
					    "files are larger than the limit");
		*total += record.size;
		if (archive_entry_sparse_count(entry) > 0 &&
		    spill(child, a, &record))
			return 1;
	}
	if (put(child, &record, sizeof(record)) ||
	    tell_text(child, path, record.path_len) ||
	    tell_text(child, target, record.target_len) ||
	    tell_text(child, origin.source, record.source_len) ||
	    tell_text(child, origin.location, record.location_len) ||
	    tell_xattrs(child, entry))
		return 1;
	return 0;
}

/*
 * An end of archive where the first header is expected is an empty tar; or the
 * zeros that file systems and ISO 9660 (32 KiB of them) start with.
 */
static bool data_follows(const struct archive_child *child)
{
	char block[512];

	for (uint64_t at = 0; at < MIN(child->size, BLOCK_SIZE);
	     at += sizeof(block)) {
		ssize_t n = pread(child->in, block, sizeof(block),
				  (off_t)(child->offset + at));

		for (ssize_t i = 0; i < n; i++)
			if (block[i])
				return true;
	}
	return false;
}

static int read_entries(const struct archive_child *child, struct archive *a)
{
	struct archive_entry *entry;
	uint64_t total = 0;
	uint64_t entries = 0;
	int rc;

	(void)archive_read_support_format_tar(a);
	(void)archive_read_support_format_empty(a);
	if (window_open(child, a) != ARCHIVE_OK)
		return tell_archive_error(child, a);
	while ((rc = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		/* A warning says that a field was not understood. */
		if (rc != ARCHIVE_OK)
			return tell_archive_error(child, a);
		if (++entries > child->limits.entries)
			return tell_failure(child, -EFBIG,
					    "more entries than the limit");
		rc = tell_entry(child, a, entry, &total);
		if (rc)
			return rc;
	}
	if (!entries && data_follows(child))
		return tell_failure(child, -EBADMSG,
				    "not an archive: it starts with zeros, as "
				    "disks and file systems do");
	return tell_done(child, 0);
}

int archive_child_read(const struct archive_child *child)
{
	struct archive *a = archive_read_new();
	int rc = a ? read_entries(child, a)
		   : tell_failure(child, -ENOMEM, "out of memory");

	(void)archive_read_free(a); /* all has been told */
	return rc;
}
