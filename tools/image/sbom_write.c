/*
 * sbom_write.c - SPDX 2.3 as JSON. See sbom.h.
 *
 * spdx.github.io/spdx-spec/v2.3: 6 document, 7 package, 8 file, 11
 * relationship.
 */
#include "sbom.h"

#include "cleanup.h"
#include "json.h"
#include "sbom_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID_SIZE 200U
#define DOCUMENT_ID "SPDXRef-DOCUMENT"

/* Letters, digits, "." and "-" only; what else there was is in the sum. */
static void id_make(char id[ID_SIZE], const char *prefix, const char *text)
{
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	size_t len;

	sha256_bytes(text, strlen(text), digest);
	sha256_hex(digest, hex);
	hex[16] = '\0';
	(void)snprintf(id, ID_SIZE, "SPDXRef-%s-%.100s", prefix, text);
	len = strlen(id);
	for (size_t i = 0; i < len; i++) {
		char c = id[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || c == '.' || c == '-'))
			id[i] = '-';
	}
	(void)snprintf(id + len, ID_SIZE - len, "-%s", hex);
}

static int package_id(char id[ID_SIZE], const struct sbom_package *package)
{
	AUTO_FREE char *text = NULL;

	if (asprintf(&text, "%s-%s-%s", package->name,
		     package->version ? package->version : "",
		     package->architecture ? package->architecture : "") < 0) {
		text = NULL;
		return -ENOMEM;
	}
	id_make(id, "Package", text);
	return 0;
}

static int put_checksums(json_t *object, const char *sha1, const char *sha256)
{
	json_t *array = json_array();

	if (sha1)
		(void)json_array_append_new(
			array, json_pack("{s:s,s:s}", "algorithm", "SHA1",
					 "checksumValue", sha1));
	if (sha256)
		(void)json_array_append_new(
			array, json_pack("{s:s,s:s}", "algorithm", "SHA256",
					 "checksumValue", sha256));
	if (json_array_size(array) == 0) {
		json_decref(array);
		return 0;
	}
	return json_object_set_new(object, "checksums", array) ? -ENOMEM : 0;
}

static int put_purl(json_t *object, const char *purl)
{
	if (!purl)
		return 0;
	return json_object_set_new(object, "externalRefs",
				   json_pack("[{s:s,s:s,s:s}]",
					     "referenceCategory",
					     "PACKAGE-MANAGER", "referenceType",
					     "purl", "referenceLocator", purl))
		       ? -ENOMEM
		       : 0;
}

static json_t *package_make(const struct sbom_package *package)
{
	json_t *object = json_object();
	char id[ID_SIZE];

	if (package_id(id, package) || json_put(object, "SPDXID", id) ||
	    json_put(object, "name", package->name) ||
	    json_put(object, "versionInfo", package->version) ||
	    json_put(object, "supplier",
		     package->supplier ? package->supplier
				       : SBOM_NO_ASSERTION) ||
	    json_put(object, "downloadLocation",
		     package->source ? package->source : SBOM_NO_ASSERTION) ||
	    json_put(object, "comment", package->architecture) ||
	    put_purl(object, package->purl) ||
	    put_checksums(object, NULL, package->sha256) ||
	    json_object_set_new(object, "filesAnalyzed", json_false())) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* The image itself: what no package has brought is its own. */
static json_t *image_make(const char *name)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:b}", "SPDXID", SBOM_IMAGE_ID,
			 "name", name, "downloadLocation", SBOM_NO_ASSERTION,
			 "primaryPackagePurpose", "OPERATING-SYSTEM",
			 "filesAnalyzed", 0);
}

/* JSON cannot hold a name that is not UTF-8; its identifier tells it apart. */
static void to_utf8(char *name)
{
	json_t *probe = json_string(name);

	for (char *at = name; *at && !probe; at++) {
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	}
	json_decref(probe);
}

