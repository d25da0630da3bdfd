/* cbor_head.c - what follows from a head, and text. */
#include "cbor_head.h"

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
