/*
 * oci_spec.h - a container of a definition as an OCI bundle: config.json
 * (runtime-spec 1.0) and runtime.json, what the init does before it starts.
 * One thread.
 */
#pragma once

#include "err.h"
#include "oci.h"

#include <jansson.h>
#include <stdbool.h>

/* Stands for 2^64 - 1, which jansson cannot hold, until the text is written;
 * and how it looks in JSON. */
#define OCI_SPEC_INFINITY "\001unlimited\001 rlimit"
#define OCI_SPEC_INFINITY_JSON "\\u0001unlimited\\u0001 rlimit"

/**
 * struct oci_spec - what the fields of a table are put into
 * @config: config.json
 * @image:  the container, for the place in messages
 * @ids:    map of the names of containers to the user that each has; or NULL
 */
struct oci_spec {
	json_t *config;
	const json_t *image;
	const json_t *ids;
};

/**
 * oci_spec_create() - both documents
 * @config:  filled, json_decref()
 * @runtime: filled, json_decref()
 * @image:   of definition_image()
 * @base:    configuration of the OCI image: command, environment, directory
 * @ids:     see struct oci_spec
 *
 * Return: 0, -EBADMSG if a value makes no sense, -ENOMEM; with @err.
 */
int oci_spec_create(json_t **config, json_t **runtime, const json_t *image,
		    const struct oci_config *base, const json_t *ids,
		    struct err *err);

/** oci_spec_mount_new() - one mount. Return: NULL without memory. */
json_t *oci_spec_mount_new(const char *type, const char *source,
			   const char *destination, const char *options);

/** oci_spec_default_mounts() - what every container has; @readonly: its root.
 * Return: 0 or -ENOMEM with @err. */
int oci_spec_default_mounts(struct oci_spec *spec, bool readonly,
			    struct err *err);

/** oci_spec_sort_mounts() - a mount before those below it. Return: 0 or -ENOMEM
 * with @err. */
int oci_spec_sort_mounts(struct oci_spec *spec, struct err *err);

/** oci_spec_mount_complete() - a mount of the definition with type, source and
 * destination that it left out. Return: 0, json_decref(); -EBADMSG, -ENOMEM
 * with @err. */
int oci_spec_mount_complete(json_t **out, const json_t *mount, struct err *err);

/** oci_spec_at() - the array or object at a dotted path of config.json, made if
 * missing. Return: borrowed, NULL without memory. */
json_t *oci_spec_at(struct oci_spec *spec, const char *path, bool array);

/*
 * What the rows of definition_table.c name: @value is checked by the table, it
 * is put into @spec. Return: 0, -EBADMSG or -ENOMEM with @err.
 */
#define OCI_SPEC_APPLY(name)                                                   \
	int oci_spec_##name(struct oci_spec *spec, const json_t *value,        \
			    struct err *err)

OCI_SPEC_APPLY(capabilities);
OCI_SPEC_APPLY(ambient);
OCI_SPEC_APPLY(tmpfs);
OCI_SPEC_APPLY(binds);
OCI_SPEC_APPLY(mounts);
OCI_SPEC_APPLY(devices);
OCI_SPEC_APPLY(net);
OCI_SPEC_APPLY(pid);
OCI_SPEC_APPLY(ipc);
OCI_SPEC_APPLY(uts);
OCI_SPEC_APPLY(userns);
OCI_SPEC_APPLY(uid);
OCI_SPEC_APPLY(gid);
OCI_SPEC_APPLY(additional_gids);
OCI_SPEC_APPLY(resources);
OCI_SPEC_APPLY(rlimits);
