/*
 * archive_read.c - starts the parsing child, checks what it says and builds the
 * tree. See archive_read.h.
 */
#include "archive_read.h"

#include "archive_child.h"
#include "archive_reader.h"
#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XATTRS_TOLD_MAX 128U /* up to two for each */

const struct archive_limits archive_limits_default = {
	.bytes = GIB(64),
	.entries = 4000000,
};

/**
 * struct raw - one entry as it came
 * @entry: without path; owns its xattrs and target
 * @path:  as in the archive
 */
struct raw {
	struct archive_record head;
	struct tree_entry entry;
	char *path;
	char *target;
	char *source;
	char *location;
};

static void raw_fini(struct raw *raw)
{
	for (size_t i = 0; i < raw->entry.xattr_num; i++) {
		free(raw->entry.xattrs[i].name);
		free(raw->entry.xattrs[i].value);
	}
	free(raw->entry.xattrs);
	free(raw->path);
	free(raw->target);
	free(raw->source);
	free(raw->location);
}

/* bsdtar writes each one twice, in two notations: the last one counts. */
static void drop_repeated(struct tree_entry *entry)
{
	struct tree_xattr *last;
	size_t i = 0;

	if (entry->xattr_num < 2)
		return;
	last = &entry->xattrs[entry->xattr_num - 1];
	while (strcmp(entry->xattrs[i].name, last->name) != 0)
		i++;
	if (&entry->xattrs[i] == last)
		return;
	free(entry->xattrs[i].name);
	free(entry->xattrs[i].value);
	entry->xattrs[i] = *last;
	*last = (struct tree_xattr){0}; /* room for the next one */
	entry->xattr_num--;
}

static int take_entry(struct archive_reader *reader, struct raw *raw,
		      struct err *err)
{
	const struct archive_record *head = &raw->head;
	int rc;

	rc = archive_reader_text(reader, &raw->path, head->path_len,
				 ARCHIVE_TEXT_MAX, err);
	if (!rc)
		rc = archive_reader_text(reader, &raw->target, head->target_len,
					 ARCHIVE_TEXT_MAX, err);
	if (!rc)
		rc = archive_reader_text(reader, &raw->source, head->source_len,
					 ARCHIVE_TEXT_MAX, err);
	if (!rc)
		rc = archive_reader_text(reader, &raw->location,
					 head->location_len, ARCHIVE_TEXT_MAX,
					 err);
	if (rc || !head->xattr_num)
		return rc;
	if (head->xattr_num > XATTRS_TOLD_MAX)
		return err_setx(err, -EBADMSG,
				"%s: %s: too many extended attributes",
				reader->name, raw->path);
	raw->entry.xattrs = calloc(head->xattr_num, sizeof(struct tree_xattr));
	if (!raw->entry.xattrs)
		return err_set(err, -ENOMEM, "%s", reader->name);
	for (size_t i = 0; i < head->xattr_num && !rc; i++) {
		struct tree_xattr *xattr =
			&raw->entry.xattrs[raw->entry.xattr_num++];

		rc = archive_reader_xattr(reader, xattr, err);
		if (!rc)
			drop_repeated(&raw->entry);
	}
	return rc;
}

/**
 * struct files - where the contents are
 * @archive: the file with the tar: @size bytes at @offset
 * @spill:   sparse files, laid out by the child
 */
struct files {
	struct tree_source *archive;
	uint64_t offset;
	uint64_t size;
	struct tree_source *spill;
	int spill_fd;
};

static int content_make(const struct archive_reader *reader,
			const struct files *files,
			const struct archive_record *head,
			struct tree_entry *entry, struct err *err)
{
	uint64_t end = files->size;
	struct stat st;

	entry->size = head->size;
	if (!head->size)
		return 0;
	if (head->in_spill) {
		if (fstat(files->spill_fd, &st))
			return err_set(err, -errno, "%s", reader->name);
		end = (uint64_t)st.st_size;
	}
	if (head->offset > end || head->size > end - head->offset)
		return err_setx(err, -EBADMSG, "%s: %s: cut off", reader->name,
				entry->path);
	if (head->in_spill)
		return tree_content_range(&entry->content, files->spill,
					  head->offset, head->size, err);
	return tree_content_range(&entry->content, files->archive,
				  files->offset + head->offset, head->size,
				  err);
}

