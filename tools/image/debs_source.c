/*
 * debs_source.c - Debian source packages: fetched online, then taken from the
 * cache, each file by its SHA-256; see debs.h.
 *
 * {"amd64": {"sources": {"hello": {"version": "2.10-3", "files":
 * {"hello_2.10-3.dsc": SHA-256, ...}}}}}
 */
#include "debs_internal.h"

#include "cleanup.h"
#include "file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DSC_MAX (1U << 20)

/**
 * struct fetch - one source package on its way
 * @apt:   that fetches it
 * @lists: "Dir::State::lists=..." of sources alone; owned
 * @list:  "Dir::Etc::sourcelist=...", their places; owned
 */
struct fetch {
	struct debs_apt apt;
	char *lists;
	char *list;
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* "BEFORE DIR AFTER" without the blanks. Return: NULL with @err; free(). */
static char *join(const char *before, const char *dir, const char *after,
		  struct err *err)
{
	char *out;

	if (asprintf(&out, "%s%s%s", before, dir, after) >= 0)
		return out;
	(void)no_memory(err);
	return NULL;
}

/* Where this machine has packages from, the sources are too: its own list may
 * have no deb-src. */
static int write_list(struct fetch *fetch, struct err *err)
{
	static const char *const argv[] = {
		"apt-get",
		"indextargets",
		"--format",
		"deb-src $(SITE) $(RELEASE) $(COMPONENT)",
		"Created-By: Packages",
		NULL};
	const char *dir = fetch->apt.dir;
	AUTO_FREE char *path = join("", dir, "/sources.list", err);
	AUTO_FREE char *lists = join("", dir, "/sources", err);
	AUTO_FREE char *text = NULL;
	AUTO_CLOSE int fd = -1;
	int rc;

	fetch->lists = join("Dir::State::lists=", dir, "/sources", err);
	fetch->list = join("Dir::Etc::sourcelist=", dir, "/sources.list", err);
	if (!path || !lists || !fetch->lists || !fetch->list)
		return -ENOMEM;
	rc = debs_apt_run(&fetch->apt, dir, argv, &text, err);
	if (rc)
		return rc;
	if (mkdir(lists, 0755) && errno != EEXIST)
		return err_set(err, -errno, "%s", lists);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? err_set(err, -errno, "%s", path)
		      : file_write(fd, text, strlen(text), 0, path, err);
}

/* apt-get with the lists of sources, in @dir. */
static int get(const struct fetch *fetch, const char *dir, const char *option,
	       const char *command, const char *argument, char **text,
	       struct err *err)
{
	const char *argv[] = {"apt-get", "-qq",
			      "-o",	 fetch->lists,
			      "-o",	 fetch->list,
			      "-o",	 "Dir::Etc::sourceparts=/dev/null",
			      "-o",	 "APT::Update::Error-Mode=any",
			      option,	 command,
			      argument,	 NULL};

	return debs_apt_run(&fetch->apt, dir, argv, text, err);
}

/* The text of a field in one line. Return: NULL: it has none, or without
 * memory; free(). */
static char *dsc_field(const char *dsc, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = dsc; line && *line;) {
		const char *end = line;
		char *text;

		if (strncmp(line, name, len) != 0 || line[len] != ':') {
			line = strchr(line, '\n');
			line = line ? line + 1 : NULL;
			continue;
		}
		while ((end = strchr(end, '\n')) && end[1] == ' ')
			end++;
		line += len + 1;
		line += strspn(line, " ");
		text = end ? strndup(line, (size_t)(end - line)) : strdup(line);
		for (char *at = text; at && *at; at++)
			if (*at == '\n')
				*at = ' ';
		return text;
	}
	return NULL;
}

