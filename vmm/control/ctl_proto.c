/* ctl_proto.c - messages of the control protocol on top of cbor_rw. */
#include "ctl_proto.h"

#include "cbor_rw.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

_Static_assert(CTL_MESSAGE_MAX <= CBOR_MESSAGE_MAX, "cbor_rw checks the size");

#define ERRNO_MAX 4095

/* A text in the message, before it has its NUL. */
struct span {
	const char *text;
	size_t len;
};

static void write_field(struct cbor_writer *w, const struct ctl_field *field)
{
	cbor_write_text(w, field->key);
	switch (field->type) {
	case CTL_BOOL:
		cbor_write_bool(w, field->boolean);
		break;
	case CTL_UINT:
		cbor_write_uint(w, field->number);
		break;
	case CTL_TEXT:
		cbor_write_text(w, field->text);
		break;
	}
}

int ctl_message_encode(const struct ctl_message *msg, uint8_t *buf, size_t size)
{
	struct cbor_writer w;

	assert(msg->num_fields <= CTL_FIELDS_MAX);
	cbor_writer_init(&w, buf, size);
	cbor_write_array_begin(&w);
	cbor_write_uint(&w, CTL_VERSION);
	cbor_write_uint(&w, msg->id);
	if (msg->kind == CTL_REPLY)
		cbor_write_uint(&w, msg->status);
	else
		cbor_write_text(&w, msg->name);
	cbor_write_map_begin(&w);
	for (unsigned int i = 0; i < msg->num_fields; i++)
		write_field(&w, &msg->fields[i]);
	cbor_write_map_end(&w);
	cbor_write_array_end(&w);
	return cbor_writer_finish(&w);
}

static struct span read_name(struct cbor_reader *r)
{
	struct span span;

	span.text = cbor_read_text(r, &span.len);
	if (!r->err->code && (!span.len || span.len > CTL_NAME_MAX))
		cbor_reader_fail(r, "name of %zu bytes", span.len);
	return span;
}

static struct span read_value(struct cbor_reader *r, struct ctl_field *field)
{
	struct span span = {0};

	switch (cbor_peek(r)) {
	case CBOR_KIND_BOOL:
		field->type = CTL_BOOL;
		field->boolean = cbor_read_bool(r);
		break;
	case CBOR_KIND_UINT:
		field->type = CTL_UINT;
		field->number = cbor_read_uint(r, 0, UINT64_MAX);
		break;
	case CBOR_KIND_TEXT:
		field->type = CTL_TEXT;
		span.text = cbor_read_text(r, &span.len);
		break;
	default:
		cbor_reader_fail(r, "value of a type that is not taken here");
		break;
	}
	return span;
}

static void check_unique(struct cbor_reader *r, const struct span *keys,
			 unsigned int num)
{
	const struct span *last = &keys[num - 1];

	for (unsigned int i = 0; i + 1 < num; i++)
		if (keys[i].len == last->len &&
		    !memcmp(keys[i].text, last->text, last->len))
			cbor_reader_fail(r, "duplicate key");
}

/*
 * Every text of the message has a head of at least one byte in front of it,
 * which nobody needs any more: move the text there and it has room for its NUL.
 */
static const char *terminate(uint8_t *buf, const struct span *span)
{
	char *text;

	if (!span->text)
		return NULL;
	text = (char *)buf + (span->text - (const char *)buf) - 1;
	memmove(text, text + 1, span->len);
	text[span->len] = '\0';
	return text;
}

int ctl_message_decode(struct ctl_message *msg, uint8_t *buf, size_t len,
		       struct err *err)
{
	struct span keys[CTL_FIELDS_MAX], texts[CTL_FIELDS_MAX];
	struct span name = {0};
	struct cbor_reader r, items, pairs;
	size_t num;

	memset(msg, 0, sizeof(*msg));
	if (cbor_reader_init(&r, buf, len, err))
		return err->code;
	if (cbor_read_array(&r, 4, &items) != 4)
		cbor_reader_fail(&r, "not an array of 4");
	(void)cbor_read_uint(&items, CTL_VERSION, CTL_VERSION);
	msg->id = (uint32_t)cbor_read_uint(&items, 0, UINT32_MAX);
	if (cbor_peek(&items) == CBOR_KIND_UINT) {
		msg->kind = CTL_REPLY;
		msg->status = (uint32_t)cbor_read_uint(&items, 0, ERRNO_MAX);
	} else {
		msg->kind = msg->id ? CTL_REQUEST : CTL_EVENT;
		name = read_name(&items);
	}
	num = cbor_read_pairs(&items, &pairs);
	if (num > CTL_FIELDS_MAX) {
		cbor_reader_fail(&pairs, "%zu entries", num);
		num = 0;
	}
	for (unsigned int i = 0; i < num && !err->code; i++) {
		keys[i] = read_name(&pairs);
		texts[i] = read_value(&pairs, &msg->fields[i]);
		check_unique(&pairs, keys, i + 1);
	}
	if (err->code)
		return err->code;
	msg->num_fields = (unsigned int)num;
	msg->name = terminate(buf, &name);
	for (unsigned int i = 0; i < msg->num_fields; i++) {
		msg->fields[i].key = terminate(buf, &keys[i]);
		msg->fields[i].text = terminate(buf, &texts[i]);
	}
	return 0;
}

const struct ctl_field *ctl_message_find(const struct ctl_message *msg,
					 const char *key)
{
	for (unsigned int i = 0; i < msg->num_fields; i++)
		if (!strcmp(msg->fields[i].key, key))
			return &msg->fields[i];
	return NULL;
}

uint64_t ctl_message_uint(const struct ctl_message *msg, const char *key,
			  uint64_t fallback)
{
	const struct ctl_field *field = ctl_message_find(msg, key);

	return field && field->type == CTL_UINT ? field->number : fallback;
}

const char *ctl_message_text(const struct ctl_message *msg, const char *key)
{
	const struct ctl_field *field = ctl_message_find(msg, key);

	return field && field->type == CTL_TEXT ? field->text : NULL;
}

bool ctl_message_bool(const struct ctl_message *msg, const char *key,
		      bool fallback)
{
	const struct ctl_field *field = ctl_message_find(msg, key);

	return field && field->type == CTL_BOOL ? field->boolean : fallback;
}
