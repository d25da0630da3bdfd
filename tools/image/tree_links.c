/*
 * tree_links.c - which entries of a tree are names of one file. See tree.h.
 */
#include "tree.h"

#include "tree_internal.h"

#include <errno.h>
#include <stdlib.h>

int tree_link_map_init(struct tree_link_map *map, const struct tree *tree)
{
	size_t num = 0;

	for (size_t i = 0; i < tree_num(tree); i++)
		num += tree_at(tree, i)->link != 0;
	map->slot_num = 2 * num + 1;
	map->slots = calloc(map->slot_num, sizeof(*map->slots));
	return map->slots ? 0 : -ENOMEM;
}

uint64_t *tree_link_map_at(struct tree_link_map *map, uint64_t link)
{
	size_t i = (size_t)(link % map->slot_num);

	while (map->slots[i].link && map->slots[i].link != link)
		i = (i + 1) % map->slot_num;
	map->slots[i].link = link;
	return &map->slots[i].value;
}

void tree_link_map_fini(struct tree_link_map *map)
{
	free(map->slots);
}

size_t *tree_link_firsts(const struct tree *tree)
{
	struct tree_link_map map;
	size_t *firsts = calloc(tree_num(tree), sizeof(*firsts));

	if (!firsts || tree_link_map_init(&map, tree)) {
		free(firsts);
		return NULL;
	}
	for (size_t i = 0; i < tree_num(tree); i++) {
		uint64_t link = tree_at(tree, i)->link;
		uint64_t *first;

		firsts[i] = i;
		if (!link)
			continue;
		first = tree_link_map_at(&map, link);
		if (*first)
			firsts[i] = (size_t)*first;
		*first = firsts[i]; /* never 0: that is the root */
	}
	tree_link_map_fini(&map);
	return firsts;
}
