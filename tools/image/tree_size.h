/*
 * tree_size.h - what takes the space in a tree; one thread.
 *
 * Bytes are those of the files; one with several names counts once, at its
 * first name.
 */
#pragma once

#include "err.h"
#include "sink.h"
#include "tree.h"

#include <stddef.h>
#include <stdint.h>

/** struct tree_size_item - one group of files; @name is owned */
struct tree_size_item {
	char *name;
	uint64_t bytes;
	size_t files;
};

/** struct tree_size - groups, the largest first */
struct tree_size {
	struct tree_size_item *items;
	size_t num;
	uint64_t bytes;
	size_t files;
};

/**
 * tree_size_fn - which group a file belongs to
 * @name: filled, cut to @size bytes
 */
typedef void (*tree_size_fn)(void *data, const struct tree_entry *entry,
			     char *name, size_t size);

/** tree_size_group() - sum up by what @fn says. Return: 0 or -ENOMEM with @err;
 * tree_size_fini() in both cases. */
int tree_size_group(struct tree_size *out, const struct tree *tree,
		    tree_size_fn fn, void *data, struct err *err);

/** tree_size_by_directory() - a tree_size_fn; @data: how deep, a pointer to
 * unsigned int. */
void tree_size_by_directory(void *data, const struct tree_entry *entry,
			    char *name, size_t size);

/** tree_size_by_origin() - a tree_size_fn; @data is not used. */
void tree_size_by_origin(void *data, const struct tree_entry *entry, char *name,
			 size_t size);

/** tree_size_by_file() - a tree_size_fn; @data is not used. */
void tree_size_by_file(void *data, const struct tree_entry *entry, char *name,
		       size_t size);

/** tree_size_fini() - release. */
void tree_size_fini(struct tree_size *size);

/** tree_size_svg() - a treemap: areas are bytes, directories lie in each other,
 * tool tips name what they are. Return: 0 or a negative errno with @err. */
int tree_size_svg(const struct tree *tree, const char *title, struct sink *sink,
		  struct err *err);