static json_t *file_make(const struct sbom_file *file, char id[ID_SIZE])
{
	json_t *object = json_object();
	AUTO_FREE char *name = NULL;

	if (asprintf(&name, "./%s", file->path) < 0) {
		name = NULL;
		json_decref(object);
		return NULL;
	}
	id_make(id, "File", file->path);
	to_utf8(name);
	if (json_put(object, "SPDXID", id) ||
	    json_put(object, "fileName", name) ||
	    put_checksums(object, file->sha1, file->sha256)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int relate(json_t *relations, const char *from, const char *type,
		  const char *to)
{
	return json_array_append_new(relations,
				     json_pack("{s:s,s:s,s:s}", "spdxElementId",
					       from, "relationshipType", type,
					       "relatedSpdxElement", to))
		       ? -ENOMEM
		       : 0;
}

static int put_packages(const struct sbom *sbom, const char *name,
			json_t *packages, json_t *relations)
{
	const struct sbom_package *list;
	char id[ID_SIZE];
	size_t num;

	list = sbom_packages(sbom, &num);
	if (json_array_append_new(packages, image_make(name)) ||
	    relate(relations, DOCUMENT_ID, "DESCRIBES", SBOM_IMAGE_ID))
		return -ENOMEM;
	for (size_t i = 0; i < num; i++) {
		if (json_array_append_new(packages, package_make(&list[i])) ||
		    package_id(id, &list[i]) ||
		    relate(relations, SBOM_IMAGE_ID, "CONTAINS", id))
			return -ENOMEM;
	}
	return 0;
}

static int put_files(const struct sbom *sbom, json_t *files, json_t *relations)
{
	const struct sbom_package *packages;
	const struct sbom_file *list;
	size_t package_num;
	size_t num;

	packages = sbom_packages(sbom, &package_num);
	list = sbom_files(sbom, &num);
	for (size_t i = 0; i < num; i++) {
		char owner[ID_SIZE] = SBOM_IMAGE_ID;
		char id[ID_SIZE];

		if (list[i].package < package_num &&
		    package_id(owner, &packages[list[i].package]))
			return -ENOMEM;
		if (json_array_append_new(files, file_make(&list[i], id)) ||
		    relate(relations, owner, "CONTAINS", id))
			return -ENOMEM;
	}
	return 0;
}

/* The namespace is unique to the content: a name and a sum of all of it. */
static int put_head(json_t *top, const char *name, int64_t epoch)
{
	time_t time = (time_t)epoch;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *space = NULL;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	char created[32];
	struct err err;
	struct tm tm;
	size_t size;

	if (json_write(top, &text, &size, &err))
		return -ENOMEM;
	sha256_bytes(text, size, digest);
	sha256_hex(digest, hex);
	if (!gmtime_r(&time, &tm) ||
	    !strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm) ||
	    asprintf(&space, "https://layerworx.invalid/spdx/%s", hex) < 0)
		return -ENOMEM;
	if (json_put(top, "spdxVersion", "SPDX-2.3") ||
	    json_put(top, "dataLicense", "CC0-1.0") ||
	    json_put(top, "SPDXID", DOCUMENT_ID) ||
	    json_put(top, "name", name) ||
	    json_put(top, "documentNamespace", space) ||
	    json_object_set_new(top, "creationInfo",
				json_pack("{s:s,s:[s]}", "created", created,
					  "creators",
					  "Tool: lwx-image-" PACKAGE_VERSION)))
		return -ENOMEM;
	return 0;
}

int sbom_write(struct sbom *sbom, const char *name, int64_t epoch, char **text,
	       size_t *size, struct err *err)
{
	json_t *top = json_object();
	json_t *packages = json_array();
	json_t *files = json_array();
	json_t *relations = json_array();
	int rc;

	sbom_sort(sbom);
	rc = put_packages(sbom, name, packages, relations) ||
	     put_files(sbom, files, relations) ||
	     json_object_set(top, "packages", packages) ||
	     json_object_set(top, "files", files) ||
	     json_object_set(top, "relationships", relations) ||
	     put_head(top, name, epoch);
	if (rc)
		rc = err_set(err, -ENOMEM, "SBOM");
	if (!rc) {
		*text = json_dumps(top, JSON_SORT_KEYS | JSON_INDENT(1));
		rc = *text ? 0 : err_set(err, -ENOMEM, "SBOM");
	}
	if (!rc) {
		*size = strlen(*text);
		(*text)[(*size)++] = '\n'; /* in place of the NUL */
	}
	json_decref(top);
	json_decref(packages);
	json_decref(files);
	json_decref(relations);
	return rc;
}
