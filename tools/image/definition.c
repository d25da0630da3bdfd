/*
 * definition.c - YAML to a checked definition; see definition.h.
 */
#include "definition.h"

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static void warn(const struct yaml_node *node, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void warn(const struct yaml_node *node, const char *fmt, ...)
{
	char text[384];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_warn("%s:%u:%u: %s", node->file, node->line, node->column, text);
}

static int mistyped(struct err *err, const struct yaml_node *node,
		    const char *key, enum field_type type)
{
	bool quote = node->kind == YAML_SCALAR && !yaml_is_null(node) &&
		     type == FIELD_TEXT;

	return yaml_fail(err, node, "%s: expected %s, got %s%s", key,
			 field_type_name(type), yaml_kind_name(node),
			 quote ? ", put it in quotes" : "");
}

static bool is_text(const struct yaml_node *node)
{
	bool truth;
	int64_t number;

	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return false;
	return yaml_bool(node, &truth) != 0 &&
	       yaml_int(node, &number) == -EINVAL;
}

static int parse_text(json_t **out, const struct yaml_node *node,
		      const char *key, enum field_type type, struct err *err)
{
	if (!is_text(node))
		return mistyped(err, node, key, type);
	if (strlen(node->text) != node->length)
		return yaml_fail(err, node, "%s: NUL in a text", key);
	*out = json_stringn(node->text, node->length);
	return *out ? 0
		    : yaml_fail(err, node, "%s: not UTF-8 or no memory", key);
}

static int parse_word(json_t **out, const struct yaml_node *node,
		      const struct field *field, struct err *err)
{
	const char *nearest;
	int rc = parse_text(out, node, field->key, FIELD_TEXT, err);

	if (rc || !field->words)
		return rc;
	for (const char *const *word = field->words; *word; word++)
		if (strcmp(*word, node->text) == 0)
			return 0;
	json_decref(*out);
	*out = NULL;
	nearest = text_nearest(field->words, node->text);
	return yaml_fail(err, node, "%s: %.64s is not known%s%s%s", field->key,
			 node->text, nearest ? ", did you mean " : "",
			 nearest ? nearest : "", nearest ? "?" : "");
}

static int parse_int(json_t **out, const struct yaml_node *node,
		     const struct field *field, struct err *err)
{
	int64_t number;
	int rc = yaml_int(node, &number);

	if (rc == -ERANGE)
		return yaml_fail(err, node, "%s: number out of range",
				 field->key);
	if (rc)
		return mistyped(err, node, field->key, field->type);
	*out = json_integer(number);
	return *out ? 0 : no_memory(err);
}

static int parse_octal(json_t **out, const struct yaml_node *node,
		       const struct field *field, struct err *err)
{
	struct yaml_node digits = *node;
	int64_t number;
	char text[16];

	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return mistyped(err, node, field->key, field->type);
	if (node->plain)
		warn(node,
		     "%s: %s without quotes is taken as octal; LinuxKit wants "
		     "a text: \"%s\"",
		     field->key, node->text, node->text);
	(void)snprintf(text, sizeof(text), "0%s",
		       strncmp(node->text, "0o", 2) == 0 ? node->text + 2
							 : node->text);
	digits.text = text;
	digits.plain = true;
	if (node->length > 8 || node->length == 0 ||
	    yaml_int(&digits, &number) || number < 0 || number > 07777)
		return yaml_fail(err, node,
				 "%s: expected octal digits, 0 to 7777, got "
				 "%.32s",
				 field->key, node->text);
	*out = json_integer(number);
	return *out ? 0 : no_memory(err);
}

static int parse_id(json_t **out, const struct yaml_node *node,
		    const struct field *field, struct err *err)
{
	int64_t number;

	if (yaml_int(node, &number) == 0) {
		if (number < 0 || number >= UINT32_MAX)
			return yaml_fail(err, node, "%s: number out of range",
					 field->key);
		*out = json_integer(number);
		return *out ? 0 : no_memory(err);
	}
	return parse_text(out, node, field->key, field->type, err);
}

static int parse_size(json_t **out, const struct yaml_node *node,
		      const struct field *field, struct err *err)
{
	int64_t bytes;

	if (yaml_int(node, &bytes) == 0) {
		char text[32];

		warn(node,
		     "%s: a number of bytes; config.json wants a text "
		     "such as \"2MB\"",
		     field->key);
		if (bytes >= 1 << 30 && bytes % (1 << 30) == 0)
			(void)snprintf(text, sizeof(text), "%lldGB",
				       (long long)bytes >> 30);
		else if (bytes >= 1 << 20 && bytes % (1 << 20) == 0)
			(void)snprintf(text, sizeof(text), "%lldMB",
				       (long long)bytes >> 20);
		else if (bytes >= 1 << 10 && bytes % (1 << 10) == 0)
			(void)snprintf(text, sizeof(text), "%lldKB",
				       (long long)bytes >> 10);
		else
			return yaml_fail(err, node, "%s: not a page size",
					 field->key);
		*out = json_string(text);
		return *out ? 0 : no_memory(err);
	}
	return parse_text(out, node, field->key, field->type, err);
}

static int any_children(json_t *json, const struct yaml_node *node,
			struct err *err)
{
	for (size_t i = 0; i < node->num; i++) {
		json_t *item = NULL;
		int rc = definition_any(&item, node->items[i], err);

		if (rc)
			return rc;
		if (node->keys ? json_object_set_new(json, node->keys[i]->text,
						     item)
			       : json_array_append_new(json, item))
			return no_memory(err);
	}
	return 0;
}

/* Recursion as deep as YAML_DEPTH_MAX. */
int definition_any(json_t **out, const struct yaml_node *node, struct err *err)
{
	int64_t number;
	bool truth;
	int rc;

	if (node->kind == YAML_SCALAR) {
		if (yaml_is_null(node))
			*out = json_null();
		else if (yaml_bool(node, &truth) == 0)
			*out = json_boolean(truth);
		else if (yaml_int(node, &number) == 0)
			*out = json_integer(number);
		else
			*out = json_stringn(node->text, node->length);
		return *out ? 0 : no_memory(err);
	}
	*out = node->kind == YAML_LIST ? json_array() : json_object();
	if (!*out)
		return no_memory(err);
	rc = any_children(*out, node, err);
	if (rc) {
		json_decref(*out);
		*out = NULL;
	}
	return rc;
}

/* A list, each item as @one of the same field says. */
static int parse_list(json_t **out, const struct yaml_node *node,
		      const struct field *field, struct err *err)
{
	json_t *list;
	int rc = 0;

	if (node->kind != YAML_LIST)
		return mistyped(err, node, field->key, field->type);
	list = json_array();
	if (!list)
		return no_memory(err);
	for (size_t i = 0; i < node->num && !rc; i++) {
		json_t *item = NULL;

		if (field->type == FIELD_GROUPS)
			rc = definition_parse(&item, node->items[i],
					      field->group, err);
		else if (field->type == FIELD_IDS)
			rc = parse_id(&item, node->items[i], field, err);
		else
			rc = parse_word(&item, node->items[i], field, err);
		if (!rc && json_array_append_new(list, item))
			rc = no_memory(err);
	}
	if (rc) {
		json_decref(list);
		return rc;
	}
	*out = list;
	return 0;
}

/* Keys are free; values texts (numbers are taken as written) or groups. */
static int parse_map(json_t **out, const struct yaml_node *node,
		     const struct field *field, struct err *err)
{
	json_t *map;
	int rc = 0;

	if (node->kind != YAML_MAP)
		return mistyped(err, node, field->key, field->type);
	map = json_object();
	if (!map)
		return no_memory(err);
	for (size_t i = 0; i < node->num && !rc; i++) {
		const struct yaml_node *value = node->items[i];
		json_t *item = NULL;

		if (field->type == FIELD_NAMED) {
			rc = definition_parse(&item, value, field->group, err);
		} else if (value->kind != YAML_SCALAR || yaml_is_null(value)) {
			rc = mistyped(err, value, node->keys[i]->text,
				      FIELD_TEXT);
		} else {
			item = json_stringn(value->text, value->length);
			rc = item ? 0 : no_memory(err);
		}
		if (!rc && json_object_set_new(map, node->keys[i]->text, item))
			rc = no_memory(err);
	}
	if (rc) {
		json_decref(map);
		return rc;
	}
	*out = map;
	return 0;
}

static int parse_value(json_t **out, const struct yaml_node *node,
		       const struct field *field, struct err *err)
{
	bool truth;

	switch (field->type) {
	case FIELD_TEXT:
		return parse_word(out, node, field, err);
	case FIELD_BOOL:
		if (yaml_bool(node, &truth))
			return mistyped(err, node, field->key, field->type);
		*out = json_boolean(truth);
		return 0;
	case FIELD_INT:
		return parse_int(out, node, field, err);
	case FIELD_OCTAL:
		return parse_octal(out, node, field, err);
	case FIELD_ID:
		return parse_id(out, node, field, err);
	case FIELD_SIZE:
		return parse_size(out, node, field, err);
	case FIELD_TEXTS:
	case FIELD_IDS:
	case FIELD_GROUPS:
		return parse_list(out, node, field, err);
	case FIELD_LABELS:
	case FIELD_NAMED:
		return parse_map(out, node, field, err);
	case FIELD_GROUP:
		if (node->kind != YAML_MAP)
			return mistyped(err, node, field->key, field->type);
		return definition_parse(out, node, field->group, err);
	case FIELD_ANY:
		break;
	}
	return definition_any(out, node, err);
}

static int unknown_key(const struct yaml_node *key,
		       const struct field_group *group, struct err *err)
{
	const char *nearest = field_nearest(group, key->text);

	return yaml_fail(err, key, "%.64s: no such key of %s%s%s%s", key->text,
			 group->name, nearest ? ", did you mean " : "",
			 nearest ? nearest : "", nearest ? "?" : "");
}

static int parse_field(json_t *object, const struct yaml_node *key,
		       const struct yaml_node *node,
		       const struct field_group *group, struct err *err)
{
	const struct field *field = field_find(group, key->text);
	json_t *value = NULL;
	int rc;

	if (!field)
		return unknown_key(key, group, err);
	if (field->flags & FIELD_REFUSED)
		return yaml_fail(err, key, "%s is not supported: %s",
				 field->key, field->doc);
	if (field->flags & FIELD_UNUSED)
		warn(key, "%s has no effect: %s", field->key, field->doc);
	if (strcmp(field->key, key->text) != 0)
		warn(key, "%s is taken as %s", key->text, field->key);
	if (json_object_get(object, field->key))
		return yaml_fail(err, key, "%s is given twice, as %s too",
				 field->key, key->text);
	/* A key without a value is a key left out, as it is in LinuxKit. */
	if (yaml_is_null(node))
		return 0;
	rc = parse_value(&value, node, field, err);
	if (rc)
		return rc;
	return json_object_set_new(object, field->key, value) ? no_memory(err)
							      : 0;
}

static int check_required(const json_t *object, const struct yaml_node *node,
			  const struct field_group *group, struct err *err)
{
	for (size_t i = 0; i < group->num; i++)
		if (group->fields[i].flags & FIELD_REQUIRED &&
		    !json_object_get(object, group->fields[i].key))
			return yaml_fail(err, node, "%s: %s is missing",
					 group->name, group->fields[i].key);
	return 0;
}

static int parse_group(json_t *object, const struct yaml_node *node,
		       const struct field_group *group, struct err *err)
{
	char at[512];
	int rc = 0;

	if (!node)
		return 0;
	if (node->kind != YAML_MAP)
		return yaml_fail(err, node, "%s: expected map, got %s",
				 group->name, yaml_kind_name(node));
	(void)snprintf(at, sizeof(at), "%s:%u:%u", node->file, node->line,
		       node->column);
	if (json_object_set_new(object, DEFINITION_AT, json_string(at)))
		return no_memory(err);
	for (size_t i = 0; i < node->num && !rc; i++)
		rc = parse_field(object, node->keys[i], node->items[i], group,
				 err);
	return rc;
}

int definition_parse(json_t **out, const struct yaml_node *node,
		     const struct field_group *group, struct err *err)
{
	json_t *object = json_object();
	int rc =
		object ? parse_group(object, node, group, err) : no_memory(err);

	/* A kernel may be spread over files: see definition_read(). */
	if (!rc && node && strcmp(group->name, "kernel") != 0)
		rc = check_required(object, node, group, err);
	if (rc) {
		json_decref(object);
		return rc;
	}
	*out = object;
	return 0;
}

static int read_one(json_t *definition, const char *path, struct err *err)
{
	struct yaml_doc *doc = NULL;
	json_t *part = NULL;
	int rc = yaml_doc_read(&doc, path, err);

	if (!rc)
		rc = definition_parse(&part, yaml_doc_root(doc),
				      &definition_group, err);
	if (!rc)
		rc = definition_merge(definition, part, err);
	json_decref(part);
	yaml_doc_destroy(doc);
	return rc;
}

int definition_check(const json_t *definition, struct err *err)
{
	static const char *const lists[] = {"services", "volumes"};
	const json_t *kernel = json_object_get(definition, "kernel");

	if (kernel && !definition_text(kernel, "image"))
		return definition_fail(err, kernel, "kernel: image is missing");
	for (size_t l = 0; l < sizeof(lists) / sizeof(*lists); l++) {
		const json_t *list = json_object_get(definition, lists[l]);

		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *one = json_array_get(list, i);
			const char *name = definition_text(one, "name");

			for (size_t j = 0; j < i; j++)
				if (strcmp(definition_text(
						   json_array_get(list, j),
						   "name"),
					   name) == 0)
					return definition_fail(
						err, one,
						"%s: %s is there twice",
						lists[l], name);
		}
	}
	return 0;
}

int definition_read(json_t **out, const char *const *paths, size_t num,
		    struct err *err)
{
	json_t *definition = json_object();
	int rc = definition ? 0 : no_memory(err);

	for (size_t i = 0; i < num && !rc; i++) {
		if (strncmp(paths[i], "http://", 7) == 0 ||
		    strncmp(paths[i], "https://", 8) == 0)
			rc = err_setx(err, -ENOTSUP,
				      "%s: builds stay offline: fetch it "
				      "first, \"-\" reads standard input",
				      paths[i]);
		else
			rc = read_one(definition, paths[i], err);
	}
	if (!rc)
		rc = definition_check(definition, err);
	if (rc) {
		json_decref(definition);
		return rc;
	}
	*out = definition;
	return 0;
}
