/*
 * yaml_doc.h - a YAML document as nodes that know their line and column.
 *
 * The text is hostile: depth, size and what aliases may expand to are limited,
 * a key given twice is an error, as are tags other than !!str, a second
 * document and a node that contains itself. JSON is YAML, so image labels are
 * read here too. One thread per document.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_BYTES_MAX (16U << 20) /* of a document */
#define YAML_DEPTH_MAX 64U
#define YAML_NODES_MAX 1000000U /* after every alias is followed */

enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

/**
 * struct yaml_node - one value; lives as long as its document
 * @kind:   what it is
 * @file:   name of the document
 * @line:   from 1
 * @column: from 1
 * @plain:  scalar without quotes: may be a number, a truth value, null
 * @text:   of a scalar, ends with a NUL
 * @length: of @text; it may hold NULs
 * @items:  of a list; of a map: the values
 * @keys:   of a map: scalars, in the order of the text
 * @num:    of @items
 * @weight: nodes in it, those behind aliases counted each time
 */
struct yaml_node {
	enum yaml_kind kind;
	const char *file;
	uint32_t line;
	uint32_t column;
	bool plain;
	char *text;
	size_t length;
	struct yaml_node **items;
	struct yaml_node **keys;
	size_t num;
	size_t weight;
};

struct yaml_doc;

/**
 * yaml_doc_parse() - read a document
 * @name: of the document, for messages: "vm.yml"
 *
 * Return: 0; -EBADMSG if it is not one, -EFBIG above a limit, -ENOMEM; with
 * "name:line:column: ..." in @err. yaml_doc_destroy() when done.
 */
int yaml_doc_parse(struct yaml_doc **out, const char *text, size_t size,
		   const char *name, struct err *err);

/** yaml_doc_read() - the document in the file @path; "-" is standard input.
 * Return: as yaml_doc_parse(), or the negative errno of a failed read. */
int yaml_doc_read(struct yaml_doc **out, const char *path, struct err *err);

/** yaml_doc_root() - the top node; NULL: the document is empty. */
const struct yaml_node *yaml_doc_root(const struct yaml_doc *doc);

/** yaml_doc_destroy() - all nodes too; NULL is fine. */
void yaml_doc_destroy(struct yaml_doc *doc);

/** yaml_get() - the value of @key in a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/** yaml_is_null() - nothing, "~" or "null" without quotes. */
bool yaml_is_null(const struct yaml_node *node);

/** yaml_kind_name() - "text", "number", "truth value", "nothing", "list",
 * "map": what @node looks like, for messages. */
const char *yaml_kind_name(const struct yaml_node *node);

/** yaml_bool() - true or false. Return: 0 or -EINVAL. */
int yaml_bool(const struct yaml_node *node, bool *out);

/** yaml_int() - a plain decimal, 0x or 0o number, also 0 and octal digits.
 * Return: 0, -EINVAL, or -ERANGE. */
int yaml_int(const struct yaml_node *node, int64_t *out);

/** yaml_fail() - "file:line:column: " and what is wrong. Return: -EBADMSG. */
int yaml_fail(struct err *err, const struct yaml_node *node, const char *fmt,
	      ...) __attribute__((format(printf, 3, 4)));
