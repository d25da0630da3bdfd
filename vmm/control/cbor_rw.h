/*
 * cbor_rw.h - bounded CBOR: the control protocol and the VM configuration.
 *
 * DOC: reading
 *
 * The bytes are hostile. cbor_reader_init() walks the whole message once and
 * refuses everything outside a small closed subset: more than 64 KiB, lengths
 * that are not definite or not there, nesting deeper than 8, text that is not
 * UTF-8 or holds NUL, tags, floats, null and trailing bytes. What remains is
 * well-formed, so that a read can only fail by type, range or key.
 *
 * Errors are sticky: the first one is recorded in the err the reader was made
 * with, every later read returns zero. A parser reads everything and looks at
 * err->code once, before it uses what it read.
 *
 *	static const char *const keys[] = {"name", "grace"};
 *	struct cbor_reader message, value[ARRAY_SIZE(keys)];
 *	struct err err;
 *
 *	cbor_reader_init(&message, bytes, len, &err);
 *	cbor_read_map(&message, keys, ARRAY_SIZE(keys), value);
 *	cbor_read_string(&value[0], name, sizeof(name));
 *	if (cbor_present(&value[1]))
 *		grace = cbor_read_uint(&value[1], 0, 3600);
 *	if (err.code)
 *		return err.code;
 *
 * DOC: writing
 *
 * The writer fills a buffer of the caller; running out of room is a sticky
 * error that cbor_writer_finish() reports. Maps and arrays are opened and
 * closed, the writer counts what is between. Inside a map keys (text) and
 * values alternate. Unbalanced calls are a bug of the caller and assert.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CBOR_MESSAGE_MAX 65536 /* bytes */
#define CBOR_DEPTH_MAX 8       /* maps and arrays around an item */

enum cbor_kind {
	CBOR_KIND_NONE, /* absent, at the end, or after an error */
	CBOR_KIND_UINT,
	CBOR_KIND_NEGATIVE,
	CBOR_KIND_BYTES,
	CBOR_KIND_TEXT,
	CBOR_KIND_ARRAY,
	CBOR_KIND_MAP,
	CBOR_KIND_BOOL,
};

/**
 * struct cbor_reader - a position in a message; plain copies are fine
 * @pos: next item; NULL if the key it stands for is absent
 * @end: behind the last byte it may read
 * @key: key it stands for, for messages; NULL at the top
 * @err: sticky error, shared by all readers of one message
 */
struct cbor_reader {
	const uint8_t *pos;
	const uint8_t *end;
	const char *key;
	struct err *err;
};

/**
 * cbor_reader_init() - check a message and stand at its only item
 * @bytes: not copied, must outlive the reader
 * @err:   cleared; -EMSGSIZE if too long, -EBADMSG if malformed or refused
 *
 * Return: err->code.
 */
int cbor_reader_init(struct cbor_reader *r, const void *bytes, size_t len,
		     struct err *err);

/** cbor_present() - is there a value to read (key present, array not read to
 * its end) and no error so far? */
bool cbor_present(const struct cbor_reader *r);

/** cbor_peek() - kind of the next item, without reading it. */
enum cbor_kind cbor_peek(const struct cbor_reader *r);

/** cbor_reader_fail() - record -EBADMSG "KEY: reason" unless there is an error
 * already. For checks the caller adds. */
void cbor_reader_fail(struct cbor_reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** cbor_read_uint() - an unsigned number in [@min, @max]. Return: it, or 0. */
uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t min, uint64_t max);

/** cbor_read_int() - a number in [@min, @max]. Return: it, or 0. */
int64_t cbor_read_int(struct cbor_reader *r, int64_t min, int64_t max);

/** cbor_read_bool() - a truth value. Return: it, or false. */
bool cbor_read_bool(struct cbor_reader *r);

/**
 * cbor_read_text() - text in place
 *
 * Return: its first byte, in the message, no NUL behind it; *len is set. An
 * empty string and 0 after an error.
 */
const char *cbor_read_text(struct cbor_reader *r, size_t *len);

/** cbor_read_string() - copy text with a NUL into @buf of @size bytes; text
 * that does not fit is an error and leaves an empty string. */
