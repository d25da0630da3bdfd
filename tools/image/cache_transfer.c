/*
 * cache_transfer.c - see cache_transfer.h.
 */
#include "cache_transfer.h"

#include "architecture.h"
#include "archive_write_tar.h"
#include "cleanup.h"
#include "lwx_image.h"
#include "macros.h"
#include "oci_read.h"
#include "oci_write.h"
#include "sink.h"
#include "spawn.h"
#include "tree_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS_MAX 24U
#define SYSTEM_POLICY "/etc/containers/policy.json"

/* What a user of skopeo sets for it. */
static const char *const passed_on[] = {
	"HTTPS_PROXY",	   "HTTP_PROXY",     "NO_PROXY",
	"https_proxy",	   "http_proxy",     "no_proxy",
	"SSL_CERT_FILE",   "SSL_CERT_DIR",   "REGISTRY_AUTH_FILE",
	"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"};

/**
 * struct skopeo - one call of "skopeo copy"
 * @argv: grows
 * @env:  "NAME=value", owned
 */
struct skopeo {
	const char *argv[ARGS_MAX];
	size_t num;
	char *env[ARRAY_SIZE(passed_on) + 1];
	size_t env_num;
};

static int skopeo_init(struct skopeo *skopeo, struct err *err)
{
	skopeo->argv[skopeo->num++] = "skopeo";
	/* A system without a policy has not asked for signatures. */
	if (access(SYSTEM_POLICY, F_OK))
		skopeo->argv[skopeo->num++] = "--insecure-policy";
	skopeo->argv[skopeo->num++] = "copy";
	skopeo->argv[skopeo->num++] = "--quiet";
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		const char *value = getenv(passed_on[i]);
		char **word = &skopeo->env[skopeo->env_num];

		if (!value)
			continue;
		if (asprintf(word, "%s=%s", passed_on[i], value) < 0) {
			*word = NULL;
			return err_set(err, -ENOMEM, "skopeo");
		}
		skopeo->env_num++;
	}
	return 0;
}

static int skopeo_run(struct skopeo *skopeo, const char *from, const char *to,
		      struct err *err)
{
	const char *env[ARRAY_SIZE(passed_on) + 1];
	struct spawn spawn = {
		.argv = skopeo->argv, .package = "skopeo", .env = env};

	for (size_t i = 0; i <= skopeo->env_num; i++)
		env[i] = skopeo->env[i];
	skopeo->argv[skopeo->num++] = from;
	skopeo->argv[skopeo->num++] = to;
	skopeo->argv[skopeo->num] = NULL;
	return spawn_run(&spawn, err);
}

static void skopeo_fini(struct skopeo *skopeo)
{
	for (size_t i = 0; i < skopeo->env_num; i++)
		free(skopeo->env[i]);
}

/* skopeo makes a layout in a scratch directory, the cache takes it over. */
static int copy_in(struct image_cache *cache, struct skopeo *skopeo,
		   const char *from, const char *name, const char *architecture,
		   struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *to = NULL;
	int rc = image_cache_scratch_dir(cache, "image", &dir, err);

	if (rc)
		return rc;
	/* Without a name: skopeo would split one with a port at its colon. */
	if (asprintf(&to, "oci:%s", dir) < 0) {
		to = NULL;
		rc = err_set(err, -ENOMEM, "cache");
	}
	if (!rc)
		rc = skopeo_run(skopeo, from, to, err);
	if (!rc)
		rc = image_cache_import(cache, dir, NULL, name, architecture,
					err);
	(void)tree_dir_remove(dir, NULL); /* the sweep gets what is left */
	return rc;
}

int cache_pull(struct image_cache *cache, const char *name,
	       const char *architecture, bool insecure, struct err *err)
{
	struct skopeo skopeo = {0};
	AUTO_FREE char *from = NULL;
	AUTO_FREE char *arch = NULL;
	int rc = skopeo_init(&skopeo, err);

	if (!rc && (asprintf(&from, "docker://%s", name) < 0 ||
		    asprintf(&arch, "--override-arch=%s", architecture) < 0))
		rc = err_set(err, -ENOMEM, "%s", name);
	if (!rc) {
		/* An option of skopeo itself: in front of "copy". */
		memmove(skopeo.argv + 2, skopeo.argv + 1,
			(skopeo.num - 1) * sizeof(*skopeo.argv));
		skopeo.argv[1] = arch;
		skopeo.num++;
		if (insecure)
			skopeo.argv[skopeo.num++] = "--src-tls-verify=false";
		rc = copy_in(cache, &skopeo, from, name, architecture, err);
	}
	skopeo_fini(&skopeo);
	return rc;
}

