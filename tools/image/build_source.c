/*
 * build_source.c - modules from source; see build_internal.h.
 *
 * What a source makes stays in the cache, under a digest of all that it is made
 * of: its keys and files, the packages of the root that it is built in and the
 * package that carries it.
 */
#include "build_internal.h"

#include "architecture.h"
#include "archive_read.h"
#include "cleanup.h"
#include "definition.h"
#include "lwx_image.h"
#include "macros.h"
#include "source_box.h"
#include "source_build.h"
#include "spawn.h"
#include "tree_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_KIND "source 1" /* changes when the way it is built does */

/**
 * struct job - one source
 * @build:   that it is for
 * @source:  as the module has it
 * @name:    of the source; borrowed
 * @debian:  source package; NULL: none
 * @version: of the source package or the one that carries it; borrowed
 * @root:    packages that are there while it is built
 * @carrier: package with the source; without a name: none
 * @stage:   what the build finds; owned
 * @key:     of what it makes, in the cache
 */
struct job {
	struct build *build;
	const json_t *source;
	const char *name;
	const char *debian;
	const char *version;
	struct debs_set root;
	struct debs_set carrier;
	struct tree *stage;
	uint8_t key[SHA256_SIZE];
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int add_names(struct job *job, struct build_names *names,
		     struct err *err)
{
	/* The builder, and what a Debian package may take for granted. */
	static const struct {
		const char *form;
		const char *packages[4];
	} forms[] = {
		{"debian", {"build-essential", "fakeroot"}},
		{"buildpkg", {"fakeroot"}},
		{"pkgbuild", {"file", "libarchive-tools", "makepkg"}},
		{"spec", {"rpm"}},
	};
	const char *form = module_source_form(job->source);
	int rc = build_names_add(names, job->build,
				 json_object_get(job->source, "packages"), err);

	if (!rc && json_object_get(job->source, "patches"))
		rc = build_names_add_one(names, job->build, "patch", err);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		for (size_t j = 0; strcmp(forms[i].form, form) == 0 && !rc &&
				   forms[i].packages[j];
		     j++)
			rc = build_names_add_one(names, job->build,
						 forms[i].packages[j], err);
	build_names_sort(names);
	return rc;
}

static int find_root(struct job *job, struct err *err)
{
	struct debs *debs = &job->build->debs;
	struct build_names names = {0};
	int rc = add_names(job, &names, err);

	if (!rc && job->debian)
		rc = debs_set_find_source(debs, job->debian,
					  (const char *const *)names.names,
					  names.num, &job->root, err);
	else if (!rc)
		rc = debs_set_find(debs, (const char *const *)names.names,
				   names.num, &job->root, err);
	build_names_fini(&names);
	return rc;
}

static int find_sets(struct job *job, struct err *err)
{
	const char *carrier = definition_text(job->source, "package");
	int rc = find_root(job, err);

	if (!rc && carrier) {
		rc = debs_set_find_alone(&job->build->debs, carrier, NULL,
					 &job->carrier, err);
		job->version = debs_version(&job->build->debs, carrier);
	}
	return rc;
}

static int make_key(struct job *job, struct err *err)
{
	uint8_t digests[3][SHA256_SIZE] = {{0}};
	json_t *copy = definition_copy(job->source);
	AUTO_FREE char *text =
		copy ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct sha256 *sum = NULL;
	int rc = text ? sha256_create(&sum, err) : no_memory(err);

	json_decref(copy);
	if (!rc)
		rc = debs_set_digest(&job->build->debs, &job->root, digests[0],
				     err);
	if (!rc && job->carrier.name)
		rc = debs_set_digest(&job->build->debs, &job->carrier,
				     digests[1], err);
	if (!rc)
		rc = tree_digest(job->stage, digests[2], err);
	if (!rc) {
		sha256_update(sum, KEY_KIND, sizeof(KEY_KIND));
		sha256_update(sum, text, strlen(text) + 1);
		sha256_update(sum, digests, sizeof(digests));
		sha256_final(sum, job->key);
	}
	sha256_destroy(sum);
	return rc;
}

/* Devices cannot be made without privileges, and the build has a /dev of its
 * own. Nobody reads manuals in it. */
static void drop_unneeded(struct tree *tree)
{
	static const char *const unread[] = {"usr/share/doc", "usr/share/info",
					     "usr/share/locale",
					     "usr/share/man"};

	for (size_t i = 0; i < ARRAY_SIZE(unread); i++)
		tree_empty(tree, unread[i]);
	for (size_t i = tree_num(tree); i-- > 1;) {
		const struct tree_entry *entry = tree_at(tree, i);
		AUTO_FREE char *path = NULL;

		if (entry->type == TREE_FILE || entry->type == TREE_DIR ||
		    entry->type == TREE_SYMLINK)
			continue;
		path = strdup(entry->path);
		if (path)
			tree_remove(tree, path);
	}
}

/* A folder to mount on, and a name for the user that the build is. */
static int complete_root(struct tree *tree, struct err *err)
{
	static const char users[] =
		"root:x:0:0:root:/root:/bin/bash\n"
		"build:x:1000:1000:build:/build/home:/bin/bash\n"
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
	static const char groups[] = "root:x:0:\nbuild:x:1000:\n"
				     "nogroup:x:65534:\n";
	static char build[] = "build";
	struct tree_entry dir = {.path = build, .type = TREE_DIR, .mode = 0755};
	const struct tree_entry like = {.mode = 0644};
	int rc = tree_put(tree, &dir, err);

	if (!rc)
		rc = tree_put_bytes(tree, "etc/passwd", &like, users,
				    strlen(users), err);
	return rc ? rc
		  : tree_put_bytes(tree, "etc/group", &like, groups,
				   strlen(groups), err);
}

static int write_root(struct job *job, const char *dir, struct err *err)
{
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	if (!rc)
		rc = debs_set_take(&job->build->debs, &job->root, tree, err);
	if (!rc) {
		drop_unneeded(tree);
		rc = complete_root(tree, err);
	}
	if (!rc)
		rc = tree_dir_write(tree, dir, err);
	tree_destroy(tree);
	return rc;
}

/* The build may change it: as root it is another user. */
static int give_root(const char *dir, struct err *err)
{
	const char *const argv[] = {
		"chown",	  "--recursive", "--no-dereference",
		SOURCE_BOX_OWNER, dir,		 NULL};
	const struct spawn spawn = {.argv = argv};

	return geteuid() == 0 ? spawn_run(&spawn, err) : 0;
}

/* The directory that is the root of the build; kept for the next source, unless
 * the build may change it. Return: 0 or a negative errno with @err; @out is
 * borrowed. */
static int open_root(struct job *job, bool own, const char **out,
		     struct err *err)
{
	struct build *build = job->build;
	const char *key = job->root.name;
	AUTO_FREE char *dir = NULL;
	int rc;

