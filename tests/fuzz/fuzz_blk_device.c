/*
 * fuzz_blk_device.c - a whole block device against a hostile driver.
 *
 * Input, 8 bytes each: descriptors {flags, next, address / 64 (16 bits), length
 * (16 bits), unused}, in the order of the descriptor table; the rest is the
 * memory they point to. Every descriptor is offered as a head. Whatever comes,
 * each chain that was popped comes back, and a reset leaves nothing in flight.
 */
#include "device_rig.h"
#include "disk_file.h"
#include "fake_engine.h"
#include "log.h"
#include "macros.h"
#include "virtio_blk.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIPTORS 16U
#define PLAYGROUND (64U * 65536U) /* what descriptors can reach */
#define DATA_AT (PLAYGROUND / 2)  /* where the input's data goes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct device_rig rig;

static void set_up(void)
{
	struct virtio_blk_options options = {
		.name = "disk0",
		.queues = 1,
		.queue_size = DESCRIPTORS,
	};
	struct virtio_device *dev = NULL;

	options.fd = memfd_create("disk", MFD_CLOEXEC);
	if (options.fd < 0 || ftruncate(options.fd, (off_t)MIB(1)) < 0)
		abort();
	log_init("", LOG_LEVEL_ERR);
	device_rig_init(&rig, IO_ENGINE_AUTO, MIB(16));
	if (virtio_blk_create(&dev, &options, rig.mem, rig.engine, NULL) < 0)
		abort();
	device_rig_attach(&rig, dev);
}

static void fill_table(struct vring *vring, const uint8_t **data, size_t *size)
{
	for (unsigned int i = 0; i < DESCRIPTORS && *size >= 8; i++) {
		uint16_t address, len;

		memcpy(&address, *data + 2, sizeof(address));
		memcpy(&len, *data + 4, sizeof(len));
		vring->desc[i] = (struct vring_desc){
			.addr = address * 64ULL,
			.len = len,
			.flags = (*data)[0] & 7,
			.next = (*data)[1] % (DESCRIPTORS + 1),
		};
		*data += 8;
		*size -= 8;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_driver *driver = &rig.driver;
	struct vring *vring = &driver->queues[0].vring;
	size_t len;

	if (rig.dev == NULL)
		set_up();
	driver->next = PLAYGROUND;
	fake_driver_start(driver, ~0ULL, DESCRIPTORS);
	fill_table(vring, &data, &size);
	len = MIN(size, (size_t)DATA_AT);
	memcpy(fake_driver_ptr(driver, DATA_AT, DATA_AT), data, len);
	for (uint16_t i = 0; i < DESCRIPTORS; i++)
		fake_driver_offer(driver, 0, i);
	(void)fake_driver_kick(driver, 0);
	fake_engine_settle(rig.engine);
	if (rig.dev->queues[0].in_flight != 0)
		abort();
	fake_driver_reset(driver);
	return 0;
}
