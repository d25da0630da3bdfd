/*
 * vm_schema.h - the table of every key of a VM: see vm_schema.c.
 */
#pragma once

#include "schema.h"

/** vm_schema - fields of struct vm_config. */
extern const struct schema_group vm_schema;
