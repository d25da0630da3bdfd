/*
 * test_blk_faults.c - the block device when storage misbehaves, and what the
 * request path costs: the fake engine injects results, linker wrappers watch
 * writes and allocations.
 */
#include "blk_queue.h"
#include "blk_rig.h"
#include "fake_engine.h"
#include "macros.h"
#include "test.h"

#include <errno.h>
#include <limits.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FEATURE(bit) (1ULL << (bit))
#define SECTOR 512U

/* What the hook below does to the next operations. */
static struct {
	enum io_op_kind kind;
	int result;	     /* as fake_engine_fault */
	unsigned int skip;   /* operations of @kind to leave alone first */
	unsigned int times;  /* then this many */
	unsigned int seen;   /* operations of @kind */
	unsigned int others; /* of other kinds, doorbells aside */
} plan;

static int fault(void *arg, enum io_op_kind kind, int file, int64_t offset,
		 uint64_t len)
{
	(void)arg;
	(void)file;
	(void)len;
	if (kind != plan.kind) {
		plan.others += offset >= 0;
		return INT_MAX;
	}
	plan.seen++;
	if (plan.seen <= plan.skip || plan.seen > plan.skip + plan.times)
		return INT_MAX;
	return plan.result;
}

static void inject(struct blk_rig *blk, enum io_op_kind kind, int result,
		   unsigned int skip, unsigned int times)
{
	memset(&plan, 0, sizeof(plan));
	plan.kind = kind;
	plan.result = result;
	plan.skip = skip;
	plan.times = times;
	fake_engine_set_fault(blk->rig.engine, fault, NULL);
}

/* Flags of the writes the device asked for. */
static int write_flags;
static int64_t write_offset;
static unsigned int writes;

void __real_io_engine_writev(struct io_engine *engine, struct io_op *op,
			     int file, const struct iovec *iov,
			     unsigned int iovcnt, int64_t offset, int rw_flags);
void __wrap_io_engine_writev(struct io_engine *engine, struct io_op *op,
			     int file, const struct iovec *iov,
			     unsigned int iovcnt, int64_t offset, int rw_flags);

void __wrap_io_engine_writev(struct io_engine *engine, struct io_op *op,
			     int file, const struct iovec *iov,
			     unsigned int iovcnt, int64_t offset, int rw_flags)
{
	write_flags = rw_flags;
	write_offset = offset;
	writes++;
	__real_io_engine_writev(engine, op, file, iov, iovcnt, offset,
				rw_flags);
}

static unsigned int allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

static void start(struct blk_rig *blk, const struct blk_rig_options *options)
{
	if (!blk_rig_init(blk, IO_ENGINE_AUTO, options))
		skip();
}

static void fill(struct blk_rig *blk, uint64_t gpa, uint32_t len)
{
	uint8_t *bytes = blk_rig_ptr(blk, gpa, len);

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 9));
}

static void expect_file(const struct blk_rig *blk, uint64_t offset,
			const uint8_t *want, size_t len)
{
	static uint8_t have[65536];

	assert_true(len <= sizeof(have));
	assert_int_equal(pread(blk->fd, have, len, (off_t)offset), len);
	assert_memory_equal(have, want, len);
}

/* Transfers that stop short go on where they stopped, inside an iovec too. */
static void test_short_transfers_are_continued(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa, back;
	struct fake_buffer data[3];
	struct blk_call *call;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, 8192);
	back = blk_rig_alloc(&blk, 8192);
	fill(&blk, gpa, 8192);
	data[0] = (struct fake_buffer){.gpa = gpa, .len = 1000};
	data[1] = (struct fake_buffer){.gpa = gpa + 1000, .len = 3000};
	data[2] = (struct fake_buffer){.gpa = gpa + 4000, .len = 4192};

	inject(&blk, IO_OP_WRITEV, 700, 0, 5);
	call = blk_rig_add(&blk, 0, VIRTIO_BLK_T_OUT, 2, data, 3);
	(void)fake_driver_kick(&blk.rig.driver, 0);
	assert_int_equal(blk_rig_wait(&blk, call), VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 6);
	expect_file(&blk, 2 * SECTOR, blk_rig_ptr(&blk, gpa, 8192), 8192);

	inject(&blk, IO_OP_READV, 1, 0, 100);
	for (unsigned int i = 0; i < 3; i++)
		data[i].gpa += back - gpa;
	call = blk_rig_add(&blk, 0, VIRTIO_BLK_T_IN, 2, data, 3);
	(void)fake_driver_kick(&blk.rig.driver, 0);
	assert_int_equal(blk_rig_wait(&blk, call), VIRTIO_BLK_S_OK);
	assert_int_equal(call->used, 8193);
	assert_int_equal(plan.seen, 101);
	assert_memory_equal(blk_rig_ptr(&blk, gpa, 8192),
			    blk_rig_ptr(&blk, back, 8192), 8192);
	assert_int_equal(atomic_load(&blk.errors), 0);
	blk_rig_fini(&blk);
}

