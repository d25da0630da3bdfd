/*
 * machine.h - one virtual machine: composition, life cycle, tear-down order.
 *
 * The only place where KVM, virtio and firmware meet. Every function belongs to
 * the control thread; machine_end() may be called from any thread.
 */
#pragma once

#include "err.h"
#include "vm_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

/** Why a VM is over; machine_reason_name() gives the word in events. */
enum machine_reason {
	MACHINE_POWEROFF, /* ACPI S5 */
	MACHINE_EXIT,	  /* guest wrote the exit port */
	MACHINE_RESET,	  /* guest asked for a reset */
	MACHINE_TRIPLE,	  /* triple fault */
	MACHINE_PANIC,	  /* pvpanic */
	MACHINE_FAULT,	  /* KVM or lwx-vmm failed */
	MACHINE_HOST,	  /* vm.kill, signal, owner's death */
};

/**
 * struct machine_outcome - how a VM ended; the first cause wins
 * @reason: see enum machine_reason
 * @code:   exit code for MACHINE_EXIT; detail for MACHINE_FAULT
 */
struct machine_outcome {
	enum machine_reason reason;
	uint32_t code;
};

/**
 * struct machine_events - what the machine tells its owner
 * @disk_error: [I/O thread] a request of @disk failed on the host with @error
 *              (positive errno) at @sector; rate-limited
 * @opaque:     first argument of both
 */
struct machine_events {
	void (*disk_error)(void *opaque, const char *disk, const char *op,
			   uint64_t sector, int error);
	void *opaque;
};

/**
 * machine_create() - build the VM of @cfg, loaded and paused before its first
 * instruction
 * @cfg: borrowed until machine_destroy(), with the fds it names
 *
 * Return: 0 and *out, or a negative errno with a message that names the part.
 */
int machine_create(struct machine **out, const struct vm_config *cfg,
		   const struct machine_events *events, struct err *err);

/**
 * machine_destroy() - stop everything that runs, in order, and release it
 *
 * vCPUs, then devices (requests in flight finish), I/O threads, memory, KVM.
 * Accepts NULL.
 */
void machine_destroy(struct machine *m);

/** machine_start() - start I/O and vCPU threads and let the guest run. */
int machine_start(struct machine *m, struct err *err);

/**
 * machine_pause() - stop vCPUs, then drain the devices; idempotent
 * When it returns, nothing of the guest runs and nothing is in flight.
 */
void machine_pause(struct machine *m);

/** machine_resume() - devices, then vCPUs; idempotent. */
void machine_resume(struct machine *m);

/** machine_is_paused() */
bool machine_is_paused(const struct machine *m);

/** machine_power_button() - press the ACPI power button. */
void machine_power_button(struct machine *m);

/**
 * machine_resize_disk() - tell the guest a new size of disk @index
 * @size: bytes; 0: what the file or device behind it has now
 */
int machine_resize_disk(struct machine *m, size_t index, uint64_t size,
			uint64_t *new_size, struct err *err);

/** machine_find_disk() - index by name ("disk0") or serial; -ENOENT. */
int machine_find_disk(const struct machine *m, const char *name);

/** machine_attach_console() - Return: a client's stream socket or -errno. */
int machine_attach_console(struct machine *m, struct err *err);

/** machine_fdt() - device tree of the machine; *blob to be freed. */
int machine_fdt(const struct machine *m, uint8_t **blob, size_t *size,
		struct err *err);

/**
 * machine_acpi() - the ACPI tables of the machine, as the guest got them
 * @blob: RSDP, the tables behind it; to be freed
 *
 * Return: 0; -ENOTSUP if the guest was given none; another negative errno.
 */
int machine_acpi(const struct machine *m, uint8_t **blob, size_t *size,
		 struct err *err);

/** machine_metrics() - Prometheus text; NUL-terminated, to be freed. */
char *machine_metrics(struct machine *m, size_t *len);

/** machine_end() - the VM is over; the first call decides. Any thread. */
void machine_end(struct machine *m, enum machine_reason reason, uint32_t code);

/** machine_event_fd() - Return: polls readable once the VM is over. */
int machine_event_fd(const struct machine *m);

/** machine_outcome() - Return: true and *out once the VM is over. */
bool machine_outcome(const struct machine *m, struct machine_outcome *out);

/** machine_reason_name() - the word used in events and messages. */
const char *machine_reason_name(enum machine_reason reason);
