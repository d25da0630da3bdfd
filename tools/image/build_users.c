/*
 * build_users.c - what layerworx: users says, in etc/passwd, etc/group and
 * etc/shadow of the root; see build_internal.h. passwd(5), group(5), shadow(5).
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_UID 1000
#define LAST_UID 60000
#define TEXT_MAX ((uint64_t)1 << 20)
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"

/**
 * struct user - one of them
 * @at:    its entry of the definition
 * @where: "users: NAME", for messages
 */
struct user {
	const char *name;
	const json_t *at;
	long uid;
	long gid;
	char home[256];
	const char *shell;
	const char *password;
};

/** struct table - a file of lines "NAME:..."; @text is owned */
struct table {
	const char *path;
	char *text;
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int table_read(struct table *table, const struct tree *root,
		      const char *missing, struct err *err)
{
	const struct tree_entry *entry = tree_follow(root, table->path);

	if (!entry || entry->type != TREE_FILE) {
		table->text = strdup(missing);
		return table->text ? 0 : no_memory(err);
	}
	if (entry->size > TEXT_MAX)
		return err_setx(err, -EFBIG, "%s: too large", table->path);
	table->text = calloc(1, entry->size + 2);
	if (!table->text)
		return no_memory(err);
	return entry->size ? tree_content_read(entry->content, 0, table->text,
					       entry->size, err)
			   : 0;
}

/* The line of @name, or NULL. */
static char *table_find(const struct table *table, const char *name)
{
	size_t length = strlen(name);

	for (char *at = table->text; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, length) == 0 && at[length] == ':')
			return at;
	}
	return NULL;
}

/* Column @i of a line, a number, or -1. */
static long column(const char *line, int i)
{
	for (; line && i > 0; i--) {
		line = line + strcspn(line, ":\n");
		line = *line == ':' ? line + 1 : NULL;
	}
	return line && *line >= '0' && *line <= '9' ? strtol(line, NULL, 10)
						    : -1;
}

/* Whose number in column 2 is @id? */
static const char *table_owner(const struct table *table, long id)
{
	for (const char *at = table->text; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (column(at, 2) == id)
			return at;
	}
	return NULL;
}

/* @line in place of the one of that name, or behind all. */
static int table_put(struct table *table, const char *name, const char *line,
		     struct err *err)
{
	char *old = table_find(table, name);
	const char *rest = old ? old + strcspn(old, "\n") : "";
	char *head = old ? old : table->text + strlen(table->text);
	bool cut = head > table->text && head[-1] != '\n';
	char *text;

	rest += *rest == '\n';
	if (asprintf(&text, "%.*s%s%s\n%s", (int)(head - table->text),
		     table->text, cut ? "\n" : "", line, rest) < 0)
		return no_memory(err);
	free(table->text);
	table->text = text;
	return 0;
}

static int table_write(const struct table *table, struct build *build,
		       uint32_t mode, struct err *err)
{
	return build_text(build, table->path, table->text, strlen(table->text),
			  mode, "layerworx.users", err);
}

static int fail(const struct user *user, struct err *err, const char *key,
		const char *why)
{
	return definition_fail(err, user->at, "users: %s: %s%s%s", user->name,
			       key, *key ? ": " : "", why);
}

static int check_texts(const struct user *user, struct err *err)
{
	if (!*user->name || strlen(user->name) > 32 ||
	    strspn(user->name, NAME_CHARS) != strlen(user->name) ||
	    strchr("0123456789-", *user->name))
		return fail(user, err, "",
			    "a name has up to 32 of a-z, 0-9, _ and -, a "
			    "letter first");
	if (user->home[0] != '/' || strpbrk(user->home, ":\n"))
		return fail(user, err, "home", "expected a path from /");
	if (user->shell[0] != '/' || strpbrk(user->shell, ":\n"))
		return fail(user, err, "shell", "expected a path from /");
	if (!strchr("$!*", user->password[0]) || !user->password[0] ||
	    strpbrk(user->password, ":\n"))
		return fail(user, err, "password",
			    "expected its hash, as \"openssl passwd -6\" "
			    "prints it");
	return 0;
}

static int choose_uid(struct user *user, const struct table *passwd,
		      struct err *err)
{
	const char *line = table_find(passwd, user->name);
	long there = column(line, 2);
	const char *other;

