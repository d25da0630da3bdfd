/*
 * yaml_doc.c - see yaml_doc.h.
 */
#include "yaml_doc.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define ANCHORS_MAX 256U

struct anchor {
	char *name;
	struct yaml_node *node;
};

struct yaml_doc {
	char *name;
	struct yaml_node **nodes; /* all of them, owned */
	size_t num;
	size_t room;
	struct yaml_node *root;
	struct anchor anchors[ANCHORS_MAX];
	size_t anchor_num;
};

struct reader {
	struct yaml_doc *doc;
	yaml_parser_t parser;
	struct err *err;
};

/* Where the next call stands; the event is released by the caller. */
static int fail_at(const struct reader *reader, const yaml_mark_t *mark,
		   int code, const char *text)
{
	return err_setx(reader->err, code, "%s:%zu:%zu: %s", reader->doc->name,
			mark->line + 1, mark->column + 1, text);
}

int yaml_fail(struct err *err, const struct yaml_node *node, const char *fmt,
	      ...)
{
	char text[384];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_setx(err, -EBADMSG, "%s:%u:%u: %s", node->file, node->line,
			node->column, text);
}

static void node_destroy(struct yaml_node *node)
{
	free(node->text);
	free(node->items);
	free(node->keys);
	free(node);
}

void yaml_doc_destroy(struct yaml_doc *doc)
{
	if (!doc)
		return;
	for (size_t i = 0; i < doc->num; i++)
		node_destroy(doc->nodes[i]);
	for (size_t i = 0; i < doc->anchor_num; i++)
		free(doc->anchors[i].name);
	free(doc->nodes);
	free(doc->name);
	free(doc);
}

