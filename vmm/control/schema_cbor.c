/* schema_cbor.c - structures that are described by a table, as CBOR maps. */
#include "schema.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const void *at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static size_t count(const struct schema_field *field, const void *base)
{
	return *(const size_t *)at(base, field->num);
}

static void encode_array(const struct schema_field *field, const void *base,
			 bool fds, struct cbor_writer *w)
{
	const void *array = at(base, field->offset);
	size_t i;

	cbor_write_array_begin(w);
	for (i = 0; i < count(field, base); i++)
		if (field->type == SCHEMA_GROUPS)
			schema_encode(field->group,
				      at(array, i * field->group->size), fds,
				      w);
		else if (field->type == SCHEMA_TEXTS)
			cbor_write_text(w, ((char *const *)array)[i]);
		else
			cbor_write_int(w, ((const int32_t *)array)[i]);
	cbor_write_array_end(w);
}

static void encode_value(const struct schema_field *field, const void *base,
			 bool fds, struct cbor_writer *w)
{
	const void *from = at(base, field->offset);

	switch (field->type) {
	case SCHEMA_MAC:
		cbor_write_bytes(w, from, 6);
		break;
	case SCHEMA_BOOL:
		cbor_write_bool(w, *(const bool *)from);
		break;
	case SCHEMA_UINT:
		cbor_write_uint(w, *(const uint32_t *)from);
		break;
	case SCHEMA_INT:
	case SCHEMA_FD:
		cbor_write_int(w, *(const int32_t *)from);
		break;
	case SCHEMA_COUNT:
	case SCHEMA_SIZE:
		cbor_write_uint(w, *(const uint64_t *)from);
		break;
	case SCHEMA_ENUM:
		cbor_write_text(w, field->words[*(const int32_t *)from]);
		break;
	case SCHEMA_GROUP:
		schema_encode(field->group, from, fds, w);
		break;
	case SCHEMA_GROUPS:
	case SCHEMA_TEXTS:
	case SCHEMA_INTS:
		encode_array(field, base, fds, w);
		break;
	default:
		cbor_write_text(w, *(char *const *)from);
		break;
	}
}

void schema_encode(const struct schema_group *group, const void *base, bool fds,
		   struct cbor_writer *w)
{
	const struct schema_field *field;
	size_t i;

	cbor_write_map_begin(w);
	for (i = 0; i < group->num; i++) {
		field = &group->fields[i];
		if (!(field->flags & SCHEMA_WIRE) ||
		    (field->type == SCHEMA_FD && !fds) ||
		    !schema_is_set(field, base))
			continue;
		cbor_write_text(w, field->key);
		encode_value(field, base, fds, w);
	}
	cbor_write_map_end(w);
}

static void decode_text(const struct schema_field *field, void *base,
			struct cbor_reader *r)
{
	char *text = cbor_read_strdup(r, SCHEMA_PATH_MAX + 1);
	struct err err;

	if (text && schema_set_text(field, base, text, &err))
		cbor_reader_fail(r, "%s", err.msg);
	free(text);
}

static void decode_number(const struct schema_field *field, void *base,
			  struct cbor_reader *r)
{
	int64_t value = cbor_read_int(r, INT64_MIN, INT64_MAX);
	struct err err;

	if (!r->err->code && schema_set_int(field, base, value, &err))
		cbor_reader_fail(r, "%s", err.msg);
}

static void decode_mac(const struct schema_field *field, void *base,
		       struct cbor_reader *r)
{
	static const uint8_t zero[6];
	size_t len;
	const uint8_t *mac = cbor_read_bytes(r, &len);

	if (!mac)
		return;
	if (len != 6 || mac[0] & 1 || !memcmp(mac, zero, 6)) {
		cbor_reader_fail(r, "not a unicast MAC address");
		return;
	}
	memcpy((char *)base + field->offset, mac, 6);
	*(bool *)((char *)base + field->num) = true;
}

static void decode_element(const struct schema_field *field, void *base,
			   struct cbor_reader *r)
{
	struct err err;
	int rc = 0;

	if (field->type == SCHEMA_GROUPS) {
		void *element = schema_append_group(field, base, &err);

		assert(element); /* the array is not longer than its capacity */
		schema_decode(field->group, element, r);
	} else if (field->type == SCHEMA_TEXTS) {
		char *text = cbor_read_strdup(r, (size_t)field->max + 1);

		if (text)
			rc = schema_append_text(field, base, text, &err);
		free(text);
	} else {
		int64_t value = cbor_read_int(r, INT64_MIN, INT64_MAX);

		if (!r->err->code)
			rc = schema_append_int(field, base, value, &err);
	}
	if (rc)
		cbor_reader_fail(r, "%s", err.msg);
}

static void decode_value(const struct schema_field *field, void *base,
			 struct cbor_reader *r)
{
	struct cbor_reader items;
	size_t num;

	switch (field->type) {
	case SCHEMA_MAC:
		decode_mac(field, base, r);
		break;
	case SCHEMA_BOOL:
		schema_set_bool(field, base, cbor_read_bool(r));
		break;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
	case SCHEMA_SIZE:
	case SCHEMA_FD:
		decode_number(field, base, r);
		break;
	case SCHEMA_GROUP:
		schema_decode(field->group, (char *)base + field->offset, r);
		break;
	case SCHEMA_GROUPS:
	case SCHEMA_TEXTS:
	case SCHEMA_INTS:
		num = cbor_read_array(r, field->capacity, &items);
		while (num-- && !r->err->code)
			decode_element(field, base, &items);
		break;
	default:
		decode_text(field, base, r);
		break;
	}
}

void schema_decode(const struct schema_group *group, void *base,
		   struct cbor_reader *r)
{
	const struct schema_field *fields[SCHEMA_FIELDS_MAX];
	struct cbor_reader values[SCHEMA_FIELDS_MAX];
	const char *keys[SCHEMA_FIELDS_MAX] = {NULL};
	size_t i, num = 0;

	assert(group->num <= SCHEMA_FIELDS_MAX);
	for (i = 0; i < group->num; i++)
		if (group->fields[i].flags & SCHEMA_WIRE) {
			fields[num] = &group->fields[i];
			keys[num++] = group->fields[i].key;
		}
	cbor_read_map(r, keys, num, values);
	for (i = 0; i < num && !r->err->code; i++)
		if (cbor_present(&values[i]))
			decode_value(fields[i], base, &values[i]);
		else if (fields[i]->flags & SCHEMA_REQUIRED)
			cbor_reader_fail(&values[i], "missing: each %s has one",
					 group->name);
}
