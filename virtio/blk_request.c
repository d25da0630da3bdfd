/* blk_request.c - see blk_request.h. */
#include "blk_request.h"

#include "iov.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>

/* The request header, 5.2.6. */
struct blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};
_Static_assert(sizeof(struct blk_header) == 16, "virtio 5.2.6");

/* One segment of discard and write-zeroes, 5.2.6. */
struct blk_segment {
	uint64_t sector;
	uint32_t num_sectors;
	uint32_t flags;
};
_Static_assert(sizeof(struct blk_segment) == 16, "virtio 5.2.6");

/* Which way the data between header and status flows. */
enum blk_data {
	BLK_DATA_NONE,
	BLK_DATA_TO_GUEST,
	BLK_DATA_FROM_GUEST,
};

/*
 * struct blk_type - one request type
 * @check: completes @req from the header's @sector; its data is already cut out
 *         (iov, iovcnt, len). Return: a VIRTIO_BLK_S_* status.
 */
struct blk_type {
	uint32_t type;
	enum blk_op op;
	enum blk_data data;
	int (*check)(const struct blk_rules *rules, uint64_t sector,
		     struct blk_request *req);
};

/* Subtractions: sector + count may overflow, the guest picks both. */
static bool range_ok(const struct blk_rules *rules, uint64_t sector,
		     uint64_t count)
{
	return sector <= rules->capacity && count <= rules->capacity - sector &&
	       sector % rules->block_sectors == 0 &&
	       count % rules->block_sectors == 0;
}

static int check_transfer(const struct blk_rules *rules, uint64_t sector,
			  struct blk_request *req)
{
	if (req->len % BLK_SECTOR_SIZE != 0 ||
	    !range_ok(rules, sector, req->len / BLK_SECTOR_SIZE))
		return VIRTIO_BLK_S_IOERR;
	req->offset = sector * BLK_SECTOR_SIZE;
	return VIRTIO_BLK_S_OK;
}

static int check_write(const struct blk_rules *rules, uint64_t sector,
		       struct blk_request *req)
{
	if (rules->readonly)
		return VIRTIO_BLK_S_IOERR;
	return check_transfer(rules, sector, req);
}

/* "sector" means nothing here; a driver that does not clear it does no harm. */
static int check_flush(const struct blk_rules *rules, uint64_t sector,
		       struct blk_request *req)
{
	(void)rules;
	(void)sector;
	(void)req;
	return VIRTIO_BLK_S_OK;
}

static int check_get_id(const struct blk_rules *rules, uint64_t sector,
			struct blk_request *req)
{
	(void)rules;
	(void)sector;
	return req->len == VIRTIO_BLK_ID_BYTES ? VIRTIO_BLK_S_OK
					       : VIRTIO_BLK_S_IOERR;
}

/* Copy the segments and turn them into ranges of bytes. Flags are judged before
 * anything else: an unknown one means UNSUPP whatever else is wrong. */
static int check_segments(const struct blk_rules *rules,
			  struct blk_request *req, uint32_t flags_known,
			  uint32_t sectors_max)
{
	struct blk_segment segments[BLK_RANGES_MAX];
	size_t bytes = (size_t)MIN(req->len, (uint64_t)sizeof(segments));

	if (req->len == 0 || req->len > sizeof(segments) ||
	    req->len % sizeof(segments[0]) != 0)
		return VIRTIO_BLK_S_IOERR;
	(void)iov_gather(req->iov, req->iovcnt, 0, segments, bytes);
	req->num_ranges = (unsigned int)(bytes / sizeof(segments[0]));
	req->iovcnt = 0;
	req->len = 0;

	for (unsigned int i = 0; i < req->num_ranges; i++)
		if ((le32toh(segments[i].flags) & ~flags_known) != 0)
			return VIRTIO_BLK_S_UNSUPP;
	for (unsigned int i = 0; i < req->num_ranges; i++) {
		uint64_t sector = le64toh(segments[i].sector);
		uint32_t count = le32toh(segments[i].num_sectors);

		if (count > sectors_max || !range_ok(rules, sector, count))
			return VIRTIO_BLK_S_IOERR;
		req->ranges[i] = (struct blk_range){
			.offset = sector * BLK_SECTOR_SIZE,
			.len = (uint64_t)count * BLK_SECTOR_SIZE,
			.unmap = segments[i].flags != 0,
		};
		req->len += req->ranges[i].len;
	}
	req->offset = req->ranges[0].offset;
	return VIRTIO_BLK_S_OK;
}

