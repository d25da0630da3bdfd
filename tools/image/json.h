/*
 * json.h - foreign JSON with errors that name the member; JSON whose bytes
 * depend on its content alone.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>

#define JSON_BYTES_MAX (256U << 20) /* an SBOM lists every file */

/** json_read() - parse @size bytes; a member given twice is an error. @name: of
 * the document. Return: 0, or -EBADMSG with line and column in @err;
 * json_decref(). */
int json_read(json_t **out, const char *text, size_t size, const char *name,
	      struct err *err);

/** json_text_of() - the string member @key. Return: 0 with NULL in @out if it
 * is missing or null; -EBADMSG with @err if it is something else. Valid as long
 * as
 * @object. */
int json_text_of(const json_t *object, const char *key, const char **out,
		 struct err *err);

/** json_object_of() - the object member @key; as json_text_of(). */
int json_object_of(const json_t *object, const char *key, json_t **out,
		   struct err *err);

/** json_array_of() - the array member @key; as json_text_of(). */
int json_array_of(const json_t *object, const char *key, json_t **out,
		  struct err *err);

/** json_write() - sorted members, no spaces; @size without the NUL. Return: 0
 * or -ENOMEM with @err; free(). */
int json_write(const json_t *json, char **out, size_t *size, struct err *err);

/** json_put() - set @key to a text; NULL is left out. Return: 0 or -ENOMEM. */
int json_put(json_t *object, const char *key, const char *text);
