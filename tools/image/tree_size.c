/*
 * tree_size.c - bytes by group. See tree_size.h.
 */
#include "tree_size.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tree_size_by_directory(void *data, const struct tree_entry *entry,
			    char *name, size_t size)
{
	const unsigned int *depth = data;
	const char *end = strrchr(entry->path, '/');
	const char *at = entry->path;
	size_t len;

	for (unsigned int i = 0; i < *depth && end; i++) {
		at = strchr(at, '/');
		if (!at || at >= end) {
			at = end;
			break;
		}
		at++;
	}
	len = end ? (size_t)(at - entry->path) : 0;
	while (len && entry->path[len - 1] == '/')
		len--;
	(void)snprintf(name, size, "/%.*s", (int)len, entry->path);
}

void tree_size_by_origin(void *data, const struct tree_entry *entry, char *name,
			 size_t size)
{
	(void)data;
	(void)snprintf(name, size, "%s",
		       entry->origin ? entry->origin : "(unknown)");
}

void tree_size_by_file(void *data, const struct tree_entry *entry, char *name,
		       size_t size)
{
	(void)data;
	(void)snprintf(name, size, "/%s", entry->path);
}

static int by_name(const void *a, const void *b)
{
	const struct tree_size_item *left = a;
	const struct tree_size_item *right = b;

	return strcmp(left->name, right->name);
}

static int by_bytes(const void *a, const void *b)
{
	const struct tree_size_item *left = a;
	const struct tree_size_item *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return strcmp(left->name, right->name);
}

/* One item per name. */
static void join(struct tree_size *size)
{
	size_t used = 0;

	for (size_t i = 0; i < size->num; i++) {
		struct tree_size_item *item = &size->items[i];

		if (used &&
		    strcmp(size->items[used - 1].name, item->name) == 0) {
			size->items[used - 1].bytes += item->bytes;
			size->items[used - 1].files += item->files;
			free(item->name);
		} else {
			size->items[used++] = *item;
		}
	}
	size->num = used;
}

int tree_size_group(struct tree_size *out, const struct tree *tree,
		    tree_size_fn fn, void *data, struct err *err)
{
	AUTO_FREE size_t *firsts = tree_link_firsts(tree);
	char name[TREE_PATH_SIZE + 1];

	*out = (struct tree_size){0};
	out->items = calloc(tree_num(tree), sizeof(*out->items));
	if (!out->items || !firsts)
		return err_set(err, -ENOMEM, "sizes");
	for (size_t i = 0; i < tree_num(tree); i++) {
		const struct tree_entry *entry = tree_at(tree, i);
		struct tree_size_item *item = &out->items[out->num];

		if (entry->type != TREE_FILE || firsts[i] != i)
			continue;
		fn(data, entry, name, sizeof(name));
		item->name = strdup(name);
		if (!item->name)
			return err_set(err, -ENOMEM, "sizes");
		item->bytes = entry->size;
		item->files = 1;
		out->num++;
		out->bytes += entry->size;
		out->files++;
	}
	qsort(out->items, out->num, sizeof(*out->items), by_name);
	join(out);
	qsort(out->items, out->num, sizeof(*out->items), by_bytes);
	return 0;
}

void tree_size_fini(struct tree_size *size)
{
	for (size_t i = 0; i < size->num; i++)
		free(size->items[i].name);
	free(size->items);
	*size = (struct tree_size){0};
}
