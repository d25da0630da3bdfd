/*
 * pkg_build.c - a package by buildah; see pkg.h.
 *
 * buildah gets a directory of its own for its images. It runs in an empty
 * network namespace unless the package asks for the network; a user gets a user
 * namespace first, with the ids of /etc/subuid if there are any.
 */
#include "pkg.h"

#include "cleanup.h"
#include "definition.h"
#include "image_cache.h"
#include "log.h"
#include "macros.h"
#include "spawn.h"
#include "tree_dir.h"
#include "work_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS_MAX 256U
#define LABEL_CONFIG "org.mobyproject.config"
#define LABEL_SOURCE "org.opencontainers.image.source"

/**
 * struct job - one run of buildah
 * @work:  its directory: storage, context, policy, results
 * @argv:  grows; texts of @owned are freed
 * @stages: names of stages of the Dockerfile, "," around each
 */
struct job {
	const struct pkg *pkg;
	struct image_cache *cache;
	const char *architecture;
	int64_t epoch;
	const char *work;
	const char *argv[ARGS_MAX];
	size_t num;
	char *owned[ARGS_MAX];
	size_t owned_num;
	char stages[2048];
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int add(struct job *job, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int add(struct job *job, struct err *err, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return no_memory(err);
	if (job->num + 1 == ARGS_MAX) {
		free(text);
		return err_setx(err, -E2BIG, "buildah: too many arguments");
	}
	job->owned[job->owned_num++] = text;
	job->argv[job->num++] = text;
	return 0;
}

static void job_reset(struct job *job)
{
	for (size_t i = 0; i < job->owned_num; i++)
		free(job->owned[i]);
	job->owned_num = 0;
	job->num = 0;
	memset(job->argv, 0, sizeof(job->argv));
}

/* The words in front of a command of buildah's. */
static int add_program(struct job *job, bool network, struct err *err)
{
	static const char *const user[] = {"buildah", "unshare", "--"};
	static const char *const offline[] = {"unshare", "--net", "--"};
	int rc = 0;

	for (size_t i = 0; i < 3 && geteuid() != 0 && !rc; i++)
		rc = add(job, err, "%s", user[i]);
	for (size_t i = 0; i < 3 && !network && !rc; i++)
		rc = add(job, err, "%s", offline[i]);
	if (!rc)
		rc = add(job, err, "buildah");
	if (!rc)
		rc = add(job, err, "--root=%s/images", job->work);
	if (!rc)
		rc = add(job, err, "--runroot=%s/run", job->work);
	if (!rc)
		rc = add(job, err, "--storage-driver=vfs");
	return rc ? rc
		  : add(job, err, "--storage-opt=vfs.ignore_chown_errors=%s",
			geteuid() ? "true" : "false");
}

static int run(struct job *job, struct err *err)
{
	AUTO_FREE char *runtime = NULL;
	AUTO_FREE char *temp = NULL;
	const char *env[] = {NULL, NULL, NULL};
	const struct spawn spawn = {.argv = job->argv,
				    .name = "buildah",
				    .package = "buildah",
				    /* Of paths it makes names of images, which
				     * have no capital letters. */
				    .dir = job->work,
				    .epoch = job->epoch,
				    .env = env};

	if (asprintf(&runtime, "XDG_RUNTIME_DIR=%s", job->work) < 0) {
		runtime = NULL;
		return no_memory(err);
	}
	if (asprintf(&temp, "TMPDIR=%s", job->work) < 0) {
		temp = NULL;
		return no_memory(err);
	}
	env[0] = runtime;
	env[1] = temp;
	return spawn_run(&spawn, err);
}

/* An image of the cache becomes a layout that buildah takes under its name. */
static int add_image(struct job *job, const char *reference, const char *file,
		     unsigned int line, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	struct tree *files = NULL;
	int rc = tree_create(&files, err);

	if (!rc)
		rc = image_cache_export(job->cache, reference,
					job->architecture, files, err);
	if (rc == -ENOENT)
		rc = err_setx(err, rc,
			      "%s:%u:1: %.128s: not in the cache: lwx-image "
			      "cache pull it, or lwx-image pkg build its "
			      "directory",
			      file, line, reference);
	if (!rc && asprintf(&dir, "%s/from-%zu", job->work, job->num) < 0) {
		dir = NULL;
		rc = no_memory(err);
	}
	if (!rc)
		rc = tree_dir_write(files, dir, err);
	if (!rc)
		rc = add(job, err,
			 "--build-context=%s=container-image://oci:%s",
			 reference, strrchr(dir, '/') + 1);
	tree_destroy(files);
	return rc;
}

/* An image that a line names, @word cut to it; NULL: none. */
static char *image_of(struct job *job, char *line)
{
	char *save = NULL;
	char *word = strtok_r(line, " \t\r", &save);
	bool from = word && strcasecmp(word, "FROM") == 0;
	char *name = NULL;

	if (!from && (!word || strcasecmp(word, "COPY") != 0))
		return NULL;
	while ((word = strtok_r(NULL, " \t\r", &save))) {
		if (!from && strncmp(word, "--from=", 7) == 0)
			name = word + 7;
		else if (from && !name && strncmp(word, "--", 2) != 0)
			name = word;
		else if (from && strcasecmp(word, "AS") == 0 &&
			 (word = strtok_r(NULL, " \t\r", &save))) {
			size_t used = strlen(job->stages);

			(void)snprintf(job->stages + used,
				       sizeof(job->stages) - used, ",%s,",
				       word);
		}
	}
	return name;
}

/* One of the first @known bytes of the stages: not of its own line. */
static bool is_stage(const struct job *job, const char *name, size_t known)
{
	const char *found;
	char text[256];

	(void)snprintf(text, sizeof(text), ",%s,", name);
	found = strcasestr(job->stages, text);
	/* A number is one too. */
	return strcmp(name, "scratch") == 0 ||
	       strspn(name, "0123456789") == strlen(name) ||
	       (found && found < job->stages + known);
}

static bool was_added(const struct job *job, const char *name)
{
	char text[PKG_NAME_MAX];

	(void)snprintf(text, sizeof(text), "--build-context=%s=", name);
	for (size_t i = 0; i < job->num; i++)
		if (strncmp(job->argv[i], text, strlen(text)) == 0)
			return true;
	return false;
}

static int add_images(struct job *job, const char *dockerfile, struct err *err)
{
	const struct tree_entry *entry =
		tree_find(job->pkg->context, dockerfile);
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *text = NULL;
	unsigned int line = 0;
	char *rest;
	int rc;

	if (!entry || entry->type != TREE_FILE)
		return definition_fail(err, job->pkg->content,
				       "dockerfile: there is no %s in %s",
				       dockerfile, job->pkg->dir);
	text = calloc(1, entry->size + 1);
	if (!text || asprintf(&path, "%s/%s", job->pkg->dir, dockerfile) < 0) {
		path = NULL;
		return no_memory(err);
	}
	rc = entry->size ? tree_content_read(entry->content, 0, text,
					     entry->size, err)
			 : 0;
	rest = text;
	while (!rc && rest) {
		const char *name;
		size_t known;

		line++;
		known = strlen(job->stages);
		name = image_of(job, strsep(&rest, "\n"));
		if (!name || strchr(name, '$') || was_added(job, name))
			continue;
		if (!is_stage(job, name, known))
			rc = add_image(job, name, path, line, err);
	}
	return rc;
}

/* "@lkt:pkg:DIR" behind the "=" is the name of that package. */
static int add_arg(struct job *job, const char *text, struct err *err)
{
	static const char mark[] = "@lkt:pkg:";
	const char *value = strchr(text, '=');
	const struct pkg_options options = {0};
	AUTO_FREE char *dir = NULL;
	struct pkg other = {0};
	int rc;

	if (!value)
		return definition_fail(err, job->pkg->content,
				       "buildArgs: %.64s: expected NAME=value",
				       text);
	if (strncmp(++value, "@lkt:pkgs:", 10) == 0)
		return definition_fail(err, job->pkg->content,
				       "buildArgs: %.64s: @lkt:pkgs: is not "
				       "supported: one line with @lkt:pkg: for "
				       "each",
				       text);
	if (strncmp(value, mark, strlen(mark)) != 0)
		return add(job, err, "--build-arg=%s", text);
	value += strlen(mark);
	if (asprintf(&dir, "%s%s%s", *value == '/' ? "" : job->pkg->dir,
		     *value == '/' ? "" : "/", value) < 0) {
		dir = NULL;
		return no_memory(err);
	}
	rc = pkg_open(&other, dir, &options, err);
	if (!rc)
		rc = add(job, err, "--build-arg=%.*s%s",
			 (int)(strchr(text, '=') + 1 - text), text, other.name);
	pkg_close(&other);
	return rc;
}

static int add_config(struct job *job, struct err *err)
{
	const json_t *config = json_object_get(job->pkg->content, "config");
	const char *source = definition_text(job->pkg->content, "gitrepo");
	AUTO_FREE char *text = NULL;
	json_t *checked = NULL;
	json_t *image;
	int rc = 0;

	if (source)
		rc = add(job, err, "--label=" LABEL_SOURCE "=%s", source);
	if (rc || !config)
		return rc;
	text = json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT);
	image = json_pack("{s:s,s:s}", "name", "x", "image", "x");
	if (!text || !image)
		rc = no_memory(err);
	if (!rc)
		rc = definition_image(&checked, image, text, job->pkg->dir,
				      err);
	if (!rc)
		rc = add(job, err, "--label=" LABEL_CONFIG "=%s", text);
	json_decref(checked);
	json_decref(image);
	return rc;
}

static int add_command(struct job *job, struct err *err)
{
	const char *dockerfile =
		definition_text(job->pkg->content, "dockerfile");
	const json_t *list = json_object_get(job->pkg->content, "buildArgs");
	int rc = add_program(job, definition_bool(job->pkg->content, "network"),
			     err);

	if (!dockerfile)
		dockerfile = "Dockerfile";
	if (!rc)
		rc = add(job, err, "bud");
	if (!rc)
		rc = add(job, err, "--quiet");
	if (!rc)
		rc = add(job, err, "--isolation=chroot");
	if (!rc)
		rc = add(job, err, "--arch=%s", job->architecture);
	if (!rc)
		rc = add(job, err, "--timestamp=%lld", (long long)job->epoch);
	if (!rc)
		rc = add(job, err, "--signature-policy=%s/policy.json",
			 job->work);
	if (!rc)
		rc = add_images(job, dockerfile, err);
	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = add_arg(job, json_string_value(json_array_get(list, i)),
			     err);
	if (!rc)
		rc = add_config(job, err);
	if (!rc)
		rc = add(job, err, "--tag=localhost/made");
	if (!rc)
		rc = add(job, err, "--file=%s/context/%s", job->work,
			 dockerfile);
	return rc ? rc : add(job, err, "%s/context", job->work);
}

static int push_out(struct job *job, struct err *err)
{
	int rc;

	job_reset(job);
	rc = add_program(job, false, err);
	if (!rc)
		rc = add(job, err, "push");
	if (!rc)
		rc = add(job, err, "--quiet");
	if (!rc)
		rc = add(job, err, "--signature-policy=%s/policy.json",
			 job->work);
	if (!rc)
		rc = add(job, err, "localhost/made");
	if (!rc)
		rc = add(job, err, "oci:%s/made", job->work);
	return rc ? rc : run(job, err);
}

static int take_over(struct job *job, struct err *err)
{
	AUTO_FREE char *made = NULL;
	AUTO_FREE char *name = NULL;

	if (asprintf(&made, "%s/made", job->work) < 0 ||
	    asprintf(&name, "%s-%s", job->pkg->name, job->architecture) < 0)
		return no_memory(err);
	return image_cache_import(job->cache, made, NULL, name,
				  job->architecture, err);
}

static int prepare(const struct job *job, struct err *err)
{
	static const char policy[] =
		"{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}";
	AUTO_FREE char *context = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;

	if (asprintf(&context, "%s/context", job->work) < 0) {
		context = NULL;
		return no_memory(err);
	}
	if (asprintf(&path, "%s/policy.json", job->work) < 0) {
		path = NULL;
		return no_memory(err);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, policy, strlen(policy)) < 0)
		return err_set(err, -errno, "%s", path);
	return tree_dir_write(job->pkg->context, context, err);
}

