/*
 * tree_hash.h - the hash that git gives a tree; one thread.
 */
#pragma once

#include "err.h"
#include "tree.h"

#define TREE_HASH_HEX 41U /* SHA-1 with NUL */

/**
 * tree_hash() - as "git write-tree" would name it
 *
 * Names, contents, links and whether the owner may execute count; owners, times
 * and empty directories do not.
 *
 * Return: 0; -EINVAL if there is a device or FIFO; or the negative errno of a
 * failed read; with @err.
 */
int tree_hash(const struct tree *tree, char hex[TREE_HASH_HEX],
	      struct err *err);