/* Under O_DIRECT a short transfer goes back to the start of its block. */
static void test_short_direct_transfer_stays_aligned(void **state)
{
	static struct blk_rig blk;
	struct virtio_blk *model;
	uint64_t gpa;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	/* Cached, so that the fake engine can stop anywhere. */
	model = container_of(blk.rig.dev, struct virtio_blk, dev);
	model->backend.geometry.offset_align = 4096;
	gpa = blk_rig_alloc(&blk, 16384);
	fill(&blk, gpa, 16384);
	inject(&blk, IO_OP_WRITEV, 4096 + 100, 0, 1);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 8, gpa, 16384),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(write_offset, 4096 + 4096);
	expect_file(&blk, 8 * SECTOR, blk_rig_ptr(&blk, gpa, 16384), 16384);
	inject(&blk, IO_OP_WRITEV, 100, 0, 1);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 8, gpa, 16384),
			 VIRTIO_BLK_S_IOERR);
	blk_rig_fini(&blk);
}

static void expect_failure(struct blk_rig *blk, uint32_t type,
			   enum io_op_kind kind, int result, int error)
{
	uint64_t gpa = blk_rig_alloc(blk, 4096);
	unsigned int before = atomic_load(&blk->errors);

	inject(blk, kind, result, 0, UINT_MAX);
	assert_int_equal(blk_rig_request(blk, type, 24, gpa,
					 type == VIRTIO_BLK_T_FLUSH ? 0 : 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(atomic_load(&blk->errors), before + 1);
	assert_int_equal(blk->last_error.error, error);
	fake_engine_set_fault(blk->rig.engine, NULL, NULL);
}

/* EIO, a full disk, no progress at all: IOERR for the guest, a report for the
 * host, and the next request works. */
static void test_errors_reach_guest_and_host(void **state)
{
	static struct blk_rig blk;
	struct virtio_blk_stats stats;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	expect_failure(&blk, VIRTIO_BLK_T_IN, IO_OP_READV, -EIO, -EIO);
	assert_int_equal(blk.last_error.sector, 24);
	assert_int_equal(blk.last_error.op, BLK_OP_READ);
	assert_int_equal(blk.calls[0].used, 0); /* nothing from the start on */
	expect_failure(&blk, VIRTIO_BLK_T_IN, IO_OP_READV, 0, -EIO);
	expect_failure(&blk, VIRTIO_BLK_T_OUT, IO_OP_WRITEV, -ENOSPC, -ENOSPC);
	expect_failure(&blk, VIRTIO_BLK_T_OUT, IO_OP_WRITEV, 0, -EIO);
	expect_failure(&blk, VIRTIO_BLK_T_FLUSH, IO_OP_FDATASYNC, -EIO, -EIO);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0,
					 blk_rig_alloc(&blk, 512), 512),
			 VIRTIO_BLK_S_OK);
	virtio_blk_stats(blk.rig.dev, 0, &stats);
	assert_int_equal(stats.errors, 5);
	blk_rig_fini(&blk);
}

