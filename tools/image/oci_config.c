/*
 * oci_config.c - the configuration of an image. See oci.h.
 *
 * image-spec 1.0, config.md.
 */
#include "oci.h"

#include "json.h"
#include "macros.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 4096U

int oci_list_add(struct oci_list *list, const char *text)
{
	char **items = reallocarray(list->items, list->num + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->num] = strdup(text);
	if (!items[list->num])
		return -ENOMEM;
	list->num++;
	return 0;
}

void oci_list_fini(struct oci_list *list)
{
	for (size_t i = 0; i < list->num; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct oci_list){0};
}

void oci_config_fini(struct oci_config *config)
{
	free(config->architecture);
	free(config->variant);
	free(config->os);
	free(config->created);
	free(config->author);
	free(config->user);
	free(config->workdir);
	free(config->stop_signal);
	oci_list_fini(&config->env);
	oci_list_fini(&config->entrypoint);
	oci_list_fini(&config->cmd);
	oci_list_fini(&config->volumes);
	oci_list_fini(&config->ports);
	for (size_t i = 0; i < config->label_num; i++) {
		free(config->labels[i].key);
		free(config->labels[i].value);
	}
	free(config->labels);
	oci_list_fini(&config->diff_ids);
	*config = (struct oci_config){0};
}

const char *oci_config_label(const struct oci_config *config, const char *key)
{
	for (size_t i = 0; i < config->label_num; i++) {
		if (strcmp(config->labels[i].key, key) == 0)
			return config->labels[i].value;
	}
	return NULL;
}

int oci_config_set_label(struct oci_config *config, const char *key,
			 const char *value)
{
	struct oci_label label = {strdup(key), strdup(value)};
	struct oci_label *labels = reallocarray(
		config->labels, config->label_num + 1, sizeof(*labels));
	size_t at = 0;

	if (labels)
		config->labels = labels;
	if (!label.key || !label.value || !labels) {
		free(label.key);
		free(label.value);
		return -ENOMEM;
	}
	while (at < config->label_num && strcmp(labels[at].key, key) < 0)
		at++;
	if (at < config->label_num && strcmp(labels[at].key, key) == 0) {
		free(labels[at].key);
		free(labels[at].value);
	} else {
		memmove(labels + at + 1, labels + at,
			(config->label_num - at) * sizeof(*labels));
		config->label_num++;
	}
	labels[at] = label;
	return 0;
}

static int copy_text(const json_t *object, const char *key, char **out,
		     struct err *err)
{
	const char *text;
	int rc = json_text_of(object, key, &text, err);

	if (rc || !text)
		return rc;
	*out = strdup(text);
	return *out ? 0 : err_set(err, -ENOMEM, "%s", key);
}

static int copy_list(const json_t *object, const char *key,
		     struct oci_list *list, struct err *err)
{
	json_t *array;
	int rc = json_array_of(object, key, &array, err);

	if (rc)
		return rc;
	if (json_array_size(array) > LIST_MAX)
		return err_setx(err, -EBADMSG, "%s: too long", key);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		const char *text = json_string_value(item);

		if (!text || strlen(text) != json_string_length(item))
			return err_setx(err, -EBADMSG, "%s: strings expected",
					key);
		if (oci_list_add(list, text))
			return err_set(err, -ENOMEM, "%s", key);
	}
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;

	return strcmp(*left, *right);
}

/* A set is an object whose values are empty. */
static int copy_set(const json_t *object, const char *key,
		    struct oci_list *list, struct err *err)
{
	json_t *set;
	int rc = json_object_of(object, key, &set, err);

	if (rc || !set)
		return rc;
	if (json_object_size(set) > LIST_MAX)
		return err_setx(err, -EBADMSG, "%s: too long", key);
	for (void *at = json_object_iter(set); at;
	     at = json_object_iter_next(set, at)) {
		if (oci_list_add(list, json_object_iter_key(at)))
			return err_set(err, -ENOMEM, "%s", key);
	}
	if (list->num)
		qsort(list->items, list->num, sizeof(*list->items),
		      compare_text);
	return 0;
}

static int copy_labels(const json_t *object, struct oci_config *config,
		       struct err *err)
{
	json_t *map;
	int rc = json_object_of(object, "Labels", &map, err);

	if (rc || !map)
		return rc;
	if (json_object_size(map) > LIST_MAX)
		return err_setx(err, -EBADMSG, "Labels: too many");
	for (void *at = json_object_iter(map); at;
	     at = json_object_iter_next(map, at)) {
		const char *key = json_object_iter_key(at);
		const char *value =
			json_string_value(json_object_iter_value(at));

		if (!value)
			return err_setx(err, -EBADMSG,
					"Labels: %.100s: a string expected",
					key);
		if (oci_config_set_label(config, key, value))
			return err_set(err, -ENOMEM, "Labels");
	}
	return 0;
}

static int parse_run(struct oci_config *config, const json_t *run,
		     struct err *err)
{
	int rc = copy_text(run, "User", &config->user, err);

	if (!rc)
		rc = copy_text(run, "WorkingDir", &config->workdir, err);
	if (!rc)
		rc = copy_text(run, "StopSignal", &config->stop_signal, err);
	if (!rc)
		rc = copy_list(run, "Env", &config->env, err);
	if (!rc)
		rc = copy_list(run, "Entrypoint", &config->entrypoint, err);
	if (!rc)
		rc = copy_list(run, "Cmd", &config->cmd, err);
	if (!rc)
		rc = copy_set(run, "Volumes", &config->volumes, err);
	if (!rc)
		rc = copy_set(run, "ExposedPorts", &config->ports, err);
	return rc ? rc : copy_labels(run, config, err);
}

