/*
 * definition_schema.c - the tables as JSON Schema and as a manual page; see
 * definition.h.
 */
#include "definition.h"

#include "module.h"
#include "pkg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *group_schema(const struct field_group *group);

static json_t *list_of(json_t *items)
{
	return json_pack("{s:s,s:o}", "type", "array", "items", items);
}

static json_t *type_schema(const struct field *field)
{
	json_t *schema;

	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_OCTAL:
		break;
	case FIELD_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case FIELD_INT:
		return json_pack("{s:s}", "type", "integer");
	case FIELD_ID:
	case FIELD_SIZE:
		return json_pack("{s:[s,s]}", "type", "string", "integer");
	case FIELD_TEXTS:
		return list_of(json_pack("{s:s}", "type", "string"));
	case FIELD_IDS:
		return list_of(
			json_pack("{s:[s,s]}", "type", "string", "integer"));
	case FIELD_LABELS:
		return json_pack("{s:s,s:{s:[s,s,s]}}", "type", "object",
				 "additionalProperties", "type", "string",
				 "integer", "boolean");
	case FIELD_GROUP:
		return group_schema(field->group);
	case FIELD_GROUPS:
		return list_of(group_schema(field->group));
	case FIELD_NAMED:
		return json_pack("{s:s,s:o}", "type", "object",
				 "additionalProperties",
				 group_schema(field->group));
	case FIELD_ANY:
		return json_object();
	}
	schema = json_pack("{s:s}", "type", "string");
	if (schema && field->type == FIELD_OCTAL)
		(void)json_object_set_new(schema, "pattern",
					  json_string("^(0o)?[0-7]{1,5}$"));
	if (schema && field->words) {
		json_t *words = json_array();

		for (const char *const *word = field->words; *word; word++)
			(void)json_array_append_new(words, json_string(*word));
		(void)json_object_set_new(schema, "enum", words);
	}
	return schema;
}

static json_t *group_schema(const struct field_group *group)
{
	json_t *properties = json_object();
	json_t *required = json_array();

	for (size_t i = 0; i < group->num; i++) {
		const struct field *field = &group->fields[i];
		json_t *schema;

		if (field->flags & FIELD_REFUSED)
			continue;
		schema = type_schema(field);
		(void)json_object_set_new(schema, "description",
					  json_string(field->doc));
		if (field->alias)
			(void)json_object_set_new(properties, field->alias,
						  json_copy(schema));
		(void)json_object_set_new(properties, field->key, schema);
		if (field->flags & FIELD_REQUIRED)
			(void)json_array_append_new(required,
						    json_string(field->key));
	}
	return json_pack("{s:s,s:b,s:o,s:o}", "type", "object",
			 "additionalProperties", 0, "properties", properties,
			 "required", required);
}

json_t *definition_schema(const struct field_group *group)
{
	json_t *schema = group_schema(group);

	if (!schema ||
	    json_object_set_new(
		    schema, "$schema",
		    json_string("http://json-schema.org/draft-07/schema#"))) {
		json_decref(schema);
		return NULL;
	}
	/* Files are merged: image of a kernel may be in another one. */
	(void)json_object_del(
		json_object_get(json_object_get(schema, "properties"),
				"kernel"),
		"required");
	return schema;
}

#define SEEN_MAX 64U

struct manual {
	FILE *out;
	const struct field_group *seen[SEEN_MAX];
	size_t num;
};

static void group_manual(struct manual *manual, const struct field_group *group,
			 const char *title)
{
	for (size_t i = 0; i < manual->num; i++)
		if (manual->seen[i] == group)
			return;
	if (manual->num == SEEN_MAX)
		return;
	manual->seen[manual->num++] = group;
	(void)fprintf(manual->out, ".SS %s\n", title);
	for (size_t i = 0; i < group->num; i++) {
		const struct field *field = &group->fields[i];

		(void)fprintf(manual->out, ".TP\n.BR %s \" (%s%s)\"\n%s\n",
			      field->key, field_type_name(field->type),
			      field->flags & FIELD_REQUIRED ? ", required" : "",
			      field->doc);
		if (field->alias)
			(void)fprintf(manual->out,
				      "Also written \\fB%s\\fP, with a "
				      "warning.\n",
				      field->alias);
		if (field->flags & FIELD_REFUSED)
			(void)fputs("An error says that it is not "
				    "supported.\n",
				    manual->out);
	}
	for (size_t i = 0; i < group->num; i++) {
		char below[256];

		if (!group->fields[i].group)
			continue;
		(void)snprintf(below, sizeof(below), "%s%s%s",
			       group == &definition_group ? "" : title,
			       group == &definition_group ? "" : ": ",
			       group->fields[i].key);
		group_manual(manual, group->fields[i].group, below);
	}
}

char *definition_manual(void)
{
	struct manual manual = {0};
	char *text = NULL;
	size_t size;

	manual.out = open_memstream(&text, &size);
	if (!manual.out)
		return NULL;
	group_manual(&manual, &definition_group, "The top");
	group_manual(&manual, &module_group, "module.yml");
	group_manual(&manual, &pkg_group, "build.yml");
	if (fclose(manual.out)) {
		free(text);
		return NULL;
	}
	return text;
}
