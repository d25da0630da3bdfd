/*
 * machine_desc.h - what firmware tables must tell a guest about its machine.
 *
 * vmm/machine.c fills one of these while it wires the devices; the ACPI tables,
 * the MP table, the device tree and the command-line words are all made from
 * it, so they cannot disagree. Plain data: copy freely, no ownership. Nothing
 * here is specific to a CPU architecture; machine_desc_init_x86() fills in what
 * is fixed on x86-64 (x86_layout.h).
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_CPUS_MAX 64
#define MACHINE_RAM_MAX 4
#define MACHINE_VIRTIO_MAX 18

enum machine_space {
	MACHINE_SPACE_MMIO,
	MACHINE_SPACE_PORT, /* x86 I/O ports */
};

/**
 * struct machine_device - one device the guest cannot probe for
 * @space: where @base lies
 * @base:  first address or port
 * @size:  bytes or ports; 0: the machine has no such device
 * @gsi:   its edge-triggered, active-high interrupt; 0: none
 */
struct machine_device {
	enum machine_space space;
	uint64_t base;
	uint32_t size;
	uint32_t gsi;
};

/** struct machine_ram - guest RAM [@gpa, @gpa + @size) */
struct machine_ram {
	uint64_t gpa;
	uint64_t size;
};

/**
 * struct machine_desc - the machine as firmware describes it
 * @acpi:          announce devices by ACPI; otherwise by
 *                 `virtio_mmio.device=` words and an MP table
 * @num_cpus:      1 to MACHINE_CPUS_MAX, all present at boot
 * @cpu_id:        hardware id of each CPU (x86: the APIC id its CPUID tells)
 * @num_ram:       entries of @ram, in ascending gpa order
 * @num_virtio:    entries of @virtio, in probing order (vda before vdb)
 * @serial:        16550
 * @power_button:  event device (GED) that tells of the power button: only its
 *                 gsi matters, size is 1 when present
 * @pvpanic:       one byte: capabilities when read, events when written
 * @exit:          one byte: ends the VM with that exit code
 * @sleep_control: ACPI sleep control register, one byte
 * @sleep_status:  ACPI sleep status register, one byte
 * @reset:         reset register, one byte
 * @reset_value:   what written to @reset resets the machine
 * @local_apic:    local APIC page
 * @io_apic:       I/O APIC page, its first input is GSI 0
 */
struct machine_desc {
	bool acpi;
	uint32_t num_cpus;
	uint32_t cpu_id[MACHINE_CPUS_MAX];
	uint32_t num_ram;
	struct machine_ram ram[MACHINE_RAM_MAX];
	uint32_t num_virtio;
	struct machine_device virtio[MACHINE_VIRTIO_MAX];
	struct machine_device serial;
	struct machine_device power_button;
	struct machine_device pvpanic;
	struct machine_device exit;
	struct machine_device sleep_control;
	struct machine_device sleep_status;
	struct machine_device reset;
	uint8_t reset_value;
	struct machine_device local_apic;
	struct machine_device io_apic;
};

/**
 * machine_desc_init_x86() - the fixed part of the x86-64 machine
 *
 * Everything but CPUs, RAM and virtio devices, which start at none. A device
 * the VM is not to have (serial = false) is removed by setting its size to 0.
 */
void machine_desc_init_x86(struct machine_desc *md);

/**
 * machine_desc_add_virtio() - give the next virtio-mmio device its page and GSI
 *
 * Return: the entry of @md, where the device is to be wired; NULL with @err
 * when all X86_VIRTIO_MMIO_MAX are taken.
 */
const struct machine_device *machine_desc_add_virtio(struct machine_desc *md,
						     struct err *err);

/**
 * machine_desc_add_ram() - add one region, in ascending gpa order
 *
 * Return: 0, or -ENOSPC.
 */
int machine_desc_add_ram(struct machine_desc *md, uint64_t gpa, uint64_t size,
			 struct err *err);
