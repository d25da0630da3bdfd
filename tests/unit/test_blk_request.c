/* test_blk_request.c - the rules of virtio-blk requests, without a queue. */
#include "blk_request.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CAPACITY 1000U /* sectors */

static const struct blk_rules rules = {
	.capacity = CAPACITY,
	.block_sectors = 1,
	.discard_sectors_max = 64,
	.write_zeroes_sectors_max = 32,
	.discard = true,
	.write_zeroes = true,
};

struct header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct segment {
	uint64_t sector;
	uint32_t count;
	uint32_t flags;
};

/* A chain under construction, with room for every part of a request. */
struct fixture {
	struct header header;
	uint8_t data[4096];
	uint8_t status;
	struct iovec iov[16];
	struct virtqueue_chain chain;
	struct blk_request req;
	uint8_t *status_at;
};

static void start(struct fixture *f, uint32_t type, uint64_t sector)
{
	memset(f, 0, sizeof(*f));
	f->header.type = htole32(type);
	f->header.sector = htole64(sector);
	f->chain.iov = f->iov;
	f->chain.iov_max = ARRAY_SIZE(f->iov);
}

static void add(struct fixture *f, void *base, size_t len, bool writable)
{
	unsigned int at = f->chain.readable + f->chain.writable;

	f->iov[at] = (struct iovec){.iov_base = base, .iov_len = len};
	if (writable) {
		f->chain.writable++;
		f->chain.writable_len += len;
	} else {
		f->chain.readable++;
		f->chain.readable_len += len;
	}
}

static int parse_by(struct fixture *f, const struct blk_rules *by)
{
	return blk_request_parse(&f->chain, by, &f->req, &f->status_at);
}

/* The usual framing: header, data, status, each in an entry of its own. */
static int run_by(struct fixture *f, const struct blk_rules *by, uint32_t type,
		  uint64_t sector, size_t len, bool to_guest)
{
	static uint8_t keep[sizeof(f->data)];
	int rc;

	memcpy(keep, f->data, sizeof(keep));
	start(f, type, sector);
	memcpy(f->data, keep, sizeof(keep));
	add(f, &f->header, sizeof(f->header), false);
	if (len > 0)
		add(f, f->data, len, to_guest);
	add(f, &f->status, 1, true);
	rc = parse_by(f, by);
	assert_ptr_equal(f->status_at, &f->status);
	return rc;
}

static int run(struct fixture *f, uint32_t type, uint64_t sector, size_t len,
	       bool to_guest)
{
	return run_by(f, &rules, type, sector, len, to_guest);
}

static void test_read_and_write(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_int_equal(run(&f, VIRTIO_BLK_T_IN, 3, 4096, true), 0);
	assert_int_equal(f.req.op, BLK_OP_READ);
	assert_int_equal(f.req.offset, 3 * 512);
	assert_int_equal(f.req.len, 4096);
	assert_ptr_equal(f.req.iov[0].iov_base, f.data);
	assert_int_equal(f.req.iov[0].iov_len, 4096);

	assert_int_equal(run(&f, VIRTIO_BLK_T_OUT, 999, 512, false), 0);
	assert_int_equal(f.req.op, BLK_OP_WRITE);
	assert_int_equal(f.req.offset, 999 * 512);
	assert_int_equal(f.req.iovcnt, 1);
	assert_ptr_equal(f.req.iov[0].iov_base, f.data);
}

/* VIRTIO 2.7.4.1-framing: no assumption about how a request is cut into
 * descriptors */
static void test_any_framing(void **state)
{
	struct fixture f;
	uint8_t *header = (uint8_t *)&f.header;

	(void)state;
	start(&f, VIRTIO_BLK_T_IN, 7);
	add(&f, header, 3, false);
	add(&f, header + 3, 12, false);
	add(&f, header + 15, 1, false);
	add(&f, f.data, 500, true);
	add(&f, f.data + 500, 13, true); /* 12 of data, then the status */
	assert_int_equal(parse_by(&f, &rules), 0);
	assert_int_equal(f.req.len, 512);
	assert_int_equal(f.req.offset, 7 * 512);
	assert_ptr_equal(f.status_at, f.data + 512);
	assert_int_equal(f.req.iov[1].iov_len, 12);

	start(&f, VIRTIO_BLK_T_OUT, 0);
	memcpy(f.data, &f.header, sizeof(f.header));
	add(&f, f.data, sizeof(f.header) + 512, false);
	add(&f, &f.status, 1, true);
	assert_int_equal(parse_by(&f, &rules), 0);
	assert_int_equal(f.req.len, 512);
	assert_ptr_equal(f.req.iov[0].iov_base, f.data + sizeof(f.header));
}

