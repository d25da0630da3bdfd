/* virtio_blk.c - see virtio_blk.h: life cycle, config space, resize. The
 * request path is in blk_queue.c. */
#include "virtio_blk.h"

#include "blk_queue.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FEATURE(bit) (1ULL << (bit))
/* Limits of one segment: what one fallocate() may take, and what is bearable
 * where zeroes have to be written. In sectors. */
#define DISCARD_SECTORS_MAX (uint32_t)(GIB(1) / BLK_SECTOR_SIZE)
#define WRITE_ZEROES_SECTORS_MAX (uint32_t)(MIB(64) / BLK_SECTOR_SIZE)
#define SHRINK_TIMEOUT_S 10

static struct virtio_blk *blk_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_blk, dev);
}

static const struct virtio_blk *const_blk_of(const struct virtio_device *dev)
{
	return (const struct virtio_blk *)(const void *)dev;
}
_Static_assert(offsetof(struct virtio_blk, dev) == 0, "const_blk_of()");

/*
 * Config space. [any vCPU, device lock held]
 */

bool virtio_blk_writeback(const struct virtio_blk *blk)
{
	bool flush = virtio_device_has(&blk->dev, VIRTIO_BLK_F_FLUSH);
	int said = atomic_load_explicit(&blk->driver_writeback,
					memory_order_relaxed);

	if (virtio_device_has(&blk->dev, VIRTIO_BLK_F_CONFIG_WCE) && said >= 0)
		return said != 0;
	/* A driver without FLUSH has no way to make a write durable. */
	return flush && blk->writeback;
}

static void blk_config_read(struct virtio_device *dev, uint32_t offset,
			    void *data, uint32_t len)
{
	struct virtio_blk *blk = blk_of(dev);

	blk->config.wce = virtio_blk_writeback(blk);
	virtio_device_copy_config(&blk->config, sizeof(blk->config), offset,
				  data, len);
}

