/*
 * build_stamp.c - a build whose inputs and outputs are those of the last time
 * does nothing; see build_internal.h.
 *
 * The key is a digest over the definition, the options, this program and every
 * input: images of the cache by their digest, files and directories by size,
 * mode and times of all that is in them. Under it the cache keeps the paths of
 * the files that were made, with their digests.
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"
#include "json.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MAX (1U << 20)

static void add_text(struct sha256 *sum, const char *text)
{
	/* The NUL keeps neighbours apart. */
	sha256_update(sum, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_number(struct sha256 *sum, int64_t number)
{
	sha256_update(sum, &number, sizeof(number));
}

static void add_stat(struct sha256 *sum, const char *path,
		     const struct stat *st)
{
	add_text(sum, path);
	add_number(sum, (int64_t)st->st_mode);
	add_number(sum, (int64_t)st->st_size);
	add_number(sum, (int64_t)st->st_ino);
	add_number(sum, (int64_t)st->st_mtim.tv_sec);
	add_number(sum, (int64_t)st->st_mtim.tv_nsec);
	add_number(sum, (int64_t)st->st_ctim.tv_sec);
	add_number(sum, (int64_t)st->st_ctim.tv_nsec);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A file or all of a directory; what is missing counts as that. */
static int add_path(struct sha256 *sum, const char *path, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	char *const paths[] = {copy, NULL};
	FTS *walk = copy ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name)
			 : NULL;
	FTSENT *entry;

	if (!walk)
		return err_set(err, -errno, "%s", path);
	while ((entry = fts_read(walk))) {
		if (entry->fts_info == FTS_DP)
			continue;
		if (entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR)
			add_text(sum, entry->fts_path);
		else
			add_stat(sum, entry->fts_path, entry->fts_statp);
	}
	(void)fts_close(walk); /* read only */
	return 0;
}

static int add_reference(const struct build *build, struct sha256 *sum,
			 const char *reference,
			 const struct image_cache_image *images, size_t num,
			 struct err *err)
{
	AUTO_FREE char *path = NULL;

	add_text(sum, reference);
	if (!reference_is_path(reference)) {
		for (size_t i = 0; i < num; i++)
			if (strcmp(images[i].name, reference) == 0)
				add_text(sum, images[i].hex);
		return 0;
	}
	path = reference_path(&build->resolver, reference);
	if (!path)
		return err_set(err, -ENOMEM, "%s", reference);
	return add_path(sum, path, err);
}

static int add_images(const struct build *build, struct sha256 *sum,
		      const struct image_cache_image *images, size_t num,
		      struct err *err)
{
	static const char *const lists[] = {"init", "volumes", "onboot",
					    "onshutdown", "services"};
	const json_t *kernel = json_object_get(build->definition, "kernel");
	int rc = 0;

	if (kernel)
		rc = add_reference(build, sum, definition_text(kernel, "image"),
				   images, num, err);
	for (size_t l = 0; l < sizeof(lists) / sizeof(*lists); l++) {
		const json_t *list =
			json_object_get(build->definition, lists[l]);

		for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
			const json_t *item = json_array_get(list, i);
			const char *reference =
				json_is_string(item)
					? json_string_value(item)
					: definition_text(item, "image");

			if (reference)
				rc = add_reference(build, sum, reference,
						   images, num, err);
		}
	}
	return rc;
}

static int add_files(const struct build *build, struct sha256 *sum,
		     struct err *err)
{
	const json_t *list = json_object_get(build->definition, "files");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		const char *source =
			definition_text(json_array_get(list, i), "source");
		AUTO_FREE char *path =
			source ? build_source_path(build, source) : NULL;

		if (source && !path)
			return err_set(err, -ENOMEM, "%s", source);
		if (path)
			rc = add_path(sum, path, err);
	}
	return rc;
}

static int add_modules(const struct build *build, struct sha256 *sum,
		       struct err *err)
{
	char *dirs[MODULE_DIRS_MAX];
	int rc = module_dirs(dirs, build->resolver.dir, build->options->modules,
			     build->options->module_num, err);

	for (size_t i = 0; !rc && dirs[i]; i++)
		rc = add_path(sum, dirs[i], err);
	for (size_t i = 0; i < MODULE_DIRS_MAX; i++)
		free(dirs[i]);
	return rc;
}