/* A layout of one image in a scratch directory. */
static int stage(struct image_cache *cache, const char *name,
		 const char *architecture, char **dir, struct err *err)
{
	AUTO_FREE char *made = NULL;
	struct tree *files = NULL;
	int rc = tree_create(&files, err);

	if (!rc)
		rc = image_cache_export(cache, name, architecture, files, err);
	if (!rc)
		rc = image_cache_scratch_dir(cache, "image", &made, err);
	if (!rc) {
		rc = tree_dir_write(files, made, err);
		if (rc)
			(void)tree_dir_remove(made, NULL); /* best effort */
	}
	tree_destroy(files);
	if (!rc)
		*dir = steal_ptr(&made);
	return rc;
}

static int copy_out(struct image_cache *cache, struct skopeo *skopeo,
		    const char *name, const char *architecture, const char *to,
		    struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *from = NULL;
	int rc = stage(cache, name, architecture, &dir, err);

	if (rc)
		return rc;
	if (asprintf(&from, "oci:%s", dir) < 0) {
		from = NULL;
		rc = err_set(err, -ENOMEM, "cache");
	}
	if (!rc)
		rc = skopeo_run(skopeo, from, to, err);
	(void)tree_dir_remove(dir, NULL); /* the sweep gets what is left */
	return rc;
}

int cache_push(struct image_cache *cache, const char *name, const char *as,
	       const char *architecture, bool insecure, struct err *err)
{
	struct skopeo skopeo = {0};
	AUTO_FREE char *to = NULL;
	int rc = skopeo_init(&skopeo, err);

	if (!rc && asprintf(&to, "docker://%s", as ? as : name) < 0) {
		to = NULL;
		rc = err_set(err, -ENOMEM, "%s", name);
	}
	if (insecure)
		skopeo.argv[skopeo.num++] = "--dest-tls-verify=false";
	if (!rc)
		rc = copy_out(cache, &skopeo, name, architecture, to, err);
	skopeo_fini(&skopeo);
	return rc;
}

/* Files of a layout, by way of a scratch directory. */
static int import_files(struct image_cache *cache, const struct tree *files,
			const char *which, const char *name, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	int rc = image_cache_scratch_dir(cache, "image", &dir, err);

	if (rc)
		return rc;
	rc = tree_dir_write(files, dir, err);
	if (!rc)
		rc = image_cache_import(cache, dir, which, name, NULL, err);
	(void)tree_dir_remove(dir, NULL); /* the sweep gets what is left */
	return rc;
}

/* A root file system without a configuration. */
static int import_root(struct image_cache *cache, const struct tree *tree,
		       const char *path, const char *name, struct err *err)
{
	char architecture[16];
	struct oci_config config = {.architecture = architecture};
	const struct tree *layers[] = {tree};
	struct oci_output output = {
		.name = name,
		.config = &config,
		.layers = layers,
		.layer_num = 1,
	};
	struct tree *files = NULL;
	int rc;

	if (!name)
		return err_setx(err, -EINVAL,
				"%s: has no name of its own: use --name NAME",
				path);
	(void)snprintf(architecture, sizeof(architecture), "%s",
		       architecture_native());
	/* What is in the file system is not younger than that. */
	for (size_t i = 0; i < tree_num(tree); i++)
		output.epoch = MAX(output.epoch, tree_at(tree, i)->mtime);
	rc = tree_create(&files, err);
	if (!rc)
		rc = oci_write_layout(files, &output, err);
	if (!rc)
		rc = import_files(cache, files, NULL, name, err);
	tree_destroy(files);
	return rc;
}