/* VIRTIO 5.2.6-status: the status is the last writable byte */
static void test_without_status_is_a_broken_driver(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, VIRTIO_BLK_T_OUT, 0);
	add(&f, &f.header, sizeof(f.header), false);
	add(&f, f.data, 512, false);
	assert_int_equal(parse_by(&f, &rules), -EPROTO);

	start(&f, VIRTIO_BLK_T_OUT, 0);
	add(&f, &f.header, sizeof(f.header), false);
	add(&f, f.data, 0, true);
	assert_int_equal(parse_by(&f, &rules), -EPROTO);
}

static void test_short_header(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, VIRTIO_BLK_T_FLUSH, 0);
	add(&f, &f.header, sizeof(f.header) - 1, false);
	add(&f, &f.status, 1, true);
	assert_int_equal(parse_by(&f, &rules), VIRTIO_BLK_S_IOERR);
	assert_ptr_equal(f.status_at, &f.status);

	start(&f, VIRTIO_BLK_T_FLUSH, 0);
	add(&f, &f.status, 1, true);
	assert_int_equal(parse_by(&f, &rules), VIRTIO_BLK_S_IOERR);
}

/* VIRTIO 5.2.6-unsupported: a request that is not supported gets UNSUPP */
static void test_unknown_types(void **state)
{
	static const uint32_t unknown[] = {
		2,  3,		5,	   VIRTIO_BLK_T_SECURE_ERASE, 15, 16,
		26, 0x80000000, UINT32_MAX};
	struct fixture f = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_int_equal(run(&f, unknown[i], 0, 16, false),
				 VIRTIO_BLK_S_UNSUPP);
}

static void test_range(void **state)
{
	static const struct {
		uint64_t sector;
		size_t len;
		int want;
	} cases[] = {
		{0, 512, VIRTIO_BLK_S_OK},
		{CAPACITY - 1, 512, VIRTIO_BLK_S_OK},
		{CAPACITY - 1, 1024, VIRTIO_BLK_S_IOERR},
		{CAPACITY, 512, VIRTIO_BLK_S_IOERR},
		{CAPACITY, 0, VIRTIO_BLK_S_OK},
		{CAPACITY + 1, 0, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX, 512, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX - 1, 1024, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR},
		{0, 511, VIRTIO_BLK_S_IOERR},
		{0, 513, VIRTIO_BLK_S_IOERR},
	};
	struct fixture f = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(run(&f, VIRTIO_BLK_T_IN, cases[i].sector,
				     cases[i].len, true),
				 cases[i].want);
		assert_int_equal(run(&f, VIRTIO_BLK_T_OUT, cases[i].sector,
				     cases[i].len, false),
				 cases[i].want);
	}
}

static void test_logical_blocks_of_4096(void **state)
{
	struct blk_rules large = rules;
	struct fixture f = {0};

	(void)state;
	large.block_sectors = 8;
	assert_int_equal(run_by(&f, &large, VIRTIO_BLK_T_IN, 8, 4096, true),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(run_by(&f, &large, VIRTIO_BLK_T_IN, 7, 4096, true),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_by(&f, &large, VIRTIO_BLK_T_IN, 8, 512, true),
			 VIRTIO_BLK_S_IOERR);
}

/* Data that flows the wrong way is refused, not ignored. */
static void test_directions(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_int_equal(run(&f, VIRTIO_BLK_T_IN, 0, 512, false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_OUT, 0, 512, true),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_GET_ID, 0, 20, false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_DISCARD, 0, 16, true),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_FLUSH, 0, 512, false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_FLUSH, 0, 512, true),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_FLUSH, 0, 0, false),
			 VIRTIO_BLK_S_OK);
}

static void test_get_id(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_int_equal(run(&f, VIRTIO_BLK_T_GET_ID, 0, 20, true),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(f.req.op, BLK_OP_GET_ID);
	assert_int_equal(run(&f, VIRTIO_BLK_T_GET_ID, 0, 19, true),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_GET_ID, 0, 21, true),
			 VIRTIO_BLK_S_IOERR);
}

