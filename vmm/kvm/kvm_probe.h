/*
 * kvm_probe.h - what this host's KVM can do, for `lwx-vmm --probe`.
 *
 * A small guest of a few instructions is really run. One thread, no state kept.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/**
 * struct kvm_cap - an extension of the KVM API
 * @cap:  its number
 * @name: "KVM_CAP_IRQFD"
 */
struct kvm_cap {
	int cap;
	const char *name;
};

#define KVM_REQUIRED_CAPS 7

/** kvm_required_caps - without these no VM can be made. */
extern const struct kvm_cap kvm_required_caps[KVM_REQUIRED_CAPS];

/**
 * struct kvm_probe - findings
 * @err:         why the probe went no further; code 0 if it ended
 * @api_version: of /dev/kvm, 0 if it could not be opened
 * @has:         of kvm_required_caps, which are there
 * @max_vcpus:   vCPUs a VM may have
 * @ring0_mips:  million instructions per second of a loop in 64-bit ring 0;
 *               some thousand in hardware, below ten where it is emulated
 */
struct kvm_probe {
	struct err err;
	int api_version;
	bool has[KVM_REQUIRED_CAPS];
	int max_vcpus;
	double ring0_mips;
};

/** kvm_probe_run() - look; takes about 40 ms. SIGALRM is used. */
void kvm_probe_run(struct kvm_probe *probe);

/** kvm_probe_print() - as one JSON object and a newline. */
void kvm_probe_print(const struct kvm_probe *probe, FILE *to);