	user->uid = (long)definition_int(user->at, "uid", there);
	if (there >= 0 && user->uid != there)
		return fail(user, err, "uid", "the image has another one");
	if (user->uid >= 0 && user->uid < 65534) {
		other = there < 0 ? table_owner(passwd, user->uid) : NULL;
		return other ? fail(user, err, "uid", "it is another user's")
			     : 0;
	}
	if (json_object_get(user->at, "uid"))
		return fail(user, err, "uid", "expected 0 to 65533");
	for (user->uid = FIRST_UID; user->uid < LAST_UID; user->uid++)
		if (!table_owner(passwd, user->uid))
			return 0;
	return fail(user, err, "uid", "all are taken");
}

/* A group of the user's own, unless there is one. */
static int put_group(struct user *user, struct table *group,
		     const struct table *passwd, struct err *err)
{
	long there = column(table_find(passwd, user->name), 3);
	const char *named = table_find(group, user->name);
	char line[128];

	user->gid = (long)definition_int(user->at, "gid", there);
	if (user->gid < 0 && named)
		user->gid = column(named, 2);
	if (user->gid < 0)
		user->gid = user->uid;
	if (user->gid > 65533)
		return fail(user, err, "gid", "expected 0 to 65533");
	if (table_owner(group, user->gid))
		return 0;
	if (named)
		return fail(user, err, "gid",
			    "the image's group of that name has another one");
	(void)snprintf(line, sizeof(line), "%s:x:%ld:", user->name, user->gid);
	return table_put(group, user->name, line, err);
}

static bool has_member(const char *members, size_t length, const char *name)
{
	for (size_t at = 0; at < length;) {
		size_t end = at + strcspn(members + at, ",\n");

		if (end > length)
			end = length;
		if (end - at == strlen(name) &&
		    strncmp(members + at, name, end - at) == 0)
			return true;
		at = end + 1;
	}
	return false;
}

static int join(const struct user *user, struct table *group, const char *name,
		struct err *err)
{
	const char *line = table_find(group, name);
	size_t length = line ? strcspn(line, "\n") : 0;
	const char *members = line;
	AUTO_FREE char *more = NULL;
	char text[128];

	for (int i = 0; members && i < 3; i++) {
		members = strchr(members, ':');
		members =
			members && members < line + length ? members + 1 : NULL;
	}
	if (!members) {
		(void)snprintf(text, sizeof(text), "the image has no group %s",
			       name);
		return fail(user, err, "groups", text);
	}
	if (has_member(members, (size_t)(line + length - members), user->name))
		return 0;
	if (asprintf(&more, "%.*s%s%s", (int)length, line,
		     members < line + length ? "," : "", user->name) < 0) {
		more = NULL;
		return no_memory(err);
	}
	return table_put(group, name, more, err);
}

/* All keys as a file. Return: 0, or -EBADMSG or -ENOMEM with @err. */
static int list_keys(const struct user *user, char **out, struct err *err)
{
	const json_t *keys = json_object_get(user->at, "ssh-keys");
	size_t size;
	FILE *text = open_memstream(out, &size);

	if (!text)
		return no_memory(err);
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const char *key = json_string_value(json_array_get(keys, i));

		if (!strchr(key, ' ') || strchr(key, '\n')) {
			(void)fclose(text); /* in memory */
			return fail(user, err, "ssh-keys",
				    "expected public keys, \"ssh-ed25519 "
				    "AAAA...\"");
		}
		(void)fprintf(text, "%s\n", key);
	}
	return fclose(text) ? no_memory(err) : 0;
}

/* A link of its .ssh into /run would lose the keys at boot. */
static int check_place(const struct user *user, const struct tree *root,
		       const char *path, struct err *err)
{
	AUTO_FREE char *resolved = malloc(TREE_PATH_SIZE);

	if (!resolved)
		return no_memory(err);
	if (tree_resolve(root, path, resolved) == 0 &&
	    strncmp(resolved, "run/", 4) != 0)
		return 0;
	return fail(user, err, "ssh-keys",
		    "its .ssh is a link into /run, which is empty at boot: "
		    "use lwx-image metadata --ssh-key");
}

