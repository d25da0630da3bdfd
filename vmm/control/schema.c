/* schema.c - values of structures that are described by a table of fields. */
#include "schema.h"

#include "macros.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

static void *at(void *base, size_t offset)
{
	return (char *)base + offset;
}

static const void *at_const(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static bool is_text(const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
	case SCHEMA_WORD:
	case SCHEMA_PATH:
	case SCHEMA_UUID:
	case SCHEMA_CIDR:
		return true;
	default:
		return false;
	}
}

static void store_number(const struct schema_field *field, void *base,
			 int64_t value)
{
	void *to = at(base, field->offset);

	switch (field->type) {
	case SCHEMA_BOOL:
		*(bool *)to = value;
		break;
	case SCHEMA_UINT:
		*(uint32_t *)to = (uint32_t)value;
		break;
	case SCHEMA_COUNT:
	case SCHEMA_SIZE:
		*(uint64_t *)to = (uint64_t)value;
		break;
	default:
		/* An enum has the representation of an int here. */
		*(int32_t *)to = (int32_t)value;
		break;
	}
}

static int64_t load_number(const struct schema_field *field, const void *base)
{
	const void *from = at_const(base, field->offset);

	switch (field->type) {
	case SCHEMA_BOOL:
		return *(const bool *)from;
	case SCHEMA_UINT:
		return *(const uint32_t *)from;
	case SCHEMA_COUNT:
	case SCHEMA_SIZE:
		return (int64_t) * (const uint64_t *)from;
	default:
		return *(const int32_t *)from;
	}
}

static void init_field(const struct schema_field *field, void *base)
{
	size_t i;

	switch (field->type) {
	case SCHEMA_BOOL:
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
	case SCHEMA_SIZE:
	case SCHEMA_ENUM:
		store_number(field, base, field->def);
		break;
	case SCHEMA_FD:
		store_number(field, base, -1);
		break;
	case SCHEMA_GROUP:
		schema_init(field->group, at(base, field->offset));
		break;
	case SCHEMA_GROUPS:
		for (i = 0; i < field->capacity; i++)
			schema_init(field->group,
				    at(base,
				       field->offset + i * field->group->size));
		break;
	default:
		break; /* empty is all zeroes */
	}
}

void schema_init(const struct schema_group *group, void *base)
{
	size_t i;

	memset(base, 0, group->size);
	for (i = 0; i < group->num; i++)
		init_field(&group->fields[i], base);
}

static void free_text(char **text)
{
	free(*text);
	*text = NULL;
}

void schema_fini(const struct schema_group *group, void *base)
{
	const struct schema_field *field;
	size_t i, j;

	for (i = 0; i < group->num; i++) {
		field = &group->fields[i];
		if (is_text(field))
			free_text(at(base, field->offset));
		else if (field->type == SCHEMA_GROUP)
			schema_fini(field->group, at(base, field->offset));
		for (j = 0; j < field->capacity; j++)
			if (field->type == SCHEMA_GROUPS)
				schema_fini(field->group,
					    at(base,
					       field->offset +
						       j * field->group->size));
			else if (field->type == SCHEMA_TEXTS)
				free_text(at(base, field->offset +
							   j * sizeof(char *)));
	}
	memset(base, 0, group->size);
}

const struct schema_field *schema_find(const struct schema_group *group,
				       const char *key, unsigned int flags)
{
	size_t i;

	for (i = 0; i < group->num; i++)
		if ((group->fields[i].flags & flags) == flags &&
		    !strcmp(group->fields[i].key, key))
			return &group->fields[i];
	return NULL;
}

/* @what is how the operator wrote the value. */
static int bad_value(const struct schema_field *field, int code,
		     const char *what, struct err *err)
{
	char need[256];

	return err_setx(err, code, "%.80s: need %s", what,
			schema_describe(field, need, sizeof(need)));
}

static int bad_text(const struct schema_field *field, const char *text,
		    struct err *err)
{
	char quoted[80];
	size_t i;

