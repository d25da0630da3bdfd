/*
 * kvm_x86.h - x86-64 vCPU set-up: CPUID, topology, MSRs, LAPIC, entry state.
 * Control thread only, before vCPUs run.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct kvm_vm;
struct kvm_vcpu;

/**
 * struct x86_topology - how vCPUs are grouped; each at least 1
 * @sockets: packages
 * @cores:   cores per package
 * @threads: threads per core
 */
struct x86_topology {
	uint32_t sockets;
	uint32_t cores;
	uint32_t threads;
};

/** x86_apic_id() - APIC id of vCPU @index: every level takes whole bits. */
uint32_t x86_apic_id(const struct x86_topology *topology, uint32_t index);

/**
 * x86_mask_features() - apply the operator's "-name" / "+name" list to what
 * every vCPU will report
 *
 * Return: 0, -EINVAL for an unknown name or form, -ENOTSUP for a "+name" that
 * the host's KVM does not offer.
 */
int x86_mask_features(struct kvm_vm *vm, char *const *features, size_t count,
		      struct err *err);

/** x86_setup_cpuid() - give @vcpu its CPUID: masks, topology, TSC frequency. */
int x86_setup_cpuid(struct kvm_vm *vm, struct kvm_vcpu *vcpu,
		    const struct x86_topology *topology, struct err *err);

/** x86_setup_lapic() - LINT0 as ExtINT, LINT1 as NMI, as firmware leaves it. */
int x86_setup_lapic(struct kvm_vcpu *vcpu, struct err *err);

/** x86_setup_msrs() - what a firmware would have set: MTRRs on, write-back. */
int x86_setup_msrs(struct kvm_vcpu *vcpu, struct err *err);
