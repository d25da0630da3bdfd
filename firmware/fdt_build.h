/*
 * fdt_build.h - flattened device tree of a machine_desc, made with libfdt.
 *
 * An x86-64 guest is told the same by ACPI; there the tree serves people and
 * tools (`lwx-vm inspect --fdt`) and keeps the ground for an arm64 machine.
 * Pure: no guest memory, no files.
 */
#pragma once

#include "err.h"
#include "machine_desc.h"

#include <stddef.h>
#include <stdint.h>

/**
 * struct fdt_chosen - contents of the /chosen node
 * @cmdline:     bootargs; NULL for none
 * @initrd_gpa:  linux,initrd-start
 * @initrd_size: 0 for no initrd
 */
struct fdt_chosen {
	const char *cmdline;
	uint64_t initrd_gpa;
	uint64_t initrd_size;
};

/**
 * fdt_build() - make the tree
 * @blob: set to the tree, owned by the caller (free())
 * @size: set to its bytes
 *
 * Return: 0, or -ENOMEM.
 */
int fdt_build(const struct machine_desc *md, const struct fdt_chosen *chosen,
	      uint8_t **blob, size_t *size, struct err *err);
