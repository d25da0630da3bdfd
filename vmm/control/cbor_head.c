/*
 * cbor_head.c - single CBOR items by libcbor's streaming decoder.
 *
 * cbor_load() is not used: it allocates by lengths the message claims and
 * accepts duplicate keys. The streaming decoder allocates nothing.
 */
#include "cbor_head.h"

#include <cbor/streaming.h>

static void head_set(void *head, enum cbor_kind kind, uint64_t value)
{
	((struct cbor_head *)head)->kind = kind;
	((struct cbor_head *)head)->value = value;
}

static void on_uint8(void *head, uint8_t value)
{
	head_set(head, CBOR_KIND_UINT, value);
}

static void on_uint16(void *head, uint16_t value)
{
	head_set(head, CBOR_KIND_UINT, value);
}

static void on_uint32(void *head, uint32_t value)
{
	head_set(head, CBOR_KIND_UINT, value);
}

static void on_uint64(void *head, uint64_t value)
{
	head_set(head, CBOR_KIND_UINT, value);
}

static void on_negint8(void *head, uint8_t value)
{
	head_set(head, CBOR_KIND_NEGATIVE, value);
}

static void on_negint16(void *head, uint16_t value)
{
	head_set(head, CBOR_KIND_NEGATIVE, value);
}

static void on_negint32(void *head, uint32_t value)
{
	head_set(head, CBOR_KIND_NEGATIVE, value);
}

static void on_negint64(void *head, uint64_t value)
{
	head_set(head, CBOR_KIND_NEGATIVE, value);
}

static void on_bytes(void *head, cbor_data data, size_t len)
{
	((struct cbor_head *)head)->data = data;
	((struct cbor_head *)head)->len = len;
	head_set(head, CBOR_KIND_BYTES, len);
}

static void on_text(void *head, cbor_data data, size_t len)
{
	((struct cbor_head *)head)->data = data;
	((struct cbor_head *)head)->len = len;
	head_set(head, CBOR_KIND_TEXT, len);
}

static void on_array(void *head, size_t count)
{
	head_set(head, CBOR_KIND_ARRAY, count);
}

static void on_map(void *head, size_t count)
{
	head_set(head, CBOR_KIND_MAP, count);
}

static void on_bool(void *head, bool value)
{
	head_set(head, CBOR_KIND_BOOL, value);
}

static void on_refused(void *head)
{
	head_set(head, CBOR_KIND_NONE, 0);
}

static void on_tag(void *head, uint64_t value)
{
	head_set(head, CBOR_KIND_NONE, value);
}

static void on_float(void *head, float value)
{
	(void)value;
	on_refused(head);
}

static void on_double(void *head, double value)
{
	(void)value;
	on_refused(head);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string_start = on_refused,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_refused,
	.indef_array_start = on_refused,
	.array_start = on_array,
	.indef_map_start = on_refused,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_refused,
	.null = on_refused,
	.boolean = on_bool,
	.indef_break = on_refused,
};

bool cbor_head_decode(const uint8_t *pos, const uint8_t *end,
		      struct cbor_head *head)
{
	struct cbor_decoder_result result;

	*head = (struct cbor_head){.kind = CBOR_KIND_NONE};
	if (pos >= end)
		return false;
	result = cbor_stream_decode(pos, (size_t)(end - pos), &callbacks, head);
	head->read = result.read;
	return result.status == CBOR_DECODER_FINISHED &&
	       head->kind != CBOR_KIND_NONE;
}

uint64_t cbor_head_children(const struct cbor_head *head)
{
	if (head->kind == CBOR_KIND_ARRAY)
		return head->value;
	return head->kind == CBOR_KIND_MAP ? 2 * head->value : 0;
}

/* Bytes of the UTF-8 sequence at @text, 0 if there is no valid one. */
static size_t utf8_sequence(const uint8_t *text, size_t len)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t min; /* smaller values are overlong */
	} forms[] = {
		{0x80, 0x00, 0x01},
		{0xe0, 0xc0, 0x80},
		{0xf0, 0xe0, 0x800},
		{0xf8, 0xf0, 0x10000},
	};
	size_t extra, i;
	uint32_t code;

	for (extra = 0; extra < 4; extra++)
		if ((text[0] & forms[extra].mask) == forms[extra].lead)
			break;
	if (extra == 4 || extra >= len)
		return 0;
	code = (uint8_t)(text[0] & ~forms[extra].mask);
	for (i = 1; i <= extra; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < forms[extra].min || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return extra + 1;
}

bool cbor_utf8_valid(const char *text, size_t len)
{
	const uint8_t *pos = (const uint8_t *)text;
	const uint8_t *end = pos + len;

	while (pos < end) {
		size_t n = utf8_sequence(pos, (size_t)(end - pos));

		if (!n)
			return false;
		pos += n;
	}
	return true;
}