/* What an entry below says, now here: the archive changes one of its names. */
static int copy_up(struct tree *tree, const struct tree *below,
		   const char *target, struct err *err)
{
	char path[TREE_PATH_SIZE];
	const struct tree_entry *found;
	struct tree_entry entry;

	if (!below ||
	    (tree_resolve(tree, target, path) == 0 && tree_find(tree, path)))
		return 0;
	if (tree_resolve(below, target, path))
		return 0;
	found = tree_find(below, path);
	if (!found || found->type == TREE_DIR)
		return 0; /* tree_link() will say so */
	entry = *found;
	entry.link = 0; /* a number of the other tree */
	return tree_put(tree, &entry, err);
}

static int put_link(struct tree *tree, const struct archive_input *input,
		    const struct raw *raw, const char *path, struct err *err)
{
	AUTO_FREE char *target = malloc(TREE_PATH_SIZE);
	int rc;

	if (!target)
		return err_set(err, -ENOMEM, "%s", path);
	if (tree_path_clean(raw->target, target, TREE_PATH_SIZE))
		return err_setx(err, -EINVAL,
				"%s: hard link to %.200s, outside the root",
				path, raw->target);
	rc = copy_up(tree, input->below, target, err);
	return rc ? rc : tree_link(tree, path, target, err);
}

static const enum tree_type tree_types[] = {
	[ARCHIVE_FILE] = TREE_FILE,	  [ARCHIVE_DIR] = TREE_DIR,
	[ARCHIVE_SYMLINK] = TREE_SYMLINK, [ARCHIVE_CHAR] = TREE_CHAR,
	[ARCHIVE_BLOCK] = TREE_BLOCK,	  [ARCHIVE_FIFO] = TREE_FIFO,
};

/* What the caller says comes first, then what the archive says. */
static const char *origin_of(const char *given, const char *told)
{
	return given ? given : *told ? told : NULL;
}

static int put_raw(struct tree *tree, const struct archive_reader *reader,
		   const struct archive_input *input, const struct files *files,
		   struct raw *raw, struct err *err)
{
	const struct archive_record *head = &raw->head;
	struct tree_entry *entry = &raw->entry;
	AUTO_FREE char *path = malloc(TREE_PATH_SIZE);
	int rc;

	if (!path)
		return err_set(err, -ENOMEM, "%s", reader->name);
	if (tree_path_clean(raw->path, path, TREE_PATH_SIZE))
		return err_setx(err, -EINVAL,
				"%s: \"%.200s\" leaves the root or is too long",
				reader->name, raw->path);
	if (head->kind == ARCHIVE_HARD_LINK) {
		rc = put_link(tree, input, raw, path, err);
		return rc ? err_prefix(err, "%s", reader->name) : 0;
	}
	if (head->kind >= ARRAY_SIZE(tree_types))
		return archive_reader_nonsense(reader, err);
	entry->path = path;
	entry->type = tree_types[head->kind];
	entry->mode = head->mode;
	entry->uid = head->uid;
	entry->gid = head->gid;
	entry->mtime = head->mtime;
	entry->major = head->major;
	entry->minor = head->minor;
	entry->origin = origin_of(input->origin, raw->source);
	entry->location = origin_of(input->location, raw->location);
	if (entry->type == TREE_SYMLINK)
		entry->target = raw->target;
	if (entry->type == TREE_FILE) {
		rc = content_make(reader, files, head, entry, err);
		if (rc)
			return rc;
	}
	rc = tree_put(tree, entry, err);
	tree_content_unref(entry->content);
	return rc ? err_prefix(err, "%s", reader->name) : 0;
}

