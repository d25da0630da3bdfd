/* image_rig.h - trees and archives for tests. */
#pragma once

#include "tree.h"

#include <stddef.h>
#include <stdint.h>

/** rig_tree() - an empty tree; asserts. */
struct tree *rig_tree(void);

/** rig_put() - @text: content of a file or target of a symbolic link. Return:
 * that of tree_put(). */
int rig_put(struct tree *tree, enum tree_type type, const char *path,
	    const char *text);

/** rig_put_entry() - @entry at @path with @text as content; asserts. */
void rig_put_entry(struct tree *tree, const char *path, const char *text,
		   struct tree_entry entry);

/** rig_sample() - a tree with every type of entry, owners, modes, times, a hard
 * link, xattrs, long and odd names. */
struct tree *rig_sample(void);

/** rig_paths() - "/ /a /a/b " in a buffer that the next call uses again. */
const char *rig_paths(const struct tree *tree);

/** rig_assert_same() - both trees have the same digest, and say where not. */
void rig_assert_same(const struct tree *one, const struct tree *two);

/** rig_temp() - a nameless file; asserts. */
int rig_temp(void);

/** rig_dir() - a new directory in $TMPDIR or /tmp, path in a buffer to free().
 */
char *rig_dir(void);

/** rig_remove() - a directory of rig_dir() with all below, freed. */
void rig_remove(char *dir);

/** rig_sh() - run a shell command made by printf rules; asserts that it
 * succeeds. */
void rig_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
