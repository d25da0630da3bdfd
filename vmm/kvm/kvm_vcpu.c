/* kvm_vcpu.c - vCPU threads and the KVM_RUN loop. */
#include "kvm_vcpu.h"

#include "kvm_vm.h"
#include "macros.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VCPU_KICK_SIGNAL SIGUSR1

#define SEGMENT_CODE 0xb /* execute, read, accessed */
#define SEGMENT_DATA 0x3 /* read, write, accessed */
#define SEGMENT_TSS 0xb	 /* busy 32/64-bit TSS */

static const char *const exit_names[VCPU_EXIT_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_IO] = "io",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq_window",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail_entry",
	[KVM_EXIT_INTR] = "intr",
	[KVM_EXIT_INTERNAL_ERROR] = "internal_error",
	[KVM_EXIT_SYSTEM_EVENT] = "system_event",
};

const char *kvm_vcpu_exit_name(uint32_t reason)
{
	return reason < ARRAY_SIZE(exit_names) ? exit_names[reason] : NULL;
}

static void futex_wait(_Atomic uint32_t *word, uint32_t while_value)
{
	/* EAGAIN and EINTR: the caller looks at the word again. */
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_value, NULL,
		      NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL,
		      NULL, 0);
}

int kvm_vcpu_create(struct kvm_vcpu *vcpu, struct kvm_vm *vm, uint32_t index,
		    uint32_t apic_id, const struct vcpu_owner *owner,
		    struct err *err)
{
	void *run;

	vcpu->index = index;
	vcpu->apic_id = apic_id;
	vcpu->owner = owner;
	atomic_init(&vcpu->want, VCPU_PAUSED);
	atomic_init(&vcpu->state, VCPU_PAUSED);
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)apic_id);
	if (vcpu->fd < 0)
		return err_set(err, -errno, "vCPU %u: KVM_CREATE_VCPU", index);
	run = mmap(NULL, (size_t)vm->run_size, PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return err_set(err, -errno, "vCPU %u: run page", index);
	vcpu->run = run;
	vcpu->run_size = (size_t)vm->run_size;
	return 0;
}

void kvm_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	if (vcpu->run)
		(void)munmap(vcpu->run, vcpu->run_size);
	if (vcpu->fd >= 0)
		(void)close(vcpu->fd);
	vcpu->run = NULL;
	vcpu->fd = -1;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type,
				       bool code64)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.db = !code64,
		.l = code64,
		.g = 1,
	};
}

int kvm_vcpu_set_entry(struct kvm_vcpu *vcpu, const struct vcpu_entry *entry,
		       struct err *err)
{
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsp = entry->rsp,
		.rsi = entry->rsi,
		.rbx = entry->rbx,
		.rflags = 2, /* bit 1 is always set */
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return err_set(err, -errno, "vCPU %u: KVM_GET_SREGS",
			       vcpu->index);
	sregs.cs = flat_segment(entry->code_selector, SEGMENT_CODE,
				entry->long_mode);
	sregs.ds = flat_segment(entry->data_selector, SEGMENT_DATA, false);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){
		.limit = 0x67,
		.selector = entry->task_selector,
		.type = SEGMENT_TSS,
		.present = 1,
	};
	sregs.gdt.base = entry->gdt_base;
	sregs.gdt.limit = entry->gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = entry->cr0;
	sregs.cr3 = entry->cr3;
	sregs.cr4 = entry->cr4;
	sregs.efer = entry->efer;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return err_set(err, -errno, "vCPU %u: KVM_SET_SREGS",
			       vcpu->index);
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return err_set(err, -errno, "vCPU %u: KVM_SET_REGS",
			       vcpu->index);
	return 0;
}

static void handle_io(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			(void)io_bus_write(vcpu->owner->pio, run->io.port, data,
					   run->io.size);
		else
			(void)io_bus_read(vcpu->owner->pio, run->io.port, data,
					  run->io.size);
		/* A string write to the exit port ends the VM at its first
		 * byte. */
		if (atomic_load_explicit(vcpu->owner->ended,
					 memory_order_relaxed))
			return;
	}
}

static void handle_mmio(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	/* Unclaimed: reads are all ones, writes vanish, as on a bus. */
	if (run->mmio.is_write)
		(void)io_bus_write(vcpu->owner->mmio, run->mmio.phys_addr,
				   run->mmio.data, run->mmio.len);
	else
		(void)io_bus_read(vcpu->owner->mmio, run->mmio.phys_addr,
				  run->mmio.data, run->mmio.len);
}

static bool end_vm(struct kvm_vcpu *vcpu, enum vcpu_end why, uint32_t detail)
{
	vcpu->owner->end(vcpu->owner->opaque, vcpu->index, why, detail);
	return false;
}

static bool handle_system_event(struct kvm_vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return end_vm(vcpu, VCPU_END_POWEROFF, 0);
	case KVM_SYSTEM_EVENT_RESET:
		return end_vm(vcpu, VCPU_END_RESET, 0);
	default:
		return end_vm(vcpu, VCPU_END_CRASH, 0);
	}
}

/* Return: false if the vCPU must not enter the guest again. */
static bool handle_exit(struct kvm_vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;
	_Atomic uint64_t *count =
		&vcpu->exits[MIN(reason, (uint32_t)VCPU_EXIT_REASONS - 1)];

	/* Only this thread writes, so load and store need no atomic add. */
	atomic_store_explicit(
		count, atomic_load_explicit(count, memory_order_relaxed) + 1,
		memory_order_relaxed);
	switch (reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		return true;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SHUTDOWN:
		return end_vm(vcpu, VCPU_END_SHUTDOWN, 0);
	case KVM_EXIT_SYSTEM_EVENT:
		return handle_system_event(vcpu);
	case KVM_EXIT_INTERNAL_ERROR:
		return end_vm(vcpu, VCPU_END_INTERNAL,
			      vcpu->run->internal.suberror);
	default:
		return end_vm(vcpu, VCPU_END_INTERNAL, reason);
	}
}

