/*
 * acpi_build.h - ACPI tables (6.4, hardware-reduced) of a machine_desc.
 *
 * RSDP, XSDT, FADT, MADT and a DSDT with the processors, the virtio-mmio
 * devices, serial port, power button, pvpanic and the exit-code device. What
 * the guest sees is documented in docs/machine.md. Pure: no guest memory, no
 * files.
 */
#pragma once

#include "err.h"
#include "machine_desc.h"

#include <stddef.h>
#include <stdint.h>

/**
 * acpi_build() - make all tables as one block
 * @buf:  filled; the RSDP is at its start
 * @size: bytes of @buf
 * @gpa:  where the guest will see @buf; 16-byte aligned
 * @used: set to the number of bytes written
 *
 * Return: 0; -ENOSPC if @size is too small; -EINVAL if @md describes what ACPI
 * cannot say (no CPU, a device size of 0 where one must be).
 */
int acpi_build(const struct machine_desc *md, uint8_t *buf, size_t size,
	       uint64_t gpa, size_t *used, struct err *err);
