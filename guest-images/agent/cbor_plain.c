/*
 * cbor_plain.c - single CBOR items without libcbor, of which Debian has no
 * static library. Takes and refuses what cbor_libcbor.c does: test_cbor_plain
 * compares them.
 */
#include "cbor_head.h"

#include <string.h>

#define MAJOR_SHIFT 5 /* RFC 8949 3: major type, then the argument */
#define ARGUMENT_MASK 0x1f
#define ONE_BYTE                                                               \
	24 /* the argument is in the byte behind; 25: two, and so on           \
	    */
#define EIGHT_BYTES 27
#define SIMPLE 7
#define FALSE 20
#define TRUE 21

/* Return: bytes of the head, or 0 if it is cut off or refused. */
static size_t read_argument(const uint8_t *pos, size_t len, uint64_t *value)
{
	unsigned int info = pos[0] & ARGUMENT_MASK;
	size_t bytes;

	*value = info;
	if (info < ONE_BYTE)
		return 1;
	if (info > EIGHT_BYTES)
		return 0;
	bytes = (size_t)1 << (info - ONE_BYTE);
	if (len < 1 + bytes)
		return 0;
	*value = 0;
	for (size_t i = 1; i <= bytes; i++)
		*value = *value << 8 | pos[i];
	return 1 + bytes;
}

bool cbor_head_decode(const uint8_t *pos, const uint8_t *end,
		      struct cbor_head *head)
{
	static const enum cbor_kind kinds[] = {
		CBOR_KIND_UINT, CBOR_KIND_NEGATIVE, CBOR_KIND_BYTES,
		CBOR_KIND_TEXT, CBOR_KIND_ARRAY,    CBOR_KIND_MAP,
		CBOR_KIND_NONE, /* tag */
		CBOR_KIND_BOOL,
	};
	size_t len = pos < end ? (size_t)(end - pos) : 0;

	*head = (struct cbor_head){.kind = CBOR_KIND_NONE};
	if (!len)
		return false;
	head->read = read_argument(pos, len, &head->value);
	head->kind = kinds[pos[0] >> MAJOR_SHIFT];
	if (head->kind == CBOR_KIND_BOOL) {
		if (pos[0] != (SIMPLE << MAJOR_SHIFT | FALSE) &&
		    pos[0] != (SIMPLE << MAJOR_SHIFT | TRUE))
			head->kind = CBOR_KIND_NONE;
		head->value = pos[0] == (SIMPLE << MAJOR_SHIFT | TRUE);
	}
	if (!head->read || head->kind == CBOR_KIND_NONE)
		return false;
	if (head->kind != CBOR_KIND_BYTES && head->kind != CBOR_KIND_TEXT)
		return true;
	if (head->value > len - head->read)
		return false;
	head->data = pos + head->read;
	head->len = (size_t)head->value;
	head->read += head->len;
	return true;
}

size_t cbor_head_encode(enum cbor_kind kind, uint64_t value, uint8_t *buf,
			size_t size)
{
	static const uint8_t majors[] = {
		[CBOR_KIND_UINT] = 0,	   [CBOR_KIND_NEGATIVE] = 1,
		[CBOR_KIND_BYTES] = 2,	   [CBOR_KIND_TEXT] = 3,
		[CBOR_KIND_BOOL] = SIMPLE,
	};
	unsigned int info = ONE_BYTE;
	size_t bytes = 1;

	if (kind == CBOR_KIND_BOOL)
		value = value ? TRUE : FALSE;
	if (!size)
		return 0;
	if (value < ONE_BYTE) {
		buf[0] = (uint8_t)(majors[kind] << MAJOR_SHIFT | (int)value);
		return 1;
	}
	while (bytes < 8 && value >> (8 * bytes)) {
		bytes *= 2;
		info++;
	}
	if (size < 1 + bytes)
		return 0;
	buf[0] = (uint8_t)(majors[kind] << MAJOR_SHIFT | (int)info);
	for (size_t i = 0; i < bytes; i++)
		buf[1 + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	return 1 + bytes;
}
