/*
 * oci_read_docker.c - what "docker save" and "podman save" write. See
 * oci_read.h.
 *
 * manifest.json is an array of {Config, RepoTags, Layers}; the layers are paths
 * in the archive, not compressed as a rule, older ones behind symbolic links.
 */
#include "oci_reading.h"

#include "cleanup.h"
#include "json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool tag_fits(const json_t *image, const char *want)
{
	const json_t *tags = json_object_get(image, "RepoTags");
	size_t len = strlen(want);

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *tag = json_string_value(json_array_get(tags, i));

		if (tag && (strcmp(tag, want) == 0 ||
			    (strncmp(tag, want, len) == 0 &&
			     strcmp(tag + len, ":latest") == 0)))
			return true;
	}
	return false;
}

static int pick(const struct oci_reading *reading, const json_t *top,
		const json_t **out, struct err *err)
{
	const struct oci_source *source = reading->source;
	const char *want = source->want.name;
	size_t num = json_array_size(top);

	if (!json_is_array(top))
		return err_setx(err, -EBADMSG,
				"%s: manifest.json: an array expected",
				source->path);
	for (size_t i = 0; want && i < num; i++) {
		*out = json_array_get(top, i);
		if (tag_fits(*out, want))
			return 0;
	}
	*out = json_array_get(top, 0);
	if (!want && num == 1)
		return 0;
	if (!want)
		return err_setx(err, -ENOENT, "%s: holds %zu images, say which",
				source->path, num);
	return err_setx(err, -ENOENT, "%s: no image %s in it", source->path,
			want);
}

/* A path of the archive: a hostile one finds nothing outside it. */
static const struct tree_entry *file_at(const struct oci_reading *reading,
					const json_t *path)
{
	const char *text = json_string_value(path);
	const struct tree_entry *entry;
	char clean[TREE_PATH_SIZE];

	if (!text || tree_path_clean(text, clean, sizeof(clean)))
		return NULL;
	entry = tree_follow(reading->files, clean);
	return entry && entry->type == TREE_FILE ? entry : NULL;
}

static int config_read(const struct oci_reading *reading, const json_t *image,
		       struct err *err)
{
	const struct tree_entry *entry =
		file_at(reading, json_object_get(image, "Config"));
	AUTO_FREE char *text = NULL;
	size_t size;
	int rc;

	if (!entry)
		return err_setx(err, -EBADMSG,
				"%s: manifest.json: Config is no file of it",
				reading->source->path);
	rc = oci_reading_text(reading, entry->path, &text, &size, err);
	if (rc)
		return rc;
	sha256_bytes(text, size, reading->image->digest);
	return oci_config_parse(&reading->image->config, text, size,
				"image configuration", err);
}

static int image_read(const struct oci_reading *reading, const json_t *image,
		      struct err *err)
{
	const json_t *layers = json_object_get(image, "Layers");
	struct oci_image *out = reading->image;
	int rc = config_read(reading, image, err);

	if (!rc)
		rc = oci_reading_fits(reading, err);
	if (!rc)
		rc = oci_reading_layers(reading, json_array_size(layers), err);
	for (size_t i = 0; i < json_array_size(layers) && !rc; i++) {
		const struct tree_entry *entry =
			file_at(reading, json_array_get(layers, i));

		if (!entry)
			return err_setx(err, -EBADMSG,
					"%s: manifest.json: layer %zu is no "
					"file of it",
					reading->source->path, i + 1);
		rc = oci_layer_read(reading, entry, &out->layers[i],
				    out->config.diff_ids.items[i], err);
	}
	return rc;
}

int oci_docker_read(const struct oci_reading *reading, struct err *err)
{
	AUTO_FREE char *text = NULL;
	const json_t *image = NULL;
	json_t *top = NULL;
	size_t size;
	int rc = oci_reading_text(reading, "manifest.json", &text, &size, err);

	if (!rc)
		rc = json_read(&top, text, size, "manifest.json", err);
	if (rc)
		return rc;
	rc = pick(reading, top, &image, err);
	if (!rc)
		rc = image_read(reading, image, err);
	json_decref(top);
	return rc;
}
