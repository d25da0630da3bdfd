/*
 * oci_layer.c - whiteouts. See oci_layer.h.
 */
#include "oci_layer.h"

#include "cleanup.h"
#include "oci.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define AUFS ".wh..wh."

static char *name_of(char *path)
{
	char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_whiteout(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0;
}

static int white_out(struct tree *tree, const char *path, struct err *err)
{
	AUTO_FREE char *resolved = malloc(TREE_PATH_SIZE);
	char *name;

	if (!resolved)
		return err_set(err, -ENOMEM, "%s", path);
	if (tree_resolve(tree, path, resolved))
		return 0; /* leads nowhere, so there is nothing to remove */
	name = name_of(resolved);
	if (strcmp(name, OPAQUE) == 0) {
		*(name > resolved ? name - 1 : name) = '\0';
		tree_empty(tree, resolved);
		return 0;
	}
	if (strncmp(name, AUFS, strlen(AUFS)) == 0 ||
	    strlen(name) == strlen(WHITEOUT))
		return 0;
	memmove(name, name + strlen(WHITEOUT),
		strlen(name + strlen(WHITEOUT)) + 1);
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		tree_remove(tree, resolved);
	return 0;
}

static int whiteouts_of(const struct tree *layer, struct oci_list *list)
{
	for (size_t i = 0; i < tree_num(layer); i++) {
		const char *path = tree_at(layer, i)->path;

		if (is_whiteout(path) && oci_list_add(list, path))
			return -ENOMEM;
	}
	return 0;
}

int oci_layer_apply(struct tree *tree, struct tree *layer, struct err *err)
{
	struct oci_list list = {0};
	int rc = whiteouts_of(layer, &list);

	if (rc)
		rc = err_set(err, rc, "OCI layer");
	/* First all that goes: a layer may remove a name and bring it anew. */
	for (size_t i = 0; i < list.num && !rc; i++) {
		rc = white_out(tree, list.items[i], err);
		tree_remove(layer, list.items[i]);
	}
	oci_list_fini(&list);
	return rc ? rc : tree_merge(tree, layer, "", err);
}
