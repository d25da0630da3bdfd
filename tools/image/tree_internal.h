/* tree_internal.h - shared by the files that implement tree.h. */
#pragma once

#include "tree.h"

#include <stdbool.h>

/** tree_path_ok() - is @path what the head of tree.h says? */
bool tree_path_ok(const char *path);

/** tree_entry_ok() - are the fields of @entry what struct tree_entry says? */
int tree_entry_ok(const struct tree_entry *entry, struct err *err);

/** tree_entry_copy() - @to gets copies of what @from owns and a reference to
 * its content; origin and location are left as they are in @from. Return: 0 or
 * -ENOMEM, then @to owns nothing. */
int tree_entry_copy(struct tree_entry *to, const struct tree_entry *from);

/** tree_entry_fini() - release what @entry owns. */
void tree_entry_fini(struct tree_entry *entry);
