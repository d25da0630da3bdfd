/*
 * definition_merge.c - files on top of each other, a container over the label
 * of its image; access to a definition. See definition.h.
 */
#include "definition.h"

#include "macros.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LABEL "org.mobyproject.config"

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

int definition_fail(struct err *err, const json_t *object, const char *fmt, ...)
{
	const char *at = definition_text(object, DEFINITION_AT);
	char text[448];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return at ? err_setx(err, -EBADMSG, "%s: %s", at, text)
		  : err_setx(err, -EBADMSG, "%s", text);
}

const char *definition_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool definition_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

json_int_t definition_int(const json_t *object, const char *key,
			  json_int_t missing)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : missing;
}

json_t *definition_copy(const json_t *value)
{
	const char *key;
	json_t *member;
	json_t *copy;

	if (json_is_array(value)) {
		copy = json_array();
		for (size_t i = 0; copy && i < json_array_size(value); i++)
			if (json_array_append_new(
				    copy, definition_copy(
						  json_array_get(value, i)))) {
				json_decref(copy);
				return NULL;
			}
		return copy;
	}
	if (!json_is_object(value))
		return json_copy((json_t *)(uintptr_t)value);
	copy = json_object();
	json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
		if (copy && strcmp(key, DEFINITION_AT) != 0 &&
		    json_object_set_new(copy, key, definition_copy(member))) {
			json_decref(copy);
			return NULL;
		}
	}
	return copy;
}

int definition_merge(json_t *base, json_t *over, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach (over, key, value) {
		json_t *there = json_object_get(base, key);
		int rc = 0;

		if (json_is_object(there) && json_is_object(value))
			rc = definition_merge(there, value, err);
		else if (json_is_array(there) && json_is_array(value))
			rc = json_array_extend(there, value);
		else
			rc = json_object_set(base, key, value);
		if (rc)
			return rc == -EBADMSG ? rc : no_memory(err);
	}
	return 0;
}

static int parse_label(json_t **out, const char *label, const char *name,
		       struct err *err)
{
	struct field fields[64];
	struct field_group group = {.name = "label", .fields = fields};
	struct yaml_doc *doc = NULL;
	char title[256];
	int rc;

	for (size_t i = 0; i < image_group.num && i < ARRAY_SIZE(fields); i++)
		if (!(image_group.fields[i].flags & FIELD_YAML))
			fields[group.num++] = image_group.fields[i];
	(void)snprintf(title, sizeof(title), "%s: label " LABEL, name);
	rc = yaml_doc_parse(&doc, label, strlen(label), title, err);
	if (!rc)
		rc = definition_parse(out, yaml_doc_root(doc), &group, err);
	yaml_doc_destroy(doc);
	return rc;
}

static bool array_has(const json_t *array, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_equal(json_array_get(array, i), value))
			return true;
	return false;
}

static int add_each(json_t *list, const json_t *more, struct err *err)
{
	for (size_t i = 0; i < json_array_size(more); i++) {
		json_t *value = json_array_get(more, i);

		if (!array_has(list, value) && json_array_append(list, value))
			return no_memory(err);
	}
	return 0;
}

/* "x.add" of the label, then of the definition, behind "x" of the result. */
static int add_field(json_t *out, const struct field *field,
		     const json_t *label, const json_t *image, struct err *err)
{
	const char *dot = strchr(field->key, '.');
	const json_t *of_label = json_object_get(label, field->key);
	const json_t *of_image = json_object_get(image, field->key);
	json_t *list = NULL;
	char base[32];
	int rc;

	if (!of_label && !of_image)
		return 0;
	(void)snprintf(base, sizeof(base), "%.*s", (int)(dot - field->key),
		       field->key);
	list = json_object_get(out, base)
		       ? json_copy(json_object_get(out, base))
		       : json_array();
	rc = list ? add_each(list, of_label, err) : no_memory(err);
	if (!rc)
		rc = add_each(list, of_image, err);
	if (!rc && json_object_set(out, base, list))
		rc = no_memory(err);
	json_decref(list);
	return rc;
}

static int merge_group(json_t *out, const struct field_group *group,
		       const json_t *label, const json_t *image,
		       struct err *err)
{
	for (size_t i = 0; i < group->num; i++) {
		const struct field *field = &group->fields[i];
		json_t *low = json_object_get(label, field->key);
		json_t *high = json_object_get(image, field->key);
		json_t *deep = NULL;
		int rc = 0;

		if (field->flags & FIELD_ADDS) {
			rc = add_field(out, field, label, image, err);
		} else if (field->flags & FIELD_DEEP && low && high) {
			deep = json_object();
			rc = deep ? merge_group(deep, field->group, low, high,
						err)
				  : no_memory(err);
			if (!rc && json_object_set(out, field->key, deep))
				rc = no_memory(err);
			json_decref(deep);
		} else if (high || low) {
			if (json_object_set(out, field->key, high ? high : low))
				rc = no_memory(err);
		}
		if (rc)
			return rc;
	}
	return 0;
}

int definition_image(json_t **out, const json_t *image, const char *label,
		     const char *name, struct err *err)
{
	json_t *defaults = NULL;
	json_t *merged = json_object();
	int rc = merged ? 0 : no_memory(err);

	if (!rc && label)
		rc = parse_label(&defaults, label, name, err);
	if (!rc)
		rc = merge_group(merged, &image_group, defaults, image, err);
	if (!rc && definition_text(image, DEFINITION_AT) &&
	    json_object_set(merged, DEFINITION_AT,
			    json_object_get(image, DEFINITION_AT)))
		rc = no_memory(err);
	json_decref(defaults);
	if (rc) {
		json_decref(merged);
		return rc;
	}
	*out = merged;
	return 0;
}
