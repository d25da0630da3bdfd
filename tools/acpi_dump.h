/*
 * acpi_dump.h - ACPI tables as the text that acpidump prints and acpixtract
 * reads.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * acpi_dump() - print every table of a block
 * @out:   where to
 * @bytes: an RSDP (ACPI 6.4, 5.2.5.3), then tables at multiples of 16 bytes, as
 *         the "acpi" answer of vm.inspect has them
 * @len:   of @bytes
 *
 * Return: 0, or -EPROTO with @err if @bytes is no such block.
 */
int acpi_dump(FILE *out, const uint8_t *bytes, size_t len, struct err *err);
