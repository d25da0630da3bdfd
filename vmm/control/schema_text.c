/* schema_text.c - fields in words: sizes, what they take, near misses. */
#include "macros.h"
#include "schema.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUGGEST_MAX 24 /* bytes of a key that are compared */

/* Edits (insert, delete, replace) from @a to @b. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[SUGGEST_MAX + 1], diagonal, next;
	size_t la = strnlen(a, SUGGEST_MAX), lb = strnlen(b, SUGGEST_MAX);
	size_t i, j;

	for (j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = (unsigned int)i;
		for (j = 1; j <= lb; j++) {
			next = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			next = MIN(next, row[j] + 1);
			row[j] = MIN(next, row[j - 1] + 1);
		}
	}
	return row[lb];
}

const char *schema_suggest(const struct schema_group *group, const char *key,
			   unsigned int flags)
{
	unsigned int best = 3, distance;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < group->num; i++) {
		if ((group->fields[i].flags & flags) != flags)
			continue;
		distance = edit_distance(key, group->fields[i].key);
		if (distance < best &&
		    distance < strlen(group->fields[i].key)) {
			best = distance;
			found = group->fields[i].key;
		}
	}
	return found;
}

static const struct {
	char suffix;
	unsigned int shift;
} size_units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}};

int schema_parse_size(const char *text, uint64_t *bytes)
{
	uint64_t value = 0, digit;
	unsigned int shift = 0;
	size_t i;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++) {
		digit = (uint64_t)(*text - '0');
		if (value > (INT64_MAX - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	for (i = 0; i < ARRAY_SIZE(size_units); i++)
		if (*text == size_units[i].suffix) {
			shift = size_units[i].shift;
			text++;
			break;
		}
	if (*text || value > (uint64_t)INT64_MAX >> shift)
		return -EINVAL;
	*bytes = value << shift;
	return 0;
}

int schema_parse_cidr(const char *text, uint32_t *address, unsigned int *prefix)
{
	const char *slash = strchr(text, '/');
	char dotted[INET_ADDRSTRLEN];
	struct in_addr parsed;
	size_t len;

	if (!slash)
		return -EINVAL;
	len = (size_t)(slash - text);
	if (len >= sizeof(dotted))
		return -EINVAL;
	memcpy(dotted, text, len);
	dotted[len] = '\0';
	slash++;
	len = strlen(slash);
	if (inet_pton(AF_INET, dotted, &parsed) != 1 || !len || len > 2 ||
	    strspn(slash, "0123456789") != len)
		return -EINVAL;
	*address = ntohl(parsed.s_addr);
	*prefix = (unsigned int)strtoul(slash, NULL, 10);
	return *prefix >= 8 && *prefix <= 30 ? 0 : -EINVAL;
}

const char *schema_format_size(uint64_t bytes, char *buf, size_t size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(size_units); i++)
		if (bytes && !(bytes & ((1ULL << size_units[i].shift) - 1))) {
			(void)snprintf(buf, size, "%" PRIu64 "%c",
				       bytes >> size_units[i].shift,
				       size_units[i].suffix);
			return buf;
		}
	(void)snprintf(buf, size, "%" PRIu64, bytes);
	return buf;
}

/* "one of "a", "b", "c"" */
static void describe_words(const char *const *words, char *buf, size_t size)
{
	size_t len;

	(void)snprintf(buf, size, "%s", words[1] ? "one of " : "");
	for (; *words; words++) {
		len = strlen(buf);
		(void)snprintf(buf + len, size - len, "\"%s\"%s", *words,
			       words[1] ? ", " : "");
	}
}

static void describe_number(const struct schema_field *field, const char *noun,
			    char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s from %" PRId64 " to %" PRId64 "%s", noun,
		       field->min, field->max,
		       field->flags & SCHEMA_POWER2 ? ", a power of two" : "");
}

static void describe_size(const struct schema_field *field, char *buf,
			  size_t size)
{
	char min[24], max[24], step[24], steps[40] = "";

	if (field->step)
		(void)snprintf(steps, sizeof(steps), " in steps of %s",
			       schema_format_size((uint64_t)field->step, step,
						  sizeof(step)));
	(void)snprintf(
		buf, size, "a size such as \"512M\", from %s to %s%s",
		schema_format_size((uint64_t)field->min, min, sizeof(min)),
		schema_format_size((uint64_t)field->max, max, sizeof(max)),
		steps);
}

const char *schema_describe(const struct schema_field *field, char *buf,
			    size_t size)
{
	static const char *const fixed[] = {
		[SCHEMA_NAME] = "a name of letters, digits, '_', '.' and '-', "
				"at most 32, starting with a letter or digit",
		[SCHEMA_PATH] =
			"a path of printable characters, at most 4095 bytes",
		[SCHEMA_UUID] = "a UUID such as "
				"\"6c1c7e3e-0b52-4a7e-9a55-0c7b8f3d2e11\"",
		[SCHEMA_CIDR] = "an address with prefix such as "
				"\"10.20.0.1/24\"",
		[SCHEMA_MAC] = "a unicast MAC address such as "
			       "\"52:54:00:00:00:01\"",
		[SCHEMA_BOOL] = "true or false",
		[SCHEMA_FD] = "a file descriptor",
		[SCHEMA_GROUP] = "a group { ... }",
		[SCHEMA_GROUPS] = "a list ( { ... }, { ... } )",
		[SCHEMA_TEXTS] = "an array of strings [ \"...\", \"...\" ]",
	};

	switch (field->type) {
	case SCHEMA_TEXT:
		(void)snprintf(buf, size,
			       "a printable string of %" PRId64 " to %" PRId64
			       " bytes",
			       field->min, field->max);
		break;
	case SCHEMA_WORD:
	case SCHEMA_ENUM:
		describe_words(field->words, buf, size);
		break;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
		describe_number(field, "a whole number", buf, size);
		break;
	case SCHEMA_SIZE:
		if (field->words)
			describe_words(field->words, buf, size);
		else
			describe_size(field, buf, size);
		break;
	case SCHEMA_INTS:
		describe_number(field, "an array [ ... ] of whole numbers", buf,
				size);
		break;
	default:
		(void)snprintf(buf, size, "%s", fixed[field->type]);
		break;
	}
	return buf;
}

const char *schema_default(const struct schema_field *field, char *buf,
			   size_t size)
{
	bool unset = field->def < field->min || field->def > field->max;

	buf[0] = '\0';
	switch (field->type) {
	case SCHEMA_BOOL:
		(void)snprintf(buf, size, "%s", field->def ? "true" : "false");
		break;
	case SCHEMA_ENUM:
		if (field->def >= 0)
			(void)snprintf(buf, size, "\"%s\"",
				       field->words[field->def]);
		break;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
		if (!unset)
			(void)snprintf(buf, size, "%" PRId64, field->def);
		break;
	case SCHEMA_SIZE:
		if (!unset) {
			char number[24];

			(void)snprintf(buf, size, "\"%s\"",
				       schema_format_size((uint64_t)field->def,
							  number,
							  sizeof(number)));
		}
		break;
	default:
		break;
	}
	return buf;
}
