/*
 * device_rig.h - what a device model needs around it in a test: guest memory,
 * an engine with its I/O thread, the MMIO transport and a fake driver.
 *
 *	device_rig_init(&rig, IO_ENGINE_URING, MIB(64));
 *	assert_int_equal(rng_create(&dev, ..., rig.mem, rig.engine, ...), 0);
 *	device_rig_attach(&rig, dev);
 *	fake_driver_start(&rig.driver, ~0ULL, 0);
 *	...
 *	device_rig_fini(&rig);
 *
 * With libfakeengine.a linked in front there is no I/O thread: the driver's
 * waits poll the engine instead.
 */
#pragma once

#include "fake_driver.h"
#include "guest_mem.h"
#include "io_engine.h"
#include "virtio_mmio.h"

#include <pthread.h>

#define DEVICE_RIG_ARENA 0x10000 /* where the driver's memory begins */

/**
 * struct device_rig - one device under test
 * @mem:       guest RAM, one region
 * @engine:    engine of the device
 * @threaded:  @thread runs the engine
 * @fails:     the test breaks the engine: its end is no error
 * @dev:       set by device_rig_attach(), then owned
 * @transport: its register file
 * @driver:    its driver
 */
struct device_rig {
	struct guest_mem *mem;
	struct io_engine *engine;
	bool threaded;
	_Atomic bool fails;
	pthread_t thread;
	struct virtio_device *dev;
	struct virtio_mmio *transport;
	struct fake_driver driver;
};

/** device_rig_init() - memory and engine; @mem_size a multiple of 2 MiB. */
void device_rig_init(struct device_rig *rig, enum io_engine_kind kind,
		     uint64_t mem_size);

/** device_rig_init_shared() - the same with memory that another process can
 * map. */
void device_rig_init_shared(struct device_rig *rig, enum io_engine_kind kind,
			    uint64_t mem_size);

/** device_rig_init_polling() - device_rig_init() with an engine that polls. */
void device_rig_init_polling(struct device_rig *rig, enum io_engine_kind kind,
			     uint64_t mem_size, uint64_t poll_max_ns);

/** device_rig_attach() - take @dev over, start the I/O thread. */
void device_rig_attach(struct device_rig *rig, struct virtio_device *dev);

/** device_rig_call() - run @fn on the I/O thread and wait. */
void device_rig_call(struct device_rig *rig, void (*fn)(void *arg), void *arg);

/** device_rig_fini() - the machine's tear-down order, then free everything. */
void device_rig_fini(struct device_rig *rig);