static void add_options(const struct build *build, struct sha256 *sum)
{
	const struct build_options *options = build->options;
	AUTO_FREE char *here = getcwd(NULL, 0);

	add_text(sum, PACKAGE_STRING);
	add_text(sum, here);
	for (size_t i = 0; i < options->format_num; i++)
		add_text(sum, options->formats[i]);
	add_text(sum, options->files[0]);
	add_text(sum, options->name);
	add_text(sum, options->dir);
	add_text(sum, options->output);
	add_text(sum, options->architecture);
	add_text(sum, options->sbom_output);
	add_number(sum, (int64_t)options->size);
	add_number(sum, options->epoch);
	add_number(sum, options->sbom_epoch);
	add_number(sum, options->decompress_kernel + 2 * options->no_sbom +
				4 * options->no_optional);
}

static int make_key(const struct build *build, uint8_t key[SHA256_SIZE],
		    struct err *err)
{
	struct image_cache_image *images = NULL;
	json_t *definition = definition_copy(build->definition);
	AUTO_FREE char *program = realpath("/proc/self/exe", NULL);
	AUTO_FREE char *init =
		build_source_path(build, BUILD_PROGRAM "lwx-root-init");
	AUTO_FREE char *text = NULL;
	struct sha256 *sum = NULL;
	size_t size = 0;
	size_t num = 0;
	int rc = definition ? json_write(definition, &text, &size, err)
			    : err_set(err, -ENOMEM, "definition");

	json_decref(definition);
	if (!rc)
		rc = sha256_create(&sum, err);
	if (rc)
		return rc;
	sha256_update(sum, text, size);
	add_options(build, sum);
	rc = image_cache_list(build->resolver.cache, &images, &num, err);
	if (!rc)
		rc = add_images(build, sum, images, num, err);
	if (!rc)
		rc = add_files(build, sum, err);
	if (!rc)
		rc = add_modules(build, sum, err);
	/* A program of another build may make other bytes. */
	if (!rc && program)
		rc = add_path(sum, program, err);
	if (!rc && init)
		rc = add_path(sum, init, err);
	if (!rc && build->resolver.lock_path)
		rc = add_path(sum, build->resolver.lock_path, err);
	sha256_final(sum, key);
	sha256_destroy(sum);
	image_cache_list_free(images, num);
	return rc;
}

/* Return: NULL if it cannot be read. */
static json_t *file_digest(const char *path)
{
	char hex[SHA256_HEX_SIZE];

	return sha256_file(path, hex, NULL) ? NULL : json_string(hex);
}

static bool all_there(const json_t *record)
{
	const char *path;
	json_t *digest;

	json_object_foreach ((json_t *)(uintptr_t)record, path, digest) {
		json_t *now = file_digest(path);
		bool same = now && json_equal(now, digest);

		json_decref(now);
		if (!same)
			return false;
	}
	return json_object_size(record) > 0;
}

int build_unchanged(struct build *build, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	json_t *record;
	bool same;
	int rc = make_key(build, build->key, err);

	if (rc)
		return rc;
	fd = image_cache_get(build->resolver.cache, IMAGE_CACHE_RESULTS,
			     build->key, err);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	record = json_loadfd(fd, 0, NULL);
	same = json_is_object(record) && all_there(record);
	json_decref(record);
	return same;
}

int build_made(struct build *build, const char *path, struct err *err)
{
	json_t *digest = file_digest(path);

	if (!digest)
		return err_setx(err, -EIO, "%s: cannot be read back", path);
	return json_object_set_new(build->made, path, digest)
		       ? err_set(err, -ENOMEM, "%s", path)
		       : 0;
}

int build_remember(struct build *build, struct err *err)
{
	struct image_cache_file file = {.fd = -1};
	int rc = image_cache_begin(build->resolver.cache, &file, err);

	if (rc)
		return rc;
	if (json_dumpfd(build->made, file.fd, JSON_SORT_KEYS))
		rc = err_setx(err, -EIO, "cache: record of the build");
	if (!rc)
		rc = image_cache_commit(build->resolver.cache, &file,
					IMAGE_CACHE_RESULTS, build->key, err);
	image_cache_abort(&file);
	return rc;
}
