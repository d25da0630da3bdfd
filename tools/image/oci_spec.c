/*
 * oci_spec.c - the documents as a whole; see oci_spec.h.
 */
#include "oci_spec.h"

#include "definition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

json_t *oci_spec_at(struct oci_spec *spec, const char *path, bool array)
{
	json_t *at = spec->config;
	char part[64];

	while (*path && at) {
		size_t length = strcspn(path, ".");
		bool last = !path[length];
		json_t *next;

		(void)snprintf(part, sizeof(part), "%.*s", (int)length, path);
		next = json_object_get(at, part);
		if (!next) {
			next = last && array ? json_array() : json_object();
			if (json_object_set_new(at, part, next))
				return NULL;
		}
		at = next;
		path += length + (last ? 0 : 1);
	}
	return at;
}

static int put_at(struct oci_spec *spec, const char *path, json_t *value,
		  struct err *err)
{
	const char *dot = strrchr(path, '.');
	char parent[64];
	json_t *object;

	(void)snprintf(parent, sizeof(parent), "%.*s",
		       dot ? (int)(dot - path) : 0, path);
	object = oci_spec_at(spec, parent, false);
	if (!object || json_object_set_new(object, dot ? dot + 1 : path, value))
		return no_memory(err);
	return 0;
}

static json_t *texts(const struct oci_list *one, const struct oci_list *two)
{
	const struct oci_list *lists[] = {one, two};
	json_t *array = json_array();

	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; lists[l] && i < lists[l]->num; i++)
			if (json_array_append_new(
				    array, json_string(lists[l]->items[i]))) {
				json_decref(array);
				return NULL;
			}
	return array;
}

/* What a container has of which neither label nor definition speaks. */
static int defaults(struct oci_spec *spec, const struct oci_config *base,
		    struct err *err)
{
	const char *cwd = base->workdir && *base->workdir ? base->workdir : "/";
	int rc = put_at(spec, "ociVersion", json_string("1.0.0"), err);

	if (!rc)
		rc = put_at(spec, "process.user",
			    json_pack("{s:i,s:i}", "uid", 0, "gid", 0), err);
	if (!rc)
		rc = put_at(spec, "process.args",
			    texts(&base->entrypoint, &base->cmd), err);
	if (!rc)
		rc = put_at(spec, "process.env", texts(&base->env, NULL), err);
	if (!rc)
		rc = put_at(spec, "process.cwd", json_string(cwd), err);
	if (!rc)
		rc = put_at(spec, "root.path", json_string("rootfs"), err);
	if (!rc)
		rc = put_at(spec, "linux.namespaces",
			    json_pack("[{s:s}]", "type", "mount"), err);
	return rc;
}

static int apply_field(struct oci_spec *spec, const struct field *field,
		       struct err *err)
{
	const json_t *value = json_object_get(spec->image, field->key);

	if (field->apply) {
		/* Without the key the rule for what is left out applies. */
		return field->apply(spec, value, err);
	}
	if (!field->oci || !value)
		return 0;
	return put_at(spec, field->oci, definition_copy(value), err);
}

static int make_config(struct oci_spec *spec, const struct oci_config *base,
		       struct err *err)
{
	const json_t *args;
	int rc = defaults(spec, base, err);

	if (!rc)
		rc = oci_spec_default_mounts(
			spec, definition_bool(spec->image, "readonly"), err);
	for (size_t i = 0; i < image_group.num && !rc; i++)
		rc = apply_field(spec, &image_group.fields[i], err);
	if (!rc)
		rc = oci_spec_sort_mounts(spec, err);
	if (rc)
		return rc;
	args = oci_spec_at(spec, "process.args", true);
	if (!json_array_size(args))
		return definition_fail(err, spec->image,
				       "%s: the image has no command: set "
				       "command",
				       definition_text(spec->image, "name"));
	return 0;
}

static int make_runtime(json_t *runtime, const json_t *image, struct err *err)
{
	const json_t *wanted = json_object_get(image, "runtime");
	json_t *copy = wanted ? definition_copy(wanted) : json_object();
	const json_t *mounts = json_object_get(wanted, "mounts");
	json_t *complete = json_array();
	int rc = copy && complete ? 0 : no_memory(err);

	for (size_t i = 0; i < json_array_size(mounts) && !rc; i++) {
		json_t *mount = NULL;

		rc = oci_spec_mount_complete(&mount, json_array_get(mounts, i),
					     err);
		if (!rc && json_array_append_new(complete, mount))
			rc = no_memory(err);
	}
	if (!rc && mounts && json_object_set(copy, "mounts", complete))
		rc = no_memory(err);
	if (!rc && json_object_update(runtime, copy))
		rc = no_memory(err);
	json_decref(complete);
	json_decref(copy);
	return rc;
}

int oci_spec_create(json_t **config, json_t **runtime, const json_t *image,
		    const struct oci_config *base, const json_t *ids,
		    struct err *err)
{
	struct oci_spec spec = {.image = image, .ids = ids};
	json_t *before = json_object();
	int rc;

	spec.config = json_object();
	rc = spec.config && before ? make_config(&spec, base, err)
				   : no_memory(err);
	if (!rc)
		rc = make_runtime(before, image, err);
	if (rc) {
		json_decref(spec.config);
		json_decref(before);
		return rc;
	}
	*config = spec.config;
	*runtime = before;
	return 0;
}
