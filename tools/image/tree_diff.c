/*
 * tree_diff.c - see tree_diff.h.
 */
#include "tree_diff.h"

#include "interrupt.h"

#include <stdbool.h>
#include <string.h>

static bool xattrs_same(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->xattr_num != b->xattr_num)
		return false;
	for (size_t i = 0; i < a->xattr_num; i++) {
		const struct tree_xattr *x = &a->xattrs[i];
		const struct tree_xattr *y = &b->xattrs[i];

		if (strcmp(x->name, y->name) != 0 || x->size != y->size ||
		    memcmp(x->value, y->value, x->size) != 0)
			return false;
	}
	return true;
}

static int content_differs(const struct tree_entry *a,
			   const struct tree_entry *b, struct err *err)
{
	uint8_t x[TREE_DIGEST_SIZE];
	uint8_t y[TREE_DIGEST_SIZE];
	int rc;

	if (a->size != b->size)
		return 1;
	if (a->content == b->content)
		return 0;
	rc = tree_content_digest(a->content, x, err);
	if (!rc)
		rc = tree_content_digest(b->content, y, err);
	return rc ? rc : memcmp(x, y, sizeof(x)) != 0;
}

static int compare(const struct tree_entry *a, const struct tree_entry *b,
		   unsigned int *what, struct err *err)
{
	int rc;

	*what = 0;
	if (a->mode != b->mode)
		*what |= TREE_DIFF_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		*what |= TREE_DIFF_OWNER;
	if (!xattrs_same(a, b))
		*what |= TREE_DIFF_XATTRS;
	if (!a->link != !b->link)
		*what |= TREE_DIFF_LINKS;
	if (a->type != b->type) {
		*what |= TREE_DIFF_TYPE;
		return 0;
	}
	if (a->major != b->major || a->minor != b->minor)
		*what |= TREE_DIFF_DEVICE;
	if (a->target && strcmp(a->target, b->target) != 0)
		*what |= TREE_DIFF_TARGET;
	if (a->type != TREE_FILE)
		return 0;
	rc = content_differs(a, b, err);
	if (rc > 0)
		*what |= TREE_DIFF_CONTENT;
	return rc < 0 ? rc : 0;
}

int tree_diff(const struct tree *from, const struct tree *to, tree_diff_fn fn,
	      void *data, struct err *err)
{
	size_t i = 0;
	size_t k = 0;
	int rc = 0;

	while (!rc && (i < tree_num(from) || k < tree_num(to))) {
		const struct tree_entry *a =
			i < tree_num(from) ? tree_at(from, i) : NULL;
		const struct tree_entry *b =
			k < tree_num(to) ? tree_at(to, k) : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);
		unsigned int what;

		rc = interrupt_check(err);
		if (rc)
			break;
		if (!b || order < 0) {
			rc = fn(data, TREE_DIFF_REMOVED, a, NULL);
			i++;
		} else if (!a || order > 0) {
			rc = fn(data, TREE_DIFF_ADDED, NULL, b);
			k++;
		} else {
			rc = compare(a, b, &what, err);
			if (!rc && what)
				rc = fn(data, what, a, b);
			i++;
			k++;
		}
	}
	return rc;
}