static int build_one(struct job *job, struct err *err)
{
	int rc;

	log_info("building %s for %s", job->pkg->name, job->architecture);
	rc = prepare(job, err);
	if (!rc)
		rc = add_command(job, err);
	if (!rc) {
		rc = run(job, err);
		if (rc == -ECHILD)
			(void)err_prefix(err, "%s", job->pkg->dir);
	}
	if (!rc)
		rc = push_out(job, err);
	return rc ? rc : take_over(job, err);
}

/* Files in it may belong to ids of /etc/subuid. What it leaves is told of by
 * the removal that follows. */
static void clear(struct job *job)
{
	static const char *const words[] = {"buildah", "unshare", "--", "rm",
					    "-rf",     "images",  "run"};
	int rc = 0;

	job_reset(job);
	for (size_t i = 0; i < ARRAY_SIZE(words) && !rc; i++)
		rc = add(job, NULL, "%s", words[i]);
	if (!rc && geteuid() != 0)
		(void)run(job, NULL);
	job_reset(job);
}

static int build_in_dir(struct job *job, struct err *err)
{
	const char *temp = getenv("TMPDIR");
	struct work_dir dir = {0};
	char place[4096];
	int rc;

	(void)snprintf(place, sizeof(place), "%s/pkg",
		       temp && *temp ? temp : "/var/tmp");
	rc = work_dir_make(&dir, place, err);
	if (rc)
		return rc;
	job->work = dir.path;
	rc = build_one(job, err);
	clear(job);
	if (rc)
		(void)work_dir_remove(&dir, NULL); /* the first counts */
	return rc ? rc : work_dir_remove(&dir, err);
}

