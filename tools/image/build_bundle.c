/*
 * build_bundle.c - containers as OCI bundles; see build_internal.h.
 *
 * PREFIX/config.json and runtime.json; a container that may write has its
 * image in lower, a tmpfs on tmp and an overlay of both on rootfs; else its
 * image is rootfs. An image is unpacked once, whoever uses it.
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"
#include "json.h"
#include "oci_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "org.mobyproject.config"
#define OLD_LABEL "org.mobylinux.config" /* in LinuxKit's documentation */

/**
 * struct bundle - one container on its way
 * @prefix:   "containers/onboot/000-dhcpcd"
 * @location: "onboot[0]"
 * @image:    as the definition has it
 * @merged:   with the label of its image; owned
 * @config:   config.json; owned
 * @runtime:  runtime.json; owned
 */
struct bundle {
	char prefix[512];
	char location[32];
	const json_t *image;
	json_t *merged;
	json_t *config;
	json_t *runtime;
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* jansson ends at 2^63 - 1, RLIM_INFINITY is 2^64 - 1: the marker that
 * oci_spec_rlimits() left becomes the number, which is shorter. */
static void write_infinity(char *text)
{
	static const char marker[] = "\"" OCI_SPEC_INFINITY_JSON "\"";
	static const char number[] = "18446744073709551615";
	char *at = text;

	while ((at = strstr(at, marker))) {
		size_t rest = strlen(at + sizeof(marker) - 1) + 1;

		memcpy(at, number, sizeof(number) - 1);
		memmove(at + sizeof(number) - 1, at + sizeof(marker) - 1, rest);
	}
}

static int put_json(struct build *build, const struct bundle *bundle,
		    const char *name, const json_t *json, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char path[600];
	size_t size;
	int rc = json_write(json, &text, &size, err);

	if (rc)
		return rc;
	write_infinity(text);
	(void)snprintf(path, sizeof(path), "%s/%s", bundle->prefix, name);
	return build_text(build, path, text, strlen(text), 0644,
			  bundle->location, err);
}

static int mkdir_below(struct build *build, const struct bundle *bundle,
		       const char *name, struct err *err)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s%s%s", bundle->prefix,
		       *name ? "/" : "", name);
	return build_dir(build, path, 0755, bundle->location, err);
}

/* Files that engines mount over: they have to be there in a root that cannot
 * be written. */
static int touch(struct tree *tree, struct err *err)
{
	static char names[][20] = {"etc/hosts", "etc/resolv.conf"};
	int rc = 0;

	for (size_t i = 0; i < 2 && !rc; i++) {
		struct tree_entry entry = {
			.path = names[i], .type = TREE_FILE, .mode = 0644};

		if (tree_find(tree, "etc") && !tree_find(tree, names[i]))
			rc = tree_put(tree, &entry, err);
	}
	return rc;
}

static bool same_attributes(const struct tree_entry *a,
			    const struct tree_entry *b)
{
	return a->type == TREE_FILE && b->type == TREE_FILE &&
	       a->size == b->size && a->mode == b->mode && a->uid == b->uid &&
	       a->gid == b->gid && a->mtime == b->mtime && !a->xattr_num &&
	       !b->xattr_num;
}

/* A program that the root has too is there once: neither is written to, one
 * below a root that is not, the other below an overlay. */
static int share(struct build *build, const struct tree *tree, const char *root,
		 struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < tree_num(tree) && !rc; i++) {
		const struct tree_entry *mine = tree_at(tree, i);
		const struct tree_entry *there;
		uint8_t digests[2][TREE_DIGEST_SIZE];
		AUTO_FREE char *path = NULL;

		if (strncmp(mine->path, "usr/", 4) != 0 || !mine->size)
			continue;
		there = tree_find(build->root, mine->path);
		if (!there || !same_attributes(mine, there))
			continue;
		rc = tree_content_digest(mine->content, digests[0], err);
		if (!rc)
			rc = tree_content_digest(there->content, digests[1],
						 err);
		if (rc || memcmp(digests[0], digests[1], TREE_DIGEST_SIZE) != 0)
			continue;
		if (asprintf(&path, "%s/%s", root, mine->path) < 0) {
			path = NULL;
			return no_memory(err);
		}
		rc = tree_link(build->root, path, mine->path, err);
	}
	return rc;
}

/* @root: where the files of the image are in the end. */
static int unpack(struct build *build, const struct bundle *bundle,
		  struct oci_image *image, const char *name, char root[600],
		  bool *elsewhere, struct err *err)
{
	const char *reference = definition_text(bundle->image, "image");
	const char *there = definition_text(build->unpacked, reference);
	int rc;

	*elsewhere = there;
	if (there) {
		(void)snprintf(root, 600, "%s", there);
		return 0;
	}
	(void)snprintf(root, 600, "%s/%s", bundle->prefix, name);
	rc = build_clean(image->tree, false, err);
	if (!rc)
		rc = touch(image->tree, err);
	if (!rc)
		rc = tree_merge(build->root, image->tree, root, err);
	if (!rc)
		rc = share(build, image->tree, root, err);
	if (!rc &&
	    json_object_set_new(build->unpacked, reference, json_string(root)))
		rc = no_memory(err);
	return rc;
}

/* Mounts of our own come before those of the definition. */
static int add_mounts(const struct bundle *bundle, json_t *mounts,
		      struct err *err)
{
	json_t *wanted = json_object_get(bundle->runtime, "mounts");

	if (wanted && json_array_extend(mounts, wanted))
		return no_memory(err);
	if (json_array_size(mounts) &&
	    json_object_set(bundle->runtime, "mounts", mounts))
		return no_memory(err);
	return 0;
}

