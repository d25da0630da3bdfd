/* cbor_json.h - what came as CBOR, for printing. */
#pragma once

#include "ctl_proto.h"
#include "err.h"

#include <jansson.h>

/** cbor_to_json() - one item of untrusted CBOR. Return: a new reference, or
 * NULL with @err. */
json_t *cbor_to_json(const void *bytes, size_t len, struct err *err);

/** ctl_fields_to_json() - the map of a message. Return: a new reference, or
 * NULL without memory. */
json_t *ctl_fields_to_json(const struct ctl_message *msg);

/** json_print() - on stdout, with a newline; indented unless @compact. */
void json_print(const json_t *json, bool compact);
