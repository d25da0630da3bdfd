/*
 * debs_tree.c - locked packages as trees, offline; see debs.h.
 *
 * A finished tree stays in the cache as a tar, under a digest of the packages
 * that it is made of.
 */
#include "debs_internal.h"

#include "archive_read.h"
#include "archive_write_tar.h"
#include "cleanup.h"
#include "file_io.h"
#include "foreign.h"
#include "macros.h"
#include "sink.h"
#include "spawn.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUITE "layerworx" /* of the repository that is made for mmdebstrap */
#define INDEX_MAX (64U << 20)
#define HOOKS "/usr/share/mmdebstrap/hooks/merged-usr"
/* mmdebstrap takes both from this machine: no image is to tell of it. */
#define NAMELESS "cd \"$1/etc\" && rm -f hostname resolv.conf && : >resolv.conf"

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static void say(const struct debs *debs, const char *text)
{
	if (debs->say)
		debs->say(debs->say_arg, text);
}

static void add_text(struct sha256 *sum, const char *text)
{
	sha256_update(sum, text, strlen(text) + 1);
}

/* @kind changes when the way a tree is made does. */
int debs_set_digest(const struct debs *debs, const struct debs_set *set,
		    uint8_t key[SHA256_SIZE], struct err *err)
{
	const char *kind = set->install ? "install 2" : "unpack 1";
	const json_t *names = set->names;
	struct sha256 *sum = NULL;
	int rc = sha256_create(&sum, err);

	if (rc)
		return rc;
	add_text(sum, kind);
	add_text(sum, set->name);
	add_text(sum, debs->architecture);
	sha256_update(sum, &debs->epoch, sizeof(debs->epoch));
	for (size_t i = 0; i < json_array_size(names) && !rc; i++) {
		struct deb deb;

		rc = debs_locked(debs,
				 json_string_value(json_array_get(names, i)),
				 &deb, err);
		if (!rc)
			add_text(sum, deb.sha256);
	}
	sha256_final(sum, key);
	sha256_destroy(sum);
	return rc;
}

/* The file of a package, once its digest is right. Return: a descriptor or a
 * negative errno with @err. */
static int open_deb(const struct debs *debs, const struct deb *deb,
		    const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	int rc;

	if (fd < 0 && errno == ENOENT)
		return err_setx(err, -ENOENT,
				"package %s %s is not in the cache: use "
				"--update-lock",
				deb->name, deb->version);
	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	rc = sha256_fd(fd, digest, err);
	if (rc)
		return rc;
	sha256_hex(digest, hex);
	if (strcmp(hex, deb->sha256) != 0)
		return err_setx(err, -EBADMSG,
				"%s: is %s, but %s says %s: remove it and use "
				"--update-lock",
				path, hex, debs->lock_path, deb->sha256);
	return steal_fd(&fd);
}

static int link_deb(const struct debs *debs, const char *name, const char *pool,
		    struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *there = NULL;
	AUTO_CLOSE int fd = -1;
	struct deb deb;
	int rc = debs_locked(debs, name, &deb, err);

	if (rc)
		return rc;
	path = debs_path(debs, &deb);
	if (!path ||
	    asprintf(&there, "%s/%s", pool, strrchr(path, '/') + 1) < 0) {
		there = NULL;
		return no_memory(err);
	}
	fd = open_deb(debs, &deb, path, err);
	if (fd < 0)
		return fd;
	return link(path, there) ? err_set(err, -errno, "%s", there) : 0;
}