/* A transfer that dies half way: what came before the error counts as used. */
static void test_error_after_a_part(void **state)
{
	static struct blk_rig blk;
	struct fake_buffer data = {.len = 4096};
	struct blk_call *call;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	data.gpa = blk_rig_alloc(&blk, 4096);
	inject(&blk, IO_OP_READV, 1024, 0, 1);
	call = blk_rig_add(&blk, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	(void)fake_driver_kick(&blk.rig.driver, 0);
	assert_int_equal(blk_rig_wait(&blk, call), VIRTIO_BLK_S_OK);

	/* The file ends early: somebody cut it behind our back. */
	fake_engine_set_fault(blk.rig.engine, NULL, NULL);
	assert_int_equal(ftruncate(blk.fd, 1024), 0);
	call = blk_rig_add(&blk, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	(void)fake_driver_kick(&blk.rig.driver, 0);
	assert_int_equal(blk_rig_wait(&blk, call), VIRTIO_BLK_S_IOERR);
	assert_int_equal(call->used, 1024);
	assert_int_equal(blk.last_error.error, -EIO);
	blk_rig_fini(&blk);
}

static void test_interrupted_is_tried_again(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, 4096);
	inject(&blk, IO_OP_READV, -EAGAIN, 0, 3);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, gpa, 4096),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 4);
	inject(&blk, IO_OP_READV, -EINTR, 0, UINT_MAX);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, gpa, 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_in_range(plan.seen, 2, 100);
	blk_rig_fini(&blk);
}

static void test_reports_are_limited(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, 512);
	inject(&blk, IO_OP_READV, -EIO, 0, UINT_MAX);
	for (unsigned int i = 0; i < 500; i++)
		assert_int_equal(
			blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, gpa, 512),
			VIRTIO_BLK_S_IOERR);
	assert_in_range(atomic_load(&blk.errors), LOG_BUCKET_BURST, 100);
	blk_rig_fini(&blk);
}

/* Storage that cannot zero or deallocate: zeroes are written; a discard is
 * refused as unsupported and is no error of the host. */
static void test_ranges_without_fallocate(void **state)
{
	static struct blk_rig blk;
	static uint8_t zeroes[65536];
	uint64_t gpa;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, KIB(64));
	fill(&blk, gpa, KIB(64));
	for (uint64_t at = 0; at < MIB(3); at += KIB(64))
		assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT,
						 at / SECTOR, gpa, KIB(64)),
				 VIRTIO_BLK_S_OK);

	inject(&blk, IO_OP_FALLOCATE, -EOPNOTSUPP, 0, UINT_MAX);
	assert_int_equal(blk_rig_range(&blk, VIRTIO_BLK_T_DISCARD, 0, 128, 0),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 1,
				       (uint32_t)(MIB(2) / SECTOR) + 5, 1),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 3); /* discard, punch, zero: then never */
	expect_file(&blk, 0, blk_rig_ptr(&blk, gpa, SECTOR), SECTOR);
	for (uint64_t at = SECTOR; at + KIB(64) < MIB(2); at += KIB(64))
		expect_file(&blk, at, zeroes, KIB(64));
	expect_file(&blk, MIB(2) + 5 * SECTOR, zeroes, SECTOR);
	expect_file(&blk, MIB(2) + 6 * SECTOR,
		    blk_rig_ptr(&blk, gpa + 6 * SECTOR, SECTOR), SECTOR);
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0),
		VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 3);
	assert_int_equal(atomic_load(&blk.errors), 0);
	blk_rig_fini(&blk);
}

/* A write of zeroes refused for its alignment is written out, just this one. */
static void test_zeroes_refused_once(void **state)
{
	static struct blk_rig blk;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	inject(&blk, IO_OP_FALLOCATE, -EINVAL, 0, 1);
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 1, 3, 0),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0),
		VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 2);
	blk_rig_fini(&blk);
}

/* VIRTIO 5.2.6.2-stable: durable before completion in writethrough mode, by
 * configuration, by CONFIG_WCE, and for a driver that cannot flush */
