/* cbor_json.c - CBOR of the VM as JSON. */
#include "cbor_json.h"

#include "cbor_rw.h"

#include <errno.h>

static json_t *convert(struct cbor_reader *r);

static json_t *convert_map(struct cbor_reader *r)
{
	struct cbor_reader pairs;
	size_t num = cbor_read_pairs(r, &pairs);
	json_t *object = json_object();

	for (size_t i = 0; object && i < num; i++) {
		char key[CTL_NAME_MAX + 1];

		cbor_read_string(&pairs, key, sizeof(key));
		if (json_object_set_new(object, key, convert(&pairs))) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

static json_t *convert_array(struct cbor_reader *r)
{
	struct cbor_reader items;
	size_t num = cbor_read_array(r, CBOR_MESSAGE_MAX, &items);
	json_t *array = json_array();

	for (size_t i = 0; array && i < num; i++) {
		if (json_array_append_new(array, convert(&items))) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

/* Depth is bounded by the reader. */
static json_t *convert(struct cbor_reader *r)
{
	const char *text;
	size_t len;

	switch (cbor_peek(r)) {
	case CBOR_KIND_UINT:
	case CBOR_KIND_NEGATIVE:
		return json_integer(cbor_read_int(r, INT64_MIN, INT64_MAX));
	case CBOR_KIND_BOOL:
		return json_boolean(cbor_read_bool(r));
	case CBOR_KIND_TEXT:
		text = cbor_read_text(r, &len);
		return json_stringn(text, len);
	case CBOR_KIND_ARRAY:
		return convert_array(r);
	case CBOR_KIND_MAP:
		return convert_map(r);
	default:
		cbor_reader_fail(r, "of a kind that JSON does not have");
		return NULL;
	}
}

json_t *cbor_to_json(const void *bytes, size_t len, struct err *err)
{
	struct cbor_reader r;
	json_t *json = NULL;

	if (!cbor_reader_init(&r, bytes, len, err))
		json = convert(&r);
	if (!err->code && !json)
		(void)err_set(err, -ENOMEM, "JSON");
	if (!err->code)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *field_to_json(const struct ctl_field *field)
{
	switch (field->type) {
	case CTL_BOOL:
		return json_boolean(field->boolean);
	case CTL_UINT:
		return json_integer((json_int_t)field->number);
	case CTL_TEXT:
		return json_string(field->text);
	}
	return NULL;
}

json_t *ctl_fields_to_json(const struct ctl_message *msg)
{
	json_t *object = json_object();

	for (unsigned int i = 0; object && i < msg->num_fields; i++) {
		if (json_object_set_new(object, msg->fields[i].key,
					field_to_json(&msg->fields[i]))) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

void json_print(const json_t *json, bool compact)
{
	(void)json_dumpf(json, stdout,
			 (compact ? (size_t)JSON_COMPACT : JSON_INDENT(2)) |
				 JSON_PRESERVE_ORDER);
	(void)putchar('\n'); /* stdout is checked once, at the end */
}