static int record_file(const struct fetch *fetch, const char *name,
		       json_t *files, struct err *err)
{
	AUTO_FREE char *path = NULL;
	char hex[SHA256_HEX_SIZE];
	int rc;

	if (!debs_is_word(name))
		return err_setx(err, -EBADMSG, "apt: a file with the name %s",
				name);
	if (asprintf(&path, "%s/%s", fetch->apt.packages, name) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = sha256_file(path, hex, err);
	if (rc)
		return rc;
	return json_object_set_new(files, name, json_string(hex))
		       ? no_memory(err)
		       : 0;
}

/* "'URI' NAME SIZE HASH" a line; @text is cut. */
static int record_files(const struct fetch *fetch, char *text, json_t *files,
			struct err *err)
{
	char *rest = NULL;
	int rc = 0;

	for (char *line = strtok_r(text, "\n", &rest); line && !rc;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *name = strstr(line, "' ");

		if (line[0] != '\'' || !name)
			continue;
		name += 2;
		name[strcspn(name, " ")] = '\0';
		rc = record_file(fetch, name, files, err);
	}
	return rc;
}

/* The description among the files of a package. */
static int read_dsc(const struct fetch *fetch, const json_t *files, char **out,
		    struct err *err)
{
	const char *name;
	json_t *digest;

	json_object_foreach ((json_t *)(uintptr_t)files, name, digest) {
		AUTO_FREE char *path = NULL;
		AUTO_FREE void *bytes = NULL;
		size_t len = strlen(name);
		size_t size = 0;
		int rc;

		if (len < 4 || strcmp(name + len - 4, ".dsc") != 0)
			continue;
		if (asprintf(&path, "%s/%s", fetch->apt.packages, name) < 0) {
			path = NULL;
			return no_memory(err);
		}
		rc = file_load(path, &bytes, &size, DSC_MAX, err);
		if (rc)
			return rc;
		*out = strndup(bytes, size);
		return *out ? 0 : no_memory(err);
	}
	return err_setx(err, -EBADMSG, "apt: a source package without a .dsc");
}

/* Fetch it; its files and version go into the lock. */
static int fetch_files(struct fetch *fetch, const char *source, char **dsc,
		       struct err *err)
{
	const struct debs_apt *apt = &fetch->apt;
	json_t *sources = debs_lock_section(apt->debs, DEBS_SOURCES, true);
	json_t *files = json_object();
	AUTO_FREE char *noise = NULL;
	AUTO_FREE char *list = NULL;
	AUTO_FREE char *version = NULL;
	AUTO_FREE char *more = NULL;
	int rc = sources && files ? 0 : no_memory(err);

	if (!rc)
		rc = get(fetch, apt->dir, "-q", "update", NULL, &noise, err);
	/* Elsewhere: apt tells nothing of a file that is there already. */
	if (!rc)
		rc = get(fetch, apt->dir, "--print-uris", "source", source,
			 &list, err);
	if (!rc)
		rc = get(fetch, apt->packages, "--download-only", "source",
			 source, &more, err);
	if (!rc)
		rc = record_files(fetch, list, files, err);
	if (!rc)
		rc = read_dsc(fetch, files, dsc, err);
	if (!rc && !(version = dsc_field(*dsc, "Version")))
		rc = err_setx(err, -EBADMSG, "source package %s: no version",
			      source);
	if (!rc && json_object_set_new(sources, source,
				       json_pack("{s:s,s:O}", "version",
						 version, "files", files)))
		rc = no_memory(err);
	json_decref(files);
	return rc;
}

static int add_name(char ***names, size_t *num, const char *name,
		    struct err *err)
{
	char **more = reallocarray(*names, *num + 1, sizeof(*more));

	if (!more)
		return no_memory(err);
	*names = more;
	more[*num] = strdup(name);
	return more[*num] ? ((*num)++, 0) : no_memory(err);
}

/* What apt would install for these dependencies. */
static int satisfy(const struct fetch *fetch, const char *depends,
		   char ***names, size_t *num, struct err *err)
{
	const char *const argv[] = {"apt-get", "-q",	"--simulate",
				    "satisfy", depends, NULL};
	AUTO_FREE char *text = NULL;
	char *rest = NULL;
	int rc = debs_apt_run(&fetch->apt, fetch->apt.packages, argv, &text,
			      err);

	for (char *line = rc ? NULL : strtok_r(text, "\n", &rest); line && !rc;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct deb deb;

		if (debs_parse_inst(line, &deb))
			rc = add_name(names, num, deb.name, err);
	}
	return rc;
}

static int find_depends(const struct fetch *fetch, const char *dsc,
			char ***names, size_t *num, struct err *err)
{
	static const char *const fields[] = {"Build-Depends",
					     "Build-Depends-Arch"};
	int rc = 0;

	for (size_t i = 0; i < 2 && !rc; i++) {
		AUTO_FREE char *depends = dsc_field(dsc, fields[i]);

		if (depends && *depends)
			rc = satisfy(fetch, depends, names, num, err);
	}
	return rc;
}

int debs_fetch_source(struct debs *debs, const char *source,
		      const char *const *packages, size_t num, const char *set,
		      struct err *err)
{
	struct fetch fetch = {0};
	AUTO_FREE char *dsc = NULL;
	char **names = NULL;
	size_t names_num = 0;
	int rc = debs_apt_open(&fetch.apt, debs, err);

	if (!rc && debs->say)
		debs->say(debs->say_arg, "fetch source packages");
	if (!rc)
		rc = write_list(&fetch, err);
	if (!rc)
		rc = fetch_files(&fetch, source, &dsc, err);
	if (!rc)
		rc = find_depends(&fetch, dsc, &names, &names_num, err);
	for (size_t i = 0; i < num && !rc; i++)
		rc = add_name(&names, &names_num, packages[i], err);
	debs_apt_close(&fetch.apt);
	free(fetch.lists);
	free(fetch.list);
	if (!rc)
		rc = debs_fetch_set(debs, (const char *const *)names, names_num,
				    set, err);
	for (size_t i = 0; i < names_num; i++)
		free(names[i]);
	free(names);
	return rc ? err_prefix(err, "source package %s", source) : 0;
}

static int put_file(const struct debs *debs, const char *name, const char *sha,
		    struct tree *tree, const char *prefix, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *from = NULL;
	struct tree_entry entry = {.mode = 0644};
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	int rc;

	if (!debs_is_word(name) || !sha)
		return err_setx(err, -EBADMSG,
				"%s: not whole: use --update-lock",
				debs->lock_path);
	if (asprintf(&path, "%s/%s", prefix, name) < 0)
		path = NULL;
	if (asprintf(&from, "%s/packages/%s", image_cache_path(debs->cache),
		     name) < 0)
		from = NULL;
	if (!path || !from)
		return no_memory(err);
	if (access(from, F_OK))
		return err_setx(err, -ENOENT,
				"%s is not in the cache: use --update-lock",
				name);
	rc = tree_content_whole(&entry.content, from, err);
	if (!rc)
		rc = tree_content_digest(entry.content, digest, err);
	if (!rc) {
		sha256_hex(digest, hex);
		if (strcmp(hex, sha) != 0)
			rc = err_setx(err, -EBADMSG,
				      "%s: is %s, but %s says %s: remove it "
				      "and use --update-lock",
				      from, hex, debs->lock_path, sha);
	}
	entry.path = path;
	entry.size = rc ? 0 : tree_content_size(entry.content);
	if (!rc)
		rc = tree_put(tree, &entry, err);
	tree_content_unref(entry.content);
	return rc;
}

int debs_source(const struct debs *debs, const char *source, struct tree *tree,
		const char *prefix, const char **version, struct err *err)
{
	json_t *entry = json_object_get(
		debs_lock_section(debs, DEBS_SOURCES, false), source);
	const char *name;
	json_t *sha;

	*version = json_string_value(json_object_get(entry, "version"));
	if (!*version)
		return err_setx(err, -ENOENT,
				"%s has no source package %s: use "
				"--update-lock",
				debs->lock_path, source);
	json_object_foreach (json_object_get(entry, "files"), name, sha) {
		int rc = put_file(debs, name, json_string_value(sha), tree,
				  prefix, err);

		if (rc)
			return rc;
	}
	return 0;
}
