/* host_probe.h - what `lwx-vmm --probe` says about KVM. */
#pragma once

#include "err.h"

/* Hardware runs thousands of million instructions a second, a test machine
 * that is emulated as a whole some tens; emulated ring 0 alone about one. */
#define HOST_PROBE_RING0_MIPS 10.0

/**
 * struct host_probe - its findings
 * @api_version: 0: /dev/kvm could not be opened
 * @max_vcpus:   of a VM
 * @ring0_mips:  million instructions per second in guest ring 0
 * @missing:     extensions KVM lacks, with commas; "" if none
 * @error:       why the test guest did not run; "" if it did
 */
struct host_probe {
	int api_version;
	int max_vcpus;
	double ring0_mips;
	char missing[160];
	char error[160];
};

/** host_probe_run() - run @vmm_path --probe and read its JSON. Return: 0 or a
 * negative errno. */
int host_probe_run(const char *vmm_path, struct host_probe *probe,
		   struct err *err);

/** host_probe_parse() - the JSON alone. Return: 0 or -EPROTO. */
int host_probe_parse(const char *json, struct host_probe *probe,
		     struct err *err);