static int write_index(const char *pool, const char *name, const char *text,
		       size_t size, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;

	if (asprintf(&path, "%s/%s", pool, name) < 0) {
		path = NULL;
		return no_memory(err);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? err_set(err, -errno, "%s", path)
		      : file_write(fd, text, size, 0, path, err);
}

/* Packages and Release of a flat repository. */
static int index_pool(const struct debs *debs, const char *pool,
		      struct err *err)
{
	static const char *const packages[] = {"apt-ftparchive", "packages",
					       ".", NULL};
	static const char *const release[] = {
		"apt-ftparchive",
		"-o",
		"APT::FTPArchive::Release::Suite=" SUITE,
		"-o",
		"APT::FTPArchive::Release::Codename=" SUITE,
		"release",
		".",
		NULL};
	struct spawn spawn = {.argv = packages,
			      .package = "apt-utils",
			      .dir = pool,
			      .epoch = debs->epoch};
	AUTO_FREE char *first = NULL;
	AUTO_FREE char *second = NULL;
	size_t size = 0;
	int rc = spawn_read(&spawn, &first, &size, INDEX_MAX, err);

	if (!rc)
		rc = write_index(pool, "Packages", first, size, err);
	spawn.argv = release;
	if (!rc)
		rc = spawn_read(&spawn, &second, &size, INDEX_MAX, err);
	return rc ? rc : write_index(pool, "Release", second, size, err);
}

/*
 * A mount namespace, so that a killed mmdebstrap leaves nothing mounted. Who is
 * not root is it in a user namespace, as themselves: the cache need not be open
 * to the other users that mmdebstrap's own one has. @foreign is such a one
 * already.
 */
static size_t isolate(const struct foreign *foreign, const char **argv)
{
	size_t num = foreign_words(foreign, argv);

	argv[num++] = "unshare";
	if (geteuid() != 0 && !foreign) {
		argv[num++] = "--map-root-user";
		argv[num++] = "--map-auto";
	}
	argv[num++] = "--mount";
	argv[num++] = "--pid";
	argv[num++] = "--kill-child";
	argv[num++] = "--net";
	argv[num++] = "--";
	return num;
}

static int run_bootstrap(const struct debs *debs, const struct foreign *foreign,
			 const char *pool, const char *set, int out,
			 struct err *err)
{
	AUTO_FREE char *include = NULL;
	AUTO_FREE char *source = NULL;
	AUTO_FREE char *arch = NULL;
	AUTO_FREE char *temp = NULL;
	const char *argv[32] = {NULL};
	const char *env[] = {NULL, NULL};
	struct spawn spawn = {.argv = argv,
			      .name = "mmdebstrap",
			      .package = "mmdebstrap",
			      .out = out,
			      .env = env,
			      .epoch = debs->epoch};
	size_t num = isolate(foreign, argv);
	int rc;

	if (asprintf(&include, "--include=" DEBS_MERGED "%s%s", *set ? "," : "",
		     set) < 0)
		include = NULL;
	if (asprintf(&source, "deb [trusted=yes] copy:%s ./", pool) < 0)
		source = NULL;
	if (asprintf(&arch, "--architectures=%s", debs->architecture) < 0)
		arch = NULL;
	if (asprintf(&temp, "TMPDIR=%s", image_cache_scratch(debs->cache)) < 0)
		temp = NULL;
	if (!include || !source || !arch || !temp)
		return no_memory(err);
	env[0] = temp;
	argv[num++] = "mmdebstrap";
	argv[num++] = "--quiet";
	if (foreign) {
		spawn.keep = foreign_fds(foreign);
		spawn.keep_num = 2;
	}
	/* Whether its programs run is known already. */
	argv[num++] = "--skip=check/qemu";
	argv[num++] = "--variant=essential";
	argv[num++] = "--format=tar";
	argv[num++] = "--hook-directory=" HOOKS;
	argv[num++] = "--customize-hook=" NAMELESS;
	argv[num++] = "--aptopt=Acquire::Languages \"none\"";
	/* The packages are checked, and are where only we can read. */
	argv[num++] = "--aptopt=APT::Sandbox::User \"root\"";
	argv[num++] = arch;
	argv[num++] = include;
	argv[num++] = SUITE;
	argv[num++] = "-";
	argv[num++] = source;
	rc = spawn_run(&spawn, err);
	return rc && geteuid() != 0
		       ? err_prefix(err, "not as root, which takes the package "
					 "uidmap and a line for the user in "
					 "/etc/subuid and /etc/subgid")
		       : rc;
}

static int bootstrap(const struct debs *debs, const char *pool, const char *set,
		     int out, struct err *err)
{
	struct foreign *foreign = NULL;
	int rc = foreign_open(&foreign, debs->architecture, err);

	if (!rc)
		rc = run_bootstrap(debs, foreign, pool, set, out, err);
	foreign_close(foreign);
	return rc;
}

/* What mmdebstrap is told to install. Return: NULL without memory; free(). */
static char *include_of(const char *set, const json_t *names)
{
	size_t num = json_array_size(names);
	const char **list;
	char *text;

	if (strncmp(set, DEBS_SOURCE_PREFIX, strlen(DEBS_SOURCE_PREFIX)) != 0)
		return strdup(set);
	list = calloc(num + 1, sizeof(*list));
	if (!list)
		return NULL;
	for (size_t i = 0; i < num; i++)
		list[i] = json_string_value(json_array_get(names, i));
	text = debs_set_name(list, num);
	free(list);
	return text;
}

static int fill_pool(const struct debs *debs, const json_t *names,
		     const char *pool, const char *set, int out,
		     struct err *err)
{
	AUTO_FREE char *include = include_of(set, names);
	int rc = include ? 0 : no_memory(err);

	for (size_t i = 0; i < json_array_size(names) && !rc; i++)
		rc = link_deb(debs, json_string_value(json_array_get(names, i)),
			      pool, err);
	if (!rc)
		rc = index_pool(debs, pool, err);
	return rc ? rc : bootstrap(debs, pool, include, out, err);
}

static int make_installed(const struct debs *debs, const json_t *names,
			  const char *set, int out, struct err *err)
{
	AUTO_FREE char *pool = NULL;
	int rc = image_cache_scratch_dir(debs->cache, "debs", &pool, err);

	if (rc)
		return rc;
	say(debs, "install packages");
	rc = fill_pool(debs, names, pool, set, out, err);
	if (rc)
		(void)tree_dir_remove(pool, NULL); /* the first error counts */
	else
		rc = tree_dir_remove(pool, err);
	return rc;
}

static int unpack_one(const struct debs *debs, const char *name,
		      struct tree *tree, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int deb_fd = -1;
	AUTO_CLOSE int fd = -1;
	struct deb deb;
	struct archive_input input = {.name = name, .origin = name};
	const char *argv[] = {"dpkg-deb", "--fsys-tarfile", NULL, NULL};
	struct spawn spawn = {
		.argv = argv, .package = "dpkg", .epoch = debs->epoch};
	int rc = debs_locked(debs, name, &deb, err);

	if (rc)
		return rc;
	path = debs_path(debs, &deb);
	if (!path)
		return no_memory(err);
	deb_fd = open_deb(debs, &deb, path, err);
	if (deb_fd < 0)
		return deb_fd;
	fd = archive_temp_file(err);
	if (fd < 0)
		return fd;
	argv[2] = path;
	spawn.out = fd;
	rc = spawn_run(&spawn, err);
	input.fd = fd;
	return rc ? rc : archive_read(tree, &input, err);
}

/* Indexes of the modules of one kernel, as its package would make them. */
static int add_indexes(const struct debs *debs, struct tree *tree,
		       const char *release, const char *dir, struct err *err)
{
	const char *const argv[] = {"depmod", "-b", dir, release, NULL};
	const struct spawn spawn = {
		.argv = argv, .package = "kmod", .epoch = debs->epoch};
	const struct tree_dir_options options = {0};
	int rc = tree_dir_write(tree, dir, err);

	if (!rc)
		rc = spawn_run(&spawn, err);
	return rc ? rc : tree_dir_read(tree, dir, &options, err);
}

/* The kernel whose modules are in @tree; NULL: none. */
static char *release_of(const struct tree *tree)
{
	static const char dir[] = "lib/modules/";

	for (size_t i = 0; i < tree_num(tree); i++) {
		const char *path = tree_at(tree, i)->path;

		if (strncmp(path, dir, strlen(dir)) == 0)
			return strdup(path + strlen(dir));
	}
	return NULL;
}

static int write_tar(const struct debs *debs, const struct tree *tree, int fd,
		     struct err *err)
{
	const struct tar_options options = {.epoch = debs->epoch,
					    .implied = true};
	struct sink_file file = {0};
	int rc = sink_file_init(&file, fd, err);

	if (!rc)
		rc = archive_write_tar(tree, &options, &file.sink, err);
	sink_file_fini(&file);
	return rc;
}

static int make_unpacked(const struct debs *debs, const json_t *names, int out,
			 struct err *err)
{
	AUTO_FREE char *release = NULL;
	AUTO_FREE char *dir = NULL;
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	say(debs, "unpack packages");
	for (size_t i = 0; i < json_array_size(names) && !rc; i++)
		rc = unpack_one(debs,
				json_string_value(json_array_get(names, i)),
				tree, err);
	if (!rc && (release = release_of(tree))) {
		rc = image_cache_scratch_dir(debs->cache, "debs", &dir, err);
		if (!rc)
			rc = add_indexes(debs, tree, release, dir, err);
	}
	if (!rc)
		rc = write_tar(debs, tree, out, err);
	tree_destroy(tree);
	if (dir)
		(void)tree_dir_remove(dir, NULL); /* swept later at worst */
	return rc;
}

int debs_set_take(const struct debs *debs, const struct debs_set *set,
		  struct tree *tree, struct err *err)
{
	struct image_cache_file file = {.fd = -1};
	struct archive_input input = {.name = set->name};
	uint8_t key[SHA256_SIZE];
	AUTO_CLOSE int fd = -1;
	int rc = debs_set_digest(debs, set, key, err);

	if (rc)
		return rc;
	fd = image_cache_get(debs->cache, IMAGE_CACHE_RESULTS, key, err);
	if (fd == -ENOENT) {
		rc = image_cache_begin(debs->cache, &file, err);
		if (!rc)
			rc = set->install
				     ? make_installed(debs, set->names,
						      set->name, file.fd, err)
				     : make_unpacked(debs, set->names, file.fd,
						     err);
		if (!rc)
			rc = image_cache_commit(debs->cache, &file,
						IMAGE_CACHE_RESULTS, key, err);
		image_cache_abort(&file);
		if (rc)
			return rc;
		fd = image_cache_get(debs->cache, IMAGE_CACHE_RESULTS, key,
				     err);
	}
	if (fd < 0)
		return fd == -ENOENT ? err_setx(err, fd, "cache: %s has gone",
						set->name)
				     : fd;
	input.fd = fd;
	return archive_read(tree, &input, err);
}
