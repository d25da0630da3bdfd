/* aml.c - writer of ACPI Machine Language. */
#include "aml.h"

#include <string.h>

enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0A,
	OP_WORD = 0x0B,
	OP_DWORD = 0x0C,
	OP_STRING = 0x0D,
	OP_QWORD = 0x0E,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_EXT = 0x5B,
	OP_EXT_DEVICE = 0x82,
	OP_ARG0 = 0x68,
	OP_NOTIFY = 0x86,
	OP_LEQUAL = 0x93,
	OP_IF = 0xA0,
};

#define METHOD_SERIALIZED 0x08u

/* Small (6.4.2) and large (6.4.3) resource items. */
#define RESOURCE_PORT 0x47u
#define RESOURCE_END_TAG 0x79u
#define RESOURCE_MEMORY32 0x86u
#define RESOURCE_INTERRUPT 0x89u
#define PORT_DECODE16 0x01u
#define MEMORY_WRITABLE 0x01u
#define INTERRUPT_CONSUMER 0x01u
#define INTERRUPT_EDGE 0x02u

void aml_bytes(struct aml *aml, const void *bytes, size_t len)
{
	if (len > aml->size - aml->len) {
		aml->overflow = true;
		return;
	}
	if (bytes)
		memcpy(aml->data + aml->len, bytes, len);
	else
		memset(aml->data + aml->len, 0, len);
	aml->len += len;
}

void aml_u8(struct aml *aml, uint8_t value)
{
	aml_bytes(aml, &value, sizeof(value));
}

void aml_u16(struct aml *aml, uint16_t value)
{
	aml_u8(aml, (uint8_t)value);
	aml_u8(aml, (uint8_t)(value >> 8));
}

void aml_u32(struct aml *aml, uint32_t value)
{
	aml_u16(aml, (uint16_t)value);
	aml_u16(aml, (uint16_t)(value >> 16));
}

void aml_u64(struct aml *aml, uint64_t value)
{
	aml_u32(aml, (uint32_t)value);
	aml_u32(aml, (uint32_t)(value >> 32));
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		aml_u8(aml, value ? OP_ONE : OP_ZERO);
	} else if (value <= UINT8_MAX) {
		aml_u8(aml, OP_BYTE);
		aml_u8(aml, (uint8_t)value);
	} else if (value <= UINT16_MAX) {
		aml_u8(aml, OP_WORD);
		aml_u16(aml, (uint16_t)value);
	} else if (value <= UINT32_MAX) {
		aml_u8(aml, OP_DWORD);
		aml_u32(aml, (uint32_t)value);
	} else {
		aml_u8(aml, OP_QWORD);
		aml_u64(aml, value);
	}
}

void aml_string(struct aml *aml, const char *text)
{
	aml_u8(aml, OP_STRING);
	aml_bytes(aml, text, strlen(text) + 1);
}

static void name(struct aml *aml, const char *seg)
{
	aml_u8(aml, OP_NAME);
	aml_bytes(aml, seg, strlen(seg));
}

void aml_name_integer(struct aml *aml, const char *seg, uint64_t value)
{
	name(aml, seg);
	aml_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *seg, const char *text)
{
	name(aml, seg);
	aml_string(aml, text);
}