static void blk_config_write(struct virtio_device *dev, uint32_t offset,
			     const void *data, uint32_t len)
{
	struct virtio_blk *blk = blk_of(dev);
	uint8_t value;

	if (offset != offsetof(struct virtio_blk_config, wce) || len != 1 ||
	    !virtio_device_has(dev, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	memcpy(&value, data, 1);
	atomic_store(&blk->driver_writeback, value != 0);
}

/*
 * Life cycle on the I/O thread.
 */

static int blk_activate(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	blk->rules.discard = virtio_device_has(dev, VIRTIO_BLK_F_DISCARD);
	blk->rules.write_zeroes =
		virtio_device_has(dev, VIRTIO_BLK_F_WRITE_ZEROES);
	return 0;
}

static void blk_kick(struct virtio_device *dev, unsigned int index)
{
	blk_queue_drain(&blk_of(dev)->queues[index]);
}

void virtio_blk_check_drained(struct virtio_blk *blk)
{
	enum virtio_run run = blk->dev.run;

	if (run != VIRTIO_RUN_RESETTING && run != VIRTIO_RUN_PAUSING)
		return;
	if (blk->dev.model_drained || blk->timer_armed)
		return;
	for (unsigned int i = 0; i < blk->dev.num_queues; i++)
		if (blk->queues[i].in_flight > 0 || blk->queues[i].armed)
			return;
	virtio_device_drained(&blk->dev);
}

static void blk_quiesce(struct virtio_device *dev)
{
	blk_queue_stop(blk_of(dev), false);
	virtio_blk_check_drained(blk_of(dev));
}

static void blk_reset(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	atomic_store(&blk->driver_writeback, -1);
	blk_queue_stop(blk, true);
	virtio_blk_check_drained(blk);
}

/*
 * Create and destroy. [control thread, engine not running]
 */

static void blk_destroy(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	for (unsigned int i = 0; i < dev->num_queues; i++)
		blk_queue_fini(&blk->queues[i]);
	blk_backend_fini(&blk->backend);
	if (blk->fd >= 0)
		(void)close(blk->fd); /* what had to be durable was synced */
	(void)sem_destroy(&blk->shrunk);
	virtio_device_fini(dev);
	free(blk);
}

static const struct virtio_device_ops blk_ops = {
	.name = "blk",
	.device_id = VIRTIO_ID_BLOCK,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.activate = blk_activate,
	.kick = blk_kick,
	.reset = blk_reset,
	.quiesce = blk_quiesce,
	.destroy = blk_destroy,
};

static uint64_t features_of(const struct blk_backend *be, unsigned int queues)
{
	uint64_t features =
		FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_BLK_SIZE) |
		FEATURE(VIRTIO_BLK_F_TOPOLOGY) | FEATURE(VIRTIO_BLK_F_FLUSH) |
		FEATURE(VIRTIO_BLK_F_CONFIG_WCE);

	if (queues > 1)
		features |= FEATURE(VIRTIO_BLK_F_MQ);
	if (be->geometry.readonly)
		return features | FEATURE(VIRTIO_BLK_F_RO);
	if (be->geometry.punch_hole)
		features |= FEATURE(VIRTIO_BLK_F_DISCARD);
	return features | FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
}

/* log2 of how many logical blocks make a physical one. */
static uint8_t block_exponent(uint32_t physical, uint32_t logical)
{
	uint8_t exponent = 0;

	while (exponent < 7 && (logical << (exponent + 1)) <= physical)
		exponent++;
	return exponent;
}

/* The driver must not build longer chains than the queue has entries
 * (2.7.5.3.1), so a small queue has fewer segments. */
static uint32_t seg_max_of(uint16_t queue_size)
{
	uint32_t entries = MIN((uint32_t)queue_size, BLK_CHAIN_MAX);

	return entries > 3 ? entries - 2 : 1;
}

static void fill_config(struct virtio_blk *blk, uint32_t block_size)
{
	const struct disk_geometry *geometry = &blk->backend.geometry;
	struct virtio_blk_config *config = &blk->config;

	config->capacity = htole64(blk->rules.capacity);
	config->seg_max = htole32(seg_max_of(blk->dev.queue_size_max));
	config->blk_size = htole32(block_size);
	config->physical_block_exp =
		block_exponent(geometry->physical_block, block_size);
	config->min_io_size = htole16(1);
	config->opt_io_size = htole32(geometry->optimal_io / block_size);
	config->num_queues = htole16((uint16_t)blk->dev.num_queues);
	config->max_discard_sectors = htole32(DISCARD_SECTORS_MAX);
	config->max_discard_seg = htole32(BLK_RANGES_MAX);
	config->discard_sector_alignment = htole32(
		MAX(geometry->physical_block, block_size) / BLK_SECTOR_SIZE);
	config->max_write_zeroes_sectors = htole32(WRITE_ZEROES_SECTORS_MAX);
	config->max_write_zeroes_seg = htole32(BLK_RANGES_MAX);
	config->write_zeroes_may_unmap = geometry->punch_hole;
}

static int create_queues(struct virtio_blk *blk, struct err *err)
{
	for (unsigned int i = 0; i < blk->dev.num_queues; i++) {
		int rc = blk_queue_init(&blk->queues[i], blk, i);

		if (rc < 0)
			return err_set(err, rc, "disk %s: queue %u",
				       blk->dev.name, i);
	}
	return 0;
}

int virtio_blk_create(struct virtio_device **out,
		      const struct virtio_blk_options *options,
		      const struct guest_mem *mem, struct io_engine *engine,
		      struct err *err)
{
	uint32_t block_size =
		options->block_size ? options->block_size : BLK_SECTOR_SIZE;
	const char *serial = options->serial ? options->serial : options->name;
	struct virtio_blk *blk;
	int rc;

	if (block_size != 512 && block_size != 4096)
		return err_setx(err, -EINVAL,
				"disk %s: block_size %u is neither 512 nor "
				"4096",
				options->name, block_size);
	blk = calloc(1, sizeof(*blk));
	if (blk == NULL)
		return err_set(err, -ENOMEM, "disk %s", options->name);
	blk->fd = -1;
	(void)sem_init(&blk->shrunk, 0, 0); /* cannot fail with 0 */
	rc = blk_backend_init(&blk->backend, engine, options->fd, options->name,
			      block_size, err);
	if (rc == 0)
		rc = virtio_device_init(
			&blk->dev, &blk_ops, options->name, mem, engine,
			options->queues, options->queue_size,
			features_of(&blk->backend, options->queues), err);
	if (rc == 0)
		rc = create_queues(blk, err);
	if (rc < 0) {
		blk_destroy(&blk->dev);
		return rc;
	}
	blk->fd = options->fd;
	memcpy(blk->serial, serial, MIN(strlen(serial), sizeof(blk->serial)));
	blk->writeback = !options->writethrough;
	atomic_init(&blk->driver_writeback, -1);
	blk->limit = options->limit;
	blk->on_error = options->on_error;
	blk->opaque = options->opaque;
	blk->rules = (struct blk_rules){
		.capacity = blk->backend.geometry.size / block_size *
			    (block_size / BLK_SECTOR_SIZE),
		.block_sectors = block_size / BLK_SECTOR_SIZE,
		.discard_sectors_max = DISCARD_SECTORS_MAX,
		.write_zeroes_sectors_max = WRITE_ZEROES_SECTORS_MAX,
		.readonly = blk->backend.geometry.readonly,
	};
	fill_config(blk, block_size);
	for (unsigned int i = 0; i < blk->dev.num_queues; i++)
		io_engine_poller_add(engine, &blk->queues[i].poller);
	*out = &blk->dev;
	return 0;
}

/*
 * Resize. [control thread]
 */

struct resize {
	struct virtio_blk *blk;
	uint64_t capacity; /* sectors */
	bool mark;	   /* count what is in flight beyond it */
	bool wait;	   /* there is something */
};

/* [I/O thread] */
static void set_capacity(void *arg)
{
	struct resize *resize = arg;
	struct virtio_blk *blk = resize->blk;
	uint64_t end =
		resize->mark ? resize->capacity * BLK_SECTOR_SIZE : UINT64_MAX;

	blk->rules.capacity = resize->capacity;
	blk->shrink_left = 0;
	for (unsigned int i = 0; i < blk->dev.num_queues; i++)
		blk_queue_mark_beyond(&blk->queues[i], end);
	resize->wait = blk->shrink_left > 0;
}

static int wait_for_shrink(struct virtio_blk *blk)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until); /* cannot fail */
	until.tv_sec += SHRINK_TIMEOUT_S;
	while (sem_timedwait(&blk->shrunk, &until) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Refuse requests beyond the new end and wait for those that are there. */
static int cut_capacity(struct virtio_blk *blk, uint64_t old, uint64_t capacity,
			struct err *err)
{
	struct resize resize = {
		.blk = blk,
		.capacity = capacity,
		.mark = true,
	};

	io_engine_call(blk->dev.engine, set_capacity, &resize);
	if (!resize.wait || wait_for_shrink(blk) == 0)
		return 0;
	resize.capacity = old;
	resize.mark = false;
	io_engine_call(blk->dev.engine, set_capacity, &resize);
	/* The last of them may have ended before that call. */
	while (sem_trywait(&blk->shrunk) == 0)
		;
	return err_setx(err, -ETIMEDOUT,
			"disk %s: requests beyond the new end do not finish",
			blk->dev.name);
}

static void grow_capacity(struct virtio_blk *blk, uint64_t capacity)
{
	struct resize resize = {.blk = blk, .capacity = capacity};

	io_engine_call(blk->dev.engine, set_capacity, &resize);
}

static void tell_driver(struct virtio_blk *blk, uint64_t capacity)
{
	(void)pthread_mutex_lock(&blk->dev.lock);
	blk->config.capacity = htole64(capacity);
	virtio_device_config_changed(&blk->dev);
	(void)pthread_mutex_unlock(&blk->dev.lock);
}

uint64_t virtio_blk_size(struct virtio_device *dev)
{
	uint64_t sectors;

	(void)pthread_mutex_lock(&dev->lock);
	sectors = le64toh(blk_of(dev)->config.capacity);
	(void)pthread_mutex_unlock(&dev->lock);
	return sectors * BLK_SECTOR_SIZE;
}

int virtio_blk_resize(struct virtio_device *dev, uint64_t size, struct err *err)
{
	struct virtio_blk *blk = blk_of(dev);
	uint32_t block = blk->rules.block_sectors * BLK_SECTOR_SIZE;
	uint64_t old = le64toh(blk->config.capacity);
	int fd = blk->fd;
	bool given = size != 0;
	uint64_t capacity;
	int rc = 0;

	if (size % block != 0)
		return err_setx(err, -EINVAL,
				"disk %s: %" PRIu64
				" bytes is no multiple of its blocks of %u",
				dev->name, size, block);
	if (!given) /* as it is now */
		rc = disk_file_size(fd, dev->name, &size, err);
	if (rc < 0)
		return rc;
	capacity = size / block * blk->rules.block_sectors;
	if (capacity < old)
		rc = cut_capacity(blk, old, capacity, err);
	if (rc == 0 && given)
		rc = disk_file_resize(fd, dev->name, size, err);
	if (rc < 0) {
		if (capacity < old)
			grow_capacity(blk, old);
		return rc;
	}
	if (capacity > old)
		grow_capacity(blk, capacity);
	if (capacity != old)
		tell_driver(blk, capacity);
	return 0;
}

/*
 * Counters. [any thread]
 */

void virtio_blk_stats(const struct virtio_device *dev, unsigned int index,
		      struct virtio_blk_stats *out)
{
	const struct virtio_blk *blk = const_blk_of(dev);
	const uint64_t *from = (const void *)&blk->queues[index].stats;
	uint64_t *to = (void *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
_Static_assert(sizeof(struct virtio_blk_stats) % sizeof(uint64_t) == 0,
	       "nothing but counters");

uint64_t virtio_blk_bounces(const struct virtio_device *dev)
{
	return __atomic_load_n(&const_blk_of(dev)->backend.bounces,
			       __ATOMIC_RELAXED);
}