static bool is_there(struct image_cache *cache, const struct pkg *pkg,
		     const char *architecture)
{
	struct image_cache_image *images = NULL;
	char name[PKG_NAME_MAX + 32];
	bool there = false;
	size_t num = 0;

	(void)snprintf(name, sizeof(name), "%s-%s", pkg->name, architecture);
	(void)image_cache_list(cache, &images, &num, NULL);
	for (size_t i = 0; i < num; i++)
		there |= strcmp(images[i].name, name) == 0;
	image_cache_list_free(images, num);
	return there;
}

int pkg_build(const struct pkg *pkg, struct image_cache *cache,
	      const struct pkg_build *how, struct err *err)
{
	AUTO_FREE struct job *job = calloc(1, sizeof(*job));
	bool force =
		how->force || definition_bool(pkg->content, "disable-cache");
	char digest[SHA256_HEX_SIZE];
	int rc = job ? 0 : no_memory(err);

	for (size_t i = 0; i < how->num && !rc; i++) {
		const char *architecture = how->architectures[i];

		if (!pkg_is_for(pkg, architecture))
			return definition_fail(err, pkg->content,
					       "arches: not for %s",
					       architecture);
		if (!force && is_there(cache, pkg, architecture))
			continue;
		*job = (struct job){.pkg = pkg,
				    .cache = cache,
				    .architecture = architecture,
				    .epoch = how->epoch};
		rc = build_in_dir(job, err);
	}
	return rc ? rc : pkg_index(pkg, cache, digest, err);
}
