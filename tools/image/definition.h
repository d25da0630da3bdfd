/*
 * definition.h - what an image is made of, read from YAML.
 *
 * A definition is JSON in a form that the tables of definition_table.h have
 * checked: known keys in their first spelling, values of the right type, octal
 * modes as numbers. Every map that stands for a table has a member "@at" that
 * says where it was written, "vm.yml:3:5". One thread.
 */
#pragma once

#include "definition_table.h"
#include "err.h"
#include "yaml_doc.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define DEFINITION_AT "@at"

/**
 * definition_parse() - a map of @group in YAML
 * @node: NULL: an empty map
 *
 * What is merely odd is told by log_warn().
 *
 * Return: 0, json_decref() when done; -EBADMSG or -ENOMEM with @err.
 */
int definition_parse(json_t **out, const struct yaml_node *node,
		     const struct field_group *group, struct err *err);

/**
 * definition_read() - one or more files, later ones on top of earlier ones
 * @paths: @num of them; "-": standard input
 *
 * Return: as definition_parse(), or the negative errno of a failed read.
 */
int definition_read(json_t **out, const char *const *paths, size_t num,
		    struct err *err);

/** definition_any() - whatever YAML can say as JSON. Return: as
 * definition_parse(). */
int definition_any(json_t **out, const struct yaml_node *node, struct err *err);

/** definition_check() - what only the whole can tell: names that are there
 * twice. Return: 0 or -EBADMSG with @err. */
int definition_check(const json_t *definition, struct err *err);

/**
 * definition_merge() - put @over on @base
 *
 * Lists are appended, maps are merged key by key, all else is replaced.
 *
 * Return: 0 or -ENOMEM with @err.
 */
int definition_merge(json_t *base, json_t *over, struct err *err);

/**
 * definition_image() - a container as it is written, over what its label says
 * @image: of image_group
 * @label: text of the label org.mobyproject.config, NULL: none
 * @name:  of the image, for messages
 *
 * The definition wins key by key; "x.add" of both is appended to "x", each
 * value once.
 *
 * Return: 0, json_decref() when done; -EBADMSG or -ENOMEM with @err.
 */
int definition_image(json_t **out, const json_t *image, const char *label,
		     const char *name, struct err *err);

/** definition_fail() - "file:line:column: " of @object and what is wrong.
 * Return: -EBADMSG. */
int definition_fail(struct err *err, const json_t *object, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** definition_text() - a text member or NULL. */
const char *definition_text(const json_t *object, const char *key);

/** definition_bool() - a truth value, false if it is missing. */
bool definition_bool(const json_t *object, const char *key);

/** definition_int() - a number, or @missing. */
json_int_t definition_int(const json_t *object, const char *key,
			  json_int_t missing);

/** definition_copy() - @value without any DEFINITION_AT. Return: NULL without
 * memory; json_decref(). */
json_t *definition_copy(const json_t *value);

/** definition_schema() - the tables of @group as JSON Schema (draft 7). Return:
 * NULL without memory; json_decref(). */
json_t *definition_schema(const struct field_group *group);

/** definition_manual() - the tables as the body of lwx-image.yml(5), roff.
 * Return: NULL without memory; free(). */
char *definition_manual(void);
