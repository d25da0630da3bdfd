/*
 * oci_spec_mounts.c - tmpfs, binds, mounts of a container; see oci_spec.h.
 */
#include "oci_spec.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int add_options(json_t *array, const char *options)
{
	while (*options) {
		size_t length = strcspn(options, ",");

		if (length &&
		    json_array_append_new(array, json_stringn(options, length)))
			return -ENOMEM;
		options += length + (options[length] ? 1 : 0);
	}
	return 0;
}

json_t *oci_spec_mount_new(const char *type, const char *source,
			   const char *destination, const char *options)
{
	json_t *mount = json_pack("{s:s,s:s,s:s}", "type", type, "source",
				  source, "destination", destination);
	json_t *array = mount ? json_array() : NULL;

	if (!array || add_options(array, options) ||
	    (json_array_size(array) &&
	     json_object_set(mount, "options", array))) {
		json_decref(array);
		json_decref(mount);
		return NULL;
	}
	json_decref(array);
	return mount;
}

/* One mount per destination: the last one. @mount is taken. */
static int put_mount(struct oci_spec *spec, json_t *mount, struct err *err)
{
	json_t *mounts = oci_spec_at(spec, "mounts", true);
	const char *destination = definition_text(mount, "destination");

	if (!mounts || !destination) {
		json_decref(mount);
		return no_memory(err);
	}
	for (size_t i = 0; i < json_array_size(mounts); i++)
		if (strcmp(definition_text(json_array_get(mounts, i),
					   "destination"),
			   destination) == 0)
			return json_array_set_new(mounts, i, mount)
				       ? no_memory(err)
				       : 0;
	return json_array_append_new(mounts, mount) ? no_memory(err) : 0;
}

int oci_spec_default_mounts(struct oci_spec *spec, bool readonly,
			    struct err *err)
{
	static const struct {
		const char *type;
		const char *destination;
		const char *options;
		bool follows; /* read-only if the root is */
	} mounts[] = {
		{"proc", "/proc", "nosuid,nodev,noexec,relatime", false},
		{"tmpfs", "/dev", "nosuid,strictatime,mode=755,size=65536k",
		 true},
		{"devpts", "/dev/pts",
		 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620", false},
		{"sysfs", "/sys", "nosuid,noexec,nodev", true},
		{"cgroup", "/sys/fs/cgroup", "nosuid,noexec,nodev,relatime,ro",
		 false},
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(mounts) && !rc; i++) {
		char options[96];

		(void)snprintf(options, sizeof(options), "%s%s",
			       mounts[i].options,
			       mounts[i].follows && readonly ? ",ro" : "");
		rc = put_mount(
			spec,
			oci_spec_mount_new(mounts[i].type, mounts[i].type,
					   mounts[i].destination, options),
			err);
	}
	return rc;
}

static int compare_mounts(const void *a, const void *b)
{
	const json_t *const *one = a;
	const json_t *const *two = b;

	return strcmp(definition_text(*one, "destination"),
		      definition_text(*two, "destination"));
}

int oci_spec_sort_mounts(struct oci_spec *spec, struct err *err)
{
	json_t *mounts = oci_spec_at(spec, "mounts", true);
	size_t num = json_array_size(mounts);
	json_t *sorted = json_array();
	AUTO_FREE json_t **items = calloc(num + 1, sizeof(*items));
	int rc = sorted && items ? 0 : -ENOMEM;

	for (size_t i = 0; i < num && !rc; i++)
		items[i] = json_array_get(mounts, i);
	if (!rc)
		qsort(items, num, sizeof(*items), compare_mounts);
	for (size_t i = 0; i < num && !rc; i++)
		rc = json_array_append(sorted, items[i]);
	if (!rc)
		rc = json_object_set(spec->config, "mounts", sorted);
	json_decref(sorted);
	return rc ? no_memory(err) : 0;
}

static int need_absolute(const struct oci_spec *spec, const char *key,
			 const char *path, struct err *err)
{
	if (path[0] == '/')
		return 0;
	return definition_fail(err, spec->image,
			       "%s: destination %s does not start with /", key,
			       path);
}

int oci_spec_tmpfs(struct oci_spec *spec, const json_t *value, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(value) && !rc; i++) {
		const char *text = json_string_value(json_array_get(value, i));
		AUTO_FREE char *copy = strdup(text);
		char *options = copy ? strchr(copy, ':') : NULL;

		if (!copy)
			return no_memory(err);
		if (options)
			*options++ = '\0';
		if (options && strchr(options, ':'))
			return definition_fail(err, spec->image,
					       "tmpfs: %s: more than one \":\"",
					       text);
		rc = need_absolute(spec, "tmpfs", copy, err);
		if (!rc)
			rc = put_mount(
				spec,
				oci_spec_mount_new("tmpfs", "tmpfs", copy,
						   options ? options : ""),
				err);
	}
	return rc;
}

