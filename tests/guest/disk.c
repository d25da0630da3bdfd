/* disk.c - virtio-blk requests. */
#include "disk.h"

#define CONFIG_CAPACITY 0
#define CONFIG_NUM_QUEUES 34
#define PIECES_MAX 8u

static unsigned int count_queues(const struct disk *disk)
{
	unsigned int queues;

	if (!(disk->device.features & DISK_F_MQ))
		return 1;
	queues = *(volatile uint16_t *)(disk->device.base + MMIO_CONFIG +
					CONFIG_NUM_QUEUES);
	check(queues > 0);
	return queues < DISK_QUEUES_MAX ? queues : DISK_QUEUES_MAX;
}

uint64_t disk_sectors(const struct disk *disk)
{
	uint32_t generation;
	uint64_t sectors;

	do { /* 4.2.2.2: again if it changed between the halves */
		generation = device_read(&disk->device, MMIO_CONFIG_GENERATION);
		sectors = device_read(&disk->device,
				      MMIO_CONFIG + CONFIG_CAPACITY + 4);
		sectors = sectors << 32 |
			  device_read(&disk->device,
				      MMIO_CONFIG + CONFIG_CAPACITY);
	} while (device_read(&disk->device, MMIO_CONFIG_GENERATION) !=
		 generation);
	return sectors;
}

void disk_open(struct disk *disk, unsigned int nth)
{
	struct device *device = &disk->device;

	device_find(DEVICE_BLOCK, nth, device);
	device_negotiate(device, DISK_FEATURES | ring_features());
	disk->sectors = disk_sectors(disk);
	disk->num_queues = count_queues(disk);
	for (unsigned int i = 0; i < disk->num_queues; i++)
		queue_init(&disk->queues[i], device, i, 0);
	device_ok(device);
}

int disk_submit(struct queue *queue, struct disk_request *request, void *data,
		uint32_t length, unsigned int pieces)
{
	struct buffer buffers[PIECES_MAX + 2];
	unsigned int count = 0;
	uint8_t *at = data;

	request->reserved = 0;
	request->status = DISK_S_NONE;
	buffers[count++] = (struct buffer){.data = request, .length = 16};
	while (length) {
		uint32_t part = length;

		if (count < pieces && count < PIECES_MAX)
			part = length / 2 + (length & 1);
		buffers[count++] = (struct buffer){
			.data = at,
			.length = part,
			.writable = request->type == DISK_IN ||
				    request->type == DISK_GET_ID};
		at += part;
		length -= part;
	}
	buffers[count++] = (struct buffer){
		.data = &request->status, .length = 1, .writable = true};
	return queue_add(queue, buffers, count);
}

uint8_t disk_transfer(struct disk *disk, uint32_t type, uint64_t sector,
		      void *data, uint32_t length)
{
	struct disk_request request = {.type = type, .sector = sector};
	struct queue *queue = &disk->queues[0];
	uint32_t written;

	check(disk_submit(queue, &request, data, length, 1) >= 0);
	queue_kick(queue);
	queue_wait(queue, &written);
	check(request.status != DISK_S_NONE);
	if (request.status == DISK_S_OK)
		check(written == (type == DISK_IN ? length + 1 : 1) ||
		      type == DISK_GET_ID);
	return request.status;
}

void disk_pattern_fill(uint64_t *words, uint64_t seed, uint64_t sector,
		       uint64_t sectors)
{
	for (uint64_t s = 0; s < sectors; s++)
		for (uint64_t i = 0; i < SECTOR_WORDS; i++)
			*words++ = pattern_word(seed, sector + s, i);
}

void disk_pattern_check(const uint64_t *words, uint64_t seed, uint64_t sector,
			uint64_t sectors)
{
	for (uint64_t s = 0; s < sectors; s++)
		for (uint64_t i = 0; i < SECTOR_WORDS; i++, words++)
			if (*words != pattern_word(seed, sector + s, i))
				fail("sector %lu: word %lu is %lx\n",
				     sector + s, i, *words);
}

static uint32_t chunk_at(uint64_t at, uint64_t end)
{
	return end - at < DISK_CHUNK_SECTORS ? (uint32_t)(end - at)
					     : DISK_CHUNK_SECTORS;
}

void disk_write_and_check(struct disk *disk, uint64_t seed, uint64_t first,
			  uint64_t sectors)
{
	const size_t chunk = (size_t)DISK_CHUNK_SECTORS * SECTOR_SIZE;
	uint64_t *out = alloc(chunk, 4096), *in = alloc(chunk, 4096);
	uint64_t end = first + sectors;

	check(end <= disk->sectors);
	for (uint64_t at = first; at < end; at += DISK_CHUNK_SECTORS) {
		uint32_t part = chunk_at(at, end);

		disk_pattern_fill(out, seed, at, part);
		check(disk_transfer(disk, DISK_OUT, at, out,
				    part * SECTOR_SIZE) == DISK_S_OK);
	}
	if (disk->device.features & DISK_F_FLUSH)
		check(disk_transfer(disk, DISK_FLUSH, 0, NULL, 0) == DISK_S_OK);
	for (uint64_t at = first; at < end; at += DISK_CHUNK_SECTORS) {
		uint32_t part = chunk_at(at, end);

		check(disk_transfer(disk, DISK_IN, at, in,
				    part * SECTOR_SIZE) == DISK_S_OK);
		disk_pattern_check(in, seed, at, part);
	}
}
