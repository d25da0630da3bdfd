/*
 * cbor_libcbor.c - single CBOR items by libcbor's streaming decoder and
 * encoder.
 *
 * cbor_load() is not used: it allocates by lengths the message claims and
 * accepts duplicate keys. The streaming decoder allocates nothing.
 *
 * Debian has no static libcbor: programs of a guest have cbor_plain.c instead.
 */
#include "cbor_head.h"

#include <cbor/encoding.h>
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

size_t cbor_head_encode(enum cbor_kind kind, uint64_t value, uint8_t *buf,
			size_t size)
{
	switch (kind) {
	case CBOR_KIND_UINT:
		return cbor_encode_uint(value, buf, size);
	case CBOR_KIND_NEGATIVE:
		return cbor_encode_negint(value, buf, size);
	case CBOR_KIND_BYTES:
		return cbor_encode_bytestring_start(value, buf, size);
	case CBOR_KIND_TEXT:
		return cbor_encode_string_start(value, buf, size);
	case CBOR_KIND_BOOL:
		return cbor_encode_bool(value, buf, size);
	default:
		return 0;
	}
}
