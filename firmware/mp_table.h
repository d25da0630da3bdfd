/*
 * mp_table.h - MultiProcessor table (Intel MP specification 1.4) of a
 * machine_desc.
 *
 * For kernels that are started without ACPI: without it they would run one CPU
 * and have no I/O APIC. Pure: no guest memory, no files.
 */
#pragma once

#include "err.h"
#include "machine_desc.h"

#include <stddef.h>
#include <stdint.h>

/**
 * mp_table_build() - make the floating pointer and the table behind it
 * @buf:  filled; the floating pointer is at its start
 * @size: bytes of @buf
 * @gpa:  where the guest will see @buf; 16-byte aligned, in the last 64 KiB
 *        below 1 MiB, where kernels look for it
 * @used: set to the number of bytes written
 *
 * Return: 0; -ENOSPC if @size is too small; -EINVAL for a CPU id above 254,
 * which the format cannot hold.
 */
int mp_table_build(const struct machine_desc *md, uint8_t *buf, size_t size,
		   uint64_t gpa, size_t *used, struct err *err);
