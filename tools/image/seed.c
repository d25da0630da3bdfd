/*
 * seed.c - what goes into a seed; see seed.h. cloud-init: "NoCloud" data
 * source; linuxkit: docs/metadata.md.
 */
#include "seed.h"

#include "cleanup.h"
#include "definition.h"
#include "file_io.h"
#include "json.h"
#include "tree_dir.h"
#include "yaml_doc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX ((1U << 20) - 1) /* what lwx-init reads */
#define HOSTNAME_MAX 253U

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int check_tree(const struct yaml_node *tree, struct err *err);

static int check_perm(const struct yaml_node *perm, struct err *err)
{
	if (perm->kind != YAML_SCALAR || perm->plain || !perm->length ||
	    perm->length > 4 ||
	    strspn(perm->text, "01234567") != perm->length ||
	    strtoul(perm->text, NULL, 8) > 0777)
		return yaml_fail(err, perm,
				 "perm: expected octal digits up to 0777 in "
				 "quotes, as \"0644\"");
	return 0;
}

/* Recursion as deep as YAML_DEPTH_MAX. */
static int check_file(const struct yaml_node *key, const struct yaml_node *file,
		      struct err *err)
{
	const struct yaml_node *content = yaml_get(file, "content");
	const struct yaml_node *entries = yaml_get(file, "entries");
	const struct yaml_node *perm = yaml_get(file, "perm");
	int rc = 0;

	if (!*key->text || key->length > TREE_NAME_MAX ||
	    strchr(key->text, '/') || strcmp(key->text, ".") == 0 ||
	    strcmp(key->text, "..") == 0)
		return yaml_fail(err, key,
				 "%.64s: a name is one part of a path: use "
				 "\"entries\" for directories",
				 key->text);
	if (file->kind != YAML_MAP || !content == !entries)
		return yaml_fail(err, file,
				 "%.64s: expected {\"content\": TEXT} or "
				 "{\"entries\": {...}}",
				 key->text);
	if (content && (content->kind != YAML_SCALAR || content->plain))
		return yaml_fail(err, content, "content: expected text");
	if (perm)
		rc = check_perm(perm, err);
	return rc || !entries ? rc : check_tree(entries, err);
}

static int check_tree(const struct yaml_node *tree, struct err *err)
{
	int rc = 0;

	if (tree->kind != YAML_MAP)
		return yaml_fail(err, tree, "expected files by their name");
	for (size_t i = 0; i < tree->num && !rc; i++)
		rc = check_file(tree->keys[i], tree->items[i], err);
	return rc;
}

/* User data that begins as JSON does would be reported by the machine that
 * starts: better now. */
static int check_user(const char *text, size_t size, const char *name,
		      struct err *err)
{
	struct yaml_doc *doc = NULL;
	json_t *json = NULL;
	int rc;

	if (text[strspn(text, " \t\r\n")] != '{')
		return 0;
	rc = yaml_doc_parse(&doc, text, size, name, err);
	if (!rc)
		rc = check_tree(yaml_doc_root(doc), err);
	yaml_doc_destroy(doc);
	if (!rc)
		rc = json_read(&json, text, size, name, err);
	json_decref(json);
	return rc;
}

int seed_user_text(struct seed *seed, const char *text, size_t size,
		   const char *name, struct err *err)
{
	int rc;

	if (seed->user)
		return err_setx(err, -EINVAL, "%s: user data is given twice",
				name);
	if (size > BYTES_MAX)
		return err_setx(err, -EFBIG,
				"%s: user data of %zu bytes, lwx-init reads "
				"%u",
				name, size, BYTES_MAX);
	if (strnlen(text, size) != size)
		return err_setx(err, -EBADMSG,
				"%s: user data is text, this has a NUL", name);
	seed->user = strndup(text, size);
	if (!seed->user)
		return no_memory(err);
	rc = check_user(seed->user, size, name, err);
	seed->user_size = size;
	return rc;
}

int seed_user_file(struct seed *seed, const char *path, struct err *err)
{
	AUTO_FREE void *text = NULL;
	size_t size = 0;
	int rc = file_load(path, &text, &size, BYTES_MAX, err);

	return rc ? rc : seed_user_text(seed, text, size, path, err);
}

static json_t *find_dir(json_t *top, const char *path, const char **name)
{
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		AUTO_FREE char *part = strndup(path, (size_t)(slash - path));

		top = json_object_get(json_object_get(top, part ? part : ""),
				      "entries");
		path = slash + 1;
	}
	*name = path;
	return top;
}

static int add_entry(json_t *top, const struct tree_entry *entry,
		     const char *dir, struct err *err)
{
	const char *name;
	json_t *where = find_dir(top, entry->path, &name);
	AUTO_FREE char *text = calloc(1, entry->size + 1);
	json_t *value = NULL;
	char perm[8];
	int rc = 0;

	if (!text)
		return no_memory(err);
	if (entry->type != TREE_DIR && entry->type != TREE_FILE)
		return err_setx(err, -EINVAL,
				"%s/%s: neither a file nor a directory", dir,
				entry->path);
	(void)snprintf(perm, sizeof(perm), "%04o", entry->mode & 0777);
	if (entry->size > BYTES_MAX)
		return err_setx(err, -EFBIG, "%s/%s: more than %u bytes", dir,
				entry->path, BYTES_MAX);
	if (entry->size)
		rc = tree_content_read(entry->content, 0, text, entry->size,
				       err);
	if (rc)
		return rc;
	if (entry->type == TREE_DIR)
		value = json_object();
	else if (strlen(text) == entry->size)
		value = json_string(text);
	if (!value)
		return err_setx(err, -EINVAL,
				"%s/%s: not UTF-8 text: user data can hold no "
				"other",
				dir, entry->path);
	value = json_pack("{s:o,s:s}",
			  entry->type == TREE_DIR ? "entries" : "content",
			  value, "perm", perm);
	return json_object_set_new(where, name, value) ? no_memory(err) : 0;
}