static struct yaml_node *node_create(struct yaml_doc *doc, enum yaml_kind kind,
				     const yaml_mark_t *mark)
{
	struct yaml_node *node;

	if (doc->num == doc->room) {
		size_t room = doc->room ? 2 * doc->room : 64;
		struct yaml_node **nodes =
			reallocarray(doc->nodes, room, sizeof(*doc->nodes));

		if (!nodes)
			return NULL;
		doc->nodes = nodes;
		doc->room = room;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->kind = kind;
	node->file = doc->name;
	node->line = (uint32_t)mark->line + 1;
	node->column = (uint32_t)mark->column + 1;
	node->weight = 1;
	doc->nodes[doc->num++] = node;
	return node;
}

/* @key: NULL in a list. Arrays grow by powers of two. */
static int node_add(const struct reader *reader, struct yaml_node *parent,
		    struct yaml_node *key, struct yaml_node *item)
{
	size_t num = parent->num;

	parent->weight += item->weight + (key ? 1 : 0);
	if (parent->weight > YAML_NODES_MAX)
		return err_setx(reader->err, -EFBIG,
				"%s:%u:%u: more than %u values",
				reader->doc->name, item->line, item->column,
				YAML_NODES_MAX);
	if ((num & (num - 1)) == 0) {
		size_t room = num ? 2 * num : 1;
		struct yaml_node **items =
			reallocarray(parent->items, room, sizeof(*items));

		if (!items)
			return err_set(reader->err, -ENOMEM, "%s",
				       reader->doc->name);
		parent->items = items;
		items = key ? reallocarray(parent->keys, room, sizeof(*items))
			    : NULL;
		if (key && !items)
			return err_set(reader->err, -ENOMEM, "%s",
				       reader->doc->name);
		if (key)
			parent->keys = items;
	}
	parent->items[num] = item;
	if (key)
		parent->keys[num] = key;
	parent->num++;
	return 0;
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
	const yaml_parser_t *parser = &reader->parser;

	if (yaml_parser_parse(&reader->parser, event))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(reader->err, -ENOMEM, "%s", reader->doc->name);
	return fail_at(reader, &parser->problem_mark, -EBADMSG,
		       parser->problem ? parser->problem : "not YAML");
}

static int read_scalar(struct reader *reader, const yaml_event_t *event,
		       struct yaml_node **out)
{
	const char *tag = (const char *)event->data.scalar.tag;
	bool is_text = tag && (strcmp(tag, YAML_STR_TAG) == 0 ||
			       strcmp(tag, "!") == 0);
	struct yaml_node *node;

	if (tag && !is_text)
		return fail_at(reader, &event->start_mark, -EBADMSG,
			       "tags other than !!str are not understood");
	node = node_create(reader->doc, YAML_SCALAR, &event->start_mark);
	if (!node)
		return err_set(reader->err, -ENOMEM, "%s", reader->doc->name);
	node->length = event->data.scalar.length;
	node->plain =
		!is_text && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = malloc(node->length + 1);
	if (!node->text)
		return err_set(reader->err, -ENOMEM, "%s", reader->doc->name);
	memcpy(node->text, event->data.scalar.value, node->length);
	node->text[node->length] = '\0';
	*out = node;
	return 0;
}

static int read_alias(const struct reader *reader, const yaml_event_t *event,
		      struct yaml_node **out)
{
	const char *name = (const char *)event->data.alias.anchor;

	for (size_t i = reader->doc->anchor_num; i-- > 0;) {
		if (strcmp(reader->doc->anchors[i].name, name) != 0)
			continue;
		*out = reader->doc->anchors[i].node;
		return 0;
	}
	return fail_at(reader, &event->start_mark, -EBADMSG,
		       "alias without an anchor before it");
}

/* Entered once the node is complete: so no node can contain itself. */
static int set_anchor(const struct reader *reader, const char *name,
		      struct yaml_node *node, const yaml_mark_t *mark)
{
	struct yaml_doc *doc = reader->doc;

	if (!name)
		return 0;
	if (doc->anchor_num == ANCHORS_MAX)
		return fail_at(reader, mark, -EFBIG, "more than 256 anchors");
	doc->anchors[doc->anchor_num].name = strdup(name);
	if (!doc->anchors[doc->anchor_num].name)
		return err_set(reader->err, -ENOMEM, "%s", doc->name);
	doc->anchors[doc->anchor_num++].node = node;
	return 0;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->num; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->items[i];
	return NULL;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *const *one = a;
	const struct yaml_node *const *two = b;
	int order = strcmp((*one)->text, (*two)->text);

	if (order)
		return order;
	if ((*one)->line != (*two)->line)
		return (*one)->line < (*two)->line ? -1 : 1;
	return ((*one)->column > (*two)->column) -
	       ((*one)->column < (*two)->column);
}

static int check_keys(const struct reader *reader, const struct yaml_node *map)
{
	struct yaml_node **sorted;
	int rc = 0;

	if (map->num < 2)
		return 0;
	sorted = reallocarray(NULL, map->num, sizeof(struct yaml_node *));
	if (!sorted)
		return err_set(reader->err, -ENOMEM, "%s", reader->doc->name);
	memcpy(sorted, map->keys, map->num * sizeof(struct yaml_node *));
	qsort(sorted, map->num, sizeof(struct yaml_node *), compare_keys);
	for (size_t i = 1; i < map->num && !rc; i++)
		if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
			rc = yaml_fail(reader->err, sorted[i],
				       "%.64s is given twice, first in line %u",
				       sorted[i]->text, sorted[i - 1]->line);
	free(sorted);
	return rc;
}

static int read_node(struct reader *reader, yaml_event_t *event,
		     unsigned int depth, struct yaml_node **out);

static int read_key(struct reader *reader, const yaml_event_t *event,
		    struct yaml_node **out)
{
	int rc;

	if (event->type != YAML_SCALAR_EVENT)
		return fail_at(reader, &event->start_mark, -EBADMSG,
			       "a key has to be a text");
	rc = read_scalar(reader, event, out);
	if (!rc && strlen((*out)->text) != (*out)->length)
		return yaml_fail(reader->err, *out, "NUL in a key");
	if (!rc && (*out)->plain && strcmp((*out)->text, "<<") == 0)
		return yaml_fail(reader->err, *out,
				 "merge keys (<<) are not understood: "
				 "write the keys themselves");
	return rc;
}

static int read_children(struct reader *reader, struct yaml_node *node,
			 yaml_event_type_t end, unsigned int depth)
{
	for (;;) {
		struct yaml_node *key = NULL;
		struct yaml_node *item = NULL;
		yaml_event_t event;
		int rc = next_event(reader, &event);

		if (rc)
			return rc;
		if (event.type == end) {
			yaml_event_delete(&event);
			return 0;
		}
		if (node->kind == YAML_MAP) {
			rc = read_key(reader, &event, &key);
			yaml_event_delete(&event);
			if (!rc)
				rc = next_event(reader, &event);
			if (rc)
				return rc;
		}
		rc = read_node(reader, &event, depth, &item);
		if (!rc)
			rc = node_add(reader, node, key, item);
		if (rc)
			return rc;
	}
}

/* @event is released in every case. */
static int read_node(struct reader *reader, yaml_event_t *event,
		     unsigned int depth, struct yaml_node **out)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	AUTO_FREE char *anchor = NULL;
	const yaml_char_t *name = NULL;
	yaml_mark_t mark = event->start_mark;
	int rc = 0;

	if (event->type == YAML_ALIAS_EVENT) {
		rc = read_alias(reader, event, out);
	} else if (event->type == YAML_SCALAR_EVENT) {
		name = event->data.scalar.anchor;
		rc = read_scalar(reader, event, out);
	} else if (depth == YAML_DEPTH_MAX) {
		rc = fail_at(reader, &mark, -EFBIG, "nested too deeply");
	} else {
		const yaml_char_t *tag = map ? event->data.mapping_start.tag
					     : event->data.sequence_start.tag;

		name = map ? event->data.mapping_start.anchor
			   : event->data.sequence_start.anchor;
		*out = node_create(reader->doc, map ? YAML_MAP : YAML_LIST,
				   &mark);
		if (!*out)
			rc = err_set(reader->err, -ENOMEM, "%s",
				     reader->doc->name);
		if (!rc && tag)
			rc = fail_at(reader, &mark, -EBADMSG,
				     "tags other than !!str are not "
				     "understood");
	}
	if (!rc && name) {
		anchor = strdup((const char *)name);
		if (!anchor)
			rc = err_set(reader->err, -ENOMEM, "%s",
				     reader->doc->name);
	}
	if (!rc && (event->type == YAML_MAPPING_START_EVENT ||
		    event->type == YAML_SEQUENCE_START_EVENT)) {
		yaml_event_delete(event);
		rc = read_children(reader, *out,
				   map ? YAML_MAPPING_END_EVENT
				       : YAML_SEQUENCE_END_EVENT,
				   depth + 1);
		if (!rc && map)
			rc = check_keys(reader, *out);
	} else {
		yaml_event_delete(event);
	}
	return rc ? rc : set_anchor(reader, anchor, *out, &mark);
}

