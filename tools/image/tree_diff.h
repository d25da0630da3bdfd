/*
 * tree_diff.h - in what two trees differ; one thread.
 */
#pragma once

#include "err.h"
#include "tree.h"

/* What differs; 0 is never told. */
#define TREE_DIFF_ADDED 0x001U	 /* only in the second */
#define TREE_DIFF_REMOVED 0x002U /* only in the first */
#define TREE_DIFF_TYPE 0x004U
#define TREE_DIFF_MODE 0x008U
#define TREE_DIFF_OWNER 0x010U
#define TREE_DIFF_CONTENT 0x020U
#define TREE_DIFF_TARGET 0x040U
#define TREE_DIFF_DEVICE 0x080U
#define TREE_DIFF_XATTRS 0x100U
#define TREE_DIFF_LINKS 0x200U /* names of one file in only one of them */

/**
 * tree_diff_fn - told of one difference, in path order
 * @from: NULL if added
 * @to:   NULL if removed
 *
 * Return: 0 to go on, else tree_diff() ends with it.
 */
typedef int (*tree_diff_fn)(void *data, unsigned int what,
			    const struct tree_entry *from,
			    const struct tree_entry *to);

/** tree_diff() - tell @fn all differences; times are none. Return: 0, that of
 * @fn, or the negative errno of a failed read with @err. */
int tree_diff(const struct tree *from, const struct tree *to, tree_diff_fn fn,
	      void *data, struct err *err);