static int parse_top(struct oci_config *config, const json_t *top,
		     struct err *err)
{
	json_t *run = NULL;
	json_t *rootfs = NULL;
	int rc = copy_text(top, "architecture", &config->architecture, err);

	if (!rc)
		rc = copy_text(top, "variant", &config->variant, err);
	if (!rc)
		rc = copy_text(top, "os", &config->os, err);
	if (!rc)
		rc = copy_text(top, "created", &config->created, err);
	if (!rc)
		rc = copy_text(top, "author", &config->author, err);
	if (!rc)
		rc = json_object_of(top, "config", &run, err);
	if (!rc && run)
		rc = parse_run(config, run, err);
	if (!rc)
		rc = json_object_of(top, "rootfs", &rootfs, err);
	if (!rc && rootfs)
		rc = copy_list(rootfs, "diff_ids", &config->diff_ids, err);
	return rc;
}

int oci_config_parse(struct oci_config *config, const char *text, size_t size,
		     const char *name, struct err *err)
{
	json_t *top;
	int rc;

	*config = (struct oci_config){0};
	rc = json_read(&top, text, size, name, err);
	if (rc)
		return rc;
	if (json_is_object(top))
		rc = parse_top(config, top, err);
	else
		rc = err_setx(err, -EBADMSG, "an object expected");
	json_decref(top);
	return rc ? err_prefix(err, "%s", name) : 0;
}

static int put_list(json_t *object, const char *key,
		    const struct oci_list *list)
{
	json_t *array;

	if (!list->num)
		return 0;
	array = json_array();
	for (size_t i = 0; i < list->num; i++) {
		if (json_array_append_new(array, json_string(list->items[i]))) {
			json_decref(array);
			return -ENOMEM;
		}
	}
	return json_object_set_new(object, key, array) ? -ENOMEM : 0;
}

static int put_set(json_t *object, const char *key, const struct oci_list *list)
{
	json_t *set;

	if (!list->num)
		return 0;
	set = json_object();
	for (size_t i = 0; i < list->num; i++) {
		if (json_object_set_new(set, list->items[i], json_object())) {
			json_decref(set);
			return -ENOMEM;
		}
	}
	return json_object_set_new(object, key, set) ? -ENOMEM : 0;
}

static int put_labels(json_t *object, const struct oci_config *config)
{
	json_t *map;

	if (!config->label_num)
		return 0;
	map = json_object();
	for (size_t i = 0; i < config->label_num; i++) {
		if (json_put(map, config->labels[i].key,
			     config->labels[i].value)) {
			json_decref(map);
			return -ENOMEM;
		}
	}
	return json_object_set_new(object, "Labels", map) ? -ENOMEM : 0;
}

static json_t *run_make(const struct oci_config *config)
{
	json_t *run = json_object();

	if (json_put(run, "User", config->user) ||
	    json_put(run, "WorkingDir", config->workdir) ||
	    json_put(run, "StopSignal", config->stop_signal) ||
	    put_list(run, "Env", &config->env) ||
	    put_list(run, "Entrypoint", &config->entrypoint) ||
	    put_list(run, "Cmd", &config->cmd) ||
	    put_set(run, "Volumes", &config->volumes) ||
	    put_set(run, "ExposedPorts", &config->ports) ||
	    put_labels(run, config)) {
		json_decref(run);
		return NULL;
	}
	return run;
}

static json_t *rootfs_make(const struct oci_config *config)
{
	json_t *rootfs = json_object();

	if (json_put(rootfs, "type", "layers") ||
	    (config->diff_ids.num
		     ? put_list(rootfs, "diff_ids", &config->diff_ids)
		     : json_object_set_new(rootfs, "diff_ids", json_array()))) {
		json_decref(rootfs);
		return NULL;
	}
	return rootfs;
}

/* One entry per layer: some readers count them. */
static json_t *history_make(const struct oci_config *config)
{
	json_t *history = json_array();

	for (size_t i = 0; i < config->diff_ids.num; i++) {
		json_t *entry = json_object();

		if (json_put(entry, "created", config->created) ||
		    json_put(entry, "created_by", "lwx-image") ||
		    json_array_append(history, entry)) {
			json_decref(entry);
			json_decref(history);
			return NULL;
		}
		json_decref(entry);
	}
	return history;
}

int oci_config_write(const struct oci_config *config, char **out, size_t *size,
		     struct err *err)
{
	json_t *top = json_object();
	int rc = 0;

	if (json_put(top, "architecture", config->architecture) ||
	    json_put(top, "variant", config->variant) ||
	    json_put(top, "os", config->os ? config->os : "linux") ||
	    json_put(top, "created", config->created) ||
	    json_put(top, "author", config->author) ||
	    json_object_set_new(top, "config", run_make(config)) ||
	    json_object_set_new(top, "rootfs", rootfs_make(config)) ||
	    json_object_set_new(top, "history", history_make(config)))
		rc = err_set(err, -ENOMEM, "image configuration");
	if (!rc)
		rc = json_write(top, out, size, err);
	json_decref(top);
	return rc;
}
