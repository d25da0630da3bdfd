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

/** struct tree_link_map - something per serial number of the hard links of a
 * tree; at most half full, 0 is an empty slot */
struct tree_link_map {
	struct {
		uint64_t link;
		uint64_t value;
	} * slots;
	size_t slot_num;
};

/** tree_link_map_init() - room for all links of @tree. Return: 0 or -ENOMEM;
 * tree_link_map_fini() when done. */
int tree_link_map_init(struct tree_link_map *map, const struct tree *tree);

/** tree_link_map_at() - the value of @link; 0 at first. */
uint64_t *tree_link_map_at(struct tree_link_map *map, uint64_t link);

/** tree_link_map_fini() - release. */
void tree_link_map_fini(struct tree_link_map *map);