	if (!build->source_roots)
		build->source_roots = json_object();
	*out = own ? NULL
		   : json_string_value(
			     json_object_get(build->source_roots, key));
	if (*out)
		return 0;
	rc = image_cache_scratch_dir(build->debs.cache, "root", &dir, err);
	if (rc)
		return rc;
	if (json_object_set_new(build->source_roots, own ? dir : key,
				json_string(dir)))
		return no_memory(err);
	rc = write_root(job, dir, err);
	if (!rc && own)
		rc = give_root(dir, err);
	*out = json_string_value(
		json_object_get(build->source_roots, own ? dir : key));
	return rc;
}

void build_sources_end(struct build *build)
{
	const char *name;
	json_t *dir;

	json_object_foreach (build->source_roots, name, dir)
		/* Swept later at worst. */
		(void)tree_dir_remove(json_string_value(dir), NULL);
	json_decref(build->source_roots);
	build->source_roots = NULL;
}

/* "CACHE/logs/NAME-KEY.log". Return: 0 or a negative errno with @err. */
static int log_path(const struct job *job, char **out, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	char hex[SHA256_HEX_SIZE];

	sha256_hex(job->key, hex);
	if (asprintf(&dir, "%s/" IMAGE_CACHE_LOGS,
		     image_cache_path(job->build->debs.cache)) < 0) {
		dir = NULL;
		return no_memory(err);
	}
	if (mkdir(dir, 0777) && errno != EEXIST)
		return err_set(err, -errno, "%s", dir);
	if (asprintf(out, "%s/%s-%.8s.log", dir, job->name, hex) < 0) {
		*out = NULL;
		return no_memory(err);
	}
	return 0;
}

/* The package with the source goes beside the files of the module. */
static int add_carrier(struct job *job, struct err *err)
{
	struct tree *tree = NULL;
	int rc;

	if (!job->carrier.name)
		return 0;
	rc = tree_create(&tree, err);
	if (!rc)
		rc = debs_set_take(&job->build->debs, &job->carrier, tree, err);
	if (!rc)
		rc = tree_merge(job->stage, tree, SOURCE_PACKAGE, err);
	tree_destroy(tree);
	return rc;
}

static int make(struct job *job, int out, struct err *err)
{
	AUTO_FREE char *log = NULL;
	struct source_build source = {
		.source = job->source,
		.stage = job->stage,
		.cache = job->build->debs.cache,
		.epoch = job->build->options->epoch,
		.writable = strcmp(module_source_form(job->source),
				   "buildpkg") == 0,
	};
	int rc = log_path(job, &log, err);

	if (!rc)
		rc = add_carrier(job, err);
	if (!rc)
		rc = open_root(job, source.writable, &source.root, err);
	if (rc)
		return rc;
	build_say(job->build, "  build %s: %s", job->name, log);
	source.log = log;
	return source_build_run(&source, out, err);
}

/* A file with what the source makes. Return: a descriptor or a negative errno
 * with @err. */
static int get_or_make(struct job *job, struct err *err)
{
	struct image_cache *cache = job->build->debs.cache;
	struct image_cache_file file = {.fd = -1};
	int fd = image_cache_get(cache, IMAGE_CACHE_RESULTS, job->key, err);
	int rc;

	if (fd != -ENOENT)
		return fd;
	rc = image_cache_begin(cache, &file, err);
	if (!rc)
		rc = make(job, file.fd, err);
	if (!rc)
		rc = image_cache_commit(cache, &file, IMAGE_CACHE_RESULTS,
					job->key, err);
	image_cache_abort(&file);
	if (rc)
		return rc;
	fd = image_cache_get(cache, IMAGE_CACHE_RESULTS, job->key, err);
	return fd == -ENOENT
		       ? err_setx(err, fd, "cache: %s has gone", job->name)
		       : fd;
}

static int record(const struct job *job, const struct tree *made,
		  const struct tree *tree, struct err *err)
{
	struct sbom *sbom = job->build->sbom;
	const char *version = definition_text(job->source, "version");
	AUTO_FREE char *name = strdup(job->name);
	AUTO_FREE char *copy = NULL;
	struct sbom_package package = {.name = name};
	char path[TREE_PATH_SIZE];
	size_t index = 0;
	int rc = 0;

	if (!version)
		version = job->version;
	copy = version ? strdup(version) : NULL;
	if (!name || (version && !copy))
		return no_memory(err);
	package.version = copy;
	rc = sbom_add_package(sbom, &package, &index, err);
	if (!rc && job->carrier.name)
		rc = debs_set_record(&job->build->debs, &job->carrier, sbom,
				     err);
	for (size_t i = 0; i < tree_num(made) && !rc; i++)
		if (tree_at(made, i)->type == TREE_FILE &&
		    !tree_resolve(tree, tree_at(made, i)->path, path))
			rc = sbom_own(sbom, path, index, err);
	return rc;
}

static int put(struct job *job, struct tree *tree, struct err *err)
{
	AUTO_CLOSE int fd = get_or_make(job, err);
	struct archive_input input = {
		.fd = fd, .name = job->name, .origin = job->name};
	struct tree *made = NULL;
	int rc = fd < 0 ? fd : tree_create(&made, err);

	if (!rc)
		rc = archive_read(made, &input, err);
	if (!rc)
		rc = tree_merge(tree, made, "", err);
	if (!rc)
		rc = record(job, made, tree, err);
	tree_destroy(made);
	return rc;
}

static int run(struct job *job, const char *dir, struct tree *tree,
	       struct err *err)
{
	int rc = find_sets(job, err);

