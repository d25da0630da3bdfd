/*
 * virtio_mmio.h - virtio over MMIO, version 2 (virtio 1.2, section 4.2).
 *
 * The machine, per device: create the model, virtio_mmio_create(), set
 * dev->irq, add one page of the MMIO bus with virtio_mmio_bus_ops, bind
 * dev->doorbells[i] to a 4-byte write of value i at page +
 * VIRTIO_MMIO_QUEUE_NOTIFY (ioeventfd). Tear-down: vCPU threads ended,
 * virtio_mmio_shutdown() while the engine still runs, engine thread joined,
 * virtio_mmio_destroy(), virtio_device_destroy(), io_engine_destroy().
 */
#pragma once

#include "err.h"
#include "io_bus.h"
#include "virtio_device.h"

#define VIRTIO_MMIO_SIZE 0x1000 /* bytes of the bus one transport claims */

struct virtio_mmio;

/** virtio_mmio_bus_ops - register file; its dev is the struct virtio_mmio.
 * [any vCPU thread] A status or QueueReady write may wait for the I/O thread,
 * so that thread must run before vCPUs do and end after them. */
extern const struct io_bus_ops virtio_mmio_bus_ops;

/**
 * virtio_mmio_create() - put a device behind a register file
 * @dev: stays owned by the caller, outlives the transport
 *
 * [control thread] Return: 0 or -ENOMEM.
 */
int virtio_mmio_create(struct virtio_mmio **out, struct virtio_device *dev,
		       struct err *err);

/** virtio_mmio_destroy() - free the transport; accepts NULL.
 * [control thread, after virtio_mmio_shutdown()] */
void virtio_mmio_destroy(struct virtio_mmio *t);

/** virtio_mmio_pause() - drain the device; returns when nothing is in flight.
 * [control thread, engine running, no vCPU in KVM_RUN] */
void virtio_mmio_pause(struct virtio_mmio *t);

/** virtio_mmio_resume() - undo virtio_mmio_pause(). [control thread] */
void virtio_mmio_resume(struct virtio_mmio *t);

/** virtio_mmio_shutdown() - reset the device for good; no effect, and no engine
 * needed, if the driver never set DRIVER_OK. [control thread] */
void virtio_mmio_shutdown(struct virtio_mmio *t);
