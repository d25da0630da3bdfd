/*
 * image_cache.c - the directory, its lock and its files. See image_cache.h.
 */
#include "image_cache.h"

#include "cleanup.h"
#include "image_cache_internal.h"
#include "interrupt.h"
#include "log.h"
#include "macros.h"
#include "tree_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const areas[] = {
	[IMAGE_CACHE_BLOBS] = "blobs/sha256",
	[IMAGE_CACHE_UNPACKED] = "unpacked",
	[IMAGE_CACHE_RESULTS] = "results",
};

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
static const char index_text[] =
	"{\"manifests\":[],\"mediaType\":"
	"\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}\n";

static int default_dir(char **out, struct err *err)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n = -1;

	if (cache && *cache == '/')
		n = asprintf(out, "%s/lwx", cache);
	else if (home && *home == '/')
		n = asprintf(out, "%s/.cache/lwx", home);
	else
		return err_setx(err, -ENOENT,
				"cache: neither XDG_CACHE_HOME nor HOME is "
				"set: use --cache DIR");
	return n < 0 ? err_set(err, -ENOMEM, "cache") : 0;
}

/* As mkdir -p. */
static int make_dirs(const char *path, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);

	if (!copy)
		return err_set(err, -ENOMEM, "cache");
	for (char *at = copy + 1;; at++) {
		char c = *at;

		if (c != '/' && c != '\0')
			continue;
		*at = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			return err_set(err, -errno, "cache: make %s", copy);
		*at = c;
		if (!c)
			return 0;
	}
}

int image_cache_put_text(struct image_cache *cache, const char *name,
			 const char *text, size_t size, struct err *err)
{
	AUTO_FREE char *temp = NULL;
	AUTO_CLOSE int fd = -1;

	if (asprintf(&temp, "%s/text.XXXXXX", cache->scratch) < 0) {
		temp = NULL;
		return err_set(err, -ENOMEM, "cache");
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "cache: make a file in %s",
			       cache->scratch);
	if (write(fd, text, size) != (ssize_t)size || fchmod(fd, 0644) ||
	    fdatasync(fd) || renameat(AT_FDCWD, temp, cache->fd, name)) {
		int rc = errno ? -errno : -ENOSPC;

		(void)unlink(temp); /* best effort */
		return err_set(err, rc, "cache: write %s/%s", cache->path,
			       name);
	}
	return 0;
}

static int put_missing(struct image_cache *cache, const char *name,
		       const char *text, struct err *err)
{
	if (faccessat(cache->fd, name, F_OK, 0) == 0)
		return 0;
	return image_cache_put_text(cache, name, text, strlen(text), err);
}

/* What a killed process has left. Nobody else uses the cache now. */
static int sweep(struct image_cache *cache, struct err *err)
{
	DIR *dir = opendir(cache->scratch);
	const struct dirent *entry;
	int rc = 0;

	if (!dir)
		return err_set(err, -errno, "cache: %s", cache->scratch);
	while ((entry = readdir(dir)) && !rc) {
		AUTO_FREE char *path = NULL;

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&path, "%s/%s", cache->scratch, entry->d_name) <
		    0) {
			path = NULL;
			rc = err_set(err, -ENOMEM, "cache");
			break;
		}
		rc = tree_dir_remove(path, err);
	}
	(void)closedir(dir); /* only ever read */
	return rc;
}

/* Try to be alone, then share: in between nobody can be missed, for whoever is
 * alone only removes what has no owner. */
static int lock_shared(struct image_cache *cache, struct err *err)
{
	int rc = 0;

	if (flock(cache->lock, LOCK_EX | LOCK_NB) == 0)
		rc = sweep(cache, err);
	if (!rc && flock(cache->lock, LOCK_SH))
		rc = err_set(err, -errno, "cache: lock %s", cache->path);
	return rc;
}

static int lock_wait(const struct image_cache *cache, int fd, struct err *err)
{
	while (flock(fd, LOCK_EX)) {
		int rc = -errno;

		if (rc != -EINTR)
			return err_set(err, rc, "cache: lock %s", cache->path);
		rc = interrupt_check(err);
		if (rc)
			return rc;
	}
	return 0;
}

int image_cache_lock_alone(struct image_cache *cache, struct err *err)
{
	if (flock(cache->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	log_info("waiting: another lwx-image uses the cache %s", cache->path);
	return lock_wait(cache, cache->lock, err);
}

int image_cache_lock_index(struct image_cache *cache, struct err *err)
{
	int fd = openat(cache->fd, "index.lock", O_RDWR | O_CREAT | O_CLOEXEC,
			0644);
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "cache: lock %s", cache->path);
	rc = lock_wait(cache, fd, err);
	if (!rc)
		return fd;
	(void)close(fd); /* nothing was written */
	return rc;
}

static int open_dirs(struct image_cache *cache, struct err *err)
{
	int rc = make_dirs(cache->path, err);

	if (rc)
		return rc;
	cache->fd = open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cache->fd < 0)
		return err_set(err, -errno, "cache: open %s", cache->path);
	if (mkdirat(cache->fd, "blobs", 0777) && errno != EEXIST)
		return err_set(err, -errno, "cache: make %s/blobs",
			       cache->path);
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		if (mkdirat(cache->fd, areas[i], 0777) && errno != EEXIST)
			return err_set(err, -errno, "cache: make %s/%s",
				       cache->path, areas[i]);
	}
	rc = make_dirs(cache->scratch, err);
	if (rc)
		return rc;
	cache->lock =
		openat(cache->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (cache->lock < 0)
		return err_set(err, -errno, "cache: lock %s", cache->path);
	rc = lock_shared(cache, err);
	if (!rc)
		rc = put_missing(cache, "oci-layout", layout_text, err);
	return rc ? rc : put_missing(cache, "index.json", index_text, err);
}

