/* kvm_vm.c - system and VM level of the KVM API. */
#include "kvm_vm.h"

#include "cleanup.h"
#include "kvm_probe.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where KVM puts pages of its own; X86_TSS_GPA and X86_IDENTITY_MAP_GPA of the
 * machine map, below the LAPIC and outside RAM. */
#define TSS_GPA 0xFFFBD000UL
#define IDENTITY_MAP_GPA 0xFFFBC000ULL

#define CPUID_ENTRIES_MAX 256

static int open_kvm(struct kvm_vm *vm, struct err *err)
{
	int version;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0 && errno == ENOENT)
		return err_setx(err, -ENOENT,
				"/dev/kvm is missing: load kvm_intel or "
				"kvm_amd, enable virtualization in the "
				"firmware");
	if (vm->kvm_fd < 0 && errno == EACCES)
		return err_setx(err, -EACCES,
				"/dev/kvm: permission denied: join the group "
				"kvm");
	if (vm->kvm_fd < 0)
		return err_set(err, -errno, "/dev/kvm");
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return err_setx(err, -EPROTO,
				"/dev/kvm: API version %d, not %d", version,
				KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(kvm_required_caps); i++) {
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION,
			  kvm_required_caps[i].cap) > 0)
			continue;
		return err_setx(err, -ENOTSUP, "/dev/kvm lacks %s",
				kvm_required_caps[i].name);
	}
	vm->run_size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->run_size < (int)sizeof(struct kvm_run))
		return err_setx(err, -EPROTO, "/dev/kvm: run page too small");
	vm->tsc_deadline = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION,
				 KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	return 0;
}

static int read_cpuid(struct kvm_vm *vm, struct err *err)
{
	vm->cpuid = calloc(1, sizeof(*vm->cpuid) +
				      CPUID_ENTRIES_MAX *
					      sizeof(vm->cpuid->entries[0]));
	if (!vm->cpuid)
		return err_set(err, -ENOMEM, "CPUID");
	vm->cpuid->nent = CPUID_ENTRIES_MAX;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, vm->cpuid))
		return err_set(err, -errno, "KVM_GET_SUPPORTED_CPUID");
	return 0;
}

/*
 * Every GSI goes to the IO-APIC pin of its number. KVM's default also sends 0
 * to 15 to a PIC that nobody has initialised: guests that are told of no PIC
 * do not mask it, and would get interrupts as exceptions 0 to 15. Only a guest
 * with a PIT may look for its GSI 0 there.
 */
static int route_interrupts(struct kvm_vm *vm, bool pit, struct err *err)
{
	AUTO_FREE struct kvm_irq_routing *routing = NULL;
	const uint32_t pins = KVM_IOAPIC_NUM_PINS;

	routing = calloc(1, sizeof(*routing) +
				    (pins + 1) * sizeof(routing->entries[0]));
	if (!routing)
		return err_set(err, -ENOMEM, "interrupt routing");
	for (uint32_t gsi = 0; gsi < pins; gsi++)
		routing->entries[routing->nr++] =
			(struct kvm_irq_routing_entry){
				.gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC,
					      .pin = gsi}};
	if (pit)
		routing->entries[routing->nr++] =
			(struct kvm_irq_routing_entry){
				.gsi = 0,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {.irqchip =
						      KVM_IRQCHIP_PIC_MASTER}};
	if (ioctl(vm->vm_fd, KVM_SET_GSI_ROUTING, routing))
		return err_set(err, -errno, "KVM_SET_GSI_ROUTING");
	return 0;
}

static int create_vm(struct kvm_vm *vm, struct err *err)
{
	uint64_t identity_map = IDENTITY_MAP_GPA;

	vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->vm_fd < 0)
		return err_set(err, -errno, "KVM_CREATE_VM");
	if (ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map))
		return err_set(err, -errno, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, TSS_GPA))
		return err_set(err, -errno, "KVM_SET_TSS_ADDR");
	return 0;
}

int kvm_vm_create(struct kvm_vm **out, struct err *err)
{
	struct kvm_vm *vm = calloc(1, sizeof(*vm));
	int rc;

	if (!vm)
		return err_set(err, -ENOMEM, "VM");
	vm->kvm_fd = -1;
	vm->vm_fd = -1;
	rc = open_kvm(vm, err);
	if (!rc)
		rc = read_cpuid(vm, err);
	if (!rc)
		rc = create_vm(vm, err);
	if (rc) {
		kvm_vm_destroy(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

void kvm_vm_destroy(struct kvm_vm *vm)
{
	if (!vm)
		return;
	free(vm->cpuid);
	if (vm->vm_fd >= 0)
		(void)close(vm->vm_fd);
	if (vm->kvm_fd >= 0)
		(void)close(vm->kvm_fd);
	free(vm);
}

int kvm_vm_map(struct kvm_vm *vm, const struct guest_mem *mem, struct err *err)
{
	const struct guest_mem_region *regions;
	unsigned int count = guest_mem_regions(mem, &regions);

	for (unsigned int i = 0; i < count; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = regions[i].gpa,
			.memory_size = regions[i].size,
			.userspace_addr = (uintptr_t)regions[i].host,
		};

		if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot))
			return err_set(err, -errno,
				       "KVM_SET_USER_MEMORY_REGION %u", i);
	}
	return 0;
}

int kvm_vm_create_irqchip(struct kvm_vm *vm, bool pit, struct err *err)
{
	struct kvm_pit_config pit_config = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return err_set(err, -errno, "KVM_CREATE_IRQCHIP");
	if (pit && ioctl(vm->vm_fd, KVM_CREATE_PIT2, &pit_config))
		return err_set(err, -errno, "KVM_CREATE_PIT2");
	return route_interrupts(vm, pit, err);
}

int kvm_vm_bind_irq(struct kvm_vm *vm, int fd, uint32_t gsi, struct err *err)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = gsi};

	if (ioctl(vm->vm_fd, KVM_IRQFD, &irqfd))
		return err_set(err, -errno, "KVM_IRQFD of GSI %u", gsi);
	return 0;
}

int kvm_vm_bind_doorbell(struct kvm_vm *vm, int fd, uint64_t gpa,
			 uint32_t value, struct err *err)
{
	struct kvm_ioeventfd doorbell = {
		.datamatch = value,
		.addr = gpa,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(vm->vm_fd, KVM_IOEVENTFD, &doorbell))
		return err_set(err, -errno, "KVM_IOEVENTFD at %#llx",
			       (unsigned long long)gpa);
	return 0;
}
