/* disk.h - virtio-blk requests (virtio 1.2, section 5.2). */
#pragma once

#include "driver.h"

enum {
	DISK_IN = 0,
	DISK_OUT = 1,
	DISK_FLUSH = 4,
	DISK_GET_ID = 8,
	DISK_DISCARD = 11,
	DISK_WRITE_ZEROES = 13,
};

#define DISK_S_OK 0
#define DISK_S_IOERR 1
#define DISK_S_UNSUPP 2
#define DISK_S_NONE 0xee /* not answered yet */

#define DISK_F_RO (1ull << 5)
#define DISK_F_FLUSH (1ull << 9)
#define DISK_F_MQ (1ull << 12)
#define DISK_F_DISCARD (1ull << 13)
#define DISK_F_WRITE_ZEROES (1ull << 14)
#define DISK_FEATURES                                                          \
	(DISK_F_RO | DISK_F_FLUSH | DISK_F_MQ | DISK_F_DISCARD |               \
	 DISK_F_WRITE_ZEROES)

#define DISK_QUEUES_MAX 16

/** struct disk - a disk in use; @sectors as of disk_open() */
struct disk {
	struct device device;
	uint64_t sectors;
	unsigned int num_queues;
	struct queue queues[DISK_QUEUES_MAX];
};

/** struct disk_request - header and status of a request in flight */
struct disk_request {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
	uint8_t status;
};

/** disk_open() - negotiate and set up the @nth disk; "ring=plain" on the
 * command line leaves out INDIRECT_DESC and EVENT_IDX. */
void disk_open(struct disk *disk, unsigned int nth);

/** disk_sectors() - the capacity the device tells now. */
uint64_t disk_sectors(const struct disk *disk);

/**
 * disk_submit() - add one request, unpublished
 * @request: type and sector set; untouched until the head comes back
 * @pieces:  elements to split the data into, at least 1
 *
 * Return: its head, or -1 if there is no room.
 */
int disk_submit(struct queue *queue, struct disk_request *request, void *data,
		uint32_t length, unsigned int pieces);

/** disk_transfer() - one request on queue 0, waited for. Return: its status. */
uint8_t disk_transfer(struct disk *disk, uint32_t type, uint64_t sector,
		      void *data, uint32_t length);

/** disk_pattern_fill() - what @seed makes of @sectors sectors from @sector on.
 */
void disk_pattern_fill(uint64_t *words, uint64_t seed, uint64_t sector,
		       uint64_t sectors);

/** disk_pattern_check() - it is that, or fail(). */
void disk_pattern_check(const uint64_t *words, uint64_t seed, uint64_t sector,
			uint64_t sectors);

#define DISK_CHUNK_SECTORS 64u /* of one request of disk_write_and_check() */

/** disk_write_and_check() - write the pattern of @seed to @sectors sectors from
 * @first on, flush, read back, compare. */
void disk_write_and_check(struct disk *disk, uint64_t seed, uint64_t first,
			  uint64_t sectors);
