/*
 * reference.c - see reference.h.
 */
#include "reference.h"

#include "cache_transfer.h"
#include "cleanup.h"
#include "file_io.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_BYTES_MAX (1U << 20)

int resolver_open(struct resolver *resolver, struct err *err)
{
	AUTO_FREE void *text = NULL;
	json_t *images = NULL;
	json_t *debs = NULL;
	json_t *lock = NULL;
	size_t size = 0;
	int rc;

	resolver->lock = json_object();
	resolver->debs = json_object();
	if (!resolver->lock || !resolver->debs)
		return err_set(err, -ENOMEM, "lock file");
	if (!resolver->lock_path || access(resolver->lock_path, F_OK))
		return 0;
	rc = file_load(resolver->lock_path, &text, &size, LOCK_BYTES_MAX, err);
	if (!rc)
		rc = json_read(&lock, text, size, resolver->lock_path, err);
	if (!rc)
		rc = json_object_of(lock, "images", &images, err);
	if (!rc)
		rc = json_object_of(lock, "debs", &debs, err);
	if (!rc && ((images && json_object_update(resolver->lock, images)) ||
		    (debs && json_object_update(resolver->debs, debs))))
		rc = err_set(err, -ENOMEM, "%s", resolver->lock_path);
	json_decref(lock);
	return rc;
}

void resolver_close(struct resolver *resolver)
{
	json_decref(resolver->lock);
	json_decref(resolver->debs);
	resolver->lock = NULL;
	resolver->debs = NULL;
}

static int write_whole(const char *path, const char *text, struct err *err)
{
	char temp[4096];
	AUTO_CLOSE int fd = -1;
	size_t size = strlen(text);
	int rc = 0;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >=
	    (int)sizeof(temp))
		return err_set(err, -ENAMETOOLONG, "%s", path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	rc = file_write(fd, text, size, 0, path, err);
	if (!rc && (fchmod(fd, 0644) || fsync(fd) || rename(temp, path)))
		rc = err_set(err, -errno, "%s", path);
	if (rc)
		(void)unlink(temp); /* the first error is the one to tell */
	return rc;
}

int resolver_save(const struct resolver *resolver, struct err *err)
{
	json_t *top;
	char *text;
	char *line = NULL;
	int rc;

	if (!resolver->update || !resolver->lock_path ||
	    (!json_object_size(resolver->lock) &&
	     !json_object_size(resolver->debs)))
		return 0;
	top = json_pack("{s:O,s:O}", "images", resolver->lock, "debs",
			resolver->debs);
	text = top ? json_dumps(top, JSON_SORT_KEYS | JSON_INDENT(2)) : NULL;
	rc = text && asprintf(&line, "%s\n", text) > 0
		     ? 0
		     : err_set(err, -ENOMEM, "%s", resolver->lock_path);
	if (!rc) {
		rc = write_whole(resolver->lock_path, line, err);
		free(line);
	}
	free(text);
	json_decref(top);
	return rc;
}

bool reference_is_path(const char *reference)
{
	return reference[0] == '/' || strncmp(reference, "./", 2) == 0 ||
	       strncmp(reference, "../", 3) == 0;
}

char *reference_path(const struct resolver *resolver, const char *reference)
{
	char *path;

	if (reference[0] == '/')
		return strdup(reference);
	if (asprintf(&path, "%s/%s", resolver->dir, reference) < 0)
		return NULL;
	return path;
}

static int read_cached(const struct resolver *resolver, const char *reference,
		       const char *location, struct oci_image **out,
		       struct err *err)
{
	struct oci_source source = {
		.path = image_cache_path(resolver->cache),
		.want = {.name = reference,
			 .architecture = resolver->architecture},
		.cache = resolver->cache,
		.origin = reference,
		.location = location,
	};

	return oci_image_read(out, &source, err);
}

static int read_path(const struct resolver *resolver, const char *reference,
		     const char *location, struct oci_image **out,
		     struct err *err)
{
	AUTO_FREE char *path = reference_path(resolver, reference);
	struct oci_source source = {
		.path = path,
		.want = {.architecture = resolver->architecture},
		.cache = resolver->cache,
		.origin = reference,
		.location = location,
	};

	if (!path)
		return err_set(err, -ENOMEM, "%s", reference);
	return oci_image_read(out, &source, err);
}

/* One digest for each architecture. */
static int pin(struct resolver *resolver, const char *reference,
	       const char *digest, struct err *err)
{
	json_t *pinned = json_object_get(resolver->lock, reference);

	if (!json_is_object(pinned)) {
		pinned = json_object();
		if (json_object_set_new(resolver->lock, reference, pinned))
			return err_set(err, -ENOMEM, "%s", reference);
	}
	return json_object_set_new(pinned, resolver->architecture,
				   json_string(digest))
		       ? err_set(err, -ENOMEM, "%s", reference)
		       : 0;
}

/* Images that come from elsewhere are pinned; paths are the user's own. */
static int check_lock(struct resolver *resolver, const char *reference,
		      const struct oci_image *image, struct err *err)
{
	char digest[7 + SHA256_HEX_SIZE] = "sha256:";
	const json_t *pinned = json_object_get(resolver->lock, reference);
	const char *locked =
		json_is_string(pinned) /* as lock files had it once */
			? json_string_value(pinned)
			: json_string_value(json_object_get(
				  pinned, resolver->architecture));

	sha256_hex(image->digest, digest + 7);
	if (resolver->update)
		return pin(resolver, reference, digest, err);
	if (locked && strcmp(locked, digest) != 0)
		return err_setx(err, -ESTALE,
				"%s: is %s, but %s says %s: pull that one or "
				"use --update-lock",
				reference, digest, resolver->lock_path, locked);
	return 0;
}

int reference_read(struct resolver *resolver, const char *reference,
		   const char *location, struct oci_image **out,
		   struct err *err)
{
	bool built = json_object_get(resolver->built, reference) != NULL;
	int rc;

	*out = NULL;
	if (reference_is_path(reference))
		return read_path(resolver, reference, location, out, err);
	rc = resolver->update && !built ? cache_pull(resolver->cache, reference,
						     resolver->architecture,
						     resolver->insecure, err)
					: 0;
	if (!rc)
		rc = read_cached(resolver, reference, location, out, err);
	if (rc == -ENOENT && built)
		return err_setx(err, rc,
				"%s: not in the cache: lwx-image pkg build",
				reference);
	if (rc == -ENOENT)
		return err_setx(err, rc,
				"%s: not in the cache for %s; --update-lock "
				"asks its registry, \"lwx-image cache import\" "
				"takes a file, and a path starts with ./ or /",
				reference, resolver->architecture);
	if (!rc && !built)
		rc = check_lock(resolver, reference, *out, err);
	if (rc) {
		oci_image_destroy(*out);
		*out = NULL;
	}
	return rc;
}
