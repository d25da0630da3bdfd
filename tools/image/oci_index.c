/*
 * oci_index.c - indexes and manifests. See oci.h.
 *
 * image-spec 1.0, image-index.md, manifest.md, descriptor.md.
 */
#include "oci.h"

#include "json.h"
#include "macros.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFESTS_MAX 65536U

static const char *const index_types[] = {
	OCI_INDEX,
	"application/vnd.docker.distribution.manifest.list.v2+json",
};

int oci_is_index(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(index_types); i++) {
		if (strcmp(media_type, index_types[i]) == 0)
			return true;
	}
	return false;
}

void oci_descriptor_fini(struct oci_descriptor *descriptor)
{
	free(descriptor->media_type);
	*descriptor = (struct oci_descriptor){0};
}

int oci_descriptor_parse(struct oci_descriptor *descriptor,
			 const json_t *object, struct err *err)
{
	const json_t *size = json_object_get(object, "size");
	const char *type;
	const char *digest = NULL;
	int rc;

	if (!json_is_object(object))
		return err_setx(err, -EBADMSG, "a descriptor expected");
	rc = json_text_of(object, "mediaType", &type, err);
	if (!rc)
		rc = json_text_of(object, "digest", &digest, err);
	if (rc)
		return rc;
	if (!digest || strncmp(digest, "sha256:", 7) != 0 ||
	    sha256_parse(digest + 7, descriptor->digest))
		return err_setx(err, -EBADMSG,
				"digest: sha256:<64 hexadecimal digits> "
				"expected");
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return err_setx(err, -EBADMSG, "size: a number expected");
	descriptor->size = (uint64_t)json_integer_value(size);
	descriptor->media_type = strdup(type ? type : "");
	return descriptor->media_type ? 0 : err_set(err, -ENOMEM, "OCI image");
}

void oci_manifest_fini(struct oci_manifest *manifest)
{
	oci_descriptor_fini(&manifest->config);
	for (size_t i = 0; i < manifest->layer_num; i++)
		oci_descriptor_fini(&manifest->layers[i]);
	free(manifest->layers);
	*manifest = (struct oci_manifest){0};
}

static int manifest_parse(struct oci_manifest *manifest, const json_t *top,
			  struct err *err)
{
	json_t *config;
	json_t *layers = NULL;
	size_t num;
	int rc = json_object_of(top, "config", &config, err);

	if (!rc)
		rc = json_array_of(top, "layers", &layers, err);
	if (rc)
		return rc;
	if (!config || !layers)
		return err_setx(err, -EBADMSG, "config and layers expected");
	num = json_array_size(layers);
	if (num > OCI_LAYERS_MAX)
		return err_setx(err, -EBADMSG, "more than %u layers",
				OCI_LAYERS_MAX);
	rc = oci_descriptor_parse(&manifest->config, config, err);
	if (rc)
		return err_prefix(err, "config");
	manifest->layers = calloc(num ? num : 1, sizeof(*manifest->layers));
	if (!manifest->layers)
		return err_set(err, -ENOMEM, "OCI image");
	for (size_t i = 0; i < num; i++) {
		manifest->layer_num++;
		rc = oci_descriptor_parse(&manifest->layers[i],
					  json_array_get(layers, i), err);
		if (rc)
			return err_prefix(err, "layer %zu", i + 1);
	}
	return 0;
}

int oci_manifest_parse(struct oci_manifest *manifest, const char *text,
		       size_t size, const char *name, struct err *err)
{
	json_t *top;
	int rc;

	*manifest = (struct oci_manifest){0};
	rc = json_read(&top, text, size, name, err);
	if (rc)
		return rc;
	rc = manifest_parse(manifest, top, err);
	json_decref(top);
	return rc ? err_prefix(err, "%s", name) : 0;
}

static const char *text_in(const json_t *entry, const char *object,
			   const char *key)
{
	return json_string_value(
		json_object_get(json_object_get(entry, object), key));
}

/* Attestations and the like say "unknown"; no platform fits every one. */
static bool platform_fits(const json_t *entry, const struct oci_want *want)
{
	const char *os = text_in(entry, "platform", "os");
	const char *architecture = text_in(entry, "platform", "architecture");

	if (os && strcmp(os, "linux") != 0)
		return false;
	return !want->architecture || !architecture ||
	       strcmp(architecture, want->architecture) == 0;
}

static bool name_fits(const json_t *entry, const struct oci_want *want)
{
	const char *name = text_in(entry, "annotations", OCI_REF_NAME);
	const char *full =
		text_in(entry, "annotations", "io.containerd.image.name");

	return !want->name || (name && strcmp(name, want->name) == 0) ||
	       (full && strcmp(full, want->name) == 0);
}

/* For the error message: what there is instead. */
static void names_of(const json_t *manifests, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *entry = json_array_get(manifests, i);
		const char *name = text_in(entry, "annotations", OCI_REF_NAME);
		const char *arch = text_in(entry, "platform", "architecture");
		int n = snprintf(out + used, size - used, "%s%.80s%s%.20s",
				 used ? ", " : "", name ? name : "(no name)",
				 arch ? " for " : "", arch ? arch : "");

		if (n < 0 || (size_t)n >= size - used) {
			out[used] = '\0';
			return;
		}
		used += (size_t)n;
	}
}

static int index_pick(struct oci_descriptor *out, const json_t *top,
		      const struct oci_want *want, struct err *err)
{
	const json_t *found = NULL;
	json_t *manifests;
	const char *found_name = NULL;
	char names[300];
	int rc = json_array_of(top, "manifests", &manifests, err);

	if (rc)
		return rc;
	if (json_array_size(manifests) > MANIFESTS_MAX)
		return err_setx(err, -EBADMSG, "too many manifests");
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *entry = json_array_get(manifests, i);
		const char *name = text_in(entry, "annotations", OCI_REF_NAME);

		if (!name_fits(entry, want) || !platform_fits(entry, want))
			continue;
		if (found && !want->name &&
		    strcmp(found_name ? found_name : "", name ? name : "")) {
			names_of(manifests, names, sizeof(names));
			return err_setx(err, -ENOENT,
					"holds several images, say which: %s",
					names);
		}
		if (!found) {
			found = entry;
			found_name = name;
		}
	}
	if (found)
		return oci_descriptor_parse(out, found, err);
	names_of(manifests, names, sizeof(names));
	return err_setx(err, -ENOENT, "no image %s%sfor %s; there is: %s",
			want->name ? want->name : "", want->name ? " " : "",
			want->architecture ? want->architecture : "linux",
			*names ? names : "none");
}

int oci_index_pick(struct oci_descriptor *out, const char *text, size_t size,
		   const char *name, const struct oci_want *want,
		   struct err *err)
{
	json_t *top;
	int rc;

	*out = (struct oci_descriptor){0};
	rc = json_read(&top, text, size, name, err);
	if (rc)
		return rc;
	rc = index_pick(out, top, want, err);
	json_decref(top);
	return rc ? err_prefix(err, "%s", name) : 0;
}
