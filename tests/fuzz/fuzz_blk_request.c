/*
 * fuzz_blk_request.c - hostile virtio-blk chains against the parser.
 *
 * Input: 2 bytes of rules, then entries of {1 byte: writable bit and how many
 * of the following bytes}; the bytes are the memory of the entry. What the
 * parser accepts must obey the rules.
 */
#include "blk_request.h"
#include "iov.h"
#include "macros.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 4096U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Readable entries come first, as virtqueue_pop() promises; a 4 KiB multiple
 * can be added to a length so that whole blocks are cheap to reach. */
static void build(struct virtqueue_chain *chain, uint8_t *memory,
		  size_t memory_size, const uint8_t *data, size_t size)
{
	bool writable = false;
	size_t used = 0;

	while (size >= 1 &&
	       chain->readable + chain->writable < chain->iov_max) {
		size_t len = data[0] & 0x3f;
		size_t extra = (data[0] & 0x40) != 0 ? 512 : 0;
		size_t have;

		writable = writable || (data[0] & 0x80) != 0;
		data++;
		size--;
		have = MIN(len, size);
		if (len + extra > memory_size - used)
			return;
		memcpy(memory + used, data, have);
		chain->iov[chain->readable + chain->writable] =
			(struct iovec){memory + used, len + extra};
		if (writable) {
			chain->writable++;
			chain->writable_len += len + extra;
		} else {
			chain->readable++;
			chain->readable_len += len + extra;
		}
		used += len + extra;
		data += have;
		size -= have;
	}
}

static void check(const struct blk_rules *rules, const struct blk_request *req)
{
	uint64_t bytes = rules->capacity * BLK_SECTOR_SIZE;

	if (req->op == BLK_OP_READ || req->op == BLK_OP_WRITE) {
		if (req->offset > bytes || req->len > bytes - req->offset ||
		    req->offset % (rules->block_sectors * 512ULL) != 0 ||
		    iov_len(req->iov, req->iovcnt) != req->len)
			abort();
	}
	if (rules->readonly && req->op == BLK_OP_WRITE)
		abort();
	for (unsigned int i = 0; i < req->num_ranges; i++)
		if (req->ranges[i].offset > bytes ||
		    req->ranges[i].len > bytes - req->ranges[i].offset)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[32768];
	struct iovec iov[32];
	struct virtqueue_chain chain = {.iov = iov, .iov_max = ARRAY_SIZE(iov)};
	struct blk_rules rules = {
		.capacity = CAPACITY,
		.discard_sectors_max = 256,
		.write_zeroes_sectors_max = 128,
	};
	struct blk_request req;
	uint8_t *status;
	int rc;

	if (size < 1)
		return 0;
	rules.block_sectors = (data[0] & 1) != 0 ? 8 : 1;
	rules.readonly = (data[0] & 2) != 0;
	rules.discard = (data[0] & 4) != 0;
	rules.write_zeroes = (data[0] & 8) != 0;
	build(&chain, memory, sizeof(memory), data + 1, size - 1);

	rc = blk_request_parse(&chain, &rules, &req, &status);
	if (rc >= 0 && (status < memory || status >= memory + sizeof(memory)))
		abort();
	if (rc == 0)
		check(&rules, &req);
	return 0;
}