int seed_user_tree(struct seed *seed, const char *dir, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct tree *tree = NULL;
	json_t *top = json_object();
	size_t size = 0;
	int rc = top ? tree_create(&tree, err) : no_memory(err);

	if (!rc)
		rc = tree_dir_read(tree, dir, NULL, err);
	for (size_t i = 1; !rc && i < tree_num(tree); i++)
		rc = add_entry(top, tree_at(tree, i), dir, err);
	if (!rc)
		rc = json_write(top, &text, &size, err);
	if (!rc)
		rc = seed_user_text(seed, text, size, dir, err);
	json_decref(top);
	tree_destroy(tree);
	return rc;
}

/* A YAML file that is a map. */
static int read_map(json_t **out, const char *path, struct err *err)
{
	struct yaml_doc *doc = NULL;
	int rc = yaml_doc_read(&doc, path, err);

	if (!rc && !yaml_doc_root(doc))
		rc = err_setx(err, -EBADMSG, "%s:1:1: there is nothing in it",
			      path);
	if (!rc && yaml_doc_root(doc)->kind != YAML_MAP)
		rc = yaml_fail(err, yaml_doc_root(doc), "expected map, got %s",
			       yaml_kind_name(yaml_doc_root(doc)));
	if (!rc)
		rc = definition_any(out, yaml_doc_root(doc), err);
	yaml_doc_destroy(doc);
	return rc;
}

static int make_meta(struct seed *seed, struct err *err)
{
	if (!seed->meta)
		seed->meta = json_object();
	return seed->meta ? 0 : no_memory(err);
}

int seed_meta_file(struct seed *seed, const char *path, struct err *err)
{
	json_t *map = NULL;
	int rc = read_map(&map, path, err);

	if (!rc)
		rc = make_meta(seed, err);
	/* What options have said wins. */
	if (!rc && json_object_update_missing(seed->meta, map))
		rc = no_memory(err);
	json_decref(map);
	return rc;
}

int seed_network_file(struct seed *seed, const char *path, struct err *err)
{
	json_t *map = NULL;
	json_t *inner;
	int rc = read_map(&map, path, err);

	if (rc)
		return rc;
	/* netplan's own files have one key more around it. */
	inner = json_object_get(map, "network");
	if (!inner)
		inner = map;
	if (json_integer_value(json_object_get(inner, "version")) != 2)
		rc = err_setx(err, -EBADMSG,
			      "%s: version: expected 2, that of netplan: "
			      "lwx-init reads no other",
			      path);
	else if (!json_is_object(json_object_get(inner, "ethernets")))
		rc = err_setx(err, -EBADMSG,
			      "%s: ethernets: expected a map of interfaces",
			      path);
	if (!rc) {
		json_decref(seed->network);
		seed->network = json_incref(inner);
	}
	json_decref(map);
	return rc;
}

int seed_hostname(struct seed *seed, const char *name, struct err *err)
{
	int rc = make_meta(seed, err);

	if (!rc && (!*name || strlen(name) > HOSTNAME_MAX ||
		    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
				 "TUVWXYZ0123456789.-") != strlen(name) ||
		    *name == '-' || *name == '.'))
		return err_setx(err, -EINVAL,
				"--hostname %.64s: letters, digits, - and .",
				name);
	if (!rc && json_object_set_new(seed->meta, "local-hostname",
				       json_string(name)))
		rc = no_memory(err);
	return rc;
}

static int add_key(json_t *keys, const char *path, unsigned int line,
		   const char *text, struct err *err)
{
	if (!*text || *text == '#')
		return 0;
	/* TYPE BASE64 [COMMENT]; a private key has lines without a space. */
	if (!strchr(text, ' ') || strncmp(text, "-----", 5) == 0)
		return err_setx(err, -EBADMSG,
				"%s:%u:1: not a public key: \"ssh-ed25519 "
				"AAAA...\" is expected",
				path, line);
	return json_array_append_new(keys, json_string(text)) ? no_memory(err)
							      : 0;
}

int seed_keys_file(struct seed *seed, const char *path, struct err *err)
{
	AUTO_FREE void *bytes = NULL;
	json_t *keys;
	unsigned int line = 0;
	size_t size = 0;
	char *text;
	int rc = file_load(path, &bytes, &size, BYTES_MAX, err);

	if (!rc)
		rc = make_meta(seed, err);
	if (rc)
		return rc;
	AUTO_FREE char *copy = strndup(bytes, size);

	keys = json_object_get(seed->meta, "public-keys");
	if (!keys) {
		keys = json_array();
		if (json_object_set_new(seed->meta, "public-keys", keys))
			return no_memory(err);
	}
	if (!json_is_array(keys))
		return err_setx(err, -EINVAL,
				"%s: public-keys of the meta data is no list",
				path);
	text = copy;
	while (!rc && text) {
		char *one = strsep(&text, "\n");

		one[strcspn(one, "\r")] = '\0';
		rc = add_key(keys, path, ++line, one, err);
	}
	return rc;
}

void seed_fini(struct seed *seed)
{
	free(seed->user);
	json_decref(seed->meta);
	json_decref(seed->network);
	*seed = (struct seed){0};
}