/* Run the guest until another state is wanted. Return: false at the end. */
static bool run_guest(struct kvm_vcpu *vcpu)
{
	while (!atomic_load_explicit(vcpu->owner->ended,
				     memory_order_relaxed)) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (!handle_exit(vcpu))
				return false;
		} else if (errno == EINTR || errno == EAGAIN) {
			/* Pairs with the store of want in kvm_vcpu_ask(). */
			if (atomic_load_explicit(&vcpu->want,
						 memory_order_acquire) !=
			    VCPU_RUNNING)
				return true;
			vcpu->run->immediate_exit = 0;
			/* A wish stored between the load and this store would
			 * be lost with its immediate_exit: look again. */
			atomic_thread_fence(memory_order_seq_cst);
			if (atomic_load_explicit(&vcpu->want,
						 memory_order_relaxed) !=
			    VCPU_RUNNING)
				return true;
		} else {
			return end_vm(vcpu, VCPU_END_INTERNAL, (uint32_t)errno);
		}
	}
	return false;
}

static void answer(struct kvm_vcpu *vcpu, enum vcpu_state state)
{
	atomic_store_explicit(&vcpu->state, state, memory_order_release);
	futex_wake(&vcpu->state);
}

/* Finish a port or MMIO read that is half done, so that the registers are
 * those of an instruction boundary. */
static void complete_io(struct kvm_vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	(void)ioctl(vcpu->fd, KVM_RUN, 0); /* returns EINTR by design */
}

static void *vcpu_main(void *arg)
{
	struct kvm_vcpu *vcpu = arg;

	for (;;) {
		uint32_t want =
			atomic_load_explicit(&vcpu->want, memory_order_acquire);

		if (want == VCPU_STOPPED)
			break;
		if (want == VCPU_PAUSED) {
			complete_io(vcpu);
			answer(vcpu, VCPU_PAUSED);
			futex_wait(&vcpu->want, VCPU_PAUSED);
			continue;
		}
		vcpu->run->immediate_exit = 0;
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&vcpu->want, memory_order_relaxed) !=
		    VCPU_RUNNING)
			continue;
		answer(vcpu, VCPU_RUNNING);
		if (!run_guest(vcpu))
			break;
	}
	answer(vcpu, VCPU_STOPPED);
	return NULL;
}

static void ignore_signal(int signal)
{
	(void)signal; /* its only job is to interrupt KVM_RUN */
}

static int install_kick_signal(struct err *err)
{
	const struct sigaction action = {.sa_handler = ignore_signal};

	if (sigaction(VCPU_KICK_SIGNAL, &action, NULL))
		return err_set(err, -errno, "sigaction");
	return 0;
}

static int pin_thread(struct kvm_vcpu *vcpu, int cpu, struct err *err)
{
	cpu_set_t set;
	int rc;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	rc = pthread_setaffinity_np(vcpu->thread, sizeof(set), &set);
	if (rc)
		return err_set(err, -rc, "vCPU %u: pin to host CPU %d",
			       vcpu->index, cpu);
	return 0;
}

int kvm_vcpu_start(struct kvm_vcpu *vcpu, const char *name, int cpu,
		   struct err *err)
{
	sigset_t all_but_kick, old;
	char thread_name[16];
	int rc;

	rc = install_kick_signal(err);
	if (rc)
		return rc;
	(void)sigfillset(&all_but_kick);
	(void)sigdelset(&all_but_kick, VCPU_KICK_SIGNAL);
	(void)pthread_sigmask(SIG_SETMASK, &all_but_kick, &old);
	rc = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return err_set(err, -rc, "vCPU %u: thread", vcpu->index);
	vcpu->has_thread = true;
	(void)snprintf(thread_name, sizeof(thread_name), "vcpu%u:%.8s",
		       vcpu->index, name);
	/* A name that is refused costs nothing but readability. */
	(void)pthread_setname_np(vcpu->thread, thread_name);
	return cpu < 0 ? 0 : pin_thread(vcpu, cpu, err);
}

void kvm_vcpu_ask(struct kvm_vcpu *vcpu, enum vcpu_state want)
{
	if (!vcpu->has_thread)
		return;
	atomic_store_explicit(&vcpu->want, want, memory_order_release);
	futex_wake(&vcpu->want);
	if (want == VCPU_RUNNING)
		return;
	/* Pairs with the fence after immediate_exit = 0 in the vCPU thread. */
	atomic_thread_fence(memory_order_seq_cst);
	vcpu->run->immediate_exit = 1;
	/* ESRCH: the thread is past its end, which is what was wanted. */
	(void)pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

void kvm_vcpu_wait(struct kvm_vcpu *vcpu, enum vcpu_state want)
{
	if (!vcpu->has_thread)
		return;
	for (;;) {
		uint32_t state = atomic_load_explicit(&vcpu->state,
						      memory_order_acquire);

		if (state == want || state == VCPU_STOPPED)
			return;
		futex_wait(&vcpu->state, state);
	}
}

void kvm_vcpu_join(struct kvm_vcpu *vcpu)
{
	if (!vcpu->has_thread)
		return;
	(void)pthread_join(vcpu->thread, NULL);
	vcpu->has_thread = false;
}
