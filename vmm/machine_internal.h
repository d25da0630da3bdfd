/*
 * machine_internal.h - the structure behind machine.h, shared by machine.c,
 * machine_devices.c and machine_metrics.c only.
 */
#pragma once

#include "console_hub.h"
#include "guest_mem.h"
#include "io_bus.h"
#include "io_engine.h"
#include "irq_line.h"
#include "kvm_vcpu.h"
#include "kvm_vm.h"
#include "kvm_x86.h"
#include "machine.h"
#include "machine_desc.h"
#include "platform.h"
#include "serial.h"
#include "virtio_device.h"
#include "virtio_mmio.h"

#include <pthread.h>
#include <stdatomic.h>

#define IO_THREADS_MAX 16

/** struct io_thread - one engine and the thread that owns it */
struct io_thread {
	struct machine *machine;
	struct io_engine *engine;
	pthread_t thread;
	bool running;
};

/** struct machine_virtio - one virtio device and its transport */
struct machine_virtio {
	struct virtio_device *dev;
	struct virtio_mmio *transport;
	const struct machine_device *where;
};

/**
 * struct machine - the composition
 *
 * Members stand in the order of their making; machine_destroy() goes backwards.
 *
 * @ended, @outcome: set once by machine_end(); @outcome is published by the
 *                   release-store of @ended
 * @disks:           index into @virtio of each disk of the configuration
 */
struct machine {
	const struct vm_config *cfg;
	struct machine_events events;
	int event_fd;
	_Atomic bool ending;
	_Atomic bool ended;
	struct machine_outcome outcome;
	bool paused;

	struct kvm_vm *vm;
	struct guest_mem *mem;
	struct io_bus *pio;
	struct io_bus *mmio;
	struct io_thread io_threads[IO_THREADS_MAX];
	unsigned int num_io_threads;
	struct machine_desc desc;
	struct platform platform;
	struct irq_line serial_irq;
	struct irq_line power_irq;
	struct serial *serial;
	struct console_hub *hub;
	struct virtio_device *console;
	struct machine_virtio virtio[MACHINE_VIRTIO_MAX];
	unsigned int num_virtio;
	unsigned int disks[VM_DISKS_MAX];

	struct x86_topology topology;
	struct vcpu_owner vcpu_owner;
	struct kvm_vcpu vcpus[VM_VCPUS_MAX];
	uint32_t num_vcpus;
};

/**
 * machine_add_devices() - make serial, console hub and virtio devices of the
 * configuration and wire them to buses, interrupts and doorbells
 */
int machine_add_devices(struct machine *m, struct err *err);

/** machine_remove_devices() - undo it; I/O threads have been joined. */
void machine_remove_devices(struct machine *m);
