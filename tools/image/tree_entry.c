/*
 * tree_entry.c - one entry of a tree: check, copy, release. See tree.h.
 */
#include "tree_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XATTRS_MAX 64U
#define XATTR_BYTES_MAX 65536U /* what Linux takes at most */

static int bad(struct err *err, const struct tree_entry *entry,
	       const char *what)
{
	return err_setx(err, -EINVAL, "%s: %s",
			*entry->path ? entry->path : "/", what);
}

static int xattrs_ok(const struct tree_entry *entry, struct err *err)
{
	if (entry->xattr_num > XATTRS_MAX)
		return bad(err, entry, "too many extended attributes");
	for (size_t i = 0; i < entry->xattr_num; i++) {
		const struct tree_xattr *xattr = &entry->xattrs[i];
		size_t len = strlen(xattr->name);

		if (len == 0 || len > TREE_NAME_MAX || strchr(xattr->name, '='))
			return bad(err, entry,
				   "bad name of an extended attribute");
		if (xattr->size > XATTR_BYTES_MAX)
			return bad(err, entry, "extended attribute too large");
		for (size_t k = 0; k < i; k++) {
			if (strcmp(xattr->name, entry->xattrs[k].name) == 0)
				return bad(err, entry,
					   "extended attribute given twice");
		}
	}
	return 0;
}

int tree_entry_ok(const struct tree_entry *entry, struct err *err)
{
	uint64_t size = entry->content ? tree_content_size(entry->content) : 0;

	if (!tree_path_ok(entry->path))
		return err_setx(err, -EINVAL,
				"\"%.200s\": not a path inside the tree",
				entry->path);
	if (!*entry->path && entry->type != TREE_DIR)
		return bad(err, entry, "the root must be a directory");
	if (entry->type > TREE_FIFO)
		return bad(err, entry, "unknown type");
	if (entry->mode > 07777)
		return bad(err, entry, "bad mode");
	if (entry->type == TREE_FILE ? size != entry->size
				     : entry->content || entry->size)
		return bad(err, entry, "size and content differ");
	if (entry->type != TREE_SYMLINK ? entry->target != NULL
					: !entry->target || !*entry->target)
		return bad(err, entry, "bad target of a symbolic link");
	if (entry->target && strlen(entry->target) >= TREE_PATH_SIZE)
		return bad(err, entry, "target of a symbolic link too long");
	if (entry->implied && entry->type != TREE_DIR)
		return bad(err, entry, "only a directory can be implied");
	if (entry->link && entry->type == TREE_DIR)
		return bad(err, entry, "a directory has no hard links");
	return xattrs_ok(entry, err);
}

static int xattr_compare(const void *a, const void *b)
{
	const struct tree_xattr *left = a;
	const struct tree_xattr *right = b;

	return strcmp(left->name, right->name);
}

static int xattrs_copy(struct tree_entry *to, const struct tree_entry *from)
{
	if (!from->xattr_num)
		return 0;
	to->xattrs = calloc(from->xattr_num, sizeof(*to->xattrs));
	if (!to->xattrs)
		return -ENOMEM;
	for (size_t i = 0; i < from->xattr_num; i++) {
		struct tree_xattr *xattr = &to->xattrs[i];

		to->xattr_num++;
		xattr->size = from->xattrs[i].size;
		xattr->name = strdup(from->xattrs[i].name);
		xattr->value = malloc(xattr->size ? xattr->size : 1);
		if (!xattr->name || !xattr->value)
			return -ENOMEM;
		if (xattr->size)
			memcpy(xattr->value, from->xattrs[i].value,
			       xattr->size);
	}
	qsort(to->xattrs, to->xattr_num, sizeof(*to->xattrs), xattr_compare);
	return 0;
}

int tree_entry_copy(struct tree_entry *to, const struct tree_entry *from)
{
	*to = *from;
	to->content = from->content ? tree_content_ref(from->content) : NULL;
	to->xattrs = NULL;
	to->xattr_num = 0;
	to->path = strdup(from->path);
	to->target = from->target ? strdup(from->target) : NULL;
	if (!to->path || (from->target && !to->target) ||
	    xattrs_copy(to, from)) {
		tree_entry_fini(to);
		return -ENOMEM;
	}
	return 0;
}

void tree_entry_fini(struct tree_entry *entry)
{
	for (size_t i = 0; i < entry->xattr_num; i++) {
		free(entry->xattrs[i].name);
		free(entry->xattrs[i].value);
	}
	free(entry->xattrs);
	free(entry->path);
	free(entry->target);
	tree_content_unref(entry->content);
}
