/*
 * tree_merge.c - one tree into another, and the digest of a tree. See tree.h.
 */
#include "tree.h"

#include "cleanup.h"
#include "sha256.h"
#include "tree_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tree_merge(struct tree *tree, const struct tree *from, const char *prefix,
	       struct err *err)
{
	struct tree_link_map map;
	char path[TREE_PATH_SIZE];
	int rc = 0;

	if (tree_link_map_init(&map, from))
		return err_set(err, -ENOMEM, "file tree");
	for (size_t i = 0; i < tree_num(from) && !rc; i++) {
		struct tree_entry entry = *tree_at(from, i);
		int len =
			snprintf(path, sizeof(path), "%s%s%s", prefix,
				 *prefix && *entry.path ? "/" : "", entry.path);

		if (len < 0 || (size_t)len >= sizeof(path)) {
			rc = err_setx(err, -EINVAL,
				      "%s: path too long below %s", entry.path,
				      prefix);
			break;
		}
		entry.path = path;
		if (entry.link) {
			uint64_t *to = tree_link_map_at(&map, entry.link);

			if (!*to)
				*to = tree_new_link(tree);
			entry.link = *to;
		}
		rc = tree_put(tree, &entry, err);
	}
	tree_link_map_fini(&map);
	return rc;
}

static void add_number(struct sha256 *sum, uint64_t number)
{
	uint64_t le = htole64(number);

	sha256_update(sum, &le, sizeof(le));
}

static void add_bytes(struct sha256 *sum, const void *bytes, size_t size)
{
	add_number(sum, size);
	sha256_update(sum, bytes, size);
}

static int add_entry(struct sha256 *sum, const struct tree_entry *entry,
		     uint64_t link, struct err *err)
{
	uint8_t digest[TREE_DIGEST_SIZE];
	int rc = tree_content_digest(entry->content, digest, err);

	if (rc)
		return rc;
	add_bytes(sum, entry->path, strlen(entry->path));
	add_number(sum, entry->type);
	add_number(sum, entry->mode);
	add_number(sum, entry->uid);
	add_number(sum, entry->gid);
	add_number(sum, entry->size);
	add_bytes(sum, digest, sizeof(digest));
	add_bytes(sum, entry->target,
		  entry->target ? strlen(entry->target) : 0);
	add_number(sum, entry->major);
	add_number(sum, entry->minor);
	add_number(sum, link);
	add_number(sum, entry->xattr_num);
	for (size_t i = 0; i < entry->xattr_num; i++) {
		const struct tree_xattr *xattr = &entry->xattrs[i];

		add_bytes(sum, xattr->name, strlen(xattr->name));
		add_bytes(sum, xattr->value, xattr->size);
	}
	return 0;
}

int tree_digest(const struct tree *tree, uint8_t digest[TREE_DIGEST_SIZE],
		struct err *err)
{
	struct tree_link_map map;
	struct sha256 *sum = NULL;
	uint64_t last = 0;
	int rc = sha256_create(&sum, err);

	if (rc)
		return rc;
	if (tree_link_map_init(&map, tree)) {
		sha256_destroy(sum);
		return err_set(err, -ENOMEM, "file tree");
	}
	for (size_t i = 0; i < tree_num(tree) && !rc; i++) {
		const struct tree_entry *entry = tree_at(tree, i);
		uint64_t link = 0;

		if (entry->link) {
			uint64_t *to = tree_link_map_at(&map, entry->link);

			if (!*to)
				*to = ++last;
			link = *to;
		}
		rc = add_entry(sum, entry, link, err);
	}
	if (!rc)
		sha256_final(sum, digest);
	tree_link_map_fini(&map);
	sha256_destroy(sum);
	return rc;
}
