/*
 * kvm_vcpu.h - one vCPU: its thread, the KVM_RUN loop, pause and stop.
 *
 * Theory of operation. The vCPU thread runs KVM_RUN in a loop and takes no lock
 * and writes no log. The control thread steers it through @want: it stores the
 * wish, sets run->immediate_exit and sends VCPU_KICK_SIGNAL. If the signal
 * lands before KVM_RUN, immediate_exit makes that KVM_RUN return at once; if it
 * lands inside, KVM_RUN returns EINTR: no kick is lost. The thread answers by
 * storing @state and waking its futex; nobody sleeps or polls. A KVM_RUN with
 * immediate_exit set also completes a pending port or MMIO read, so the
 * registers of a paused vCPU are consistent.
 */
#pragma once

#include "err.h"
#include "io_bus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm_vm;
struct kvm_run;

#define VCPU_EXIT_REASONS 48

/** What the control thread asks for, and what the vCPU thread answers. */
enum vcpu_state {
	VCPU_PAUSED, /* initial */
	VCPU_RUNNING,
	VCPU_STOPPED, /* final: the thread has returned or is about to */
};

/** Why a vCPU ended the VM. */
enum vcpu_end {
	VCPU_END_SHUTDOWN, /* triple fault */
	VCPU_END_RESET,	   /* KVM_SYSTEM_EVENT_RESET */
	VCPU_END_POWEROFF, /* KVM_SYSTEM_EVENT_SHUTDOWN */
	VCPU_END_CRASH,	   /* KVM_SYSTEM_EVENT_CRASH */
	VCPU_END_INTERNAL, /* KVM failed: @detail is errno, reason or suberror
			    */
};

/**
 * struct vcpu_owner - what the machine gives each vCPU
 * @pio:    port bus, sealed
 * @mmio:   MMIO bus, sealed
 * @ended:  set once the VM is over: no vCPU enters the guest again
 * @end:    [vCPU thread] called once with why the vCPU cannot go on
 * @opaque: first argument of @end
 */
struct vcpu_owner {
	const struct io_bus *pio;
	const struct io_bus *mmio;
	const _Atomic bool *ended;
	void (*end)(void *opaque, uint32_t index, enum vcpu_end why,
		    uint32_t detail);
	void *opaque;
};

/**
 * struct kvm_vcpu - one vCPU
 * @fd:      vCPU file descriptor
 * @run:     shared run page, @run_size bytes
 * @index:   0-based
 * @apic_id: APIC id, also KVM's vCPU id
 * @want:    enum vcpu_state the control thread asks for (futex of the vCPU)
 * @state:   enum vcpu_state as answered (futex of the control thread)
 * @exits:   user-space exits by KVM_EXIT_* reason, written by the thread only
 */
struct kvm_vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_size;
	uint32_t index;
	uint32_t apic_id;
	const struct vcpu_owner *owner;
	pthread_t thread;
	bool has_thread;
	_Atomic uint32_t want;
	_Atomic uint32_t state;
	_Atomic uint64_t exits[VCPU_EXIT_REASONS];
};

/**
 * struct vcpu_entry - register state at the first instruction
 *
 * Segments are flat; everything not named here stays at its reset value.
 *
 * @rip, @rsp, @rsi, @rbx: general registers
 * @cr0, @cr3, @cr4, @efer: control registers
 * @gdt_base, @gdt_limit:   GDT in guest memory
 * @code_selector, @data_selector, @task_selector: selectors in that GDT
 * @long_mode: CS is a 64-bit segment (else 32-bit)
 */
struct vcpu_entry {
	uint64_t rip;
	uint64_t rsp;
	uint64_t rsi;
	uint64_t rbx;
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	uint16_t code_selector;
	uint16_t data_selector;
	uint16_t task_selector;
	bool long_mode;
};

/**
 * kvm_vcpu_create() - KVM_CREATE_VCPU and its run page; no thread is started
 * Return: 0 or a negative errno; @vcpu can be destroyed in both cases.
 */
int kvm_vcpu_create(struct kvm_vcpu *vcpu, struct kvm_vm *vm, uint32_t index,
		    uint32_t apic_id, const struct vcpu_owner *owner,
		    struct err *err);

/** kvm_vcpu_destroy() - release; the thread has been joined. */
void kvm_vcpu_destroy(struct kvm_vcpu *vcpu);

/** kvm_vcpu_set_entry() - set the registers of the boot vCPU. */
int kvm_vcpu_set_entry(struct kvm_vcpu *vcpu, const struct vcpu_entry *entry,
		       struct err *err);

/**
 * kvm_vcpu_start() - start the thread, paused
 * @name: VM name for the thread's name
 * @cpu:  host CPU to pin the thread to, or -1
 */
int kvm_vcpu_start(struct kvm_vcpu *vcpu, const char *name, int cpu,
		   struct err *err);

/** kvm_vcpu_ask() - ask for a state and kick; does not wait. */
void kvm_vcpu_ask(struct kvm_vcpu *vcpu, enum vcpu_state want);

/**
 * kvm_vcpu_wait() - wait until the thread answered @want (or stopped)
 *
 * Every write the vCPU made before is visible after. Not from a vCPU thread.
 */
void kvm_vcpu_wait(struct kvm_vcpu *vcpu, enum vcpu_state want);

/** kvm_vcpu_join() - wait for the end of the thread after VCPU_STOPPED. */
void kvm_vcpu_join(struct kvm_vcpu *vcpu);

/** kvm_vcpu_exit_name() - name of a KVM_EXIT_* reason, or NULL. */
const char *kvm_vcpu_exit_name(uint32_t reason);
