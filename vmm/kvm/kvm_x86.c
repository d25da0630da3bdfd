/* kvm_x86.c - CPUID, MSRs and LAPIC of the x86-64 machine. */
#include "kvm_x86.h"

#include "cleanup.h"
#include "cpu_features.h"
#include "kvm_vcpu.h"
#include "kvm_vm.h"
#include "macros.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define MSR_MISC_ENABLE 0x1a0
#define MSR_MISC_ENABLE_FAST_STRING 1ULL
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE (1ULL << 11)
#define MTRR_TYPE_WB 6ULL

#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LVT_MODE_NMI (4u << 8)
#define LVT_MODE_EXTINT (7u << 8)

#define CPUID_TIMING_LEAF 0x40000010 /* EAX: TSC kHz, EBX: LAPIC timer kHz */
#define LAPIC_TIMER_KHZ 1000000	     /* KVM's LAPIC bus runs at 1 GHz */

/* Levels of CPUID leaf 0xB and 0x1F. */
enum {
	LEVEL_INVALID,
	LEVEL_THREAD,
	LEVEL_CORE,
};

static uint32_t bits_for(uint32_t count)
{
	return count > 1 ? 32 - (uint32_t)__builtin_clz(count - 1) : 0;
}

static uint32_t core_shift(const struct x86_topology *topology)
{
	return bits_for(topology->threads);
}

static uint32_t package_shift(const struct x86_topology *topology)
{
	return core_shift(topology) + bits_for(topology->cores);
}

uint32_t x86_apic_id(const struct x86_topology *topology, uint32_t index)
{
	uint32_t thread = index % topology->threads;
	uint32_t core = index / topology->threads % topology->cores;
	uint32_t socket = index / topology->threads / topology->cores;

	return socket << package_shift(topology) |
	       core << core_shift(topology) | thread;
}

static struct kvm_cpuid_entry2 *find_leaf(struct kvm_cpuid2 *cpuid,
					  uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function && e->index == index)
			return e;
	}
	return NULL;
}

static uint32_t *leaf_reg(struct kvm_cpuid_entry2 *e, enum cpuid_reg reg)
{
	switch (reg) {
	case CPUID_EAX:
		return &e->eax;
	case CPUID_EBX:
		return &e->ebx;
	case CPUID_ECX:
		return &e->ecx;
	case CPUID_EDX:
		break;
	}
	return &e->edx;
}

int x86_mask_features(struct kvm_vm *vm, char *const *names, size_t count,
		      struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = names[i];
		const struct cpu_feature *feature;
		struct kvm_cpuid_entry2 *leaf;
		uint32_t bit;

		if (name[0] != '-' && name[0] != '+')
			return err_setx(err, -EINVAL,
					"cpu_features: \"%s\": write \"-%s\" "
					"to hide it, \"+%s\" to require it",
					name, name, name);
		feature = cpu_feature_find(name + 1);
		if (!feature)
			return err_setx(err, -EINVAL,
					"cpu_features: \"%s\" is unknown: use "
					"the names of /proc/cpuinfo",
					name + 1);
		bit = 1U << feature->bit;
		leaf = find_leaf(vm->cpuid, feature->function, feature->index);
		if (name[0] == '-' && leaf)
			*leaf_reg(leaf, feature->reg) &= ~bit;
		else if (name[0] == '+' &&
			 (!leaf || !(*leaf_reg(leaf, feature->reg) & bit)))
			return err_setx(err, -ENOTSUP,
					"cpu_features: this host's KVM does "
					"not offer \"%s\"",
					name + 1);
	}
	return 0;
}

/* A copy of the VM's CPUID with room for the leaves that we add. */
static struct kvm_cpuid2 *copy_cpuid(const struct kvm_cpuid2 *from)
{
	size_t extra = 4;
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + (from->nent + extra) *
						   sizeof(cpuid->entries[0]));
	if (cpuid)
		memcpy(cpuid, from,
		       sizeof(*cpuid) + from->nent * sizeof(cpuid->entries[0]));
	return cpuid;
}

static void set_leaf(struct kvm_cpuid2 *cpuid,
		     const struct kvm_cpuid_entry2 *value)
{
	struct kvm_cpuid_entry2 *e =
		find_leaf(cpuid, value->function, value->index);

	if (!e)
		e = &cpuid->entries[cpuid->nent++];
	*e = *value;
}

static void drop_leaf(struct kvm_cpuid2 *cpuid, uint32_t function)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function != function)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->nent = kept;
}

/* Extended topology: leaf 0xB, sub-leaf 0 threads, 1 cores, 2 the end. */
static void set_topology_leaves(struct kvm_cpuid2 *cpuid,
				const struct x86_topology *topology,
				uint32_t apic_id)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{.function = 0xb,
		 .index = 0,
		 .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		 .eax = core_shift(topology),
		 .ebx = topology->threads,
		 .ecx = LEVEL_THREAD << 8,
		 .edx = apic_id},
		{.function = 0xb,
		 .index = 1,
		 .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		 .eax = package_shift(topology),
		 .ebx = topology->threads * topology->cores,
		 .ecx = LEVEL_CORE << 8 | 1,
		 .edx = apic_id},
		{.function = 0xb,
		 .index = 2,
		 .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		 .ecx = LEVEL_INVALID << 8 | 2,
		 .edx = apic_id},
	};

	drop_leaf(cpuid, 0xb);
	drop_leaf(cpuid, 0x1f); /* die and module levels of the host */
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		set_leaf(cpuid, &levels[i]);
}

