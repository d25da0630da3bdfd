/* device_rig.c - what a device model needs around it in a test. */
#include "device_rig.h"

#include "macros.h"
#include "test.h"

#include <string.h>

static void *io_thread(void *arg)
{
	struct device_rig *rig = arg;

	if (io_engine_run(rig->engine) && !rig->fails)
		fail_msg("the engine failed");
	return NULL;
}

static void pump(void *arg)
{
	(void)io_engine_poll(arg, false); /* 0 completions is fine */
}

static void init(struct device_rig *rig, enum io_engine_kind kind,
		 uint64_t mem_size, enum guest_mem_kind mem_kind,
		 uint64_t poll_max_ns)
{
	struct guest_mem_config mem = {
		.kind = mem_kind,
		.size = mem_size,
		.hole_start = GIB(3),
		.hole_end = GIB(4),
	};
	struct io_engine_config engine = {
		.kind = kind,
		.depth = 256,
		.max_files = 32,
		.poll_max_ns = poll_max_ns,
	};
	struct err err = {0};

	*rig = (struct device_rig){0};
	if (guest_mem_create(&rig->mem, &mem, &err))
		fail_msg("%s", err.msg);
	if (io_engine_create(&rig->engine, &engine, &err))
		fail_msg("%s", err.msg);
	rig->threaded = strcmp(io_engine_name(rig->engine), "fake") != 0;
}

void device_rig_init(struct device_rig *rig, enum io_engine_kind kind,
		     uint64_t mem_size)
{
	init(rig, kind, mem_size, GUEST_MEM_PRIVATE, 0);
}

void device_rig_init_shared(struct device_rig *rig, enum io_engine_kind kind,
			    uint64_t mem_size)
{
	init(rig, kind, mem_size, GUEST_MEM_SHARED, 0);
}

void device_rig_init_polling(struct device_rig *rig, enum io_engine_kind kind,
			     uint64_t mem_size, uint64_t poll_max_ns)
{
	init(rig, kind, mem_size, GUEST_MEM_PRIVATE, poll_max_ns);
}

void device_rig_attach(struct device_rig *rig, struct virtio_device *dev)
{
	const struct guest_mem_region *region;
	struct err err = {0};

	rig->dev = dev;
	if (virtio_mmio_create(&rig->transport, dev, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(guest_mem_regions(rig->mem, &region), 1);
	fake_driver_init(&rig->driver, dev, rig->transport, rig->mem,
			 DEVICE_RIG_ARENA, region->size);
	if (rig->threaded) {
		assert_int_equal(
			pthread_create(&rig->thread, NULL, io_thread, rig), 0);
	} else {
		rig->driver.pump = pump;
		rig->driver.pump_arg = rig->engine;
	}
}

void device_rig_call(struct device_rig *rig, void (*fn)(void *arg), void *arg)
{
	io_engine_call(rig->engine, fn, arg);
}

void device_rig_fini(struct device_rig *rig)
{
	if (rig->dev) {
		virtio_mmio_shutdown(rig->transport);
		io_engine_stop(rig->engine);
		if (rig->threaded)
			assert_int_equal(pthread_join(rig->thread, NULL), 0);
		virtio_mmio_destroy(rig->transport);
		virtio_device_destroy(rig->dev);
		fake_driver_fini(&rig->driver);
	}
	io_engine_destroy(rig->engine);
	guest_mem_destroy(rig->mem);
}