static int import_docker(struct image_cache *cache, const char *path,
			 const char *name, struct err *err)
{
	struct skopeo skopeo = {0};
	AUTO_FREE char *from = NULL;
	int rc;

	if (!name)
		return err_setx(err, -EINVAL,
				"%s: a docker archive: use --name NAME", path);
	rc = skopeo_init(&skopeo, err);
	if (!rc && asprintf(&from, "docker-archive:%s", path) < 0) {
		from = NULL;
		rc = err_set(err, -ENOMEM, "%s", path);
	}
	if (!rc)
		rc = copy_in(cache, &skopeo, from, name, NULL, err);
	skopeo_fini(&skopeo);
	return rc;
}

static int import_archive(struct image_cache *cache, const char *path,
			  const char *name, bool keep_owners, struct err *err)
{
	struct oci_source source = {.path = path, .keep_owners = keep_owners};
	struct tree *files = NULL;
	int rc = oci_files_read(&files, &source, err);

	if (rc)
		return rc;
	if (tree_find(files, "oci-layout") && tree_find(files, "index.json"))
		rc = import_files(cache, files, name, NULL, err);
	else if (tree_find(files, "manifest.json"))
		rc = import_docker(cache, path, name, err);
	else
		rc = import_root(cache, files, path, name, err);
	tree_destroy(files);
	return rc;
}

int cache_import(struct image_cache *cache, const char *path, const char *name,
		 bool keep_owners, struct err *err)
{
	AUTO_FREE char *layout = NULL;

	if (asprintf(&layout, "%s/oci-layout", path) < 0) {
		layout = NULL;
		return err_set(err, -ENOMEM, "%s", path);
	}
	if (access(layout, F_OK) == 0)
		return image_cache_import(cache, path, name, NULL, NULL, err);
	return import_archive(cache, path, name, keep_owners, err);
}

static int export_docker(struct image_cache *cache, const char *name,
			 const char *architecture, int fd, struct err *err)
{
	struct skopeo skopeo = {0};
	struct tree_content *content = NULL;
	struct sink_file sink = {0};
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *to = NULL;
	AUTO_FREE char *path = NULL;
	int rc = image_cache_scratch_dir(cache, "image", &dir, err);

	if (rc)
		return rc;
	rc = skopeo_init(&skopeo, err);
	if (!rc && (asprintf(&path, "%s/docker.tar", dir) < 0 ||
		    asprintf(&to, "docker-archive:%s:%s", path, name) < 0))
		rc = err_set(err, -ENOMEM, "%s", name);
	if (!rc)
		rc = copy_out(cache, &skopeo, name, architecture, to, err);
	if (!rc)
		rc = tree_content_whole(&content, path, err);
	if (!rc)
		rc = sink_file_init(&sink, fd, err);
	if (!rc)
		rc = sink_content(&sink.sink, content, err);
	sink_file_fini(&sink);
	tree_content_unref(content);
	skopeo_fini(&skopeo);
	(void)tree_dir_remove(dir, NULL); /* the sweep gets what is left */
	return rc;
}

static int write_tar(const struct tree *tree, int fd, struct err *err)
{
	struct tar_options options = {.epoch = INT64_MAX, .implied = true};
	struct sink_file sink = {0};
	int rc = sink_file_init(&sink, fd, err);

	if (!rc)
		rc = archive_write_tar(tree, &options, &sink.sink, err);
	sink_file_fini(&sink);
	return rc;
}

static int export_root(struct image_cache *cache, const char *name,
		       const char *architecture, int fd, struct err *err)
{
	struct oci_source source = {
		.path = image_cache_path(cache),
		.want = {.name = name, .architecture = architecture},
		.cache = cache,
	};
	struct oci_image *image = NULL;
	int rc = oci_image_read(&image, &source, err);

	if (!rc)
		rc = write_tar(image->tree, fd, err);
	oci_image_destroy(image);
	return rc;
}

int cache_export(struct image_cache *cache, const char *name,
		 const char *architecture, enum cache_format format, int fd,
		 struct err *err)
{
	struct tree *files = NULL;
	int rc;

	if (format == CACHE_FORMAT_DOCKER)
		return export_docker(cache, name, architecture, fd, err);
	if (format == CACHE_FORMAT_FILESYSTEM)
		return export_root(cache, name, architecture, fd, err);
	rc = tree_create(&files, err);
	if (!rc)
		rc = image_cache_export(cache, name, architecture, files, err);
	if (!rc)
		rc = write_tar(files, fd, err);
	tree_destroy(files);
	return rc;
}