static void test_writethrough_syncs(void **state)
{
	static struct blk_rig blk;
	const uint64_t no_flush = ~(FEATURE(VIRTIO_BLK_F_FLUSH) |
				    FEATURE(VIRTIO_BLK_F_CONFIG_WCE));
	uint8_t off = 0;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0,
					 blk_rig_alloc(&blk, 512), 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(write_flags, 0);

	fake_driver_config_write(&blk.rig.driver,
				 offsetof(struct virtio_blk_config, wce), &off,
				 1);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0,
					 blk_rig_alloc(&blk, 512), 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(write_flags, RWF_DSYNC);
	inject(&blk, IO_OP_FDATASYNC, INT_MAX, 0, 0);
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0),
		VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 1);

	blk_rig_restart(&blk, no_flush);
	write_flags = 0;
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0,
					 blk_rig_alloc(&blk, 512), 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(write_flags, RWF_DSYNC);
	blk_rig_fini(&blk);

	start(&blk, &(struct blk_rig_options){.blk.writethrough = true});
	write_flags = 0;
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0,
					 blk_rig_alloc(&blk, 512), 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(write_flags, RWF_DSYNC);
	blk_rig_fini(&blk);
}

/* VIRTIO 5.2.6.2-flush: a flush completes after the sync it asks for */
static void test_flush_syncs(void **state)
{
	static struct blk_rig blk;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	inject(&blk, IO_OP_FDATASYNC, INT_MAX, 0, 0);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(plan.seen, 1);
	blk_rig_fini(&blk);
}

/* 32 requests in a batch: one write each, one interrupt, no allocation. */
static void test_batch_costs(void **state)
{
	static struct blk_rig blk;
	struct fake_buffer data = {.len = 4096};
	struct blk_call *calls[32];
	unsigned int allocated;

	(void)state;
	start(&blk, &(struct blk_rig_options){0});
	data.gpa = blk_rig_alloc(&blk, 4096);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = blk_rig_add(&blk, 0, VIRTIO_BLK_T_OUT, i * 8ULL,
				       &data, 1);
	(void)fake_driver_interrupts(&blk.rig.driver);
	writes = 0;
	allocated = allocations;
	(void)fake_driver_kick(&blk.rig.driver, 0);
	fake_engine_settle(blk.rig.engine);
	assert_int_equal(allocations, allocated);
	assert_int_equal(writes, ARRAY_SIZE(calls));
	assert_int_equal(fake_driver_interrupts(&blk.rig.driver), 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(blk_rig_wait(&blk, calls[i]), VIRTIO_BLK_S_OK);
	blk_rig_fini(&blk);
}

/* Buffers that need bouncing wait for each other and all get through. */
static void test_bounce_queue(void **state)
{
	static struct blk_rig blk;
	struct blk_call *calls[8];
	uint64_t gpa;

	(void)state;
	start(&blk, &(struct blk_rig_options){.direct = true});
	gpa = blk_rig_alloc(&blk, 8 * 8192);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct fake_buffer data = {.gpa = gpa + i * 8192ULL + 1,
						 .len = 4096};

		fill(&blk, data.gpa, 4096);
		memset(blk_rig_ptr(&blk, data.gpa, 16), (int)i, 16);
		calls[i] = blk_rig_add(&blk, 0, VIRTIO_BLK_T_OUT, i * 8ULL,
				       &data, 1);
	}
	/* The third one fails; those behind it must not. */
	inject(&blk, IO_OP_WRITEV, -EIO, 2, 1);
	(void)fake_driver_kick(&blk.rig.driver, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(blk_rig_wait(&blk, calls[i]),
				 i == 2 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	assert_int_equal(virtio_blk_bounces(blk.rig.dev), ARRAY_SIZE(calls));
	for (unsigned int i = 3; i < ARRAY_SIZE(calls); i++)
		expect_file(&blk, i * 4096ULL,
			    blk_rig_ptr(&blk, gpa + i * 8192ULL + 1, 4096),
			    4096);
	blk_rig_fini(&blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_transfers_are_continued),
		cmocka_unit_test(test_short_direct_transfer_stays_aligned),
		cmocka_unit_test(test_errors_reach_guest_and_host),
		cmocka_unit_test(test_error_after_a_part),
		cmocka_unit_test(test_interrupted_is_tried_again),
		cmocka_unit_test(test_reports_are_limited),
		cmocka_unit_test(test_ranges_without_fallocate),
		cmocka_unit_test(test_zeroes_refused_once),
		cmocka_unit_test(test_writethrough_syncs),
		cmocka_unit_test(test_flush_syncs),
		cmocka_unit_test(test_batch_costs),
		cmocka_unit_test(test_bounce_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
