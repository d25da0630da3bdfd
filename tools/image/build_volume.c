/*
 * build_volume.c - volumes, and binds of them; see build_internal.h.
 */
#include "build_internal.h"

#include "architecture.h"
#include "definition.h"
#include "oci_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"

/* The image as it is, for programs that want a layout. */
static int put_layout(struct build *build, const char *lower,
		      const struct oci_image *image, const char *name,
		      struct err *err)
{
	const struct tree *layers[] = {image->tree};
	struct oci_output output = {.name = name,
				    .config = &image->config,
				    .layers = layers,
				    .layer_num = 1,
				    .epoch = build->options->epoch};
	struct tree *layout = NULL;
	int rc = tree_create(&layout, err);

	if (!rc)
		rc = oci_write_layout(layout, &output, err);
	if (!rc)
		rc = tree_merge(build->root, layout, lower, err);
	tree_destroy(layout);
	return rc;
}

static int fill(struct build *build, const json_t *volume, const char *lower,
		const char *location, struct err *err)
{
	const char *reference = definition_text(volume, "image");
	const char *format = definition_text(volume, "format");
	struct oci_image *image = NULL;
	int rc;

	if (!reference || !*reference)
		return 0;
	rc = build_image(build, volume, reference, location, &image, err);
	if (!rc && format && strcmp(format, "oci") == 0)
		rc = put_layout(build, lower, image, reference, err);
	else if (!rc)
		rc = tree_merge(build->root, image->tree, lower, err);
	oci_image_destroy(image);
	return rc;
}

/* A layout has the image for the architecture of the build alone. */
static int check_platforms(const struct build *build, const json_t *volume,
			   struct err *err)
{
	static const char os[] = "linux/";
	const char *here = build->options->architecture;
	const json_t *list = json_object_get(volume, "platforms");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		char name[32] = "";

		if (strncmp(text, os, strlen(os)) == 0)
			(void)snprintf(name, sizeof(name), "%.*s",
				       (int)strcspn(text + strlen(os), "/"),
				       text + strlen(os));
		if (strcmp(architecture_any(name), here) != 0)
			return definition_fail(
				err, volume,
				"platforms: %s: a build is for one "
				"architecture, this one for linux/%s: see "
				"--arch",
				text, here);
	}
	return 0;
}

static int add_volume(struct build *build, const json_t *volume, size_t index,
		      struct err *err)
{
	const char *name = definition_text(volume, "name");
	char location[32];
	char path[512];
	int rc;

	if (!*name || strlen(name) > 255 ||
	    strspn(name, NAME_CHARS) != strlen(name))
		return definition_fail(err, volume,
				       "volume %.64s: a name has a-z, 0-9, _ "
				       "and -",
				       name);
	rc = check_platforms(build, volume, err);
	if (rc)
		return rc;
	(void)snprintf(location, sizeof(location), "volumes[%zu]", index);
	(void)snprintf(path, sizeof(path), "containers/volumes/%s/lower", name);
	rc = build_dir(build, path, 0755, location, err);
	if (!rc)
		rc = fill(build, volume, path, location, err);
	/* Without tmp there is nothing to write to: init binds lower. */
	(void)snprintf(path, sizeof(path), "containers/volumes/%s/tmp", name);
	if (!rc && !definition_bool(volume, "readonly"))
		rc = build_dir(build, path, 0755, location, err);
	(void)snprintf(path, sizeof(path), "containers/volumes/%s/merged",
		       name);
	return rc ? rc : build_dir(build, path, 0755, location, err);
}

int build_volumes(struct build *build, struct err *err)
{
	const json_t *list = json_object_get(build->definition, "volumes");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = add_volume(build, json_array_get(list, i), i, err);
	return rc;
}

static const json_t *find_volume(const struct build *build, const char *name,
				 size_t length)
{
	const json_t *list = json_object_get(build->definition, "volumes");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *volume = json_array_get(list, i);
		const char *found = definition_text(volume, "name");

		if (strlen(found) == length &&
		    strncmp(found, name, length) == 0)
			return volume;
	}
	return NULL;
}

static bool has_option(const char *options, const char *word)
{
	size_t length = strlen(word);

	while (*options) {
		size_t end = strcspn(options, ",");

		if (end == length && strncmp(options, word, end) == 0)
			return true;
		options += end + (options[end] ? 1 : 0);
	}
	return false;
}

static int check_readonly(const json_t *image, const json_t *volume, bool ro,
			  struct err *err)
{
	if (ro || !definition_bool(volume, "readonly"))
		return 0;
	return definition_fail(err, image,
			       "volume %s is read-only: bind it with option "
			       "ro",
			       definition_text(volume, "name"));
}

static int rewrite_bind(const struct build *build, const json_t *image,
			json_t *binds, size_t i, struct err *err)
{
	const char *text = json_string_value(json_array_get(binds, i));
	size_t length = strcspn(text, ":");
	const json_t *volume =
		text[0] == '/' ? NULL : find_volume(build, text, length);
	const char *options;
	char path[1024];
	int rc;

	if (text[0] == '/' || !text[length])
		return 0;
	if (!volume)
		return definition_fail(err, image,
				       "binds: %s: there is no volume %.*s",
				       text, (int)length, text);
	options = strchr(text + length + 1, ':');
	rc = check_readonly(image, volume,
			    options && has_option(options + 1, "ro"), err);
	if (rc)
		return rc;
	(void)snprintf(path, sizeof(path), "/containers/volumes/%.*s/merged%s",
		       (int)length, text, text + length);
	return json_array_set_new(binds, i, json_string(path))
		       ? err_set(err, -ENOMEM, "%s", text)
		       : 0;
}

static int rewrite_mount(const struct build *build, const json_t *image,
			 json_t *mount, struct err *err)
{
	const char *source = definition_text(mount, "source");
	const char *type = definition_text(mount, "type");
	const json_t *options = json_object_get(mount, "options");
	const json_t *volume;
	char path[512];
	bool ro = false;
	int rc;

	if (!source || !type || strcmp(type, "bind") != 0 || source[0] == '/')
		return 0;
	volume = find_volume(build, source, strlen(source));
	if (!volume)
		return definition_fail(err, mount,
				       "mounts: there is no volume %s", source);
	for (size_t i = 0; i < json_array_size(options); i++)
		ro |= strcmp(json_string_value(json_array_get(options, i)),
			     "ro") == 0;
	rc = check_readonly(image, volume, ro, err);
	if (rc)
		return rc;
	(void)snprintf(path, sizeof(path), "/containers/volumes/%s/merged",
		       source);
	return json_object_set_new(mount, "source", json_string(path))
		       ? err_set(err, -ENOMEM, "%s", source)
		       : 0;
}

int build_volume_binds(const struct build *build, json_t *image,
		       struct err *err)
{
	json_t *binds = json_object_get(image, "binds");
	json_t *mounts = json_object_get(image, "mounts");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(binds) && !rc; i++)
		rc = rewrite_bind(build, image, binds, i, err);
	for (size_t i = 0; i < json_array_size(mounts) && !rc; i++)
		rc = rewrite_mount(build, image, json_array_get(mounts, i),
				   err);
	return rc;
}
