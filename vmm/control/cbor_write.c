/* cbor_write.c - CBOR into a buffer of the caller. */
#include "cbor_head.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void cbor_writer_init(struct cbor_writer *w, void *buf, size_t size)
{
	*w = (struct cbor_writer){.buf = buf, .size = size};
	if (w->size > CBOR_MESSAGE_MAX)
		w->size = CBOR_MESSAGE_MAX;
}

int cbor_writer_finish(struct cbor_writer *w)
{
	assert(!w->depth);
	return w->error ? w->error : (int)w->len;
}

/* An item of @written bytes was encoded at the end; 0: it did not fit. */
static void wrote(struct cbor_writer *w, size_t written)
{
	if (!written)
		w->error = -EMSGSIZE;
	w->len += written;
	if (w->depth)
		w->open[w->depth - 1].items++;
}

/* Room left; none after an error, so that nothing is written any more. */
static size_t room(const struct cbor_writer *w)
{
	return w->error ? 0 : w->size - w->len;
}

static size_t write_head(struct cbor_writer *w, enum cbor_kind kind,
			 uint64_t value)
{
	return cbor_head_encode(kind, value, w->buf + w->len, room(w));
}

void cbor_write_uint(struct cbor_writer *w, uint64_t value)
{
	wrote(w, write_head(w, CBOR_KIND_UINT, value));
}

void cbor_write_int(struct cbor_writer *w, int64_t value)
{
	if (value >= 0)
		cbor_write_uint(w, (uint64_t)value);
	else
		wrote(w, write_head(w, CBOR_KIND_NEGATIVE,
				    (uint64_t)(-1 - value)));
}

void cbor_write_bool(struct cbor_writer *w, bool value)
{
	wrote(w, write_head(w, CBOR_KIND_BOOL, value));
}

/* A head that was encoded in @head bytes (0: no room) and its payload. */
static void write_payload(struct cbor_writer *w, size_t head, const void *bytes,
			  size_t len)
{
	if (!head || len > room(w) - head) {
		wrote(w, 0);
		return;
	}
	if (len)
		memcpy(w->buf + w->len + head, bytes, len);
	wrote(w, head + len);
}

void cbor_write_text(struct cbor_writer *w, const char *text)
{
	size_t len = strlen(text);

	write_payload(w, write_head(w, CBOR_KIND_TEXT, len), text, len);
}

void cbor_write_bytes(struct cbor_writer *w, const void *bytes, size_t len)
{
	write_payload(w, write_head(w, CBOR_KIND_BYTES, len), bytes, len);
}

void cbor_write_item(struct cbor_writer *w, const void *bytes, size_t len)
{
	if (len > room(w)) {
		wrote(w, 0);
		return;
	}
	memcpy(w->buf + w->len, bytes, len);
	wrote(w, len);
}

/* Heads carry a 16-bit count that is filled in when the container closes; a
 * message of CBOR_MESSAGE_MAX bytes has no room for more items than that. */
#define CONTAINER_HEAD 3
_Static_assert(CBOR_MESSAGE_MAX - CONTAINER_HEAD <= UINT16_MAX,
	       "the count of a container fits its head");

static void container_begin(struct cbor_writer *w, bool map)
{
	size_t head = w->len;

	assert(w->depth < CBOR_DEPTH_MAX);
	if (room(w) >= CONTAINER_HEAD) {
		w->buf[head] = map ? 0xb9 : 0x99; /* RFC 8949 3: map, array */
		wrote(w, CONTAINER_HEAD);
	} else {
		wrote(w, 0);
	}
	w->open[w->depth].head = head;
	w->open[w->depth].items = 0;
	w->open[w->depth].map = map;
	w->depth++;
}

static void container_end(struct cbor_writer *w, bool map)
{
	size_t items, head;

	assert(w->depth && w->open[w->depth - 1].map == map);
	w->depth--;
	items = w->open[w->depth].items;
	head = w->open[w->depth].head;
	assert(!map || items % 2 == 0);
	if (map)
		items /= 2;
	if (w->error)
		return;
	w->buf[head + 1] = (uint8_t)(items >> 8);
	w->buf[head + 2] = (uint8_t)items;
}

void cbor_write_map_begin(struct cbor_writer *w)
{
	container_begin(w, true);
}

void cbor_write_map_end(struct cbor_writer *w)
{
	container_end(w, true);
}

void cbor_write_array_begin(struct cbor_writer *w)
{
	container_begin(w, false);
}

void cbor_write_array_end(struct cbor_writer *w)
{
	container_end(w, false);
}