static int read_stream(struct reader *reader)
{
	unsigned int documents = 0;

	for (;;) {
		yaml_event_type_t type;
		yaml_event_t event;
		int rc = next_event(reader, &event);

		if (rc)
			return rc;
		type = event.type;
		if (type == YAML_DOCUMENT_START_EVENT && documents++)
			rc = fail_at(reader, &event.start_mark, -EBADMSG,
				     "a second document");
		if (type == YAML_STREAM_START_EVENT ||
		    type == YAML_STREAM_END_EVENT ||
		    type == YAML_DOCUMENT_START_EVENT ||
		    type == YAML_DOCUMENT_END_EVENT)
			yaml_event_delete(&event);
		else
			rc = read_node(reader, &event, 0, &reader->doc->root);
		if (rc || type == YAML_STREAM_END_EVENT)
			return rc;
	}
}

int yaml_doc_parse(struct yaml_doc **out, const char *text, size_t size,
		   const char *name, struct err *err)
{
	struct reader reader = {.err = err};
	int rc;

	*out = NULL;
	if (size > YAML_BYTES_MAX)
		return err_setx(err, -EFBIG, "%s: larger than %u bytes", name,
				YAML_BYTES_MAX);
	reader.doc = calloc(1, sizeof(*reader.doc));
	if (reader.doc)
		reader.doc->name = strdup(name);
	if (!reader.doc || !reader.doc->name ||
	    !yaml_parser_initialize(&reader.parser)) {
		yaml_doc_destroy(reader.doc);
		return err_set(err, -ENOMEM, "%s", name);
	}
	yaml_parser_set_input_string(&reader.parser,
				     (const unsigned char *)text, size);
	rc = read_stream(&reader);
	yaml_parser_delete(&reader.parser);
	if (rc) {
		yaml_doc_destroy(reader.doc);
		return rc;
	}
	*out = reader.doc;
	return 0;
}

