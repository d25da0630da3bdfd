/* cpu_features.c - table of CPUID feature bits (Intel SDM vol. 2A CPUID, AMD
 * APM vol. 3 appendix E). */
#include "cpu_features.h"

#include "macros.h"

#include <string.h>

#define L1C 0x1, 0, CPUID_ECX
#define L1D 0x1, 0, CPUID_EDX
#define L7B 0x7, 0, CPUID_EBX
#define L7C 0x7, 0, CPUID_ECX
#define L7D 0x7, 0, CPUID_EDX
#define L71A 0x7, 1, CPUID_EAX
#define LDA 0xd, 1, CPUID_EAX
#define E1C 0x80000001, 0, CPUID_ECX
#define E1D 0x80000001, 0, CPUID_EDX
#define E8B 0x80000008, 0, CPUID_EBX
#define KVMA 0x40000001, 0, CPUID_EAX

static const struct cpu_feature features[] = {
	{"pni", L1C, 0},
	{"pclmulqdq", L1C, 1},
	{"monitor", L1C, 3},
	{"vmx", L1C, 5},
	{"ssse3", L1C, 9},
	{"fma", L1C, 12},
	{"cx16", L1C, 13},
	{"pdcm", L1C, 15},
	{"pcid", L1C, 17},
	{"sse4_1", L1C, 19},
	{"sse4_2", L1C, 20},
	{"x2apic", L1C, 21},
	{"movbe", L1C, 22},
	{"popcnt", L1C, 23},
	{"tsc_deadline_timer", L1C, 24},
	{"aes", L1C, 25},
	{"xsave", L1C, 26},
	{"avx", L1C, 28},
	{"f16c", L1C, 29},
	{"rdrand", L1C, 30},
	{"hypervisor", L1C, 31},
	{"vme", L1D, 1},
	{"mce", L1D, 7},
	{"mca", L1D, 14},
	{"mtrr", L1D, 12},
	{"pat", L1D, 16},
	{"pse36", L1D, 17},
	{"clflush", L1D, 19},
	{"ds", L1D, 21},
	{"ss", L1D, 27},
	{"ht", L1D, 28},
	{"fsgsbase", L7B, 0},
	{"tsc_adjust", L7B, 1},
	{"sgx", L7B, 2},
	{"bmi1", L7B, 3},
	{"hle", L7B, 4},
	{"avx2", L7B, 5},
	{"smep", L7B, 7},
	{"bmi2", L7B, 8},
	{"erms", L7B, 9},
	{"invpcid", L7B, 10},
	{"rtm", L7B, 11},
	{"mpx", L7B, 14},
	{"avx512f", L7B, 16},
	{"avx512dq", L7B, 17},
	{"rdseed", L7B, 18},
	{"adx", L7B, 19},
	{"smap", L7B, 20},
	{"avx512ifma", L7B, 21},
	{"clflushopt", L7B, 23},
	{"clwb", L7B, 24},
	{"avx512cd", L7B, 28},
	{"sha_ni", L7B, 29},
	{"avx512bw", L7B, 30},
	{"avx512vl", L7B, 31},
	{"avx512vbmi", L7C, 1},
	{"umip", L7C, 2},
	{"pku", L7C, 3},
	{"waitpkg", L7C, 5},
	{"avx512_vbmi2", L7C, 6},
	{"gfni", L7C, 8},
	{"vaes", L7C, 9},
	{"vpclmulqdq", L7C, 10},
	{"avx512_vnni", L7C, 11},
	{"avx512_bitalg", L7C, 12},
	{"avx512_vpopcntdq", L7C, 14},
	{"la57", L7C, 16},
	{"rdpid", L7C, 22},
	{"cldemote", L7C, 25},
	{"movdiri", L7C, 27},
	{"movdir64b", L7C, 28},
	{"fsrm", L7D, 4},
	{"avx512_vp2intersect", L7D, 8},
	{"md_clear", L7D, 10},
	{"serialize", L7D, 14},
	{"amx_bf16", L7D, 22},
	{"avx512_fp16", L7D, 23},
	{"amx_tile", L7D, 24},
	{"amx_int8", L7D, 25},
	{"spec_ctrl", L7D, 26},
	{"arch_capabilities", L7D, 29},
	{"ssbd", L7D, 31},
	{"avx_vnni", L71A, 4},
	{"avx512_bf16", L71A, 5},
	{"xsaveopt", LDA, 0},
	{"xsavec", LDA, 1},
	{"xgetbv1", LDA, 2},
	{"xsaves", LDA, 3},
	{"lahf_lm", E1C, 0},
	{"svm", E1C, 2},
	{"abm", E1C, 5},
	{"sse4a", E1C, 6},
	{"misalignsse", E1C, 7},
	{"3dnowprefetch", E1C, 8},
	{"topoext", E1C, 22},
	{"perfctr_core", E1C, 23},
	{"nx", E1D, 20},
	{"mmxext", E1D, 22},
	{"fxsr_opt", E1D, 25},
	{"pdpe1gb", E1D, 26},
	{"rdtscp", E1D, 27},
	{"clzero", E8B, 0},
	{"wbnoinvd", E8B, 9},
	{"ibpb", E8B, 12},
	{"ibrs", E8B, 14},
	{"stibp", E8B, 15},
	{"virt_ssbd", E8B, 25},
	{"kvmclock", KVMA, 3},
	{"kvm_asyncpf", KVMA, 4},
	{"kvm_steal_time", KVMA, 5},
	{"kvm_pv_eoi", KVMA, 6},
	{"kvm_pv_unhalt", KVMA, 7},
};

const struct cpu_feature *cpu_feature_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (!strcmp(features[i].name, name))
			return &features[i];
	}
	return NULL;
}
