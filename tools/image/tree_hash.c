/* tree_hash.c - see tree_hash.h. git: Documentation/gitformat-pack.txt,
 * "object types". */
#include "tree_hash.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA1_SIZE 20U
#define DEPTH_MAX 64U
#define CHUNK 65536U

/**
 * struct child - one line of a tree object
 * @name: @length bytes of a path of the tree
 * @dir:  git orders it as if its name ended with a slash
 */
struct child {
	const char *name;
	size_t length;
	const char *mode;
	bool dir;
	uint8_t id[SHA1_SIZE];
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static EVP_MD_CTX *start(const char *type, uint64_t size)
{
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	char head[40];
	int n = snprintf(head, sizeof(head), "%s %llu", type,
			 (unsigned long long)size);

	if (sum && EVP_DigestInit_ex(sum, EVP_sha1(), NULL) == 1 &&
	    EVP_DigestUpdate(sum, head, (size_t)n + 1) == 1)
		return sum;
	EVP_MD_CTX_free(sum);
	return NULL;
}

static int hash_file(const struct tree_entry *entry, uint8_t id[SHA1_SIZE],
		     struct err *err)
{
	AUTO_FREE uint8_t *buf = malloc(CHUNK);
	EVP_MD_CTX *sum = start("blob", entry->size);
	uint64_t at = 0;
	int rc = buf && sum ? 0 : no_memory(err);

	while (!rc && at < entry->size) {
		size_t size = (size_t)MIN(entry->size - at, (uint64_t)CHUNK);

		rc = tree_content_read(entry->content, at, buf, size, err);
		if (!rc && EVP_DigestUpdate(sum, buf, size) != 1)
			rc = no_memory(err);
		at += size;
	}
	if (!rc && EVP_DigestFinal_ex(sum, id, NULL) != 1)
		rc = no_memory(err);
	EVP_MD_CTX_free(sum);
	return rc;
}

static int hash_link(const struct tree_entry *entry, uint8_t id[SHA1_SIZE],
		     struct err *err)
{
	EVP_MD_CTX *sum = start("blob", strlen(entry->target));
	int rc = 0;

	if (!sum ||
	    EVP_DigestUpdate(sum, entry->target, strlen(entry->target)) != 1 ||
	    EVP_DigestFinal_ex(sum, id, NULL) != 1)
		rc = no_memory(err);
	EVP_MD_CTX_free(sum);
	return rc;
}

/* Byte order of the names, of directories with a slash behind. */
static int by_name(const void *left, const void *right)
{
	const struct child *a = left;
	const struct child *b = right;
	size_t common = MIN(a->length, b->length);
	int order = memcmp(a->name, b->name, common);
	unsigned char end_a;
	unsigned char end_b;

	if (order)
		return order;
	end_a = a->length > common ? (unsigned char)a->name[common]
				   : (a->dir ? '/' : '\0');
	end_b = b->length > common ? (unsigned char)b->name[common]
				   : (b->dir ? '/' : '\0');
	return end_a - end_b;
}

static int hash_children(struct child *children, size_t num,
			 uint8_t id[SHA1_SIZE], struct err *err)
{
	EVP_MD_CTX *sum;
	uint64_t size = 0;
	int rc = 0;

	for (size_t i = 0; i < num; i++)
		size += strlen(children[i].mode) + 1 + children[i].length + 1 +
			SHA1_SIZE;
	if (num)
		qsort(children, num, sizeof(*children), by_name);
	sum = start("tree", size);
	for (size_t i = 0; sum && i < num && !rc; i++)
		if (EVP_DigestUpdate(sum, children[i].mode,
				     strlen(children[i].mode)) != 1 ||
		    EVP_DigestUpdate(sum, " ", 1) != 1 ||
		    EVP_DigestUpdate(sum, children[i].name,
				     children[i].length) != 1 ||
		    EVP_DigestUpdate(sum, "", 1) != 1 ||
		    EVP_DigestUpdate(sum, children[i].id, SHA1_SIZE) != 1)
			rc = no_memory(err);
	if (!sum || (!rc && EVP_DigestFinal_ex(sum, id, NULL) != 1))
		rc = no_memory(err);
	EVP_MD_CTX_free(sum);
	return rc;
}

static int hash_dir(const struct tree *tree, size_t at, unsigned int depth,
		    uint8_t id[SHA1_SIZE], struct err *err);

/* Return: 1 for an empty directory, which git does not know. */
static int hash_one(const struct tree *tree, size_t at, unsigned int depth,
		    struct child *child, struct err *err)
{
	const struct tree_entry *entry = tree_at(tree, at);

	switch (entry->type) {
	case TREE_DIR:
		child->dir = true;
		child->mode = "40000";
		return hash_dir(tree, at, depth + 1, child->id, err);
	case TREE_FILE:
		child->mode = entry->mode & 0100 ? "100755" : "100644";
		return hash_file(entry, child->id, err);
	case TREE_SYMLINK:
		child->mode = "120000";
		return hash_link(entry, child->id, err);
	default:
		return err_setx(err, -EINVAL,
				"%s: neither file, directory nor link",
				entry->path);
	}
}

/* The name in the directory @path, NULL: it is not right below it. */
static const char *name_in(const char *path, const char *below)
{
	size_t length = strlen(path);

	if (length &&
	    (strncmp(below, path, length) != 0 || below[length] != '/'))
		return NULL;
	below += length ? length + 1 : 0;
	return *below && !strchr(below, '/') ? below : NULL;
}

/* The directory at @at; what is in it is somewhere behind it. Recursion up to
 * DEPTH_MAX. Return: as hash_one(). */
static int hash_dir(const struct tree *tree, size_t at, unsigned int depth,
		    uint8_t id[SHA1_SIZE], struct err *err)
{
	const char *path = tree_at(tree, at)->path;
	AUTO_FREE struct child *children = NULL;
	size_t num = 0;

	if (depth > DEPTH_MAX)
		return err_setx(err, -ELOOP, "%s: too deep", path);
	for (size_t i = at + 1; i < tree_num(tree); i++) {
		const char *name = name_in(path, tree_at(tree, i)->path);
		struct child *more;
		int rc;

		if (!name)
			continue;
		more = reallocarray(children, num + 1, sizeof(*children));
		if (!more)
			return no_memory(err);
		children = more;
		more[num] =
			(struct child){.name = name, .length = strlen(name)};
		rc = hash_one(tree, i, depth, &more[num], err);
		if (rc < 0)
			return rc;
		num += rc == 0;
	}
	if (!num && depth)
		return 1;
	return hash_children(children, num, id, err);
}

int tree_hash(const struct tree *tree, char hex[TREE_HASH_HEX], struct err *err)
{
	uint8_t id[SHA1_SIZE];
	int rc = hash_dir(tree, 0, 0, id, err);

	for (size_t i = 0; !rc && i < SHA1_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", id[i]);
	return rc;
}
