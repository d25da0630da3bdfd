/*
 * cpu_features.h - CPU feature names as /proc/cpuinfo spells them, and where
 * CPUID reports them.
 */
#pragma once

#include <stdint.h>

enum cpuid_reg {
	CPUID_EAX,
	CPUID_EBX,
	CPUID_ECX,
	CPUID_EDX,
};

/**
 * struct cpu_feature - one CPUID feature bit
 * @name:     as in /proc/cpuinfo
 * @function: CPUID leaf
 * @index:    sub-leaf
 * @reg:      register
 * @bit:      bit number
 */
struct cpu_feature {
	const char *name;
	uint32_t function;
	uint32_t index;
	enum cpuid_reg reg;
	uint8_t bit;
};

/** cpu_feature_find() - look a name up. Return: the feature or NULL. */
const struct cpu_feature *cpu_feature_find(const char *name);