static void set_leaf_1(struct kvm_cpuid_entry2 *e, const struct kvm_vm *vm,
		       const struct x86_topology *topology, uint32_t apic_id)
{
	uint32_t logical = 1U << package_shift(topology);

	e->ebx = (e->ebx & 0xffff) | MIN(logical, 255U) << 16 | apic_id << 24;
	e->ecx |= 1U << 31; /* hypervisor */
	if (vm->tsc_deadline)
		e->ecx |= 1U << 24;
	else
		e->ecx &= ~(1U << 24);
	if (logical > 1)
		e->edx |= 1U << 28; /* HTT */
	else
		e->edx &= ~(1U << 28);
}

/* Leaf 4 (Intel) and 0x8000001D (AMD): who shares a cache. The host's sharing
 * is not the guest's: L1 and L2 per core, L3 per package. */
static void set_cache_sharing(struct kvm_cpuid_entry2 *e,
			      const struct x86_topology *topology)
{
	uint32_t level = e->eax >> 5 & 7;
	uint32_t sharing = level >= 3 ? 1U << package_shift(topology)
				      : 1U << core_shift(topology);

	if (!(e->eax & 0x1f)) /* no more caches */
		return;
	e->eax &= ~(0xfffU << 14);
	e->eax |= (sharing - 1) << 14;
	if (e->function == 4) {
		e->eax &= ~(0x3fU << 26);
		e->eax |= ((1U << bits_for(topology->cores)) - 1) << 26;
	}
}

static void set_amd_topology(struct kvm_cpuid_entry2 *e,
			     const struct x86_topology *topology,
			     uint32_t apic_id)
{
	if (e->function == 0x80000008) {
		uint32_t count = topology->threads * topology->cores;

		e->ecx = package_shift(topology) << 12 | (count - 1);
	} else { /* 0x8000001E */
		e->eax = apic_id;
		e->ebx = (topology->threads - 1) << 8 |
			 (apic_id >> core_shift(topology) & 0xff);
		e->ecx = 0; /* one node */
	}
}

static void set_timing_leaf(struct kvm_cpuid2 *cpuid, const struct kvm_vm *vm)
{
	const struct kvm_cpuid_entry2 timing = {
		.function = CPUID_TIMING_LEAF,
		.eax = vm->tsc_khz,
		.ebx = LAPIC_TIMER_KHZ,
	};
	struct kvm_cpuid_entry2 *base = find_leaf(cpuid, 0x40000000, 0);

	if (!vm->tsc_khz || !base)
		return;
	base->eax = MAX(base->eax, (uint32_t)CPUID_TIMING_LEAF);
	set_leaf(cpuid, &timing);
}

static void set_leaves(struct kvm_cpuid2 *cpuid, const struct kvm_vm *vm,
		       const struct x86_topology *topology, uint32_t apic_id)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 1:
			set_leaf_1(e, vm, topology, apic_id);
			break;
		case 4:
		case 0x8000001d:
			set_cache_sharing(e, topology);
			break;
		case 0x80000008:
		case 0x8000001e:
			set_amd_topology(e, topology, apic_id);
			break;
		default:
			break;
		}
	}
	set_topology_leaves(cpuid, topology, apic_id);
	set_timing_leaf(cpuid, vm);
}

int x86_setup_cpuid(struct kvm_vm *vm, struct kvm_vcpu *vcpu,
		    const struct x86_topology *topology, struct err *err)
{
	struct kvm_cpuid2 *cpuid;
	int khz, rc = 0;

	if (!vm->tsc_khz) {
		khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
		vm->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	}
	cpuid = copy_cpuid(vm->cpuid);
	if (!cpuid)
		return err_set(err, -ENOMEM, "CPUID");
	set_leaves(cpuid, vm, topology, vcpu->apic_id);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
		rc = err_set(err, -errno, "vCPU %u: KVM_SET_CPUID2",
			     vcpu->index);
	free(cpuid);
	return rc;
}

static void write_lvt(struct kvm_lapic_state *lapic, uint32_t offset,
		      uint32_t mode)
{
	memcpy(lapic->regs + offset, &mode, sizeof(mode));
}

int x86_setup_lapic(struct kvm_vcpu *vcpu, struct err *err)
{
	struct kvm_lapic_state lapic;

	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic))
		return err_set(err, -errno, "vCPU %u: KVM_GET_LAPIC",
			       vcpu->index);
	write_lvt(&lapic, LAPIC_LVT_LINT0, LVT_MODE_EXTINT);
	write_lvt(&lapic, LAPIC_LVT_LINT1, LVT_MODE_NMI);
	if (ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic))
		return err_set(err, -errno, "vCPU %u: KVM_SET_LAPIC",
			       vcpu->index);
	return 0;
}

int x86_setup_msrs(struct kvm_vcpu *vcpu, struct err *err)
{
	static const struct kvm_msr_entry wanted[] = {
		{.index = MSR_MTRR_DEF_TYPE,
		 .data = MTRR_ENABLE | MTRR_TYPE_WB},
		{.index = MSR_MISC_ENABLE, .data = MSR_MISC_ENABLE_FAST_STRING},
	};
	AUTO_FREE struct kvm_msrs *msrs =
		calloc(1, sizeof(*msrs) + sizeof(wanted));
	int done;

	if (!msrs)
		return err_set(err, -ENOMEM, "MSRs");
	msrs->nmsrs = ARRAY_SIZE(wanted);
	memcpy(msrs->entries, wanted, sizeof(wanted));
	done = ioctl(vcpu->fd, KVM_SET_MSRS, msrs);
	if (done < 0)
		return err_set(err, -errno, "vCPU %u: KVM_SET_MSRS",
			       vcpu->index);
	if (done != (int)ARRAY_SIZE(wanted))
		return err_setx(err, -ENOTSUP, "vCPU %u: MSR %#x is refused",
				vcpu->index, wanted[done].index);
	return 0;
}