void cbor_read_string(struct cbor_reader *r, char *buf, size_t size);

/** cbor_read_strdup() - copy text of at most @max bytes to the heap.
 * Return: the caller's to free, or NULL after an error. */
char *cbor_read_strdup(struct cbor_reader *r, size_t max);

/** cbor_read_enum() - text that must be one of @names.
 * Return: its index, or 0 after an error. */
unsigned int cbor_read_enum(struct cbor_reader *r, const char *const *names,
			    size_t num);

/** cbor_read_bytes() - a byte string in place. Return: its first byte and
 * *len; NULL and 0 after an error. */
const uint8_t *cbor_read_bytes(struct cbor_reader *r, size_t *len);

/**
 * cbor_read_array() - enter an array of at most @max elements
 * @items: stands at the first element; read the elements from it in order
 *
 * @r moves behind the array. Return: the number of elements, 0 after an error.
 */
size_t cbor_read_array(struct cbor_reader *r, size_t max,
		       struct cbor_reader *items);

/**
 * cbor_read_map() - read a map whose keys are all in a table
 * @keys:   @num texts; must outlive the readers in @values
 * @values: @num readers, one for each key; cbor_present() tells which were
 * there
 *
 * Unknown and duplicate keys are errors. @r moves behind the map.
 */
void cbor_read_map(struct cbor_reader *r, const char *const *keys, size_t num,
		   struct cbor_reader *values);

/**
 * cbor_read_pairs() - enter a map whose keys are not known beforehand
 * @items: stands at the first key; read keys (text) and values by turns
 *
 * For rendering replies; duplicate keys are not looked for. @r moves behind the
 * map. Return: number of pairs, 0 after an error.
 */
size_t cbor_read_pairs(struct cbor_reader *r, struct cbor_reader *items);

/** cbor_skip() - move behind one item of any kind. */
void cbor_skip(struct cbor_reader *r);

/**
 * cbor_item_bytes() - the encoding of the next item, and move behind it
 *
 * For handing a nested item on unread. Return: its first byte in the message
 * and *len; NULL and 0 after an error.
 */
const uint8_t *cbor_item_bytes(struct cbor_reader *r, size_t *len);

/**
 * struct cbor_writer - a message being built; fields private to cbor_write.c
 * @buf:   the caller's
 * @size:  its bytes
 * @len:   bytes used
 * @depth: open maps and arrays
 * @open:  for each: offset of its head and items written into it
 * @error: 0 or -EMSGSIZE
 */
struct cbor_writer {
	uint8_t *buf;
	size_t size;
	size_t len;
	unsigned int depth;
	struct {
		size_t head;
		size_t items;
		bool map;
	} open[CBOR_DEPTH_MAX];
	int error;
};

/** cbor_writer_init() - start a message in @buf of @size bytes. */
void cbor_writer_init(struct cbor_writer *w, void *buf, size_t size);

/**
 * cbor_writer_finish() - all maps and arrays are closed: take the result
 *
 * Return: bytes of the message, or -EMSGSIZE if it did not fit the buffer or
 * CBOR_MESSAGE_MAX.
 */
int cbor_writer_finish(struct cbor_writer *w);

void cbor_write_uint(struct cbor_writer *w, uint64_t value);
void cbor_write_int(struct cbor_writer *w, int64_t value);
void cbor_write_bool(struct cbor_writer *w, bool value);
/** cbor_write_text() - also for keys. @text is UTF-8. */
void cbor_write_text(struct cbor_writer *w, const char *text);
void cbor_write_bytes(struct cbor_writer *w, const void *bytes, size_t len);
/** cbor_write_item() - one item that is encoded already. */
void cbor_write_item(struct cbor_writer *w, const void *bytes, size_t len);
void cbor_write_map_begin(struct cbor_writer *w);
void cbor_write_map_end(struct cbor_writer *w);
void cbor_write_array_begin(struct cbor_writer *w);
void cbor_write_array_end(struct cbor_writer *w);

/** cbor_utf8_valid() - is it UTF-8 (RFC 3629) without NUL? */
bool cbor_utf8_valid(const char *text, size_t len);
