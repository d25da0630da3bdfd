/* blk_rig.c - see blk_rig.h. */
#include "blk_rig.h"

#include "disk_file.h"
#include "macros.h"
#include "test.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY MIB(64)
#define HEADER_SIZE 16
#define STATUS_UNTOUCHED 0xEE

static void on_error(void *opaque, const struct virtio_blk_error *error)
{
	struct blk_rig *blk = opaque;

	blk->last_error = *error;
	atomic_fetch_add(&blk->errors, 1);
}

static void make_file(struct blk_rig *blk,
		      const struct blk_rig_options *options)
{
	uint64_t size = options->size ? options->size : MIB(8);

	(void)snprintf(blk->path, sizeof(blk->path), "%s/blk_rig.XXXXXX",
		       options->dir ? options->dir : ".");
	blk->fd = mkstemp(blk->path);
	assert_true(blk->fd >= 0);
	assert_int_equal(ftruncate(blk->fd, (off_t)size), 0);
}

static void start_driver(struct blk_rig *blk, uint64_t features)
{
	struct fake_driver *driver = &blk->rig.driver;

	fake_driver_start(driver, features ? features : ~0ULL, 0);
	blk->headers = fake_driver_alloc(driver, BLK_RIG_CALLS * HEADER_SIZE,
					 HEADER_SIZE);
	blk->statuses = fake_driver_alloc(driver, BLK_RIG_CALLS, 1);
}

bool blk_rig_init(struct blk_rig *blk, enum io_engine_kind kind,
		  const struct blk_rig_options *options)
{
	const struct disk_file_options file = {
		.readonly = options->readonly,
		.direct = options->direct,
	};
	struct virtio_blk_options blk_options = options->blk;
	struct virtio_device *dev = NULL;
	struct err err = {0};
	int rc;

	*blk = (struct blk_rig){0};
	make_file(blk, options);
	rc = disk_file_open(blk->path, &file, &blk_options.fd, &err);
	if (rc == -EINVAL && options->direct) {
		(void)close(blk->fd);
		(void)unlink(blk->path);
		return false;
	}
	if (rc)
		fail_msg("%s", err.msg);
	device_rig_init_polling(&blk->rig, kind, MEMORY, options->poll_max_ns);
	if (!blk_options.name)
		blk_options.name = "disk0";
	if (!blk_options.queues)
		blk_options.queues = 1;
	if (!blk_options.queue_size)
		blk_options.queue_size = 256;
	blk_options.on_error = on_error;
	blk_options.opaque = blk;
	if (virtio_blk_create(&dev, &blk_options, blk->rig.mem, blk->rig.engine,
			      &err))
		fail_msg("%s", err.msg);
	device_rig_attach(&blk->rig, dev);
	start_driver(blk, options->features);
	return true;
}

void blk_rig_fini(struct blk_rig *blk)
{
	device_rig_fini(&blk->rig);
	(void)close(blk->fd);
	(void)unlink(blk->path);
}

void blk_rig_restart(struct blk_rig *blk, uint64_t features)
{
	fake_driver_reset(&blk->rig.driver);
	memset(blk->calls, 0, sizeof(blk->calls));
	start_driver(blk, features);
}

uint64_t blk_rig_alloc(struct blk_rig *blk, uint64_t len)
{
	return fake_driver_alloc(&blk->rig.driver, len, 4096);
}

uint8_t *blk_rig_ptr(struct blk_rig *blk, uint64_t gpa, uint64_t len)
{
	return fake_driver_ptr(&blk->rig.driver, gpa, len);
}

struct blk_call *blk_rig_add(struct blk_rig *blk, unsigned int queue,
			     uint32_t type, uint64_t sector,
			     const struct fake_buffer *data, unsigned int count)
{
	bool to_guest = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	unsigned int slot = blk->next++ % BLK_RIG_CALLS;
	struct blk_call *call = &blk->calls[slot];
	uint64_t header_gpa = blk->headers + slot * HEADER_SIZE;
	struct fake_buffer buffers[128];
	struct virtio_blk_outhdr *header =
		fake_driver_ptr(&blk->rig.driver, header_gpa, HEADER_SIZE);

	assert_true(count <= 126 && !call->pending);
	header->type = htole32(type);
	header->ioprio = 0;
	header->sector = htole64(sector);
	buffers[0] = (struct fake_buffer){header_gpa, HEADER_SIZE, false};
	for (unsigned int i = 0; i < count; i++) {
		buffers[1 + i] = data[i];
		buffers[1 + i].writable = to_guest;
	}
	buffers[1 + count] =
		(struct fake_buffer){blk->statuses + slot, 1, true};
	call->status =
		fake_driver_ptr(&blk->rig.driver, blk->statuses + slot, 1);
	*call->status = STATUS_UNTOUCHED;
	call->pending = true;
	call->queue = queue;
	call->head =
		fake_driver_add(&blk->rig.driver, queue, buffers, count + 2);
	return call;
}

static void book(struct blk_rig *blk, unsigned int queue, uint16_t head,
		 uint32_t used)
{
	for (unsigned int i = 0; i < BLK_RIG_CALLS; i++) {
		struct blk_call *call = &blk->calls[i];

		if (!call->pending || call->queue != queue ||
		    call->head != head)
			continue;
		call->pending = false;
		call->used = used;
		return;
	}
	fail_msg("queue %u: head %u came back and was not out", queue, head);
}

int blk_rig_wait(struct blk_rig *blk, const struct blk_call *call)
{
	while (call->pending) {
		uint16_t head;
		uint32_t used;

		fake_driver_wait(&blk->rig.driver, call->queue, &head, &used);
		book(blk, call->queue, head, used);
	}
	return *call->status;
}

int blk_rig_request(struct blk_rig *blk, uint32_t type, uint64_t sector,
		    uint64_t gpa, uint32_t len)
{
	const struct fake_buffer data = {.gpa = gpa, .len = len};
	struct blk_call *call =
		blk_rig_add(blk, 0, type, sector, &data, len ? 1 : 0);

	(void)fake_driver_kick(&blk->rig.driver, 0);
	return blk_rig_wait(blk, call);
}

int blk_rig_range(struct blk_rig *blk, uint32_t type, uint64_t sector,
		  uint32_t sectors, uint32_t flags)
{
	uint64_t gpa = blk_rig_alloc(blk, 16);
	struct virtio_blk_discard_write_zeroes *segment =
		fake_driver_ptr(&blk->rig.driver, gpa, 16);

	segment->sector = htole64(sector);
	segment->num_sectors = htole32(sectors);
	segment->flags = htole32(flags);
	return blk_rig_request(blk, type, 0, gpa, 16);
}
