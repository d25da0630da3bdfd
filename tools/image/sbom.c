/*
 * sbom.c - packages and files of an image. See sbom.h.
 */
#include "sbom.h"

#include "cleanup.h"
#include "interrupt.h"
#include "macros.h"
#include "sbom_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA1_SIZE 20U

/**
 * struct sbom - what it consists of
 * @owners: per path a file whose origin is the index of a package, as text
 */
struct sbom {
	struct sbom_package *packages;
	size_t package_num;
	struct sbom_file *files;
	size_t file_num;
	size_t file_room;
	struct tree *owners;
};

int sbom_create(struct sbom **out, struct err *err)
{
	struct sbom *sbom = calloc(1, sizeof(*sbom));
	int rc;

	if (!sbom)
		return err_set(err, -ENOMEM, "SBOM");
	rc = tree_create(&sbom->owners, err);
	if (rc) {
		sbom_destroy(sbom);
		return rc;
	}
	*out = sbom;
	return 0;
}

static void package_fini(struct sbom_package *package)
{
	free(package->name);
	free(package->version);
	free(package->architecture);
	free(package->supplier);
	free(package->purl);
	free(package->sha256);
	free(package->source);
}

void sbom_destroy(struct sbom *sbom)
{
	if (!sbom)
		return;
	for (size_t i = 0; i < sbom->package_num; i++)
		package_fini(&sbom->packages[i]);
	for (size_t i = 0; i < sbom->file_num; i++) {
		free(sbom->files[i].path);
		free(sbom->files[i].sha1);
		free(sbom->files[i].sha256);
	}
	free(sbom->packages);
	free(sbom->files);
	tree_destroy(sbom->owners);
	free(sbom);
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare_packages(const void *a, const void *b)
{
	const struct sbom_package *left = a;
	const struct sbom_package *right = b;
	int order = compare_text(left->name, right->name);

	if (!order)
		order = compare_text(left->version, right->version);
	if (!order)
		order = compare_text(left->architecture, right->architecture);
	return order;
}

/* NULL stays NULL. Return: 0 or -ENOMEM. */
static int copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

int sbom_add_package(struct sbom *sbom, const struct sbom_package *package,
		     size_t *index, struct err *err)
{
	struct sbom_package *packages;
	struct sbom_package *copy;

	for (size_t i = 0; i < sbom->package_num; i++) {
		if (compare_packages(&sbom->packages[i], package) == 0) {
			if (index)
				*index = i;
			return 0;
		}
	}
	packages = reallocarray(sbom->packages, sbom->package_num + 1,
				sizeof(*packages));
	if (!packages)
		return err_set(err, -ENOMEM, "SBOM");
	sbom->packages = packages;
	copy = &packages[sbom->package_num];
	*copy = (struct sbom_package){0};
	if (copy_text(&copy->name, package->name) ||
	    copy_text(&copy->version, package->version) ||
	    copy_text(&copy->architecture, package->architecture) ||
	    copy_text(&copy->supplier, package->supplier) ||
	    copy_text(&copy->purl, package->purl) ||
	    copy_text(&copy->sha256, package->sha256) ||
	    copy_text(&copy->source, package->source)) {
		package_fini(copy);
		return err_set(err, -ENOMEM, "SBOM");
	}
	if (index)
		*index = sbom->package_num;
	sbom->package_num++;
	return 0;
}

int sbom_own(struct sbom *sbom, const char *path, size_t index, struct err *err)
{
	char origin[24];
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = {
		.path = copy, .mode = 0644, .origin = origin};

	if (!copy)
		return err_set(err, -ENOMEM, "SBOM");
	(void)snprintf(origin, sizeof(origin), "%zu", index);
	return tree_put(sbom->owners, &entry, err);
}

int sbom_put_file(struct sbom *sbom, const struct sbom_file *file,
		  struct err *err)
{
	struct sbom_file *copy;

	if (sbom->file_num == sbom->file_room) {
		size_t room = MAX(2 * sbom->file_room, 256U);
		struct sbom_file *files =
			reallocarray(sbom->files, room, sizeof(*files));

		if (!files)
			return err_set(err, -ENOMEM, "SBOM");
		sbom->files = files;
		sbom->file_room = room;
	}
	copy = &sbom->files[sbom->file_num++];
	*copy = (struct sbom_file){.package = file->package};
	if (copy_text(&copy->path, file->path) ||
	    copy_text(&copy->sha1, file->sha1) ||
	    copy_text(&copy->sha256, file->sha256))
		return err_set(err, -ENOMEM, "SBOM");
	return 0;
}

static int sha1_of(const struct tree_content *content, char *hex,
		   struct err *err)
{
	uint64_t size = content ? tree_content_size(content) : 0;
	AUTO_FREE char *buf = malloc(KIB(64));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[SHA1_SIZE];
	int rc = 0;

	if (!buf || !ctx || EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1)
		rc = err_set(err, -ENOMEM, "SHA-1");
	for (uint64_t at = 0; at < size && !rc;) {
		size_t n = MIN(KIB(64), size - at);

		rc = tree_content_read(content, at, buf, n, err);
		if (!rc && EVP_DigestUpdate(ctx, buf, n) != 1)
			rc = err_set(err, -EINVAL, "SHA-1");
		at += n;
	}
	if (!rc && EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		rc = err_set(err, -EINVAL, "SHA-1");
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; i < SHA1_SIZE && !rc; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return rc;
}

static int add_file(struct sbom *sbom, const struct tree_entry *entry,
		    struct err *err)
{
	const struct tree_entry *owner = tree_find(sbom->owners, entry->path);
	uint8_t digest[SHA256_SIZE];
	char sha1[2 * SHA1_SIZE + 1];
	char sha256[SHA256_HEX_SIZE];
	struct sbom_file file = {
		.path = entry->path,
		.sha1 = sha1,
		.sha256 = sha256,
		.package = SIZE_MAX,
	};
	int rc = tree_content_digest(entry->content, digest, err);

	if (!rc)
		rc = sha1_of(entry->content, sha1, err);
	if (rc)
		return err_prefix(err, "%s", entry->path);
	sha256_hex(digest, sha256);
	if (owner && owner->origin)
		file.package = strtoul(owner->origin, NULL, 10);
	return sbom_put_file(sbom, &file, err);
}

int sbom_add_files(struct sbom *sbom, const struct tree *tree, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < tree_num(tree) && !rc; i++) {
		const struct tree_entry *entry = tree_at(tree, i);

		rc = interrupt_check(err);
		if (!rc && entry->type == TREE_FILE)
			rc = add_file(sbom, entry, err);
	}
	return rc;
}

static int compare_files(const void *a, const void *b)
{
	const struct sbom_file *left = a;
	const struct sbom_file *right = b;
	int order = strcmp(left->path, right->path);

	return order ? order : compare_text(left->sha256, right->sha256);
}

/* Files follow their packages. Without memory the order stays as it is. */
void sbom_sort(struct sbom *sbom)
{
	size_t num = sbom->package_num;
	AUTO_FREE size_t *to = calloc(num + 1, sizeof(*to));
	AUTO_FREE struct sbom_package *old = calloc(num + 1, sizeof(*old));

	if (!to || !old)
		return;
	if (sbom->file_num)
		qsort(sbom->files, sbom->file_num, sizeof(*sbom->files),
		      compare_files);
	if (!num)
		return;
	memcpy(old, sbom->packages, num * sizeof(*old));
	qsort(sbom->packages, num, sizeof(*sbom->packages), compare_packages);
	for (size_t i = 0; i < num; i++) {
		const struct sbom_package *at =
			bsearch(&old[i], sbom->packages, num,
				sizeof(*sbom->packages), compare_packages);

		to[i] = at ? (size_t)(at - sbom->packages) : SIZE_MAX;
	}
	for (size_t i = 0; i < sbom->file_num; i++) {
		struct sbom_file *file = &sbom->files[i];

		if (file->package < num)
			file->package = to[file->package];
	}
}

const struct sbom_package *sbom_packages(const struct sbom *sbom, size_t *num)
{
	*num = sbom->package_num;
	return sbom->packages;
}

const struct sbom_file *sbom_files(const struct sbom *sbom, size_t *num)
{
	*num = sbom->file_num;
	return sbom->files;
}