int yaml_doc_read(struct yaml_doc **out, const char *path, struct err *err)
{
	bool from_stdin = strcmp(path, "-") == 0;
	AUTO_CLOSE int opened =
		from_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	const char *name = from_stdin ? "<stdin>" : path;
	int fd = from_stdin ? STDIN_FILENO : opened;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	size_t room = 0;

	*out = NULL;
	if (fd < 0)
		return err_set(err, -errno, "%s", name);
	for (;;) {
		ssize_t got;

		if (room - size < 4096) {
			char *larger = realloc(text, room + 65536);

			if (!larger)
				return err_set(err, -ENOMEM, "%s", name);
			text = larger;
			room += 65536;
		}
		got = read(fd, text + size, room - size);
		if (got < 0)
			return err_set(err, -errno, "%s", name);
		if (got == 0)
			break;
		size += (size_t)got;
		if (size > YAML_BYTES_MAX)
			break;
	}
	return yaml_doc_parse(out, text, size, name, err);
}

const struct yaml_node *yaml_doc_root(const struct yaml_doc *doc)
{
	return doc->root && !yaml_is_null(doc->root) ? doc->root : NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && node->plain &&
	       (!*node->text || strcmp(node->text, "~") == 0 ||
		strcmp(node->text, "null") == 0);
}

int yaml_bool(const struct yaml_node *node, bool *out)
{
	static const char *const words[] = {"false", "true",  "False",
					    "True",  "FALSE", "TRUE"};

	if (node->kind != YAML_SCALAR || !node->plain)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(node->text, words[i]) != 0)
			continue;
		*out = i % 2;
		return 0;
	}
	return -EINVAL;
}

int yaml_int(const struct yaml_node *node, int64_t *out)
{
	const char *text = node->text;
	const char *digits;
	bool negative;
	char *end;
	int base = 10;

	if (node->kind != YAML_SCALAR || !node->plain)
		return -EINVAL;
	negative = text[0] == '-';
	digits = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'o')) {
		base = digits[1] == 'x' ? 16 : 8;
		digits += 2;
	} else if (digits[0] == '0' && digits[1]) {
		base = 8;
		digits++;
	}
	if (!*digits ||
	    strspn(digits, base == 16  ? "0123456789abcdefABCDEF"
			   : base == 8 ? "01234567"
				       : "0123456789") != strlen(digits))
		return -EINVAL;
	errno = 0;
	*out = strtoll(digits, &end, base);
	if (errno)
		return -ERANGE;
	if (negative)
		*out = -*out;
	return 0;
}

const char *yaml_kind_name(const struct yaml_node *node)
{
	int64_t number;
	bool truth;

	if (node->kind != YAML_SCALAR)
		return node->kind == YAML_LIST ? "list" : "map";
	if (yaml_is_null(node))
		return "nothing";
	if (yaml_bool(node, &truth) == 0)
		return "truth value";
	return yaml_int(node, &number) == 0 ? "number" : "text";
}