static int put_home(const struct user *user, struct build *build,
		    struct err *err)
{
	char path[sizeof(user->home) + 32];
	struct tree_entry entry = {.path = path,
				   .type = TREE_DIR,
				   .mode = 0700,
				   .uid = (uint32_t)user->uid,
				   .gid = (uint32_t)user->gid,
				   .mtime = build->options->epoch,
				   .location = "layerworx.users"};
	AUTO_FREE char *keys = NULL;
	int rc = 0;

	if (tree_path_clean(user->home, path, sizeof(path) - 32))
		return fail(user, err, "home", "expected a path from /");
	if (*path && !tree_follow(build->root, path))
		rc = tree_put(build->root, &entry, err);
	if (!rc)
		rc = list_keys(user, &keys, err);
	if (rc || !*keys)
		return rc;
	(void)strcat(path, *path ? "/.ssh" : ".ssh");
	if (!tree_find(build->root, path))
		rc = tree_put(build->root, &entry, err);
	(void)strcat(path, "/authorized_keys");
	if (!rc)
		rc = check_place(user, build->root, path, err);
	entry.mode = 0600;
	return rc ? rc
		  : tree_put_bytes(build->root, path, &entry, keys,
				   strlen(keys), err);
}

static void fill(struct user *user, const char *name, const json_t *at)
{
	const char *home = definition_text(at, "home");
	const char *shell = definition_text(at, "shell");
	const char *password = definition_text(at, "password");

	*user = (struct user){
		.name = name,
		.at = at,
		.shell = shell ? shell : "/bin/sh",
		.password = password ? password : "!",
	};
	if (home)
		(void)snprintf(user->home, sizeof(user->home), "%s", home);
	else if (strcmp(name, "root") == 0)
		(void)snprintf(user->home, sizeof(user->home), "/root");
	else
		(void)snprintf(user->home, sizeof(user->home), "/home/%s",
			       name);
}

static int put_lines(const struct user *user, struct table *passwd,
		     struct table *shadow, struct err *err)
{
	char line[1024];
	int rc;

	(void)snprintf(line, sizeof(line), "%s:x:%ld:%ld::%s:%.255s",
		       user->name, user->uid, user->gid, user->home,
		       user->shell);
	rc = table_put(passwd, user->name, line, err);
	(void)snprintf(line, sizeof(line), "%s:%.512s:::::::", user->name,
		       user->password);
	return rc ? rc : table_put(shadow, user->name, line, err);
}

static int add_user(struct build *build, const char *name, const json_t *at,
		    struct table tables[3], struct err *err)
{
	const json_t *groups = json_object_get(at, "groups");
	struct user user;
	int rc;

	fill(&user, name, at);
	rc = check_texts(&user, err);
	if (!rc)
		rc = choose_uid(&user, &tables[0], err);
	if (!rc)
		rc = put_group(&user, &tables[1], &tables[0], err);
	for (size_t i = 0; i < json_array_size(groups) && !rc; i++)
		rc = join(&user, &tables[1],
			  json_string_value(json_array_get(groups, i)), err);
	if (!rc)
		rc = put_lines(&user, &tables[0], &tables[2], err);
	return rc ? rc : put_home(&user, build, err);
}

int build_users(struct build *build, struct err *err)
{
	const json_t *users = json_object_get(
		json_object_get(build->definition, "layerworx"), "users");
	struct table tables[] = {{.path = "etc/passwd"},
				 {.path = "etc/group"},
				 {.path = "etc/shadow"}};
	const char *name;
	json_t *at;
	int rc = 0;

	if (!json_object_size(users))
		return 0;
	rc = table_read(&tables[0], build->root,
			"root:x:0:0:root:/root:/bin/sh\n", err);
	if (!rc)
		rc = table_read(&tables[1], build->root, "root:x:0:\n", err);
	if (!rc)
		rc = table_read(&tables[2], build->root, "root:!:::::::\n",
				err);
	json_object_foreach ((json_t *)(uintptr_t)users, name, at)
		if (!rc)
			rc = add_user(build, name, at, tables, err);
	for (size_t i = 0; i < 3; i++) {
		if (!rc)
			rc = table_write(&tables[i], build,
					 i == 2 ? 0600 : 0644, err);
		free(tables[i].text);
	}
	return rc;
}
