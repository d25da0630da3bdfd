/*
 * archive_record.h - what the parsing child tells its parent, over a pipe.
 *
 * Both are one program on one machine, so the layout is that of the compiler;
 * the parent trusts nothing of it nevertheless.
 */
#pragma once

#include "err.h"

#include <stdint.h>

#define ARCHIVE_TEXT_MAX 8192U	 /* bytes of a path or target */
#define ARCHIVE_XATTR_MAX 65536U /* bytes of a value */

enum archive_record_type {
	ARCHIVE_TELL_ENTRY =
		1,	     /* path, target, source, location, xattrs follow */
	ARCHIVE_TELL_DONE,   /* all has been read */
	ARCHIVE_TELL_FAILED, /* a message of path_len bytes follows */
};

enum archive_kind {
	ARCHIVE_FILE,
	ARCHIVE_DIR,
	ARCHIVE_SYMLINK,
	ARCHIVE_CHAR,
	ARCHIVE_BLOCK,
	ARCHIVE_FIFO,
	ARCHIVE_HARD_LINK,
};

/**
 * struct archive_record - head of a record
 * @type:         enum archive_record_type
 * @kind:         enum archive_kind
 * @code:         negative errno of ARCHIVE_TELL_FAILED
 * @in_spill:     the content is in the spill file, not in the archive
 * @offset:       of the content
 * @path_len:     bytes that follow, and so on in this order
 * @source_len:   0: not given
 */
struct archive_record {
	uint32_t type;
	uint32_t kind;
	int32_t code;
	uint32_t in_spill;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	uint32_t path_len;
	uint32_t target_len;
	uint32_t source_len;
	uint32_t location_len;
	uint32_t xattr_num;
	int64_t mtime;
	uint64_t size;
	uint64_t offset;
};

/** struct archive_xattr_record - then @name_len and @size bytes */
struct archive_xattr_record {
	uint32_t name_len;
	uint32_t size;
};
