/*
 * tree.c - the entries of a tree. See tree.h.
 *
 * A hash table finds a path, links between nodes say what is below a directory,
 * and a sorted array, made when it is first asked for after a change, gives the
 * order. So any number of entries may be put in any order, then walked.
 */
#include "tree.h"

#include "cleanup.h"
#include "tree_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 256U
#define TREE_NUM_MAX 16000000U /* entries; more is no image */

struct node {
	struct tree_entry entry;
	uint32_t hash;
	struct node *hash_next;
	struct node *parent;
	struct node *children;
	struct node *next; /* brother */
	struct node *prev;
};

/* Apart from struct tree: walking a constant tree may sort it. */
struct order {
	struct node **nodes; /* room for every node of the tree */
	size_t capacity;
	bool valid;
};

struct name {
	struct name *next;
	char text[];
};

struct tree {
	struct node *root;
	size_t num;
	struct node **buckets;
	size_t bucket_num; /* a power of two */
	struct order *order;
	struct name *names; /* origins and locations */
	uint64_t last_link;
};

/* FNV-1a */
static uint32_t hash_path(const char *path, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 16777619U;
	return hash;
}

static struct node *find(const struct tree *tree, const char *path, size_t len)
{
	uint32_t hash = hash_path(path, len);
	struct node *node = tree->buckets[hash & (tree->bucket_num - 1)];

	for (; node; node = node->hash_next) {
		if (node->hash == hash &&
		    strncmp(node->entry.path, path, len) == 0 &&
		    node->entry.path[len] == '\0')
			return node;
	}
	return NULL;
}

/* Room for one more node, in the order and, best effort, in the hash table. */
static int reserve(struct tree *tree)
{
	struct order *order = tree->order;
	struct node **buckets;
	size_t num = 2 * tree->bucket_num;

	if (tree->num >= TREE_NUM_MAX)
		return -ENOMEM;
	if (tree->num + 1 > order->capacity) {
		size_t capacity = order->capacity ? 2 * order->capacity : 256;
		struct node **nodes = reallocarray(order->nodes, capacity,
						   sizeof(struct node *));

		if (!nodes)
			return -ENOMEM;
		order->nodes = nodes;
		order->capacity = capacity;
	}
	if (tree->num < tree->bucket_num)
		return 0;
	buckets = calloc(num, sizeof(struct node *));
	if (!buckets)
		return 0; /* slower, not wrong */
	for (size_t i = 0; i < tree->bucket_num; i++) {
		struct node *node = tree->buckets[i];

		while (node) {
			struct node *next = node->hash_next;
			struct node **bucket = &buckets[node->hash & (num - 1)];

			node->hash_next = *bucket;
			*bucket = node;
			node = next;
		}
	}
	free(tree->buckets);
	tree->buckets = buckets;
	tree->bucket_num = num;
	return 0;
}

static void insert(struct tree *tree, struct node *node, struct node *parent)
{
	struct node **bucket;

	node->hash = hash_path(node->entry.path, strlen(node->entry.path));
	bucket = &tree->buckets[node->hash & (tree->bucket_num - 1)];
	node->hash_next = *bucket;
	*bucket = node;
	node->parent = parent;
	if (parent) {
		node->next = parent->children;
		if (node->next)
			node->next->prev = node;
		parent->children = node;
	}
	tree->num++;
	tree->order->valid = false;
}

static void node_free(struct node *node)
{
	tree_entry_fini(&node->entry);
	free(node);
}

/* Take a node without children out of everything and free it. */
static void drop(struct tree *tree, struct node *node)
{
	struct node **at = &tree->buckets[node->hash & (tree->bucket_num - 1)];

	while (*at != node)
		at = &(*at)->hash_next;
	*at = node->hash_next;
	if (node->next)
		node->next->prev = node->prev;
	if (node->prev)
		node->prev->next = node->next;
	else if (node->parent)
		node->parent->children = node->next;
	tree->num--;
	tree->order->valid = false;
	node_free(node);
}

/* Leaves first, without recursion: a path may have 2000 components. */
static void drop_below(struct tree *tree, struct node *top)
{
	struct node *node = top;

	while (top->children) {
		while (node->children)
			node = node->children;
		while (node != top && !node->children) {
			struct node *parent = node->parent;

			drop(tree, node);
			node = parent;
		}
	}
}

