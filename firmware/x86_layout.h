/*
 * x86_layout.h - the guest-physical and port map of the x86-64 machine.
 *
 * One place for every address that firmware tables, device wiring and payload
 * guests agree on. Documented for guests in docs/machine.md.
 */
#pragma once

/* RAM: [0, 3 GiB) and from 4 GiB up; between them the MMIO hole. */
#define X86_HOLE_START 0xC0000000ULL
#define X86_HOLE_END 0x100000000ULL

/* Boot data, all below 1 MiB. */
#define X86_GDT_GPA 0x500ULL
#define X86_PVH_INFO_GPA 0x6000ULL    /* hvm_start_info and its lists */
#define X86_ZERO_PAGE_GPA 0x7000ULL   /* boot_params, 4 KiB */
#define X86_BOOT_STACK_GPA 0x9000ULL  /* initial stack pointer: 4 KiB below */
#define X86_PAGE_TABLES_GPA 0x9000ULL /* PML4, PDPT, PD: 64-bit entry only */
#define X86_IDENTITY_MAPPED 0x40000000ULL /* what those tables map, from 0 */
#define X86_CMDLINE_GPA 0x20000ULL
#define X86_CMDLINE_MAX 0x10000ULL /* bytes, with the final NUL */
#define X86_EBDA_GPA 0x9FC00ULL	   /* end of usable low memory */
#define X86_ACPI_GPA 0xE0000ULL	   /* RSDP first, the tables behind it */
#define X86_ACPI_MAX 0x10000ULL
#define X86_BIOS_GPA 0xF0000ULL	    /* reserved, up to 1 MiB */
#define X86_MP_TABLE_GPA 0xF0000ULL /* without ACPI: floating pointer first */
#define X86_MP_TABLE_MAX 0x1000ULL
#define X86_RESET_VECTOR_GPA 0xFFFF0ULL /* FFFF:0000, real mode: resets */
#define X86_HIGH_RAM_GPA 0x100000ULL	/* kernels load here or above */

/* MMIO */
#define X86_VIRTIO_MMIO_BASE 0xD0000000ULL
#define X86_VIRTIO_MMIO_SIZE 0x1000ULL /* one page each */
#define X86_VIRTIO_MMIO_MAX 18	       /* one GSI each */
#define X86_IOAPIC_GPA 0xFEC00000ULL
#define X86_LAPIC_GPA 0xFEE00000ULL
#define X86_TSS_GPA 0xFFFBD000ULL /* KVM_SET_TSS_ADDR, three pages */
#define X86_IDENTITY_MAP_GPA 0xFFFBC000ULL

/* Ports */
#define X86_PORT_SERIAL 0x3F8 /* 16550, 8 ports */
#define X86_PORT_PVPANIC 0x505
#define X86_PORT_SLEEP_CONTROL 0x600 /* ACPI 4.8.3.7: S5 is SLP_TYP 5 */
#define X86_PORT_SLEEP_STATUS 0x601
#define X86_PORT_RESET 0x602 /* FADT RESET_REG */
#define X86_RESET_VALUE 0x01
#define X86_PORT_EXIT 0x604 /* write 0-255: end the VM with that exit code */

/* GSIs (edge-triggered but for none; there is no PIC and no PIT in the DSDT) */
#define X86_GSI_SERIAL 4
#define X86_GSI_GED 9
#define X86_GSI_VIRTIO_FIRST 5 /* 5-8 and 10-23, skipping X86_GSI_GED */
#define X86_GSI_MAX 23