	(void)snprintf(quoted, sizeof(quoted), "\"%.70s\"", text);
	for (i = 0; quoted[i]; i++)
		if ((unsigned char)quoted[i] < 0x20 ||
		    (unsigned char)quoted[i] >= 0x7f)
			quoted[i] = '?';
	return bad_value(field, -EINVAL, quoted, err);
}

static bool name_ok(const char *text)
{
	size_t len = strlen(text);

	return len && len <= SCHEMA_NAME_MAX &&
	       isalnum((unsigned char)text[0]) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static bool uuid_ok(const char *text)
{
	uuid_t parsed;

	return uuid_parse(text, parsed) == 0 && !uuid_is_null(parsed);
}

static bool word_ok(const struct schema_field *field, const char *text)
{
	size_t i;

	for (i = 0; field->words[i]; i++)
		if (!strcmp(field->words[i], text))
			return true;
	return false;
}

static bool printable(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return cbor_utf8_valid(text, i);
}

static bool text_ok(const struct schema_field *field, const char *text)
{
	size_t len = strlen(text);
	unsigned int prefix;
	uint32_t address;

	if (!printable(text))
		return false;
	switch (field->type) {
	case SCHEMA_NAME:
		return name_ok(text);
	case SCHEMA_WORD:
		return word_ok(field, text);
	case SCHEMA_PATH:
		return len && len <= SCHEMA_PATH_MAX;
	case SCHEMA_UUID:
		return uuid_ok(text);
	case SCHEMA_CIDR:
		return !schema_parse_cidr(text, &address, &prefix);
	default:
		return len >= (uint64_t)field->min &&
		       len <= (uint64_t)field->max;
	}
}

static int store_text(const struct schema_field *field, char **to,
		      const char *text, struct err *err)
{
	char *copy;
	size_t i;

	if (!text_ok(field, text))
		return bad_text(field, text, err);
	copy = strdup(text);
	if (!copy)
		return err_set(err, -ENOMEM, "%s", field->key);
	if (field->type == SCHEMA_UUID)
		for (i = 0; copy[i]; i++)
			copy[i] = (char)tolower((unsigned char)copy[i]);
	free(*to);
	*to = copy;
	return 0;
}

static int set_mac(const struct schema_field *field, void *base,
		   const char *text, struct err *err)
{
	uint8_t mac[6], any = 0;
	size_t i;

	if (strlen(text) != 17)
		return bad_text(field, text, err);
	for (i = 0; i < 6; i++) {
		const char *digits = text + 3 * i;

		if (!isxdigit((unsigned char)digits[0]) ||
		    !isxdigit((unsigned char)digits[1]) ||
		    digits[2] != (i < 5 ? ':' : '\0'))
			return bad_text(field, text, err);
		mac[i] = (uint8_t)strtoul(digits, NULL, 16);
		any |= mac[i];
	}
	if (!any || mac[0] & 1)
		return bad_text(field, text, err);
	memcpy(at(base, field->offset), mac, sizeof(mac));
	*(bool *)at(base, field->num) = true;
	return 0;
}

static int set_enum(const struct schema_field *field, void *base,
		    const char *text, struct err *err)
{
	size_t i;

	for (i = 0; field->words[i]; i++)
		if (!strcmp(field->words[i], text)) {
			store_number(field, base, (int64_t)i);
			return 0;
		}
	return bad_text(field, text, err);
}

int schema_set_text(const struct schema_field *field, void *base,
		    const char *text, struct err *err)
{
	uint64_t bytes;

	switch (field->type) {
	case SCHEMA_ENUM:
		return set_enum(field, base, text, err);
	case SCHEMA_MAC:
		return set_mac(field, base, text, err);
	case SCHEMA_SIZE:
		if (schema_parse_size(text, &bytes))
			return bad_text(field, text, err);
		return schema_set_int(field, base, (int64_t)bytes, err);
	default:
		assert(is_text(field));
		return store_text(field, at(base, field->offset), text, err);
	}
}

/* Is it one of the sizes in words? */
static bool size_listed(const struct schema_field *field, int64_t value)
{
	uint64_t listed;
	size_t i;

	for (i = 0; field->words[i]; i++)
		if (!schema_parse_size(field->words[i], &listed) &&
		    listed == (uint64_t)value)
			return true;
	return false;
}

static int check_number(const struct schema_field *field, int64_t value,
			struct err *err)
{
	char what[32];

	if (value >= field->min && value <= field->max &&
	    (!field->step || value % field->step == 0) &&
	    (!(field->flags & SCHEMA_POWER2) || !(value & (value - 1))) &&
	    (!field->words || size_listed(field, value)))
		return 0;
	if (field->type == SCHEMA_SIZE && value >= 0)
		(void)schema_format_size((uint64_t)value, what, sizeof(what));
	else
		(void)snprintf(what, sizeof(what), "%" PRId64, value);
	return bad_value(field, -ERANGE, what, err);
}

int schema_set_int(const struct schema_field *field, void *base, int64_t value,
		   struct err *err)
{
	int rc = check_number(field, value, err);

	if (!rc)
		store_number(field, base, value);
	return rc;
}

void schema_set_bool(const struct schema_field *field, void *base, bool value)
{
	store_number(field, base, value);
}

/* Count of an array that has room for one more, or NULL. */
static size_t *count_with_room(const struct schema_field *field, void *base,
			       struct err *err)
{
	size_t *num = at(base, field->num);

	if (*num < field->capacity)
		return num;
	(void)err_setx(err, -E2BIG, "at most %zu", field->capacity);
	return NULL;
}

void schema_clear(const struct schema_field *field, void *base)
{
	size_t *num = at(base, field->num);

	for (; *num; (*num)--)
		if (field->type == SCHEMA_TEXTS)
			free_text(
				at(base, field->offset +
						 (*num - 1) * sizeof(char *)));
}

int schema_append_text(const struct schema_field *field, void *base,
		       const char *text, struct err *err)
{
	size_t *num = count_with_room(field, base, err);
	struct schema_field element = *field;
	int rc;

	if (!num)
		return -E2BIG;
	element.type = SCHEMA_TEXT;
	rc = store_text(&element,
			at(base, field->offset + *num * sizeof(char *)), text,
			err);
	if (!rc)
		(*num)++;
	return rc;
}

int schema_append_int(const struct schema_field *field, void *base,
		      int64_t value, struct err *err)
{
	size_t *num = count_with_room(field, base, err);
	struct schema_field element = *field;
	int rc;

	if (!num)
		return -E2BIG;
	element.type = SCHEMA_INT;
	rc = check_number(&element, value, err);
	if (!rc)
		((int32_t *)at(base, field->offset))[(*num)++] = (int32_t)value;
	return rc;
}

void *schema_append_group(const struct schema_field *field, void *base,
			  struct err *err)
{
	size_t *num = count_with_room(field, base, err);

	if (!num)
		return NULL;
	return at(base, field->offset + (*num)++ * field->group->size);
}

bool schema_is_set(const struct schema_field *field, const void *base)
{
	size_t i;

	switch (field->type) {
	case SCHEMA_GROUP:
		for (i = 0; i < field->group->num; i++)
			if (schema_is_set(&field->group->fields[i],
					  at_const(base, field->offset)))
				return true;
		return false;
	case SCHEMA_GROUPS:
	case SCHEMA_TEXTS:
	case SCHEMA_INTS:
		return *(const size_t *)at_const(base, field->num) != 0;
	case SCHEMA_MAC:
		return *(const bool *)at_const(base, field->num);
	case SCHEMA_FD:
		return load_number(field, base) >= 0;
	default:
		if (is_text(field))
			return *(char *const *)at_const(base, field->offset);
		return load_number(field, base) != field->def;
	}
}
