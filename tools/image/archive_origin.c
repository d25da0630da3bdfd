/*
 * archive_origin.c - see archive_origin.h; pax(1), "pax Extended Header".
 */
#include "archive_origin.h"

#include "macros.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK 512U
#define SIZE_AT 124U
#define SIZE_LEN 12U
#define TYPE_AT 156U

/* The digits at @text in base @base, until something else comes. */
static bool number(const char *text, size_t len, unsigned int base,
		   size_t *value, size_t *used)
{
	size_t at = 0;

	*value = 0;
	while (at < len && text[at] >= '0' && text[at] < (char)('0' + base)) {
		if (*value > SIZE_MAX / 16)
			return false;
		*value = *value * base + (size_t)(text[at++] - '0');
	}
	*used = at;
	return at > 0;
}

/* "KEY=VALUE" */
static void record(struct archive_origin *origin, const char *text, size_t len)
{
	static const struct {
		const char *key;
		size_t at;
	} keys[] = {
		{"LINUXKIT.source=", offsetof(struct archive_origin, source)},
		{"LINUXKIT.location=",
		 offsetof(struct archive_origin, location)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t key_len = strlen(keys[i].key);

		if (len < key_len || memcmp(text, keys[i].key, key_len) != 0)
			continue;
		text += key_len;
		len -= key_len;
		if (len < ARCHIVE_ORIGIN_MAX && !memchr(text, '\0', len)) {
			char *to = (char *)origin + keys[i].at;

			memcpy(to, text, len);
			to[len] = '\0';
		}
		return;
	}
}

static void records(struct archive_origin *origin, const char *text,
		    size_t size)
{
	while (size) {
		size_t len;
		size_t used;

		/* The length counts itself, the space and the newline. */
		if (!number(text, size, 10, &len, &used) || len > size ||
		    len < used + 2 || text[used] != ' ')
			return;
		record(origin, text + used + 1, len - used - 2);
		text += len;
		size -= len;
	}
}

void archive_origin_parse(struct archive_origin *origin, const char *headers,
			  size_t size)
{
	*origin = (struct archive_origin){0};
	while (size >= BLOCK) {
		size_t len;
		size_t used;
		bool is_pax = headers[TYPE_AT] == 'x';

		if (!number(headers + SIZE_AT, SIZE_LEN, 8, &len, &used))
			return;
		headers += BLOCK;
		size -= BLOCK;
		if (len > size)
			return;
		if (is_pax)
			records(origin, headers, len);
		len = MIN(len + -len % BLOCK, size);
		headers += len;
		size -= len;
	}
}