static int mount_overlay(const struct bundle *bundle, const char *root,
			 json_t *mounts, struct err *err)
{
	const char *prefix = bundle->prefix;
	AUTO_FREE char *options = NULL;
	char tmp[600];
	char top[600];

	(void)snprintf(tmp, sizeof(tmp), "/%s/tmp", prefix);
	(void)snprintf(top, sizeof(top), "/%s/rootfs", prefix);
	if (asprintf(&options, "lowerdir=/%s,upperdir=%s/upper,workdir=%s/work",
		     root, tmp, tmp) < 0)
		return no_memory(err);
	if (json_array_append_new(
		    mounts, oci_spec_mount_new("tmpfs", "tmpfs", tmp, "")) ||
	    /* nobody else is to see the layers */
	    json_array_append_new(mounts,
				  oci_spec_mount_new("tmpfs", "tmpfs", tmp,
						     "remount,rprivate")) ||
	    json_array_append_new(
		    mounts,
		    oci_spec_mount_new("overlay", "overlay", top, options)))
		return no_memory(err);
	return 0;
}

static int lay_out(struct build *build, const struct bundle *bundle,
		   struct oci_image *image, struct err *err)
{
	bool readonly = definition_bool(bundle->merged, "readonly");
	json_t *mounts = json_array();
	char source[601];
	char root[600];
	bool elsewhere;
	int rc = mounts ? unpack(build, bundle, image,
				 readonly ? "rootfs" : "lower", root,
				 &elsewhere, err)
			: no_memory(err);

	if (!rc)
		rc = mkdir_below(build, bundle, "rootfs", err);
	if (!rc && !readonly)
		rc = mkdir_below(build, bundle, "tmp", err);
	if (!rc && !readonly) {
		rc = mount_overlay(bundle, root, mounts, err);
	} else if (!rc) {
		/* The root has to be a mount, if only of itself. */
		char top[600];

		(void)snprintf(source, sizeof(source), "/%s", root);
		(void)snprintf(top, sizeof(top), "/%s/rootfs", bundle->prefix);
		if (json_array_append_new(
			    mounts,
			    oci_spec_mount_new("bind", source, top, "bind")))
			rc = no_memory(err);
	}
	if (!rc)
		rc = add_mounts(bundle, mounts, err);
	json_decref(mounts);
	return rc;
}

static int make_documents(struct build *build, struct bundle *bundle,
			  const struct oci_config *config, struct err *err)
{
	const char *label = oci_config_label(config, LABEL);
	json_t *shared = NULL;
	int rc;

	if (!label)
		label = oci_config_label(config, OLD_LABEL);
	rc = definition_image(&shared, bundle->image, label,
			      definition_text(bundle->image, "image"), err);
	if (rc)
		return rc;
	bundle->merged = json_deep_copy(shared);
	json_decref(shared);
	if (!bundle->merged)
		return no_memory(err);
	rc = build_volume_binds(build, bundle->merged, err);
	return rc ? rc
		  : oci_spec_create(&bundle->config, &bundle->runtime,
				    bundle->merged, config, build->ids, err);
}

/* What LinuxKit does not know about a service: lwx.json. */
static int put_service(struct build *build, const struct bundle *bundle,
		       struct err *err)
{
	const char *name = definition_text(bundle->image, "name");
	const json_t *service = json_object_get(
		json_object_get(json_object_get(build->definition, "layerworx"),
				"services"),
		name);
	json_t *copy;
	int rc;

	if (!service || strncmp(bundle->location, "services", 8) != 0)
		return 0;
	copy = definition_copy(service);
	rc = copy ? put_json(build, bundle, "lwx.json", copy, err)
		  : no_memory(err);
	json_decref(copy);
	return rc;
}

static int add_bundle(struct build *build, struct bundle *bundle,
		      struct err *err)
{
	struct oci_image *image = NULL;
	int rc = build_image(build, bundle->image,
			     definition_text(bundle->image, "image"),
			     bundle->location, &image, err);

	if (!rc)
		rc = make_documents(build, bundle, &image->config, err);
	if (!rc)
		rc = mkdir_below(build, bundle, "", err);
	if (!rc)
		rc = lay_out(build, bundle, image, err);
	if (!rc)
		rc = put_json(build, bundle, "config.json", bundle->config,
			      err);
	if (!rc)
		rc = put_json(build, bundle, "runtime.json", bundle->runtime,
			      err);
	if (!rc)
		rc = put_service(build, bundle, err);
	json_decref(bundle->merged);
	json_decref(bundle->config);
	json_decref(bundle->runtime);
	oci_image_destroy(image);
	return rc;
}

static int add_list(struct build *build, const char *key, bool numbered,
		    struct err *err)
{
	const json_t *list = json_object_get(build->definition, key);
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		struct bundle bundle = {.image = json_array_get(list, i)};
		const char *name = definition_text(bundle.image, "name");

		if (!*name || strlen(name) > 200 || strchr(name, '/') ||
		    name[0] == '.')
			return definition_fail(err, bundle.image,
					       "%s: %.64s is not a name for a "
					       "container",
					       key, name);
		(void)snprintf(bundle.location, sizeof(bundle.location),
			       "%s[%zu]", key, i);
		if (numbered)
			(void)snprintf(bundle.prefix, sizeof(bundle.prefix),
				       "containers/%s/%03zu-%s", key, i, name);
		else
			(void)snprintf(bundle.prefix, sizeof(bundle.prefix),
				       "containers/%s/%s", key, name);
		rc = add_bundle(build, &bundle, err);
	}
	return rc;
}

int build_bundles(struct build *build, struct err *err)
{
	int rc = add_list(build, "onboot", true, err);

	if (!rc)
		rc = add_list(build, "onshutdown", true, err);
	return rc ? rc : add_list(build, "services", false, err);
}
