/*
 * kvm_vm.h - one KVM virtual machine: system and VM file descriptors, memory
 * slots, interrupt lines and doorbells. Control thread only.
 *
 * Only the files of this folder include <linux/kvm.h>.
 */
#pragma once

#include "err.h"
#include "guest_mem.h"

#include <stdbool.h>
#include <stdint.h>

struct kvm_cpuid2;

/**
 * struct kvm_vm - the VM; fields are read by kvm_vcpu.c
 * @kvm_fd:      /dev/kvm
 * @vm_fd:       the VM
 * @run_size:    bytes of a vCPU's shared run page
 * @tsc_khz:     guest TSC frequency, 0 if the host does not tell
 * @cpuid:       what the host's KVM supports, after the operator's mask
 * @tsc_deadline: KVM offers the TSC-deadline timer
 */
struct kvm_vm {
	int kvm_fd;
	int vm_fd;
	int run_size;
	uint32_t tsc_khz;
	struct kvm_cpuid2 *cpuid;
	bool tsc_deadline;
};

/**
 * kvm_vm_create() - open /dev/kvm and make a VM without memory and devices
 *
 * Return: 0 and *out; a message that says what the host lacks otherwise.
 */
int kvm_vm_create(struct kvm_vm **out, struct err *err);

/** kvm_vm_destroy() - close everything; accepts NULL. vCPUs are gone. */
void kvm_vm_destroy(struct kvm_vm *vm);

/** kvm_vm_map() - make all regions of @mem guest RAM. @mem outlives the VM. */
int kvm_vm_map(struct kvm_vm *vm, const struct guest_mem *mem, struct err *err);

/**
 * kvm_vm_create_irqchip() - in-kernel LAPIC, IO-APIC and PIC
 * @pit: make an i8254 too, for guests that are told of no better timer
 *
 * After kvm_vm_map() and before the first vCPU. Each chip that KVM puts on its
 * buses starts a grace period of the VM's SRCU, and mapping memory waits for
 * the one that runs: the other order costs several milliseconds a start.
 */
int kvm_vm_create_irqchip(struct kvm_vm *vm, bool pit, struct err *err);

/** kvm_vm_bind_irq() - writes to eventfd @fd raise an edge on @gsi (irqfd). */
int kvm_vm_bind_irq(struct kvm_vm *vm, int fd, uint32_t gsi, struct err *err);

/**
 * kvm_vm_bind_doorbell() - a 4-byte guest write of @value to MMIO @gpa signals
 * eventfd @fd and makes no exit (ioeventfd)
 */
int kvm_vm_bind_doorbell(struct kvm_vm *vm, int fd, uint64_t gpa,
			 uint32_t value, struct err *err);