/* Origins and locations are few and come in runs: the last one is in front. */
static const char *name_keep(struct tree *tree, const char *text)
{
	struct name **at = &tree->names;
	struct name *name;
	size_t size;

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->text, text) != 0)
			continue;
		name = *at;
		*at = name->next;
		name->next = tree->names;
		tree->names = name;
		return name->text;
	}
	size = strlen(text) + 1;
	name = malloc(sizeof(*name) + size);
	if (!name)
		return NULL;
	memcpy(name->text, text, size);
	name->next = tree->names;
	tree->names = name;
	return name->text;
}

static int node_new(struct tree *tree, const struct tree_entry *entry,
		    struct node **out)
{
	const char *origin = NULL;
	const char *location = NULL;
	struct node *node;

	if (reserve(tree))
		return -ENOMEM;
	if (entry->origin) {
		origin = name_keep(tree, entry->origin);
		if (!origin)
			return -ENOMEM;
	}
	if (entry->location) {
		location = name_keep(tree, entry->location);
		if (!location)
			return -ENOMEM;
	}
	node = calloc(1, sizeof(*node));
	if (!node || tree_entry_copy(&node->entry, entry)) {
		free(node);
		return -ENOMEM;
	}
	node->entry.origin = origin;
	node->entry.location = location;
	*out = node;
	return 0;
}

/*
 * The directory that holds @entry; made if it is missing, with all above it.
 * What is there on the way are directories: the path has been resolved.
 */
static int make_parent(struct tree *tree, const struct tree_entry *entry,
		       struct node **out, struct err *err)
{
	const char *slash = strrchr(entry->path, '/');
	size_t want = slash ? (size_t)(slash - entry->path) : 0;
	struct tree_entry dir = {
		.type = TREE_DIR,
		.mode = 0755,
		.mtime = entry->mtime,
		.implied = true,
		.origin = entry->origin,
		.location = entry->location,
	};
	size_t len = want;
	struct node *parent;

	while (!(parent = find(tree, entry->path, len))) {
		while (len && entry->path[--len] != '/')
			;
	}
	while (len < want) {
		struct node *node;

		len += len != 0; /* over the slash */
		len += strcspn(entry->path + len, "/");
		dir.path = strndup(entry->path, len);
		if (!dir.path || node_new(tree, &dir, &node)) {
			free(dir.path);
			return err_set(err, -ENOMEM, "%s", entry->path);
		}
		free(dir.path);
		insert(tree, node, parent);
		parent = node;
	}
	*out = parent;
	return 0;
}

/* Both are directories: what is below stays. */
static void replace_entry(struct node *old, struct node *new)
{
	struct tree_entry entry = old->entry;

	old->entry = new->entry;
	new->entry = entry;
	node_free(new);
}

/* Is the parent of @path a directory of the tree, with no link on the way? */
static bool parent_found(const struct tree *tree, const char *path)
{
	const char *slash = strrchr(path, '/');
	const struct node *parent =
		find(tree, path, slash ? (size_t)(slash - path) : 0);

	return parent && parent->entry.type == TREE_DIR;
}

static int put_resolved(struct tree *tree, const struct tree_entry *entry,
			struct err *err)
{
	struct node *parent = NULL;
	struct node *node;
	struct node *old;
	int rc;

	if (*entry->path) {
		rc = make_parent(tree, entry, &parent, err);
		if (rc)
			return rc;
	}
	old = find(tree, entry->path, strlen(entry->path));
	/* What is below goes through a link as it would through a directory. */
	if (old && entry->implied &&
	    (old->entry.type == TREE_DIR || old->entry.type == TREE_SYMLINK))
		return 0;
	if (node_new(tree, entry, &node))
		return err_set(err, -ENOMEM, "%s", entry->path);
	if (node->entry.link > tree->last_link)
		tree->last_link = node->entry.link;

	if (old && old->entry.type == TREE_DIR &&
	    node->entry.type == TREE_DIR) {
		replace_entry(old, node);
		return 0;
	}
	if (old) {
		drop_below(tree, old);
		drop(tree, old);
	}
	insert(tree, node, parent);
	return 0;
}

int tree_put(struct tree *tree, const struct tree_entry *entry, struct err *err)
{
	struct tree_entry resolved = *entry;
	char path[TREE_PATH_SIZE];
	int rc = tree_entry_ok(entry, err);

	if (rc)
		return rc;
	if (*entry->path && !parent_found(tree, entry->path)) {
		rc = tree_resolve(tree, entry->path, path);
		if (rc)
			return err_set(err, rc, "%s", entry->path);
		resolved.path = path;
	}
	return put_resolved(tree, &resolved, err);
}

