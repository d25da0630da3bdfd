/*
 * subject.c - see subject.h.
 */
#include "subject.h"

#include "cleanup.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const kinds[] = {
	[OCI_LAYOUT] = "OCI layout",
	[OCI_ARCHIVE] = "OCI archive",
	[OCI_DOCKER_ARCHIVE] = "docker archive",
	[OCI_TAR] = "tar",
	[OCI_DIRECTORY] = "directory",
};

const char *subject_kind(const struct subject *subject)
{
	return subject->image ? kinds[subject->image->kind] : "SBOM";
}

/* An SBOM is the one file that starts with a brace. */
static bool is_json(int fd)
{
	char c;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       pread(fd, &c, 1, 0) == 1 && c == '{';
}

static int load_json(struct subject *subject, int fd, const char *path,
		     struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t size;

	if (fstat(fd, &st))
		return err_set(err, -errno, "%s", path);
	if (st.st_size > (off_t)JSON_BYTES_MAX)
		return err_setx(err, -EBADMSG, "%s: too large", path);
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text)
		return err_set(err, -ENOMEM, "%s", path);
	if (pread(fd, text, size, 0) != (ssize_t)size)
		return err_setx(err, -EIO, "%s: short read", path);
	return sbom_read(subject->sbom, text, size, path, err);
}

static int load_image(struct subject *subject, struct oci_source *source,
		      struct err *err)
{
	int rc = oci_image_read(&subject->image, source, err);

	return rc ? rc
		  : sbom_add_dpkg(subject->sbom, subject->image->tree, err);
}

static int load_cached(struct subject *subject, const char *name,
		       const struct subject_options *options, struct err *err)
{
	struct image_cache *cache = NULL;
	struct oci_source source = {
		.want = {.name = name, .architecture = options->architecture}};
	int rc = image_cache_open(&cache, options->cache, err);

	if (rc)
		return rc;
	source.path = image_cache_path(cache);
	source.cache = cache;
	rc = load_image(subject, &source, err);
	image_cache_close(cache);
	if (rc == -ENOENT)
		return err_setx(err, rc,
				"%s: neither a file nor an image of the cache",
				name);
	return rc;
}

int subject_load(struct subject *subject, const char *what,
		 const struct subject_options *options, struct err *err)
{
	struct oci_source source = {
		.path = what,
		.want = {.name = options->name,
			 .architecture = options->architecture},
		.keep_owners = true};
	AUTO_CLOSE int fd = -1;
	int rc;

	*subject = (struct subject){0};
	rc = sbom_create(&subject->sbom, err);
	if (rc)
		return rc;
	fd = open(what, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return load_cached(subject, what, options, err);
	if (fd < 0)
		return err_set(err, -errno, "%s", what);
	if (is_json(fd))
		return load_json(subject, fd, what, err);
	return load_image(subject, &source, err);
}

void subject_fini(struct subject *subject)
{
	oci_image_destroy(subject->image);
	sbom_destroy(subject->sbom);
	*subject = (struct subject){0};
}
