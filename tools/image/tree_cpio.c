/*
 * tree_cpio.c - newc writer. See tree_cpio.h.
 *
 * linux: Documentation/driver-api/early-userspace/buffer-format.rst. A header
 * of 13 fields of eight hexadecimal digits, the name, the data; each padded to
 * four bytes. Of the names of one file the last has the data, as GNU cpio does
 * it.
 */
#include "tree_cpio.h"

#include "cleanup.h"
#include "log.h"
#include "macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_SIZE 110U
#define ALIGN 4U
#define ARCHIVE_ALIGN 512U

static const uint32_t formats[] = {
	[TREE_FILE] = S_IFREG, [TREE_DIR] = S_IFDIR,   [TREE_SYMLINK] = S_IFLNK,
	[TREE_CHAR] = S_IFCHR, [TREE_BLOCK] = S_IFBLK, [TREE_FIFO] = S_IFIFO,
};

/**
 * struct names - of every entry, by its index
 * @first: index of the first name of the same file
 * @count: of a first name: how many names there are
 * @left:  of a first name: how many are still to come
 */
struct names {
	size_t *first;
	uint32_t *count;
	uint32_t *left;
};

/**
 * struct member - one header
 * @data_size: bytes that follow the name
 */
struct member {
	const char *name;
	uint32_t ino;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint32_t mtime;
	uint32_t data_size;
	uint32_t major;
	uint32_t minor;
};

static int pad(struct sink *sink, uint64_t written, struct err *err)
{
	return sink_zeros(sink, -written % ALIGN, err);
}

static int write_head(const struct member *member, struct sink *sink,
		      struct err *err)
{
	size_t name_size = strlen(member->name) + 1;
	char header[HEADER_SIZE + 1];
	int rc;

	(void)snprintf(header, sizeof(header),
		       "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
		       "%08X%08X",
		       member->ino, member->mode, member->uid, member->gid,
		       member->nlink, member->mtime, member->data_size, 0, 0,
		       member->major, member->minor, (unsigned int)name_size,
		       0);
	rc = sink_write(sink, header, HEADER_SIZE, err);
	if (!rc)
		rc = sink_write(sink, member->name, name_size, err);
	return rc ? rc : pad(sink, HEADER_SIZE + name_size, err);
}

static uint32_t time_of(const struct tree_entry *entry, int64_t epoch)
{
	int64_t time = MIN(entry->mtime, epoch);

	return (uint32_t)MAX(0, MIN(time, (int64_t)UINT32_MAX));
}

static int write_entry(const struct tree_entry *entry, size_t i,
		       struct names *names, int64_t epoch, struct sink *sink,
		       struct err *err)
{
	size_t first = names->first[i];
	bool is_file = entry->type == TREE_FILE;
	bool is_last = --names->left[first] == 0;
	struct member member = {
		.name = *entry->path ? entry->path : ".",
		/* Linux makes no hard links of symbolic links and devices. */
		.ino = (uint32_t)(is_file ? first : i) + 1,
		.mode = formats[entry->type] | entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.nlink = is_file ? names->count[first] : 1,
		.mtime = time_of(entry, epoch),
		.major = entry->major,
		.minor = entry->minor,
	};
	int rc;

	if (entry->type == TREE_SYMLINK)
		member.data_size = (uint32_t)strlen(entry->target);
	else if (is_file && is_last)
		member.data_size = (uint32_t)entry->size;
	rc = write_head(&member, sink, err);
	if (rc || !member.data_size)
		return rc;
	if (entry->type == TREE_SYMLINK)
		rc = sink_write(sink, entry->target, member.data_size, err);
	else
		rc = sink_content(sink, entry->content, err);
	return rc ? rc : pad(sink, member.data_size, err);
}

static int names_init(struct names *names, const struct tree *tree)
{
	size_t num = tree_num(tree);

	names->first = tree_link_firsts(tree);
	names->count = calloc(num, sizeof(*names->count));
	names->left = calloc(num, sizeof(*names->left));
	if (!names->first || !names->count || !names->left)
		return -ENOMEM;
	for (size_t i = 0; i < num; i++) {
		names->count[names->first[i]]++;
		names->left[names->first[i]]++;
	}
	return 0;
}

static void names_fini(struct names *names)
{
	free(names->first);
	free(names->count);
	free(names->left);
}

static int check(const struct tree *tree, struct err *err)
{
	size_t lost = 0;

	for (size_t i = 0; i < tree_num(tree); i++) {
		const struct tree_entry *entry = tree_at(tree, i);

		if (entry->size > TREE_CPIO_FILE_MAX)
			return err_setx(err, -EFBIG,
					"%s: %" PRIu64
					" bytes: an initrd cannot hold a file "
					"of 4 GiB: use kernel+squashfs or "
					"kernel+erofs",
					entry->path, entry->size);
		lost += entry->xattr_num != 0;
	}
	if (lost)
		log_warn("%zu files lose their extended attributes in an "
			 "initrd",
			 lost);
	return 0;
}

int tree_cpio_write(const struct tree *tree, int64_t epoch, struct sink *sink,
		    struct err *err)
{
	struct member trailer = {.name = "TRAILER!!!", .nlink = 1};
	struct names names = {0};
	struct sink_tee tee = {0};
	int rc = check(tree, err);

	if (!rc && names_init(&names, tree))
		rc = err_set(err, -ENOMEM, "cpio");
	if (!rc)
		rc = sink_tee_init(&tee, sink, err);
	for (size_t i = 0; i < tree_num(tree) && !rc; i++) {
		const struct tree_entry *entry = tree_at(tree, i);

		rc = write_entry(entry, i, &names, epoch, &tee.sink, err);
		if (rc)
			(void)err_prefix(err, "%s", entry->path);
	}
	if (!rc)
		rc = write_head(&trailer, &tee.sink, err);
	if (!rc)
		rc = sink_zeros(sink, -tee.size % ARCHIVE_ALIGN, err);
	sink_tee_fini(&tee);
	names_fini(&names);
	return rc;
}

int tree_cpio_append(const struct tree_content *cpio, struct sink *sink,
		     struct err *err)
{
	int rc = sink_content(sink, cpio, err);

	return rc ? rc
		  : sink_zeros(sink, -tree_content_size(cpio) % ARCHIVE_ALIGN,
			       err);
}
