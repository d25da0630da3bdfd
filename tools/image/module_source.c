/*
 * module_source.c - the keys of sources: in module.yml, and what the table does
 * not say; see module.h.
 */
#include "module.h"

#include "definition.h"
#include "macros.h"
#include "tree.h"

#include <string.h>

static const struct field source_fields[] = {
	{.key = "name",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Of the software: for messages, the log and the SBOM."},
	{.key = "version",
	 .type = FIELD_TEXT,
	 .doc = "Of the software, for the SBOM [of the package that carries "
		"it]."},
	{.key = "packages",
	 .type = FIELD_TEXTS,
	 .doc = "Debian packages that are there while it is built: compiler, "
		"tools, headers. Debian's essential packages always are. "
		"@arch@ "
		"is the architecture."},
	{.key = "package",
	 .type = FIELD_TEXT,
	 .doc = "Debian package that carries the source among its files."},
	{.key = "archive",
	 .type = FIELD_TEXT,
	 .doc = "Tar with the source: a path in that package, else a file of "
		"the module's folder. It is unpacked, and entered if all is in "
		"one folder."},
	{.key = "debian",
	 .type = FIELD_TEXT,
	 .doc = "Debian source package: its own patches are applied, what it "
		"needs to be built is there. Without commands its packages are "
		"built, and binaries taken."},
	{.key = "binaries",
	 .type = FIELD_TEXTS,
	 .doc = "Of the packages that debian builds: those whose files are "
		"taken."},
	{.key = "pkgbuild",
	 .type = FIELD_TEXT,
	 .doc = "PKGBUILD in the module's folder, for makepkg; what its "
		"source= "
		"names is in files, also where it is an URL."},
	{.key = "spec",
	 .type = FIELD_TEXT,
	 .doc = "RPM spec file in the module's folder, for rpmbuild; its "
		"Source "
		"and Patch are in files. All its packages are taken."},
	{.key = "buildpkg",
	 .type = FIELD_TEXT,
	 .doc = "BUILDPKG of Project V in the module's folder; what its "
		"source= "
		"names is in files. What it installs, anywhere in a root of "
		"its "
		"own, is taken."},
	{.key = "patches",
	 .type = FIELD_TEXTS,
	 .doc = "Files of the module's folder, applied in this order by patch "
		"-p1."},
	{.key = "files",
	 .type = FIELD_TEXTS,
	 .doc = "Files of the module's folder that the commands find in "
		"$FILES."},
	{.key = "commands",
	 .type = FIELD_TEXT,
	 .doc = "Shell script (bash -eu) that builds in the folder of the "
		"source and installs below $DESTDIR. It runs as a user, "
		"without a network; what it installs is root's."},
};
const struct field_group source_group =
	FIELD_GROUP_OF("sources", source_fields);

#define NAME_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-"

static int check_path(const json_t *source, const char *key, const char *path,
		      struct err *err)
{
	char clean[TREE_PATH_SIZE];

	if (path[0] != '/' && !tree_path_clean(path, clean, sizeof(clean)) &&
	    strcmp(path, clean) == 0 && *clean)
		return 0;
	return definition_fail(err, source,
			       "%s: %s: is to be a path below a folder, "
			       "without \"..\"",
			       key, path);
}

static int check_paths(const json_t *source, const char *key, struct err *err)
{
	const json_t *list = json_object_get(source, key);
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = check_path(source, key,
				json_string_value(json_array_get(list, i)),
				err);
	return rc;
}

const char *module_source_form(const json_t *source)
{
	static const char *const forms[] = {"buildpkg", "pkgbuild", "spec",
					    "debian"};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (definition_text(source, forms[i]))
			return forms[i];
	return "tar";
}

/* How it is built. */
static int check_way(const json_t *source, const char *name, struct err *err)
{
	bool debian = definition_text(source, "debian") != NULL;
	bool commands = definition_text(source, "commands") != NULL;
	bool binaries =
		json_array_size(json_object_get(source, "binaries")) > 0;
	const char *form = module_source_form(source);
	bool recipe = strcmp(form, "tar") != 0 && strcmp(form, "debian") != 0;

	if (recipe && (debian || commands || binaries ||
		       json_object_get(source, "patches")))
		return definition_fail(err, source,
				       "source %s: %s says how it is built, so "
				       "there are no debian, commands, "
				       "binaries, patches",
				       name, form);
	if ((debian || recipe) && (definition_text(source, "package") ||
				   definition_text(source, "archive")))
		return definition_fail(err, source,
				       "source %s: %s is the source, so there "
				       "is no package or archive",
				       name, form);
	if (recipe)
		return check_path(source, form, definition_text(source, form),
				  err);
	if (debian ? commands == binaries : !commands || binaries)
		return definition_fail(err, source,
				       debian ? "source %s: needs either "
						"commands or binaries"
					      : "source %s: needs commands "
						"that build it, and no "
						"binaries",
				       name);
	return 0;
}

static int check_source(const json_t *source, struct err *err)
{
	static const char *const lists[] = {"patches", "files"};
	const char *name = definition_text(source, "name");
	const char *archive = definition_text(source, "archive");
	int rc = 0;

	if (strspn(name, NAME_CHARS) != strlen(name) || !*name || *name == '.')
		return definition_fail(err, source,
				       "name: %s: letters, digits and +._- "
				       "only",
				       name);
	rc = check_way(source, name, err);
	if (rc)
		return rc;
	if (archive)
		rc = check_path(source, "archive", archive, err);
	for (size_t i = 0; i < ARRAY_SIZE(lists) && !rc; i++)
		rc = check_paths(source, lists[i], err);
	return rc;
}

int module_source_check(const json_t *content, struct err *err)
{
	const json_t *list = json_object_get(content, "sources");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = check_source(json_array_get(list, i), err);
	return rc;
}