int image_cache_open(struct image_cache **out, const char *dir, struct err *err)
{
	struct image_cache *cache = calloc(1, sizeof(*cache));
	AUTO_FREE char *path = NULL;
	int rc = 0;

	if (!cache)
		return err_set(err, -ENOMEM, "cache");
	cache->fd = -1;
	cache->lock = -1;
	if (!dir) {
		rc = default_dir(&path, err);
		dir = path;
	}
	if (!rc) {
		rc = make_dirs(dir, err);
		/* Programs run elsewhere: the path must not depend on where. */
		if (!rc && !(cache->path = realpath(dir, NULL)))
			rc = err_set(err, -errno, "cache: %s", dir);
	}
	if (!rc && asprintf(&cache->scratch, "%s/tmp", cache->path) < 0) {
		cache->scratch = NULL;
		rc = err_set(err, -ENOMEM, "cache");
	}
	if (!rc)
		rc = open_dirs(cache, err);
	if (rc) {
		image_cache_close(cache);
		return rc;
	}
	*out = cache;
	return 0;
}

void image_cache_close(struct image_cache *cache)
{
	if (!cache)
		return;
	if (cache->lock >= 0)
		(void)close(cache->lock);
	if (cache->fd >= 0)
		(void)close(cache->fd);
	free(cache->path);
	free(cache->scratch);
	free(cache);
}

const char *image_cache_path(const struct image_cache *cache)
{
	return cache->path;
}

const char *image_cache_scratch(const struct image_cache *cache)
{
	return cache->scratch;
}

int image_cache_scratch_dir(const struct image_cache *cache, const char *name,
			    char **out, struct err *err)
{
	AUTO_FREE char *dir = NULL;

	if (asprintf(&dir, "%s/%s.XXXXXX", cache->scratch, name) < 0) {
		dir = NULL;
		return err_set(err, -ENOMEM, "cache");
	}
	if (!mkdtemp(dir))
		return err_set(err, -errno, "cache: %s", cache->scratch);
	*out = steal_ptr(&dir);
	return 0;
}

void image_cache_name(enum image_cache_area area,
		      const uint8_t key[SHA256_SIZE],
		      char name[IMAGE_CACHE_NAME_SIZE])
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(key, hex);
	(void)snprintf(name, IMAGE_CACHE_NAME_SIZE, "%s/%s", areas[area], hex);
}

int image_cache_get(struct image_cache *cache, enum image_cache_area area,
		    const uint8_t key[SHA256_SIZE], struct err *err)
{
	char name[IMAGE_CACHE_NAME_SIZE];
	int fd;

	image_cache_name(area, key, name);
	fd = openat(cache->fd, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ENOENT
			       : err_set(err, -errno, "cache: %s/%s",
					 cache->path, name);
}

int image_cache_begin(struct image_cache *cache, struct image_cache_file *file,
		      struct err *err)
{
	*file = (struct image_cache_file){.fd = -1};
	/* Nameless: not even a kill leaves it behind. */
	file->fd = open(cache->scratch, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (file->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return err_set(err, -errno, "cache: make a file in %s",
			       cache->scratch);
	if (asprintf(&file->path, "%s/file.XXXXXX", cache->scratch) < 0) {
		file->path = NULL;
		return err_set(err, -ENOMEM, "cache");
	}
	file->fd = mkostemp(file->path, O_CLOEXEC);
	if (file->fd >= 0 && fchmod(file->fd, 0644) == 0)
		return 0;
	return err_set(err, -errno, "cache: make %s", file->path);
}

int image_cache_commit(struct image_cache *cache, struct image_cache_file *file,
		       enum image_cache_area area,
		       const uint8_t key[SHA256_SIZE], struct err *err)
{
	char name[IMAGE_CACHE_NAME_SIZE];
	char proc[64];
	int rc = 0;

	image_cache_name(area, key, name);
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", file->fd);
	if (fdatasync(file->fd) ||
	    (linkat(AT_FDCWD, proc, cache->fd, name, AT_SYMLINK_FOLLOW) &&
	     errno != EEXIST))
		rc = err_set(err, -errno, "cache: write %s/%s", cache->path,
			     name);
	image_cache_abort(file);
	return rc;
}

void image_cache_abort(struct image_cache_file *file)
{
	if (file->path)
		(void)unlink(file->path); /* the sweep gets what is left */
	free(file->path);
	if (file->fd >= 0)
		(void)close(file->fd);
	*file = (struct image_cache_file){.fd = -1};
}
