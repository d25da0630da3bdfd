/*
 * sbom_read.c - SPDX 2 documents, ours and others'. See sbom.h.
 */
#include "sbom.h"

#include "json.h"
#include "sbom_internal.h"

#include <errno.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, SBOM_NO_ASSERTION) != 0 ? text : NULL;
}

static const char *checksum_of(const json_t *object, const char *algorithm)
{
	const json_t *array = json_object_get(object, "checksums");

	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *entry = json_array_get(array, i);
		const char *name = text_at(entry, "algorithm");

		if (name && strcmp(name, algorithm) == 0)
			return text_at(entry, "checksumValue");
	}
	return NULL;
}

static const char *purl_of(const json_t *object)
{
	const json_t *array = json_object_get(object, "externalRefs");

	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *entry = json_array_get(array, i);
		const char *type = text_at(entry, "referenceType");

		if (type && strcmp(type, "purl") == 0)
			return text_at(entry, "referenceLocator");
	}
	return NULL;
}

/* By its SPDXID, as owner of files. */
struct ids {
	json_t *index; /* SPDXID -> number of the package */
	json_t *owner; /* SPDXID of a file -> SPDXID of a package */
};

/* Only read: the structure has no const because it is also how they are kept.
 */
static char *shared(const char *text)
{
	return (char *)(uintptr_t)text;
}

static int read_package(struct sbom *sbom, const json_t *object,
			struct ids *ids, const char *name, struct err *err)
{
	const char *id = text_at(object, "SPDXID");
	struct sbom_package package = {
		.name = shared(text_at(object, "name")),
		.version = shared(text_at(object, "versionInfo")),
		.architecture = shared(text_at(object, "comment")),
		.supplier = shared(text_at(object, "supplier")),
		.purl = shared(purl_of(object)),
		.sha256 = shared(checksum_of(object, "SHA256")),
		.source = shared(text_at(object, "downloadLocation")),
	};
	size_t index;
	int rc;

	if (!id || !package.name)
		return err_setx(err, -EBADMSG,
				"%s: a package without SPDXID or name", name);
	if (strcmp(id, SBOM_IMAGE_ID) == 0)
		return 0;
	rc = sbom_add_package(sbom, &package, &index, err);
	if (!rc && json_object_set_new(ids->index, id,
				       json_integer((json_int_t)index)))
		rc = err_set(err, -ENOMEM, "%s", name);
	return rc;
}

static int read_file(struct sbom *sbom, const json_t *object,
		     const struct ids *ids, const char *name, struct err *err)
{
	const char *id = text_at(object, "SPDXID");
	const char *path = text_at(object, "fileName");
	const json_t *index;
	struct sbom_file file = {
		.sha1 = shared(checksum_of(object, "SHA1")),
		.sha256 = shared(checksum_of(object, "SHA256")),
		.package = SIZE_MAX,
	};

	if (!id || !path)
		return err_setx(err, -EBADMSG,
				"%s: a file without SPDXID or fileName", name);
	path += strncmp(path, "./", 2) == 0 ? 2 : *path == '/';
	file.path = shared(path);
	index = json_object_get(
		ids->index, json_string_value(json_object_get(ids->owner, id)));
	if (index)
		file.package = (size_t)json_integer_value(index);
	return sbom_put_file(sbom, &file, err);
}

static int read_owners(const json_t *top, const struct ids *ids)
{
	const json_t *relations = json_object_get(top, "relationships");

	for (size_t i = 0; i < json_array_size(relations); i++) {
		const json_t *entry = json_array_get(relations, i);
		const char *type = text_at(entry, "relationshipType");
		const char *from = text_at(entry, "spdxElementId");
		const char *to = text_at(entry, "relatedSpdxElement");

		if (type && from && to && strcmp(type, "CONTAINS") == 0 &&
		    json_object_get(ids->index, from) &&
		    json_put(ids->owner, to, from))
			return -ENOMEM;
	}
	return 0;
}

static int read_top(struct sbom *sbom, const json_t *top, const char *name,
		    struct err *err)
{
	const json_t *packages = json_object_get(top, "packages");
	const json_t *files = json_object_get(top, "files");
	const char *version = text_at(top, "spdxVersion");
	struct ids ids = {json_object(), json_object()};
	int rc = 0;

	if (!version || strncmp(version, "SPDX-2.", 7) != 0)
		rc = err_setx(err, -EBADMSG, "%s: not an SPDX 2 document",
			      name);
	for (size_t i = 0; i < json_array_size(packages) && !rc; i++)
		rc = read_package(sbom, json_array_get(packages, i), &ids, name,
				  err);
	if (!rc && read_owners(top, &ids))
		rc = err_set(err, -ENOMEM, "%s", name);
	for (size_t i = 0; i < json_array_size(files) && !rc; i++)
		rc = read_file(sbom, json_array_get(files, i), &ids, name, err);
	json_decref(ids.index);
	json_decref(ids.owner);
	return rc;
}

int sbom_read(struct sbom *sbom, const char *text, size_t size,
	      const char *name, struct err *err)
{
	json_t *top;
	int rc = json_read(&top, text, size, name, err);

	if (rc)
		return rc;
	rc = read_top(sbom, top, name, err);
	json_decref(top);
	return rc;
}
