/*
 * sbom_dpkg.c - the dpkg database of a tree. See sbom.h.
 *
 * deb822(5): stanzas of "Field: value" lines, parted by empty lines;
 * var/lib/dpkg/info/NAME[:ARCH].list has the paths of a package.
 */
#include "sbom.h"

#include "cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS "var/lib/dpkg/status"
#define INFO "var/lib/dpkg/info"
#define TEXT_MAX (64U << 20)

/* A whole file of the tree as a string; NULL if there is none. */
static int text_of(const struct tree *tree, const char *path, char **out,
		   struct err *err)
{
	const struct tree_entry *entry = tree_follow(tree, path);
	AUTO_FREE char *text = NULL;
	int rc;

	*out = NULL;
	if (!entry || entry->type != TREE_FILE)
		return 0;
	if (entry->size > TEXT_MAX)
		return err_setx(err, -EBADMSG, "%s: too large", path);
	text = malloc(entry->size + 1);
	if (!text)
		return err_set(err, -ENOMEM, "%s", path);
	if (entry->size) {
		rc = tree_content_read(entry->content, 0, text, entry->size,
				       err);
		if (rc)
			return rc;
	}
	text[entry->size] = '\0';
	*out = steal_ptr(&text);
	return 0;
}

/* The next line of *@at, cut off; NULL at the end. */
static char *next_line(char **at)
{
	char *line = *at;
	char *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

static char *value_of(char *line, const char *field)
{
	size_t len = strlen(field);

	if (strncmp(line, field, len) != 0 || line[len] != ':')
		return NULL;
	line += len + 1;
	return line + strspn(line, " \t");
}

static int own_files(struct sbom *sbom, const struct tree *tree,
		     const struct sbom_package *package, size_t index,
		     struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *real = malloc(TREE_PATH_SIZE);
	char clean[TREE_PATH_SIZE];
	char *line;
	char *at;
	int rc;

	if (!real || asprintf(&path, INFO "/%s:%s.list", package->name,
			      package->architecture ? package->architecture
						    : "unknown") < 0)
		return err_set(err, -ENOMEM, "SBOM");
	rc = text_of(tree, path, &text, err);
	if (!rc && !text) { /* not of several architectures */
		(void)snprintf(path, strlen(path) + 1, INFO "/%s.list",
			       package->name);
		rc = text_of(tree, path, &text, err);
	}
	at = text;
	while (!rc && at && (line = next_line(&at))) {
		const struct tree_entry *entry;

		/* The list is from before /bin became a link. */
		if (tree_path_clean(line, clean, sizeof(clean)) || !*clean ||
		    tree_resolve(tree, clean, real))
			continue;
		entry = tree_find(tree, real);
		if (entry && entry->type == TREE_FILE)
			rc = sbom_own(sbom, real, index, err);
	}
	return rc;
}

/* The structure has no const because it is also how packages are kept. */
static char *shared(const char *text)
{
	return (char *)(uintptr_t)text;
}

int sbom_add_deb(struct sbom *sbom, const char *name, const char *version,
		 const char *architecture, const char *sha256, size_t *index,
		 struct err *err)
{
	static char debian[] = "Organization: Debian";
	struct sbom_package package = {
		.name = shared(name),
		.version = shared(version),
		.architecture = shared(architecture ? architecture : "unknown"),
		.supplier = debian,
		.sha256 = shared(sha256),
	};
	AUTO_FREE char *purl = NULL;

	if (asprintf(&purl, "pkg:deb/debian/%s@%s?arch=%s", name,
		     version ? version : "", package.architecture) < 0) {
		purl = NULL;
		return err_set(err, -ENOMEM, "SBOM");
	}
	package.purl = purl;
	return sbom_add_package(sbom, &package, index, err);
}

static int add_stanza(struct sbom *sbom, const struct tree *tree,
		      const struct sbom_package *package, bool installed,
		      struct err *err)
{
	size_t index;
	int rc;

	if (!package->name || !installed)
		return 0;
	rc = sbom_add_deb(sbom, package->name, package->version,
			  package->architecture, NULL, &index, err);
	return rc ? rc : own_files(sbom, tree, package, index, err);
}

int sbom_add_dpkg(struct sbom *sbom, const struct tree *tree, struct err *err)
{
	struct sbom_package package = {0};
	AUTO_FREE char *text = NULL;
	bool installed = false;
	char *at;
	int rc = text_of(tree, STATUS, &text, err);

	at = text;
	while (!rc && at) {
		char *line = next_line(&at);
		char *value;

		if (!line || !*line) {
			rc = add_stanza(sbom, tree, &package, installed, err);
			package = (struct sbom_package){0};
			installed = false;
			if (!line)
				break;
		} else if ((value = value_of(line, "Package"))) {
			package.name = value;
		} else if ((value = value_of(line, "Version"))) {
			package.version = value;
		} else if ((value = value_of(line, "Architecture"))) {
			package.architecture = value;
		} else if ((value = value_of(line, "Status"))) {
			installed = strstr(value, " installed") != NULL;
		}
	}
	return rc;
}
