/*
 * archive_write_tar.c - PAX tar. See archive_write_tar.h.
 *
 * pax(1), "ustar Interchange Format" and "pax Interchange Format": a header of
 * 512 bytes, in front of it one of type x with "length key=value\n" records for
 * what the header cannot hold.
 */
#include "archive_write_tar.h"

#include "cleanup.h"
#include "macros.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define BLOCK 512U

struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char sum[8];
	char type;
	char linkname[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char pad[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

/** struct records - what a header of type x holds; grows */
struct records {
	char *text;
	size_t len;
	size_t capacity;
};

static const char types[] = {
	[TREE_FILE] = '0', [TREE_DIR] = '5',   [TREE_SYMLINK] = '2',
	[TREE_CHAR] = '3', [TREE_BLOCK] = '4', [TREE_FIFO] = '6',
};

static int records_reserve(struct records *records, size_t size)
{
	size_t capacity = MAX(2 * records->capacity, records->len + size);
	char *text;

	if (records->text && size <= records->capacity - records->len)
		return 0;
	text = realloc(records->text, capacity);
	if (!text)
		return -ENOMEM;
	records->text = text;
	records->capacity = capacity;
	return 0;
}

static size_t digits(size_t number)
{
	size_t num = 1;

	while (number >= 10) {
		number /= 10;
		num++;
	}
	return num;
}

/* The length counts itself. */
static int records_add(struct records *records, const char *key,
		       const void *value, size_t size)
{
	size_t rest = strlen(key) + size + 3; /* " ", "=", "\n" */
	size_t len = rest + digits(rest);
	int n;

	len = rest + digits(len);
	if (records_reserve(records, len + 1))
		return -ENOMEM;
	n = snprintf(records->text + records->len, len + 1, "%zu %s=", len,
		     key);
	memcpy(records->text + records->len + n, value, size);
	records->len += len;
	records->text[records->len - 1] = '\n';
	return 0;
}

static int records_add_text(struct records *records, const char *key,
			    const char *text)
{
	return records_add(records, key, text, strlen(text));
}

static int records_add_number(struct records *records, const char *key,
			      int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	return records_add_text(records, key, text);
}

/* Octal with a NUL; what does not fit stays 0, a record says it. */
static bool octal(char *field, size_t size, uint64_t number)
{
	bool fits = number < (1ULL << (3 * (size - 1)));

	(void)snprintf(field, size, "%0*llo", (int)size - 1,
		       fits ? (unsigned long long)number : 0ULL);
	return fits;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* Overlong forms and surrogates count as UTF-8: only readers judge them. */
static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		unsigned int more = *at < 0x80	 ? 0
				    : *at < 0xc2 ? 4
				    : *at < 0xe0 ? 1
				    : *at < 0xf0 ? 2
				    : *at < 0xf5 ? 3
						 : 4;

		if (more == 4)
			return false;
		for (at++; more; more--, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
		}
	}
	return true;
}

/* A name of up to 100 ASCII bytes goes into the header, any other into a
 * record, its beginning into the header for the oldest readers. */
static int set_name(struct records *records, const char *key, char field[100],
		    const char *name)
{
	size_t len = strlen(name);

	memcpy(field, name, MIN(len, 100U));
	if (len <= 100 && is_ascii(name))
		return 0;
	return records_add_text(records, key, name);
}

static int set_number(struct records *records, const char *key, char *field,
		      size_t size, uint64_t number)
{
	if (octal(field, size, number))
		return 0;
	return records_add_number(records, key, (int64_t)number);
}

static int set_time(struct records *records, struct header *header,
		    int64_t mtime)
{
	if (mtime >= 0 &&
	    octal(header->mtime, sizeof(header->mtime), (uint64_t)mtime))
		return 0;
	(void)octal(header->mtime, sizeof(header->mtime), 0);
	return records_add_number(records, "mtime", mtime);
}

static int write_header(struct header *header, struct sink *sink,
			struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned int sum = 0;

	if (!header->magic[0]) {
		memcpy(header->magic, "ustar", 6);
		memcpy(header->version, "00", 2);
	}
	memset(header->sum, ' ', sizeof(header->sum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	/* Six digits, a NUL and a space. */
	(void)snprintf(header->sum, sizeof(header->sum) - 1, "%06o",
		       sum & 0777777);
	return sink_write(sink, header, sizeof(*header), err);
}

static int write_padded(struct sink *sink, const void *bytes, size_t size,
			struct err *err)
{
	int rc = sink_write(sink, bytes, size, err);

	return rc ? rc : sink_zeros(sink, -size % BLOCK, err);
}

static int write_records(const struct records *records, struct sink *sink,
			 struct err *err)
{
	struct header header = {.type = 'x', .name = "./PaxHeaders"};
	int rc;

	if (!records->len)
		return 0;
	(void)octal(header.mode, sizeof(header.mode), 0644);
	(void)octal(header.uid, sizeof(header.uid), 0);
	(void)octal(header.gid, sizeof(header.gid), 0);
	(void)octal(header.size, sizeof(header.size), records->len);
	(void)octal(header.mtime, sizeof(header.mtime), 0);
	rc = write_header(&header, sink, err);
	if (rc)
		return rc;
	return write_padded(sink, records->text, records->len, err);
}

static int add_xattrs(struct records *records, const struct tree_entry *entry)
{
	for (size_t i = 0; i < entry->xattr_num; i++) {
		const struct tree_xattr *xattr = &entry->xattrs[i];
		char key[sizeof("SCHILY.xattr.") + TREE_NAME_MAX];

		(void)snprintf(key, sizeof(key), "SCHILY.xattr.%s",
			       xattr->name);
		if (records_add(records, key, xattr->value, xattr->size))
			return -ENOMEM;
	}
	return 0;
}

/* Fill header and records; @link: the first name of a hard link, or NULL. */
static int describe(const struct tree_entry *entry, const char *path,
		    const char *link, const struct tar_options *options,
		    struct header *header, struct records *records)
{
	const char *target = link ? link : entry->target;
	int rc = 0;

	header->type = link ? '1' : types[entry->type];
	if (!is_utf8(path) || (target && !is_utf8(target)))
		rc |= records_add_text(records, "hdrcharset", "BINARY");
	if (options->origins && entry->location)
		rc |= records_add_text(records, "LINUXKIT.location",
				       entry->location);
	if (options->origins && entry->origin)
		rc |= records_add_text(records, "LINUXKIT.source",
				       entry->origin);
	rc |= set_name(records, "path", header->name, path);
	if (target)
		rc |= set_name(records, "linkpath", header->linkname, target);
	(void)octal(header->mode, sizeof(header->mode), entry->mode);
	rc |= set_number(records, "uid", header->uid, sizeof(header->uid),
			 entry->uid);
	rc |= set_number(records, "gid", header->gid, sizeof(header->gid),
			 entry->gid);
	rc |= set_number(records, "size", header->size, sizeof(header->size),
			 link ? 0 : entry->size);
	rc |= set_time(records, header, MIN(entry->mtime, options->epoch));
	(void)octal(header->major, sizeof(header->major), 0);
	(void)octal(header->minor, sizeof(header->minor), 0);
	if (!link && (entry->type == TREE_CHAR || entry->type == TREE_BLOCK)) {
		/* Linux has 12 bits of major and 20 of minor: they fit. */
		(void)octal(header->major, sizeof(header->major), entry->major);
		(void)octal(header->minor, sizeof(header->minor), entry->minor);
	}
	if (!link)
		rc |= add_xattrs(records, entry);
	return rc ? -ENOMEM : 0;
}

static int write_entry(const struct tree_entry *entry, const char *path,
		       const char *link, const struct tar_options *options,
		       struct sink *sink, struct err *err)
{
	struct header header = {0};
	struct records records = {0};
	int rc = describe(entry, path, link, options, &header, &records);

	if (rc)
		rc = err_set(err, rc, "%s", path);
	if (!rc)
		rc = write_records(&records, sink, err);
	free(records.text);
	if (!rc)
		rc = write_header(&header, sink, err);
	if (rc || link || !entry->content)
		return rc;
	rc = sink_content(sink, entry->content, err);
	if (rc)
		return err_prefix(err, "%s", path);
	return sink_zeros(sink, -entry->size % BLOCK, err);
}

static char *name_make(const struct tree_entry *entry, const char *prefix)
{
	char *name = NULL;
	bool root = !*entry->path;

	if (asprintf(&name, "%s%s%s",
		     prefix ? prefix
		     : root ? "."
			    : "",
		     entry->path,
		     entry->type == TREE_DIR && (!root || !prefix) ? "/" : "") <
	    0)
		return NULL;
	return name;
}

int archive_write_tar(const struct tree *tree,
		      const struct tar_options *options, struct sink *sink,
		      struct err *err)
{
	AUTO_FREE size_t *firsts = tree_link_firsts(tree);
	int rc = 0;

	if (!firsts)
		return err_set(err, -ENOMEM, "tar");
	for (size_t i = 0; i < tree_num(tree) && !rc; i++) {
		const struct tree_entry *entry = tree_at(tree, i);
		AUTO_FREE char *path = name_make(entry, options->prefix);
		AUTO_FREE char *link = NULL;

		if (entry->implied && !options->implied)
			continue;
		if (firsts[i] != i)
			link = name_make(tree_at(tree, firsts[i]),
					 options->prefix);
		if (!path || (firsts[i] != i && !link))
			return err_set(err, -ENOMEM, "%s", entry->path);
		rc = write_entry(entry, path, link, options, sink, err);
	}
	return rc ? rc : archive_write_tar_end(sink, err);
}

int archive_write_tar_member(const char *path, struct tree_content *content,
			     int64_t epoch, struct sink *sink, struct err *err)
{
	struct tar_options options = {.epoch = epoch};
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = {
		.path = copy,
		.mode = 0644,
		.mtime = epoch,
		.size = content ? tree_content_size(content) : 0,
		.content = content,
	};

	if (!copy)
		return err_set(err, -ENOMEM, "%s", path);
	return write_entry(&entry, path, NULL, &options, sink, err);
}

int archive_write_tar_gnu(const char *path, const struct tree_content *content,
			  uint64_t size, int64_t epoch, struct sink *sink,
			  struct err *err)
{
	struct header header = {.type = '0'};
	int rc;

	memcpy(header.name, path, MIN(strlen(path), sizeof(header.name)));
	memcpy(header.magic, "ustar ", 6);
	memcpy(header.version, " ", 2);
	(void)octal(header.mode, sizeof(header.mode), 0644);
	(void)octal(header.uid, sizeof(header.uid), 0);
	(void)octal(header.gid, sizeof(header.gid), 0);
	(void)octal(header.mtime, sizeof(header.mtime),
		    epoch > 0 ? (uint64_t)epoch : 0);
	if (!octal(header.size, sizeof(header.size), size)) {
		uint64_t bytes = htobe64(size);

		header.size[0] = (char)0x80; /* base 256 */
		memcpy(header.size + 4, &bytes, sizeof(bytes));
	}
	rc = write_header(&header, sink, err);
	if (!rc)
		rc = sink_content(sink, content, err);
	return rc ? rc
		  : sink_zeros(sink,
			       size - tree_content_size(content) +
				       (-size % BLOCK),
			       err);
}

int archive_write_tar_end(struct sink *sink, struct err *err)
{
	return sink_zeros(sink, (uint64_t)2 * BLOCK, err);
}