int tree_put_bytes(struct tree *tree, const char *path,
		   const struct tree_entry *like, const void *bytes,
		   size_t size, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = *like;
	int rc = copy ? 0 : err_set(err, -ENOMEM, "%s", path);

	entry.path = copy;
	entry.type = TREE_FILE;
	entry.size = size;
	entry.content = NULL;
	if (!rc && size)
		rc = tree_content_memory(&entry.content, bytes, size, err);
	if (!rc)
		rc = tree_put(tree, &entry, err);
	tree_content_unref(entry.content);
	return rc;
}

int tree_link(struct tree *tree, const char *path, const char *target,
	      struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	AUTO_FREE char *resolved = malloc(TREE_PATH_SIZE);
	struct tree_entry entry;
	struct node *node = NULL;
	int rc;

	if (!copy || !resolved)
		return err_set(err, -ENOMEM, "%s", path);
	if (!tree_path_ok(target))
		return err_setx(err, -EINVAL, "%s: hard link to a bad path",
				path);
	rc = tree_resolve(tree, target, resolved);
	if (!rc)
		node = find(tree, resolved, strlen(resolved));
	if (!node)
		return err_setx(err, -ENOENT,
				"%s: hard link to %s, which is not there", path,
				target);
	if (node->entry.type == TREE_DIR)
		return err_setx(err, -EISDIR,
				"%s: hard link to the directory %s", path,
				target);
	if (tree_path_ok(path) && tree_resolve(tree, path, resolved) == 0 &&
	    strcmp(resolved, node->entry.path) == 0)
		return err_setx(err, -EINVAL, "%s: hard link to itself", path);
	if (!node->entry.link)
		node->entry.link = tree_new_link(tree);
	entry = node->entry;
	entry.path = copy;
	return tree_put(tree, &entry, err);
}

void tree_remove(struct tree *tree, const char *path)
{
	struct node *node = find(tree, path, strlen(path));

	if (!node)
		return;
	drop_below(tree, node);
	if (node != tree->root)
		drop(tree, node);
}

void tree_empty(struct tree *tree, const char *path)
{
	struct node *node = find(tree, path, strlen(path));

	if (node)
		drop_below(tree, node);
}

uint64_t tree_new_link(struct tree *tree)
{
	return ++tree->last_link;
}

int tree_create(struct tree **out, struct err *err)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	char no_path[] = "";
	struct tree_entry root = {.path = no_path,
				  .type = TREE_DIR,
				  .mode = 0755,
				  .implied = true};

	if (!tree)
		return err_set(err, -ENOMEM, "file tree");
	tree->bucket_num = BUCKETS_MIN;
	tree->buckets = calloc(tree->bucket_num, sizeof(struct node *));
	tree->order = calloc(1, sizeof(*tree->order));
	if (!tree->buckets || !tree->order ||
	    node_new(tree, &root, &tree->root)) {
		tree_destroy(tree);
		return err_set(err, -ENOMEM, "file tree");
	}
	insert(tree, tree->root, NULL);
	*out = tree;
	return 0;
}

void tree_destroy(struct tree *tree)
{
	if (!tree)
		return;
	if (tree->root) {
		drop_below(tree, tree->root);
		node_free(tree->root);
	}
	while (tree->names) {
		struct name *next = tree->names->next;

		free(tree->names);
		tree->names = next;
	}
	if (tree->order)
		free(tree->order->nodes);
	free(tree->order);
	free(tree->buckets);
	free(tree);
}

size_t tree_num(const struct tree *tree)
{
	return tree->num;
}

static int node_compare(const void *a, const void *b)
{
	const struct node *const *left = a;
	const struct node *const *right = b;

	return strcmp((*left)->entry.path, (*right)->entry.path);
}

const struct tree_entry *tree_at(const struct tree *tree, size_t i)
{
	struct order *order = tree->order;

	if (!order->valid) {
		size_t num = 0;

		for (size_t b = 0; b < tree->bucket_num; b++) {
			struct node *node = tree->buckets[b];

			for (; node; node = node->hash_next)
				order->nodes[num++] = node;
		}
		qsort(order->nodes, num, sizeof(struct node *), node_compare);
		order->valid = true;
	}
	return &order->nodes[i]->entry;
}

const struct tree_entry *tree_find(const struct tree *tree, const char *path)
{
	const struct node *node = find(tree, path, strlen(path));

	return node ? &node->entry : NULL;
}