static int put_bind(struct oci_spec *spec, const char *text, struct err *err)
{
	AUTO_FREE char *copy = strdup(text);
	char all[512] = "rw,rbind,rshared";
	char *destination = copy ? strchr(copy, ':') : NULL;
	char *options = destination ? strchr(destination + 1, ':') : NULL;
	int rc;

	if (!copy)
		return no_memory(err);
	if (!destination)
		return definition_fail(err, spec->image,
				       "binds: %s: expected "
				       "source:destination[:options]",
				       text);
	*destination++ = '\0';
	if (options)
		*options++ = '\0';
	if (options && (strchr(options, ':') || strlen(options) > 400))
		return definition_fail(err, spec->image,
				       "binds: %s: more than two \":\"", text);
	rc = need_absolute(spec, "binds", destination, err);
	if (rc)
		return rc;
	if (options)
		(void)snprintf(all, sizeof(all), "%.400s,rbind", options);
	return put_mount(
		spec, oci_spec_mount_new("bind", copy, destination, all), err);
}

int oci_spec_binds(struct oci_spec *spec, const json_t *value, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(value) && !rc; i++)
		rc = put_bind(spec, json_string_value(json_array_get(value, i)),
			      err);
	return rc;
}

/* File systems whose source, type or place follows from one of them. */
static const struct {
	const char *type;
	const char *destination;
} well_known[] = {
	{"mqueue", "/dev/mqueue"},
	{"devpts", "/dev/pts"},
	{"proc", "/proc"},
	{"sysfs", "/sys"},
	{"cgroup", "/sys/fs/cgroup"},
};

int oci_spec_mount_complete(json_t **out, const json_t *mount, struct err *err)
{
	const char *type = definition_text(mount, "type");
	const char *source = definition_text(mount, "source");
	const char *destination = definition_text(mount, "destination");
	const json_t *options = json_object_get(mount, "options");

	for (size_t i = 0; i < ARRAY_SIZE(well_known); i++) {
		if (!type && source && strcmp(source, well_known[i].type) == 0)
			type = source;
		if (!destination && type &&
		    strcmp(type, well_known[i].type) == 0)
			destination = well_known[i].destination;
	}
	if (!type && destination && strcmp(destination, "/dev") == 0)
		type = "tmpfs";
	if (!type)
		return definition_fail(err, mount, "mount: type is missing");
	if (!destination || destination[0] != '/')
		return definition_fail(err, mount,
				       "mount: destination is missing or does "
				       "not start with /");
	*out = oci_spec_mount_new(type, source ? source : type, destination,
				  "");
	if (!*out ||
	    (options &&
	     json_object_set_new(*out, "options",
				 json_copy(json_object_get(mount, "options")))))
		return no_memory(err);
	return 0;
}

int oci_spec_mounts(struct oci_spec *spec, const json_t *value, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(value) && !rc; i++) {
		json_t *mount = NULL;

		rc = oci_spec_mount_complete(&mount, json_array_get(value, i),
					     err);
		if (!rc)
			rc = put_mount(spec, mount, err);
	}
	return rc;
}