static int read_entries(struct tree *tree, struct archive_reader *reader,
			const struct archive_input *input,
			const struct files *files, struct err *err)
{
	for (;;) {
		struct raw raw = {0};
		int rc = archive_reader_head(reader, &raw.head, err);

		if (rc || raw.head.type == ARCHIVE_TELL_DONE)
			return rc;
		rc = take_entry(reader, &raw, err);
		if (!rc)
			rc = put_raw(tree, reader, input, files, &raw, err);
		raw_fini(&raw);
		if (rc)
			return rc;
	}
}

static struct archive_child child_for(const struct archive_input *input)
{
	return (struct archive_child){
		.in = input->fd,
		.offset = input->offset,
		.size = input->size ? input->size : UINT64_MAX,
		.limits =
			input->limits ? *input->limits : archive_limits_default,
	};
}

static int files_open(struct files *files, const struct archive_input *input,
		      struct err *err)
{
	struct stat st;
	int fd;

	if (fstat(input->fd, &st))
		return err_set(err, -errno, "%s", input->name);
	if (!S_ISREG(st.st_mode))
		return err_setx(err, -EINVAL, "%s: not a regular file",
				input->name);
	if (input->offset > (uint64_t)st.st_size)
		return err_setx(err, -EBADMSG, "%s: cut off", input->name);
	files->offset = input->offset;
	files->size = (uint64_t)st.st_size - input->offset;
	if (input->size)
		files->size = MIN(files->size, input->size);
	fd = fcntl(input->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "%s", input->name);
	return tree_source_create(&files->archive, fd, err);
}

int archive_read_told(struct tree *tree, struct archive_reader *reader,
		      const struct archive_input *input, int spill_fd,
		      struct err *err)
{
	struct files files = {.spill_fd = spill_fd};
	int rc = tree_source_create(&files.spill, spill_fd, err);

	if (!rc)
		rc = files_open(&files, input, err);
	if (!rc)
		rc = read_entries(tree, reader, input, &files, err);
	tree_source_unref(files.archive);
	tree_source_unref(files.spill);
	return rc;
}

int archive_read(struct tree *tree, const struct archive_input *input,
		 struct err *err)
{
	struct archive_child child = child_for(input);
	struct archive_reader reader = {.pipe = -1};
	int rc;

	child.out = archive_temp_file(err);
	if (child.out < 0)
		return child.out;
	rc = archive_reader_start(&reader, input->name, &child,
				  archive_child_read, err);
	if (!rc)
		rc = archive_read_told(tree, &reader, input, child.out, err);
	else
		(void)close(child.out); /* nothing was read */
	archive_reader_end(&reader);
	return rc;
}

int archive_decompress(const struct archive_input *input, int out_fd,
		       bool *plain, struct err *err)
{
	struct archive_child child = child_for(input);
	struct archive_record record = {0};
	struct archive_reader reader;
	int rc;

	child.out = out_fd;
	child.plain = plain != NULL;
	rc = archive_reader_start(&reader, input->name, &child,
				  archive_child_decompress, err);
	if (!rc)
		rc = archive_reader_head(&reader, &record, err);
	if (!rc && record.type != ARCHIVE_TELL_DONE)
		rc = archive_reader_nonsense(&reader, err);
	if (!rc && plain)
		*plain = record.size != 0;
	archive_reader_end(&reader);
	return rc;
}

int archive_temp_file(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	AUTO_FREE char *path = NULL;
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return err_set(err, -errno, "temporary file in %s", dir);
	/* A file system that knows no nameless files. */
	if (asprintf(&path, "%s/lwx-image.XXXXXX", dir) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "temporary file");
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || unlink(path))
		return err_set(err, -errno, "temporary file in %s", dir);
	return fd;
}

int archive_read_file(struct tree *tree, const struct archive_input *input,
		      struct err *err)
{
	struct archive_input plain_input = *input;
	AUTO_CLOSE int temp = archive_temp_file(err);
	bool plain;
	int rc;

	if (temp < 0)
		return temp;
	rc = archive_decompress(input, temp, &plain, err);
	if (rc)
		return rc;
	if (!plain) {
		plain_input.fd = temp;
		plain_input.offset = 0;
		plain_input.size = 0;
	}
	return archive_read(tree, &plain_input, err);
}