static uint32_t hex_digit(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_name_eisaid(struct aml *aml, const char *seg, const char *id)
{
	uint32_t value = 0; /* 3 letters of 5 bits, 4 hex digits; big-endian */

	for (int i = 0; i < 3; i++)
		value = value << 5 | (uint32_t)(id[i] - '@');
	for (int i = 3; i < 7; i++)
		value = value << 4 | hex_digit(id[i]);
	name(aml, seg);
	aml_u8(aml, OP_DWORD);
	aml_u32(aml, __builtin_bswap32(value));
}

size_t aml_scope(struct aml *aml, const char *seg)
{
	size_t mark;

	aml_u8(aml, OP_SCOPE);
	mark = aml->len;
	aml_bytes(aml, seg, strlen(seg));
	return mark;
}

size_t aml_device(struct aml *aml, const char *seg)
{
	size_t mark;

	aml_u8(aml, OP_EXT);
	aml_u8(aml, OP_EXT_DEVICE);
	mark = aml->len;
	aml_bytes(aml, seg, strlen(seg));
	return mark;
}

size_t aml_method(struct aml *aml, const char *seg, uint8_t args)
{
	size_t mark;

	aml_u8(aml, OP_METHOD);
	mark = aml->len;
	aml_bytes(aml, seg, strlen(seg));
	aml_u8(aml, args | METHOD_SERIALIZED);
	return mark;
}

size_t aml_if_arg0(struct aml *aml, uint64_t value)
{
	size_t mark;

	aml_u8(aml, OP_IF);
	mark = aml->len;
	aml_u8(aml, OP_LEQUAL);
	aml_u8(aml, OP_ARG0);
	aml_integer(aml, value);
	return mark;
}

size_t aml_name_package(struct aml *aml, const char *seg, uint8_t count)
{
	size_t mark;

	name(aml, seg);
	aml_u8(aml, OP_PACKAGE);
	mark = aml->len;
	aml_u8(aml, count);
	return mark;
}

/*
 * PkgLength (20.2.4) counts itself: one byte up to 63, else the low 4 bits in
 * the first byte and 8 more in each of up to three that follow.
 */
void aml_end(struct aml *aml, size_t mark)
{
	size_t body = aml->len - mark;
	size_t extra = body + 1 <= 0x3f	     ? 0
		       : body + 2 <= 0xfff   ? 1
		       : body + 3 <= 0xfffff ? 2
					     : 3;
	size_t total = body + 1 + extra;
	uint8_t *at;

	aml_bytes(aml, NULL, 1 + extra); /* room */
	if (aml->overflow)
		return;
	at = aml->data + mark;
	memmove(at + 1 + extra, at, body);
	if (extra == 0) {
		at[0] = (uint8_t)total;
		return;
	}
	at[0] = (uint8_t)(extra << 6 | (total & 0xf));
	for (size_t i = 0; i < extra; i++)
		at[1 + i] = (uint8_t)(total >> (4 + 8 * i));
}

void aml_notify(struct aml *aml, const char *seg, uint8_t value)
{
	aml_u8(aml, OP_NOTIFY);
	aml_bytes(aml, seg, strlen(seg));
	aml_integer(aml, value);
}

/* Templates are short (a few descriptors): BufferSize always fits one byte. */
size_t aml_resources(struct aml *aml)
{
	size_t mark;

	name(aml, "_CRS");
	aml_u8(aml, OP_BUFFER);
	mark = aml->len;
	aml_u8(aml, OP_BYTE);
	aml_u8(aml, 0); /* filled in by aml_resources_end() */
	return mark;
}

void aml_resources_end(struct aml *aml, size_t mark)
{
	aml_u8(aml, RESOURCE_END_TAG);
	aml_u8(aml, 0); /* checksum: 0 means not computed */
	if (aml->overflow)
		return;
	aml->data[mark + 1] = (uint8_t)(aml->len - mark - 2);
	aml_end(aml, mark);
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t size)
{
	aml_u8(aml, RESOURCE_MEMORY32);
	aml_u16(aml, 9);
	aml_u8(aml, MEMORY_WRITABLE);
	aml_u32(aml, base);
	aml_u32(aml, size);
}

void aml_port(struct aml *aml, uint16_t base, uint8_t size)
{
	aml_u8(aml, RESOURCE_PORT);
	aml_u8(aml, PORT_DECODE16);
	aml_u16(aml, base);
	aml_u16(aml, base);
	aml_u8(aml, 1); /* alignment */
	aml_u8(aml, size);
}

void aml_interrupt(struct aml *aml, uint32_t gsi)
{
	aml_u8(aml, RESOURCE_INTERRUPT);
	aml_u16(aml, 6);
	aml_u8(aml, INTERRUPT_CONSUMER | INTERRUPT_EDGE);
	aml_u8(aml, 1);
	aml_u32(aml, gsi);
}
