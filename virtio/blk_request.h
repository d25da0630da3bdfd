/*
 * blk_request.h - parser of virtio-blk requests (virtio 1.2, section 5.2.6):
 * a popped chain in, a validated request or a status out.
 *
 * Pure: no I/O, no state, no allocation; any thread. The header and the
 * segments of discard and write-zeroes are copied out of guest memory once and
 * only the copies are looked at.
 */
#pragma once

#include "virtqueue.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define BLK_SECTOR_SIZE 512U /* unit of the protocol, bytes */
#define BLK_RANGES_MAX 16U   /* segments in one discard or write-zeroes */

enum blk_op {
	BLK_OP_READ,
	BLK_OP_WRITE,
	BLK_OP_FLUSH,
	BLK_OP_DISCARD,
	BLK_OP_WRITE_ZEROES,
	BLK_OP_GET_ID,
	BLK_OP_COUNT,
};

/**
 * struct blk_rules - what a request is checked against
 * @capacity:                 size of the disk, sectors
 * @block_sectors:            logical block, sectors: 1 or 8; every range of
 *                            sectors starts and ends on a block
 * @discard_sectors_max:      sectors in one discard segment
 * @write_zeroes_sectors_max: sectors in one write-zeroes segment
 * @readonly:                 VIRTIO_BLK_F_RO was offered
 * @discard:                  VIRTIO_BLK_F_DISCARD was negotiated
 * @write_zeroes:             VIRTIO_BLK_F_WRITE_ZEROES was negotiated
 */
struct blk_rules {
	uint64_t capacity;
	uint32_t block_sectors;
	uint32_t discard_sectors_max;
	uint32_t write_zeroes_sectors_max;
	bool readonly;
	bool discard;
	bool write_zeroes;
};

/**
 * struct blk_range - one segment of discard or write-zeroes
 * @offset: where, bytes
 * @len:    how much, bytes; may be 0
 * @unmap:  write-zeroes may deallocate
 */
struct blk_range {
	uint64_t offset;
	uint64_t len;
	bool unmap;
};

/**
 * struct blk_request - a request that obeys every rule
 * @op:         what to do
 * @iovcnt:     entries of @iov
 * @num_ranges: entries of @ranges
 * @offset:     read and write: where, bytes
 * @len:        data, bytes: read, write, get-id; discard and write-zeroes: sum
 *              of the segments
 * @iov:        data of read, write and get-id: points into the chain's array,
 *              whose entries were cut to the data
 * @ranges:     segments of discard and write-zeroes
 */
struct blk_request {
	enum blk_op op;
	unsigned int iovcnt;
	unsigned int num_ranges;
	uint64_t offset;
	uint64_t len;
	struct iovec *iov;
	struct blk_range ranges[BLK_RANGES_MAX];
};

/**
 * blk_request_parse() - check a chain and make a request of it
 * @chain:  as popped; its iov entries are cut in place
 * @rules:  what is allowed
 * @req:    filled if the return is VIRTIO_BLK_S_OK
 * @status: set to the guest's status byte, the last writable byte of the chain
 *
 * Return: VIRTIO_BLK_S_OK (0): carry out @req; VIRTIO_BLK_S_IOERR or
 * VIRTIO_BLK_S_UNSUPP: complete at once with that status; -EPROTO: the chain
 * has no room for a status, the driver is broken (virtio_device_fail()).
 */
int blk_request_parse(const struct virtqueue_chain *chain,
		      const struct blk_rules *rules, struct blk_request *req,
		      uint8_t **status);

/** blk_op_name() - Return: "read", "write-zeroes"; for events and metrics. */
const char *blk_op_name(enum blk_op op);
