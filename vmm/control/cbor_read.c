/*
 * cbor_read.c - the bounded CBOR reader: one check of the whole message, then
 * typed reads.
 */
#include "cbor_rw.h"

#include "cbor_head.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
	[CBOR_KIND_NONE] = "nothing",
	[CBOR_KIND_UINT] = "an unsigned number",
	[CBOR_KIND_NEGATIVE] = "a negative number",
	[CBOR_KIND_BYTES] = "bytes",
	[CBOR_KIND_TEXT] = "text",
	[CBOR_KIND_ARRAY] = "an array",
	[CBOR_KIND_MAP] = "a map",
	[CBOR_KIND_BOOL] = "true or false",
};

/* One walk over the whole message; everything after it may trust the shape. */
static int message_check(const uint8_t *bytes, size_t len, struct err *err)
{
	uint64_t left[CBOR_DEPTH_MAX + 1] = {1};
	const uint8_t *pos = bytes, *end = bytes + len;
	unsigned int depth = 0;
	struct cbor_head head;

	for (;;) {
		while (depth && !left[depth])
			depth--;
		if (!left[depth])
			break;
		left[depth]--;
		if (!cbor_head_decode(pos, end, &head))
			return err_setx(err, -EBADMSG,
					"malformed message at byte %zu",
					(size_t)(pos - bytes));
		pos += head.read;
		if (head.kind == CBOR_KIND_TEXT &&
		    !cbor_utf8_valid((const char *)head.data, head.len))
			return err_setx(
				err, -EBADMSG,
				"text that is not UTF-8 before byte %zu",
				(size_t)(pos - bytes));
		if (head.kind != CBOR_KIND_ARRAY && head.kind != CBOR_KIND_MAP)
			continue;
		/* Each item takes a byte: a larger claim cannot be true. */
		if (head.value > (uint64_t)(end - pos))
			return err_setx(err, -EBADMSG,
					"message cut off: %s of %llu items",
					kind_names[head.kind],
					(unsigned long long)head.value);
		if (depth == CBOR_DEPTH_MAX)
			return err_setx(err, -EBADMSG,
					"message nested deeper than %d",
					CBOR_DEPTH_MAX);
		left[++depth] = cbor_head_children(&head);
	}
	if (pos != end)
		return err_setx(err, -EBADMSG, "%zu bytes behind the message",
				(size_t)(end - pos));
	return 0;
}

int cbor_reader_init(struct cbor_reader *r, const void *bytes, size_t len,
		     struct err *err)
{
	*err = (struct err){0};
	*r = (struct cbor_reader){
		.pos = bytes, .end = (const uint8_t *)bytes + len, .err = err};
	if (len > CBOR_MESSAGE_MAX)
		return err_setx(err, -EMSGSIZE,
				"message of %zu bytes: at most %d", len,
				CBOR_MESSAGE_MAX);
	return message_check(bytes, len, err);
}

bool cbor_present(const struct cbor_reader *r)
{
	return !r->err->code && r->pos && r->pos < r->end;
}

enum cbor_kind cbor_peek(const struct cbor_reader *r)
{
	struct cbor_head head;

	if (!cbor_present(r) || !cbor_head_decode(r->pos, r->end, &head))
		return CBOR_KIND_NONE;
	return head.kind;
}

void cbor_reader_fail(struct cbor_reader *r, const char *fmt, ...)
{
	char reason[256];
	va_list ap;

	if (r->err->code)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	(void)err_setx(r->err, -EBADMSG, "%s: %s", r->key ? r->key : "message",
		       reason);
}

/* Take the next head if it is of @kind; otherwise record the error. */
static bool take(struct cbor_reader *r, enum cbor_kind kind,
		 struct cbor_head *head)
{
	if (r->err->code)
		return false;
	if (!cbor_present(r) || !cbor_head_decode(r->pos, r->end, head)) {
		cbor_reader_fail(r, "missing, need %s", kind_names[kind]);
		return false;
	}
	if (head->kind != kind) {
		cbor_reader_fail(r, "need %s, not %s", kind_names[kind],
				 kind_names[head->kind]);
		return false;
	}
	r->pos += head->read;
	return true;
}

uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t min, uint64_t max)
{
	struct cbor_head head;

	if (!take(r, CBOR_KIND_UINT, &head))
		return 0;
	if (head.value < min || head.value > max) {
		cbor_reader_fail(r, "%llu is not in %llu to %llu",
				 (unsigned long long)head.value,
				 (unsigned long long)min,
				 (unsigned long long)max);
		return 0;
	}
	return head.value;
}

int64_t cbor_read_int(struct cbor_reader *r, int64_t min, int64_t max)
{
	bool negative = cbor_peek(r) == CBOR_KIND_NEGATIVE;
	struct cbor_head head;
	int64_t value;

	if (!take(r, negative ? CBOR_KIND_NEGATIVE : CBOR_KIND_UINT, &head))
		return 0;
	if (head.value > INT64_MAX) {
		cbor_reader_fail(r, "number too large");
		return 0;
	}
	value = negative ? -1 - (int64_t)head.value : (int64_t)head.value;
	if (value < min || value > max) {
		cbor_reader_fail(r, "%lld is not in %lld to %lld",
				 (long long)value, (long long)min,
				 (long long)max);
		return 0;
	}
	return value;
}

