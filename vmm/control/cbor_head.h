/* cbor_head.h - single CBOR items; between the files of the CBOR reader. */
#pragma once

#include "cbor_rw.h"

/**
 * struct cbor_head - one decoded item; of a map or array only its head
 * @kind:  CBOR_KIND_NONE for what this subset refuses
 * @value: number, elements, pairs, or truth; of negative numbers -1 - n
 * @data:  payload of text and bytes
 * @len:   bytes of @data
 * @read:  bytes consumed
 */
struct cbor_head {
	enum cbor_kind kind;
	uint64_t value;
	const uint8_t *data;
	size_t len;
	size_t read;
};

/** cbor_head_decode() - the item at @pos. Return: false if it is cut off, or
 * refused by our subset. */
bool cbor_head_decode(const uint8_t *pos, const uint8_t *end,
		      struct cbor_head *head);

/**
 * cbor_head_encode() - write the head of an item
 * @kind:  a number, text, bytes or a truth value
 * @value: number, bytes that follow, or truth; of negative numbers -1 - n
 *
 * Return: bytes written, or 0 if they do not fit @size.
 */
size_t cbor_head_encode(enum cbor_kind kind, uint64_t value, uint8_t *buf,
			size_t size);

/** cbor_head_children() - items that follow a head and belong to it. */
uint64_t cbor_head_children(const struct cbor_head *head);