/* VIRTIO 5.2.6.2-ro: IOERR for a write request if RO was offered */
static void test_readonly(void **state)
{
	struct blk_rules readonly = rules;
	struct fixture f = {0};

	(void)state;
	readonly.readonly = true;
	assert_int_equal(run_by(&f, &readonly, VIRTIO_BLK_T_OUT, 0, 512, false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_by(&f, &readonly, VIRTIO_BLK_T_IN, 0, 512, true),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(run_by(&f, &readonly, VIRTIO_BLK_T_FLUSH, 0, 0, false),
			 VIRTIO_BLK_S_OK);
}

static void put_segment(struct fixture *f, unsigned int at, uint64_t sector,
			uint32_t count, uint32_t flags)
{
	struct segment segment = {
		.sector = htole64(sector),
		.count = htole32(count),
		.flags = htole32(flags),
	};

	memcpy(f->data + at * sizeof(segment), &segment, sizeof(segment));
}

static int run_segment(struct fixture *f, uint32_t type, uint64_t sector,
		       uint32_t count, uint32_t flags)
{
	put_segment(f, 0, sector, count, flags);
	return run(f, type, 0, sizeof(struct segment), false);
}

static void test_segments(void **state)
{
	struct fixture f = {0};

	(void)state;
	put_segment(&f, 0, 10, 20, 0);
	put_segment(&f, 1, 900, 32, 1);
	assert_int_equal(run(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32, false), 0);
	assert_int_equal(f.req.num_ranges, 2);
	assert_int_equal(f.req.ranges[0].offset, 10 * 512);
	assert_int_equal(f.req.ranges[0].len, 20 * 512);
	assert_false(f.req.ranges[0].unmap);
	assert_int_equal(f.req.ranges[1].offset, 900 * 512);
	assert_true(f.req.ranges[1].unmap);
	assert_int_equal(f.req.len, 52 * 512);

	assert_int_equal(
		run_segment(&f, VIRTIO_BLK_T_DISCARD, CAPACITY - 64, 64, 0),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		run_segment(&f, VIRTIO_BLK_T_DISCARD, CAPACITY - 63, 64, 0),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		run_segment(&f, VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_segment(&f, VIRTIO_BLK_T_DISCARD, 0, 65, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_segment(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(run_segment(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 33, 0),
			 VIRTIO_BLK_S_IOERR);
}

static void test_number_of_segments(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_int_equal(
		run(&f, VIRTIO_BLK_T_DISCARD, 0, 16 * BLK_RANGES_MAX, false),
		VIRTIO_BLK_S_OK);
	assert_int_equal(f.req.num_ranges, BLK_RANGES_MAX);
	assert_int_equal(run(&f, VIRTIO_BLK_T_DISCARD, 0,
			     16 * (BLK_RANGES_MAX + 1), false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_DISCARD, 0, 0, false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(&f, VIRTIO_BLK_T_DISCARD, 0, 17, false),
			 VIRTIO_BLK_S_IOERR);
}

/* VIRTIO 5.2.6.2-unknown-flag: UNSUPP if any unknown flag is set in a segment
 */
/* VIRTIO 5.2.6.2-discard-unmap: UNSUPP for discard if the unmap flag is set */
static void test_segment_flags(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_int_equal(run_segment(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 1),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_segment(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 2),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_segment(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(
		run_segment(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0x80000001),
		VIRTIO_BLK_S_UNSUPP);

	/* A flag counts even where an earlier segment is out of range. */
	put_segment(&f, 0, CAPACITY, 1, 0);
	put_segment(&f, 1, 0, 1, 2);
	assert_int_equal(run(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32, false),
			 VIRTIO_BLK_S_UNSUPP);
}

static void test_features_not_negotiated(void **state)
{
	struct blk_rules plain = rules;
	struct fixture f = {0};

	(void)state;
	plain.discard = false;
	plain.write_zeroes = false;
	put_segment(&f, 0, 0, 1, 0);
	assert_int_equal(run_by(&f, &plain, VIRTIO_BLK_T_DISCARD, 0, 16, false),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(
		run_by(&f, &plain, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false),
		VIRTIO_BLK_S_UNSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_and_write),
		cmocka_unit_test(test_any_framing),
		cmocka_unit_test(test_without_status_is_a_broken_driver),
		cmocka_unit_test(test_short_header),
		cmocka_unit_test(test_unknown_types),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_logical_blocks_of_4096),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_get_id),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_number_of_segments),
		cmocka_unit_test(test_segment_flags),
		cmocka_unit_test(test_features_not_negotiated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
