/*
 * boot_x86.h - everything an x86-64 guest finds in memory and in the registers
 * of its first CPU when it starts.
 *
 * Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst) and the PVH
 * protocol (Xen's start_info.h). The CPU state is returned as plain data;
 * vmm/kvm/ turns it into KVM_SET_SREGS and KVM_SET_REGS.
 */
#pragma once

#include "err.h"
#include "guest_mem.h"
#include "image_load.h"
#include "machine_desc.h"

#include <stdint.h>

/**
 * struct boot_segment - a segment register with its hidden part
 *
 * The fields have the names, widths and meanings of struct kvm_segment.
 */
struct boot_segment {
	uint64_t base;
	uint32_t limit; /* bytes, granularity already applied */
	uint16_t selector;
	uint8_t type;
	uint8_t present;
	uint8_t dpl;
	uint8_t db;
	uint8_t s;
	uint8_t l;
	uint8_t g;
};

/**
 * struct boot_state - the first CPU when the guest starts
 *
 * Registers that are not here are 0. @data serves for ds, es, fs, gs and ss;
 * the LDT is unusable, the IDT empty (base and limit 0).
 */
struct boot_state {
	uint64_t rip;
	uint64_t rsp;
	uint64_t rsi;
	uint64_t rbx;
	uint64_t rflags;
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	struct boot_segment code;
	struct boot_segment data;
	struct boot_segment tr;
};

/**
 * boot_x86_setup() - write the boot data and say how the first CPU starts
 * @st:  filled
 * @img: what image_load() placed
 * @md:  the machine; with @md->acpi the ACPI tables are written, otherwise the
 *       MP table, and the command line gets the `virtio_mmio.device=` words
 *
 * Writes to guest memory below 1 MiB only, at the addresses of x86_layout.h.
 *
 * Return: 0; -E2BIG if the command line is too long for the kernel; -EINVAL or
 * -ENOSPC if the tables cannot be made; -EFAULT if RAM does not cover them.
 */
int boot_x86_setup(struct boot_state *st, const struct boot_image *img,
		   const struct machine_desc *md, const struct guest_mem *gm,
		   struct err *err);
