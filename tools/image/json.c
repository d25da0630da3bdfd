/*
 * json.c - jansson with our errors. See json.h.
 */
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int json_read(json_t **out, const char *text, size_t size, const char *name,
	      struct err *err)
{
	json_error_t why;

	if (size > JSON_BYTES_MAX)
		return err_setx(err, -EBADMSG, "%s: too large", name);
	*out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (*out)
		return 0;
	return err_setx(err, -EBADMSG, "%s:%d:%d: %s", name, why.line,
			why.column, why.text);
}

static int member(const json_t *object, const char *key, json_type type,
		  const char *what, json_t **out, struct err *err)
{
	json_t *value = json_object_get(object, key);

	*out = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (json_typeof(value) != type)
		return err_setx(err, -EBADMSG, "%s: %s expected", key, what);
	*out = value;
	return 0;
}

int json_text_of(const json_t *object, const char *key, const char **out,
		 struct err *err)
{
	json_t *value;
	int rc = member(object, key, JSON_STRING, "a string", &value, err);

	*out = value ? json_string_value(value) : NULL;
	/* \u0000 would cut it for everyone who reads a C string. */
	if (value && strlen(*out) != json_string_length(value))
		return err_setx(err, -EBADMSG, "%s: a NUL in a string", key);
	return rc;
}

int json_object_of(const json_t *object, const char *key, json_t **out,
		   struct err *err)
{
	return member(object, key, JSON_OBJECT, "an object", out, err);
}

int json_array_of(const json_t *object, const char *key, json_t **out,
		  struct err *err)
{
	return member(object, key, JSON_ARRAY, "an array", out, err);
}

int json_write(const json_t *json, char **out, size_t *size, struct err *err)
{
	*out = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	if (!*out)
		return err_set(err, -ENOMEM, "JSON");
	*size = strlen(*out);
	return 0;
}

int json_put(json_t *object, const char *key, const char *text)
{
	if (!text)
		return 0;
	return json_object_set_new(object, key, json_string(text)) ? -ENOMEM
								   : 0;
}