	if (rc || job->build->debs.lock_only)
		return rc;
	if (strcmp(job->build->options->architecture, architecture_native()) !=
	    0)
		return err_setx(err, -ENOTSUP,
				"is for %s: what is from source is built on a "
				"machine of that architecture",
				job->build->options->architecture);
	rc = tree_create(&job->stage, err);
	if (!rc)
		rc = source_stage(job->stage, job->source, dir, err);
	if (!rc && job->debian)
		rc = debs_source(&job->build->debs, job->debian, job->stage,
				 SOURCE_PACKAGE, &job->version, err);
	if (!rc)
		rc = make_key(job, err);
	return rc ? rc : put(job, tree, err);
}

static int one(struct build *build, const json_t *source, const char *dir,
	       struct tree *tree, struct err *err)
{
	struct job job = {.build = build,
			  .source = source,
			  .name = definition_text(source, "name"),
			  .debian = definition_text(source, "debian")};
	int rc = run(&job, dir, tree, err);

	tree_destroy(job.stage);
	debs_set_fini(&job.root);
	debs_set_fini(&job.carrier);
	if (rc && rc != -EINTR)
		(void)err_prefix(err, "%s: source %s",
				 definition_text(source, DEFINITION_AT),
				 job.name);
	return rc;
}

int build_sources(struct build *build, const struct module *module,
		  struct tree *tree, struct err *err)
{
	const json_t *list = json_object_get(module->content, "sources");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = one(build, json_array_get(list, i), module->dir, tree,
			 err);
	return rc;
}