bool cbor_read_bool(struct cbor_reader *r)
{
	struct cbor_head head;

	return take(r, CBOR_KIND_BOOL, &head) && head.value;
}

const char *cbor_read_text(struct cbor_reader *r, size_t *len)
{
	struct cbor_head head;

	*len = 0;
	if (!take(r, CBOR_KIND_TEXT, &head))
		return "";
	*len = head.len;
	return (const char *)head.data;
}

void cbor_read_string(struct cbor_reader *r, char *buf, size_t size)
{
	size_t len;
	const char *text = cbor_read_text(r, &len);

	buf[0] = '\0';
	if (len >= size) {
		cbor_reader_fail(r, "text of %zu bytes: at most %zu", len,
				 size - 1);
		return;
	}
	memcpy(buf, text, len);
	buf[len] = '\0';
}

char *cbor_read_strdup(struct cbor_reader *r, size_t max)
{
	size_t len;
	const char *text = cbor_read_text(r, &len);
	char *copy;

	if (r->err->code)
		return NULL;
	if (len > max) {
		cbor_reader_fail(r, "text of %zu bytes: at most %zu", len, max);
		return NULL;
	}
	copy = strndup(text, len);
	if (!copy)
		(void)err_set(r->err, -ENOMEM, "text of %zu bytes", len);
	return copy;
}

/* Index of @text in @names, or @num. */
static size_t find_name(const char *const *names, size_t num, const char *text,
			size_t len)
{
	size_t i;

	for (i = 0; i < num; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], text, len))
			break;
	return i;
}

unsigned int cbor_read_enum(struct cbor_reader *r, const char *const *names,
			    size_t num)
{
	size_t len, i;
	const char *text = cbor_read_text(r, &len);

	if (r->err->code)
		return 0;
	i = find_name(names, num, text, len);
	if (i == num) {
		cbor_reader_fail(r, "unknown word \"%.*s\"",
				 (int)(len < 64 ? len : 64), text);
		return 0;
	}
	return (unsigned int)i;
}

const uint8_t *cbor_read_bytes(struct cbor_reader *r, size_t *len)
{
	struct cbor_head head;

	*len = 0;
	if (!take(r, CBOR_KIND_BYTES, &head))
		return NULL;
	*len = head.len;
	return head.data;
}

/* Behind one item; the shape was checked, so this ends within the message. */
static const uint8_t *item_end(const uint8_t *pos, const uint8_t *end)
{
	struct cbor_head head;
	uint64_t left = 1;

	while (left && cbor_head_decode(pos, end, &head)) {
		pos += head.read;
		left += cbor_head_children(&head) - 1;
	}
	return pos;
}

void cbor_skip(struct cbor_reader *r)
{
	size_t len;

	(void)cbor_item_bytes(r, &len);
}

const uint8_t *cbor_item_bytes(struct cbor_reader *r, size_t *len)
{
	const uint8_t *start = r->pos;

	*len = 0;
	if (!cbor_present(r)) {
		cbor_reader_fail(r, "missing");
		return NULL;
	}
	r->pos = item_end(r->pos, r->end);
	*len = (size_t)(r->pos - start);
	return start;
}

/* Enter a map or array: @items covers its content, @r moves behind it. */
static size_t enter(struct cbor_reader *r, enum cbor_kind kind,
		    struct cbor_reader *items)
{
	const uint8_t *start = r->pos;
	struct cbor_head head;

	*items = (struct cbor_reader){.key = r->key, .err = r->err};
	if (!take(r, kind, &head))
		return 0;
	items->pos = r->pos;
	items->end = item_end(start, r->end);
	r->pos = items->end;
	return (size_t)head.value;
}

size_t cbor_read_array(struct cbor_reader *r, size_t max,
		       struct cbor_reader *items)
{
	size_t num = enter(r, CBOR_KIND_ARRAY, items);

	if (num <= max)
		return num;
	cbor_reader_fail(r, "%zu elements: at most %zu", num, max);
	return 0;
}

size_t cbor_read_pairs(struct cbor_reader *r, struct cbor_reader *items)
{
	return enter(r, CBOR_KIND_MAP, items);
}

void cbor_read_map(struct cbor_reader *r, const char *const *keys, size_t num,
		   struct cbor_reader *values)
{
	struct cbor_reader items;
	size_t pairs = enter(r, CBOR_KIND_MAP, &items);
	size_t i, len;
	const char *key;

	for (i = 0; i < num; i++)
		values[i] = (struct cbor_reader){.key = keys[i], .err = r->err};
	while (pairs-- && !r->err->code) {
		key = cbor_read_text(&items, &len);
		if (r->err->code)
			return;
		i = find_name(keys, num, key, len);
		if (i == num) {
			cbor_reader_fail(r, "unknown key \"%.*s\"",
					 (int)(len < 64 ? len : 64), key);
			return;
		}
		if (values[i].pos) {
			cbor_reader_fail(r, "key \"%s\" twice", keys[i]);
			return;
		}
		values[i].pos = items.pos;
		cbor_skip(&items);
		values[i].end = items.pos;
	}
}