static int check_discard(const struct blk_rules *rules, uint64_t sector,
			 struct blk_request *req)
{
	(void)sector;
	if (!rules->discard)
		return VIRTIO_BLK_S_UNSUPP;
	return check_segments(rules, req, 0, rules->discard_sectors_max);
}

static int check_write_zeroes(const struct blk_rules *rules, uint64_t sector,
			      struct blk_request *req)
{
	(void)sector;
	if (!rules->write_zeroes)
		return VIRTIO_BLK_S_UNSUPP;
	return check_segments(rules, req, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
			      rules->write_zeroes_sectors_max);
}

static const struct blk_type types[] = {
	{VIRTIO_BLK_T_IN, BLK_OP_READ, BLK_DATA_TO_GUEST, check_transfer},
	{VIRTIO_BLK_T_OUT, BLK_OP_WRITE, BLK_DATA_FROM_GUEST, check_write},
	{VIRTIO_BLK_T_FLUSH, BLK_OP_FLUSH, BLK_DATA_NONE, check_flush},
	{VIRTIO_BLK_T_DISCARD, BLK_OP_DISCARD, BLK_DATA_FROM_GUEST,
	 check_discard},
	{VIRTIO_BLK_T_WRITE_ZEROES, BLK_OP_WRITE_ZEROES, BLK_DATA_FROM_GUEST,
	 check_write_zeroes},
	{VIRTIO_BLK_T_GET_ID, BLK_OP_GET_ID, BLK_DATA_TO_GUEST, check_get_id},
};
_Static_assert(ARRAY_SIZE(types) == BLK_OP_COUNT, "one entry per operation");

static const struct blk_type *find_type(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

/*
 * Cut the status byte off the writable part: framing is the driver's choice
 * (2.7.4.1), it may stand in an entry of its own or behind the data. An entry
 * that is empty then goes too: its address means nothing, but would count when
 * O_DIRECT asks whether the buffers are aligned.
 */
static uint8_t *cut_status(struct iovec *iov, unsigned int *count)
{
	struct iovec *last;

	while (*count > 0 && iov[*count - 1].iov_len == 0)
		(*count)--;
	if (*count == 0)
		return NULL;
	last = &iov[*count - 1];
	last->iov_len--;
	if (last->iov_len == 0)
		(*count)--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

int blk_request_parse(const struct virtqueue_chain *chain,
		      const struct blk_rules *rules, struct blk_request *req,
		      uint8_t **status)
{
	struct iovec *in = chain->iov + chain->readable;
	struct iovec *out = chain->iov;
	unsigned int out_count = chain->readable, in_count = chain->writable;
	const struct blk_type *type;
	struct blk_header header;
	uint64_t out_len, in_len;

	*status = cut_status(in, &in_count);
	if (*status == NULL)
		return -EPROTO;
	in_len = chain->writable_len - 1;

	if (iov_gather(out, out_count, 0, &header, sizeof(header)) !=
	    sizeof(header))
		return VIRTIO_BLK_S_IOERR;
	(void)iov_advance(&out, &out_count, sizeof(header));
	out_len = chain->readable_len - sizeof(header);

	type = find_type(le32toh(header.type));
	if (type == NULL)
		return VIRTIO_BLK_S_UNSUPP;
	if ((in_len != 0 && type->data != BLK_DATA_TO_GUEST) ||
	    (out_len != 0 && type->data != BLK_DATA_FROM_GUEST))
		return VIRTIO_BLK_S_IOERR;

	req->op = type->op;
	req->iov = type->data == BLK_DATA_TO_GUEST ? in : out;
	req->iovcnt = type->data == BLK_DATA_TO_GUEST ? in_count : out_count;
	req->len = in_len + out_len;
	req->offset = 0;
	req->num_ranges = 0;
	return type->check(rules, le64toh(header.sector), req);
}

const char *blk_op_name(enum blk_op op)
{
	static const char *const names[] = {
		[BLK_OP_READ] = "read",
		[BLK_OP_WRITE] = "write",
		[BLK_OP_FLUSH] = "flush",
		[BLK_OP_DISCARD] = "discard",
		[BLK_OP_WRITE_ZEROES] = "write-zeroes",
		[BLK_OP_GET_ID] = "get-id",
	};
	_Static_assert(ARRAY_SIZE(names) == BLK_OP_COUNT, "one name each");

	return names[op];
}
