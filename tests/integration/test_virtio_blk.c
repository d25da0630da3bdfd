/* test_virtio_blk.c - the block device on real files, on every I/O engine. */
#include "blk_rig.h"
#include "engines.h"
#include "macros.h"
#include "test.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FEATURE(bit) (1ULL << (bit))
#define ALL_BUT(bit) (~0ULL & ~FEATURE(bit))
#define SECTOR 512U

static void start(struct blk_rig *blk, void **state,
		  const struct blk_rig_options *options)
{
	if (!blk_rig_init(blk, engine_kind(state), options))
		skip();
}

/* Bytes that tell where they are. */
static void pattern(uint8_t *bytes, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((i * 31 + (i >> 8) + seed) & 0xff);
}

static void expect_file(const struct blk_rig *blk, uint64_t offset,
			const uint8_t *want, size_t len)
{
	uint8_t *have = malloc(len);

	assert_int_equal(pread(blk->fd, have, len, (off_t)offset), len);
	assert_memory_equal(have, want, len);
	free(have);
}

static void test_write_then_read(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa, back;

	start(&blk, state, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, 8192);
	back = blk_rig_alloc(&blk, 8192);
	pattern(blk_rig_ptr(&blk, gpa, 8192), 8192, 1);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 7, gpa, 8192),
			 VIRTIO_BLK_S_OK);
	expect_file(&blk, 7 * SECTOR, blk_rig_ptr(&blk, gpa, 8192), 8192);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 7, back, 8192),
			 VIRTIO_BLK_S_OK);
	assert_memory_equal(blk_rig_ptr(&blk, gpa, 8192),
			    blk_rig_ptr(&blk, back, 8192), 8192);
	assert_int_equal(blk.calls[0].used, 1);
	assert_int_equal(blk.calls[1].used, 8193);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0),
			 VIRTIO_BLK_S_OK);
	blk_rig_fini(&blk);
}

/* VIRTIO 5.2.6.2-seg-max: as many segments as were announced, in any sizes */
static void test_all_segments(void **state)
{
	static struct blk_rig blk;
	struct fake_buffer data[126];
	struct virtio_blk_config config;
	uint8_t *want = malloc(126 * SECTOR);
	struct blk_call *call;
	uint64_t gpa;

	start(&blk, state, &(struct blk_rig_options){0});
	fake_driver_config_read(&blk.rig.driver,
				offsetof(struct virtio_blk_config, seg_max),
				&config.seg_max, 4);
	assert_int_equal(le32toh(config.seg_max), ARRAY_SIZE(data));
	gpa = blk_rig_alloc(&blk, 126 * 1024);
	for (unsigned int i = 0; i < ARRAY_SIZE(data); i++) {
		data[i] = (struct fake_buffer){.gpa = gpa + i * 1024ULL,
					       .len = SECTOR};
		pattern(blk_rig_ptr(&blk, data[i].gpa, SECTOR), SECTOR, i);
		memcpy(want + i * SECTOR,
		       blk_rig_ptr(&blk, data[i].gpa, SECTOR), SECTOR);
	}
	for (unsigned int indirect = 0; indirect < 2; indirect++) {
		uint64_t sector = 64 + indirect * 1024;

		blk.rig.driver.indirect = indirect != 0;
		call = blk_rig_add(&blk, 0, VIRTIO_BLK_T_OUT, sector, data,
				   ARRAY_SIZE(data));
		(void)fake_driver_kick(&blk.rig.driver, 0);
		assert_int_equal(blk_rig_wait(&blk, call), VIRTIO_BLK_S_OK);
		expect_file(&blk, sector * SECTOR, want, 126 * SECTOR);
	}
	free(want);
	blk_rig_fini(&blk);
}

/*
 * Random requests, many in flight on several queues, against a copy in memory:
 * each owns a region of the disk in every round.
 */
#define REGIONS 64U
#define REGION KIB(16)

static void pick_call(struct blk_rig *blk, uint8_t *shadow, uint64_t gpa,
		      unsigned int region, struct blk_call **call)
{
	static const uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
					 VIRTIO_BLK_T_OUT};
	uint32_t type = types[(unsigned int)rand() % ARRAY_SIZE(types)];
	uint64_t sectors = REGION / SECTOR;
	uint64_t first = (uint64_t)rand() % sectors;
	uint64_t count = 1 + (uint64_t)rand() % (sectors - first);
	uint32_t cut = (uint32_t)rand() % (uint32_t)(count * SECTOR - 1) + 1;
	uint32_t len = (uint32_t)(count * SECTOR);
	struct fake_buffer data[2] = {
		{.gpa = gpa, .len = cut},
		{.gpa = gpa + cut, .len = len - cut},
	};
	uint64_t offset = region * REGION + first * SECTOR;

	if (type == VIRTIO_BLK_T_OUT) {
		pattern(blk_rig_ptr(blk, gpa, len), len, (uint32_t)rand());
		memcpy(shadow + offset, blk_rig_ptr(blk, gpa, len), len);
	}
	*call = blk_rig_add(blk, region % 4, type, offset / SECTOR, data,
			    ARRAY_SIZE(data));
}

static void run_random(void **state, bool direct)
{
	static struct blk_rig blk;
	uint8_t *shadow = calloc(REGIONS, REGION);
	struct blk_call *calls[REGIONS];
	uint64_t gpa[REGIONS];

	start(&blk, state,
	      &(struct blk_rig_options){.direct = direct, .blk.queues = 4});
	srand(1);
	for (unsigned int i = 0; i < REGIONS; i++)
		gpa[i] = blk_rig_alloc(&blk, REGION);
	for (unsigned int round = 0; round < 40; round++) {
		blk.rig.driver.indirect = round % 2 != 0;
		for (unsigned int i = 0; i < REGIONS; i++)
			pick_call(&blk, shadow, gpa[i], i, &calls[i]);
		for (unsigned int i = 0; i < 4; i++)
			(void)fake_driver_kick(&blk.rig.driver, i);
		for (unsigned int i = 0; i < REGIONS; i++)
			assert_int_equal(blk_rig_wait(&blk, calls[i]),
					 VIRTIO_BLK_S_OK);
	}
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0),
			 VIRTIO_BLK_S_OK);
	expect_file(&blk, 0, shadow, REGIONS * REGION);
	for (unsigned int i = 0; i < REGIONS; i++) {
		assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN,
						 i * (REGION / SECTOR), gpa[i],
						 REGION),
				 VIRTIO_BLK_S_OK);
		assert_memory_equal(blk_rig_ptr(&blk, gpa[i], REGION),
				    shadow + i * REGION, REGION);
	}
	free(shadow);
	blk_rig_fini(&blk);
}

static void test_random(void **state)
{
	run_random(state, false);
}

static void test_random_direct(void **state)
{
	run_random(state, true);
}

/* Buffers that O_DIRECT cannot take; the second request needs several windows
 * of the bounce buffer while the first waits for none. */
static void test_direct_with_odd_buffers(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa, back;

	start(&blk, state, &(struct blk_rig_options){.direct = true});
	gpa = blk_rig_alloc(&blk, MIB(1) + 4096);
	back = blk_rig_alloc(&blk, MIB(1) + 4096);
	pattern(blk_rig_ptr(&blk, gpa, MIB(1)), MIB(1), 5);

	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0, gpa, MIB(1)),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, back, MIB(1)),
		VIRTIO_BLK_S_OK);
	assert_int_equal(virtio_blk_bounces(blk.rig.dev), 0);
	assert_memory_equal(blk_rig_ptr(&blk, gpa, MIB(1)),
			    blk_rig_ptr(&blk, back, MIB(1)), MIB(1));
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, back + 2, MIB(1)),
		VIRTIO_BLK_S_OK);
	assert_int_equal(virtio_blk_bounces(blk.rig.dev), 1);
	assert_memory_equal(blk_rig_ptr(&blk, gpa, MIB(1)),
			    blk_rig_ptr(&blk, back + 2, MIB(1)), MIB(1));

	pattern(blk_rig_ptr(&blk, gpa + 3, MIB(1)), MIB(1), 6);
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 16, gpa + 3, MIB(1)),
		VIRTIO_BLK_S_OK);
	assert_int_equal(virtio_blk_bounces(blk.rig.dev), 2);
	expect_file(&blk, 16 * SECTOR, blk_rig_ptr(&blk, gpa + 3, MIB(1)),
		    MIB(1));
	blk_rig_fini(&blk);
}

static void test_get_id(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa;

	start(&blk, state,
	      &(struct blk_rig_options){.blk.serial =
						"0123456789abcdefghijklmn"});
	gpa = blk_rig_alloc(&blk, 20);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_GET_ID, 0, gpa, 20),
			 VIRTIO_BLK_S_OK);
	assert_memory_equal(blk_rig_ptr(&blk, gpa, 20), "0123456789abcdefghij",
			    20);
	assert_int_equal(blk.calls[0].used, 21);
	blk_rig_fini(&blk);
}

static uint64_t blocks_of(const struct blk_rig *blk)
{
	struct stat st;

	assert_int_equal(fsync(blk->fd), 0);
	assert_int_equal(fstat(blk->fd, &st), 0);
	return (uint64_t)st.st_blocks;
}

static void fill_disk(struct blk_rig *blk, uint64_t gpa, uint64_t len)
{
	pattern(blk_rig_ptr(blk, gpa, len), len, 9);
	assert_int_equal(
		blk_rig_request(blk, VIRTIO_BLK_T_OUT, 0, gpa, (uint32_t)len),
		VIRTIO_BLK_S_OK);
}

/* VIRTIO 5.2.6.2-discard: a discard may deallocate */
static void test_discard(void **state)
{
	static struct blk_rig blk;
	uint8_t zeroes[4096] = {0};
	uint64_t gpa, before;

	start(&blk, state, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, MIB(1));
	fill_disk(&blk, gpa, MIB(1));
	before = blocks_of(&blk);
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_DISCARD, 1024, 1024, 0),
		VIRTIO_BLK_S_OK);
	assert_true(blocks_of(&blk) <= before - 1024 + 16);
	expect_file(&blk, 1024 * SECTOR, zeroes, sizeof(zeroes));
	expect_file(&blk, 0, blk_rig_ptr(&blk, gpa, 1024 * SECTOR),
		    1024 * SECTOR);
	blk_rig_fini(&blk);
}

/* VIRTIO 5.2.6.2-write-zeroes: reads give zeroes, whatever unmap says */
static void test_write_zeroes(void **state)
{
	static struct blk_rig blk;
	uint8_t *zeroes = calloc(1, 1000 * SECTOR);
	uint64_t gpa, before;

	start(&blk, state, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, MIB(1));
	fill_disk(&blk, gpa, MIB(1));
	before = blocks_of(&blk);
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 5, 1000, 0),
		VIRTIO_BLK_S_OK);
	expect_file(&blk, 5 * SECTOR, zeroes, 1000 * SECTOR);
	expect_file(&blk, 0, blk_rig_ptr(&blk, gpa, 5 * SECTOR), 5 * SECTOR);
	expect_file(&blk, 1005 * SECTOR,
		    blk_rig_ptr(&blk, gpa + 1005 * SECTOR, SECTOR), SECTOR);
	assert_true(blocks_of(&blk) >= before);

	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 1024, 1000, 1),
		VIRTIO_BLK_S_OK);
	expect_file(&blk, 1024 * SECTOR, zeroes, 1000 * SECTOR);
	assert_true(blocks_of(&blk) < before);
	free(zeroes);
	blk_rig_fini(&blk);
}

/* VIRTIO 5.2.6.2-ro: IOERR for writes, and nothing is written */
static void test_readonly(void **state)
{
	static struct blk_rig blk;
	uint8_t zeroes[SECTOR] = {0};
	uint64_t gpa, offered;

	start(&blk, state, &(struct blk_rig_options){.readonly = true});
	offered = fake_driver_offered(&blk.rig.driver);
	assert_true(offered & FEATURE(VIRTIO_BLK_F_RO));
	assert_false(offered & FEATURE(VIRTIO_BLK_F_DISCARD));
	assert_false(offered & FEATURE(VIRTIO_BLK_F_WRITE_ZEROES));
	gpa = blk_rig_alloc(&blk, SECTOR);
	pattern(blk_rig_ptr(&blk, gpa, SECTOR), SECTOR, 3);
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0, gpa, SECTOR),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(blk_rig_range(&blk, VIRTIO_BLK_T_DISCARD, 0, 8, 0),
			 VIRTIO_BLK_S_UNSUPP);
	expect_file(&blk, 0, zeroes, sizeof(zeroes));
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, gpa, SECTOR),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(atomic_load(&blk.errors), 0);

	/* The driver may leave the feature alone; it stays read-only. */
	blk_rig_restart(&blk, ALL_BUT(VIRTIO_BLK_F_RO));
	gpa = blk_rig_alloc(&blk, SECTOR);
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0, gpa, SECTOR),
		VIRTIO_BLK_S_IOERR);
	blk_rig_fini(&blk);
}

static struct virtio_blk_config read_config(struct blk_rig *blk)
{
	struct virtio_blk_config config = {0};

	for (unsigned int i = 0; i < sizeof(config); i++)
		fake_driver_config_read(&blk->rig.driver, i,
					(uint8_t *)&config + i, 1);
	return config;
}

/* VIRTIO 5.2.5.2-unused: padding is 0 */
/* VIRTIO 5.2.5.2-flush: FLUSH is offered, as CONFIG_WCE is */
static void test_config(void **state)
{
	static struct blk_rig blk;
	struct virtio_blk_config config;
	uint64_t offered;

	start(&blk, state,
	      &(struct blk_rig_options){.size = MIB(8) + 4096 + 511,
					.blk.block_size = 4096,
					.blk.queues = 16,
					.blk.queue_size = 64});
	offered = fake_driver_offered(&blk.rig.driver);
	assert_true(offered & FEATURE(VIRTIO_BLK_F_FLUSH));
	assert_true(offered & FEATURE(VIRTIO_BLK_F_CONFIG_WCE));
	assert_true(offered & FEATURE(VIRTIO_BLK_F_MQ));
	assert_false(offered & FEATURE(VIRTIO_BLK_F_SECURE_ERASE));
	config = read_config(&blk);
	assert_int_equal(le64toh(config.capacity), (MIB(8) + 4096) / SECTOR);
	assert_int_equal(le32toh(config.blk_size), 4096);
	assert_int_equal(le32toh(config.seg_max), 62);
	assert_int_equal(le16toh(config.num_queues), 16);
	assert_int_equal(config.physical_block_exp, 0);
	assert_int_equal(le32toh(config.max_discard_seg), 16);
	assert_int_equal(le32toh(config.max_write_zeroes_seg), 16);
	assert_true(le32toh(config.max_discard_sectors) > 0);
	assert_int_equal(le32toh(config.discard_sector_alignment), 8);
	assert_int_equal(config.write_zeroes_may_unmap, 1);
	assert_int_equal(config.unused, 0);
	assert_int_equal(
		config.unused1[0] | config.unused1[1] | config.unused1[2], 0);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 1,
					 blk_rig_alloc(&blk, 4096), 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 8,
					 blk_rig_alloc(&blk, 4096), 4096),
			 VIRTIO_BLK_S_OK);
	blk_rig_fini(&blk);
}

/* VIRTIO 5.2.5.2-wce: writeback starts as 0 with CONFIG_WCE and no FLUSH */
static void test_cache_mode(void **state)
{
	static struct blk_rig blk;
	uint8_t on = 1, off = 0;
	const uint32_t at = offsetof(struct virtio_blk_config, wce);

	start(&blk, state, &(struct blk_rig_options){0});
	assert_int_equal(read_config(&blk).wce, 1);
	fake_driver_config_write(&blk.rig.driver, at, &off, 1);
	assert_int_equal(read_config(&blk).wce, 0);
	fake_driver_config_write(&blk.rig.driver, at, &on, 1);
	assert_int_equal(read_config(&blk).wce, 1);
	fake_driver_config_write(&blk.rig.driver, at, &off, 1);

	blk_rig_restart(&blk, ~0ULL); /* a reset forgets what was written */
	assert_int_equal(read_config(&blk).wce, 1);
	blk_rig_restart(&blk, ALL_BUT(VIRTIO_BLK_F_FLUSH));
	assert_int_equal(read_config(&blk).wce, 0);
	blk_rig_restart(&blk, ALL_BUT(VIRTIO_BLK_F_CONFIG_WCE));
	fake_driver_config_write(&blk.rig.driver, at, &off, 1);
	assert_int_equal(read_config(&blk).wce, 1);
	blk_rig_fini(&blk);

	start(&blk, state, &(struct blk_rig_options){.blk.writethrough = true});
	assert_int_equal(read_config(&blk).wce, 0);
	blk_rig_fini(&blk);
}

static void test_all_queues(void **state)
{
	static struct blk_rig blk;
	struct blk_call *calls[16];
	uint64_t gpa;

	start(&blk, state, &(struct blk_rig_options){.blk.queues = 16});
	gpa = blk_rig_alloc(&blk, 16 * 4096);
	pattern(blk_rig_ptr(&blk, gpa, 16 * 4096), 16 * 4096, 2);
	for (unsigned int i = 0; i < 16; i++) {
		const struct fake_buffer data = {.gpa = gpa + i * 4096ULL,
						 .len = 4096};

		calls[i] = blk_rig_add(&blk, i, VIRTIO_BLK_T_OUT, i * 8ULL,
				       &data, 1);
		(void)fake_driver_kick(&blk.rig.driver, i);
	}
	for (unsigned int i = 0; i < 16; i++) {
		struct virtio_blk_stats stats;

		assert_int_equal(blk_rig_wait(&blk, calls[i]), VIRTIO_BLK_S_OK);
		virtio_blk_stats(blk.rig.dev, i, &stats);
		assert_int_equal(stats.requests[BLK_OP_WRITE], 1);
		assert_int_equal(stats.bytes[BLK_OP_WRITE], 4096);
		assert_int_equal(stats.errors, 0);
	}
	expect_file(&blk, 0, blk_rig_ptr(&blk, gpa, 16 * 4096), 16 * 4096);
	blk_rig_fini(&blk);
}

static off_t size_of(const struct blk_rig *blk)
{
	struct stat st;

	assert_int_equal(fstat(blk->fd, &st), 0);
	return st.st_size;
}

/* VIRTIO 5.2.6.2-capacity: a change of capacity is told to the driver */
static void test_resize(void **state)
{
	static struct blk_rig blk;
	struct err err = {0};
	uint32_t generation;
	uint64_t gpa;

	start(&blk, state, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, SECTOR);
	generation = fake_driver_read(&blk.rig.driver, 0x0fc);
	(void)fake_driver_interrupts(&blk.rig.driver);
	assert_int_equal(virtio_blk_resize(blk.rig.dev, MIB(16), &err), 0);
	assert_int_equal(fake_driver_interrupts(&blk.rig.driver), 1);
	assert_int_equal(fake_driver_read(&blk.rig.driver, 0x060) & 2, 2);
	assert_int_not_equal(fake_driver_read(&blk.rig.driver, 0x0fc),
			     generation);
	assert_int_equal(le64toh(read_config(&blk).capacity), MIB(16) / SECTOR);
	assert_int_equal(size_of(&blk), MIB(16));
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT,
					 MIB(16) / SECTOR - 1, gpa, SECTOR),
			 VIRTIO_BLK_S_OK);

	assert_int_equal(virtio_blk_resize(blk.rig.dev, MIB(4), &err), 0);
	assert_int_equal(size_of(&blk), MIB(4));
	assert_int_equal(le64toh(read_config(&blk).capacity), MIB(4) / SECTOR);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_OUT,
					 MIB(4) / SECTOR, gpa, SECTOR),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(size_of(&blk), MIB(4));

	/* Somebody else changed the file: 0 takes it as it is. */
	assert_int_equal(ftruncate(blk.fd, (off_t)MIB(6)), 0);
	assert_int_equal(virtio_blk_resize(blk.rig.dev, 0, &err), 0);
	assert_int_equal(le64toh(read_config(&blk).capacity), MIB(6) / SECTOR);

	assert_int_equal(virtio_blk_resize(blk.rig.dev, MIB(6) + 1, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "disk disk0: 6291457 bytes is no multiple "
				     "of its blocks of 512");
	blk_rig_fini(&blk);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void add_writes(struct blk_rig *blk, struct blk_call **calls,
		       unsigned int count, uint64_t sector, uint64_t gpa)
{
	const struct fake_buffer data = {.gpa = gpa, .len = SECTOR};

	for (unsigned int i = 0; i < count; i++)
		calls[i] = blk_rig_add(blk, 0, VIRTIO_BLK_T_OUT, sector + i,
				       &data, 1);
	(void)fake_driver_kick(&blk->rig.driver, 0);
}

/* A shrink waits for a request beyond the new end, here one that the rate limit
 * holds back, and only then cuts the file. */
static void test_shrink_waits(void **state)
{
	static struct blk_rig blk;
	struct blk_rig_options options = {0};
	struct blk_call *calls[3];
	struct err err = {0};

	rate_limit_init(&options.blk.limit, 4, 0, 0, 0);
	start(&blk, state, &options);
	add_writes(&blk, calls, 3, MIB(7) / SECTOR, blk_rig_alloc(&blk, 512));
	assert_int_equal(blk_rig_wait(&blk, calls[0]), VIRTIO_BLK_S_OK);
	assert_int_equal(virtio_blk_resize(blk.rig.dev, MIB(2), &err), 0);
	assert_int_equal(size_of(&blk), MIB(2));
	/* What was in flight went through, what had not been popped did not. */
	assert_int_equal(blk_rig_wait(&blk, calls[1]), VIRTIO_BLK_S_OK);
	assert_int_equal(blk_rig_wait(&blk, calls[2]), VIRTIO_BLK_S_IOERR);
	assert_int_equal(size_of(&blk), MIB(2));
	blk_rig_fini(&blk);
}

static void test_rate_limit_keeps_rate_and_order(void **state)
{
	static struct blk_rig blk;
	struct blk_rig_options options = {0};
	struct blk_call *calls[30];
	struct virtio_blk_stats stats;
	uint64_t before, took;

	rate_limit_init(&options.blk.limit, 100, 0, 0, 0);
	start(&blk, state, &options);
	before = now_ms();
	add_writes(&blk, calls, ARRAY_SIZE(calls), 0, blk_rig_alloc(&blk, 512));
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(blk_rig_wait(&blk, calls[i]), VIRTIO_BLK_S_OK);
		for (unsigned int j = i + 1; j < ARRAY_SIZE(calls); j++)
			assert_true(calls[j]->pending);
	}
	took = now_ms() - before;
	assert_in_range(took, 270, 30000);
	virtio_blk_stats(blk.rig.dev, 0, &stats);
	assert_in_range(stats.throttled, 10, 30);
	blk_rig_fini(&blk);
}

/* Queues that wait for the limit take turns. */
static void test_rate_limit_is_fair(void **state)
{
	static struct blk_rig blk;
	struct blk_rig_options options = {.blk.queues = 2};
	struct fake_buffer data = {.len = SECTOR};
	struct blk_call *calls[2][10];
	unsigned int late = 0;

	rate_limit_init(&options.blk.limit, 100, 0, 0, 0);
	start(&blk, state, &options);
	data.gpa = blk_rig_alloc(&blk, SECTOR);
	for (unsigned int queue = 0; queue < 2; queue++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(calls[0]); i++)
			calls[queue][i] = blk_rig_add(
				&blk, queue, VIRTIO_BLK_T_OUT, i, &data, 1);
		(void)fake_driver_kick(&blk.rig.driver, queue);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(calls[0]); i++)
		assert_int_equal(blk_rig_wait(&blk, calls[1][i]),
				 VIRTIO_BLK_S_OK);
	/* The first queue, which came first, is at most a turn behind. */
	for (unsigned int i = 0; i < ARRAY_SIZE(calls[0]); i++) {
		uint16_t head;
		uint32_t used;

		late += !fake_driver_take(&blk.rig.driver, 0, &head, &used);
	}
	assert_in_range(late, 0, 1);
	blk_rig_fini(&blk);
}

/* Neither a reset nor a pause waits until the limit would let requests go. */
static void test_stop_with_held_requests(void **state)
{
	static struct blk_rig blk;
	struct blk_rig_options options = {0};
	struct blk_call *calls[8];
	uint64_t before = now_ms();

	rate_limit_init(&options.blk.limit, 1, 0, 0, 0);
	options.blk.queues = 2;
	start(&blk, state, &options);
	add_writes(&blk, calls, ARRAY_SIZE(calls), 0, blk_rig_alloc(&blk, 512));
	assert_int_equal(blk_rig_wait(&blk, calls[0]), VIRTIO_BLK_S_OK);
	virtio_mmio_pause(blk.rig.transport);
	virtio_mmio_resume(blk.rig.transport);
	assert_int_equal(blk_rig_wait(&blk, calls[1]), VIRTIO_BLK_S_OK);
	blk_rig_restart(&blk, ~0ULL);
	assert_in_range(now_ms() - before, 0, 900 + 5000);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0),
			 VIRTIO_BLK_S_OK);
	blk_rig_fini(&blk);
}

/* VIRTIO 2.4.1-quiet: nothing is touched after the reset has been answered */
static void test_reset_with_requests_in_flight(void **state)
{
	static struct blk_rig blk;

	start(&blk, state, &(struct blk_rig_options){.blk.queues = 2});
	for (unsigned int round = 0; round < 100; round++) {
		const struct vring *vring = &blk.rig.driver.queues[0].vring;
		struct fake_buffer data = {.len = 65536};
		struct vring_used *used = vring->used;
		uint16_t idx;

		data.gpa = blk_rig_alloc(&blk, data.len);
		for (unsigned int i = 0; i < 32; i++)
			(void)blk_rig_add(&blk, i % 2, VIRTIO_BLK_T_IN,
					  i * 128ULL, &data, 1);
		(void)fake_driver_kick(&blk.rig.driver, 0);
		(void)fake_driver_kick(&blk.rig.driver, 1);
		fake_driver_write(&blk.rig.driver, 0x070, 0);
		assert_int_equal(fake_driver_read(&blk.rig.driver, 0x070), 0);
		idx = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);
		memset(blk_rig_ptr(&blk, data.gpa, data.len), 0xA5, data.len);
		(void)usleep(200);
		assert_int_equal(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE),
				 idx);
		for (unsigned int i = 0; i < data.len; i++)
			assert_int_equal(
				blk_rig_ptr(&blk, data.gpa, data.len)[i], 0xA5);
		blk.rig.driver.next = DEVICE_RIG_ARENA;
		blk_rig_restart(&blk, ~0ULL);
	}
	blk_rig_fini(&blk);
}

/* Pausing publishes what was in flight, resuming finds what came meanwhile. */
static void test_pause_and_resume(void **state)
{
	static struct blk_rig blk;
	struct blk_call *calls[32];
	uint64_t gpa;

	start(&blk, state, &(struct blk_rig_options){0});
	gpa = blk_rig_alloc(&blk, SECTOR);
	for (unsigned int round = 0; round < 200; round++) {
		uint16_t idx;

		add_writes(&blk, calls, 16, 0, gpa);
		virtio_mmio_pause(blk.rig.transport);
		idx = blk.rig.driver.queues[0].vring.used->idx;
		add_writes(&blk, calls + 16, 16, 16, gpa);
		(void)usleep(50);
		assert_int_equal(blk.rig.driver.queues[0].vring.used->idx, idx);
		virtio_mmio_resume(blk.rig.transport);
		for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
			assert_int_equal(blk_rig_wait(&blk, calls[i]),
					 VIRTIO_BLK_S_OK);
	}
	blk_rig_fini(&blk);
}

/* A request without a status byte breaks the device, not the VM; a reset mends
 * it. VIRTIO 2.1.2-needs-reset: DEVICE_NEEDS_RESET */
static void test_request_without_status(void **state)
{
	static struct blk_rig blk;
	struct fake_buffer header = {.len = 16};
	uint64_t gpa;

	start(&blk, state, &(struct blk_rig_options){0});
	header.gpa = blk_rig_alloc(&blk, 16);
	(void)fake_driver_add(&blk.rig.driver, 0, &header, 1);
	(void)fake_driver_kick(&blk.rig.driver, 0);
	while ((fake_driver_read(&blk.rig.driver, 0x070) &
		VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		(void)usleep(1000);
	blk_rig_restart(&blk, ~0ULL);
	gpa = blk_rig_alloc(&blk, SECTOR);
	assert_int_equal(blk_rig_request(&blk, VIRTIO_BLK_T_IN, 0, gpa, SECTOR),
			 VIRTIO_BLK_S_OK);
	blk_rig_fini(&blk);
}

/* More requests than the device has slots for, all of them answered. */
static void test_deep_queue(void **state)
{
	static struct blk_rig blk;
	static struct blk_call *calls[BLK_RIG_CALLS];
	uint64_t gpa;

	start(&blk, state, &(struct blk_rig_options){.blk.queue_size = 1024});
	blk.rig.driver.indirect = true;
	gpa = blk_rig_alloc(&blk, SECTOR);
	for (unsigned int round = 0; round < 3; round++) {
		add_writes(&blk, calls, ARRAY_SIZE(calls), 0, gpa);
		for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
			assert_int_equal(blk_rig_wait(&blk, calls[i]),
					 VIRTIO_BLK_S_OK);
	}
	blk_rig_fini(&blk);
}

/* A file system of 1 MiB in a mount namespace of our own. */
static const char full_dir[] = "test_virtio_blk.full";
static bool have_full_dir;

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		(void)close(fd);
}

static void make_full_dir(void)
{
	char map[64];

	(void)mkdir(full_dir, 0700);
	(void)snprintf(map, sizeof(map), "0 %u 1", getuid());
	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0)
			return;
		write_text("/proc/self/uid_map", map);
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("lwx-test", full_dir, "tmpfs", 0, "size=1m") < 0)
		return;
	have_full_dir = true;
}

static void test_full_disk(void **state)
{
	static struct blk_rig blk;
	uint64_t gpa;

	if (!have_full_dir)
		skip();
	start(&blk, state,
	      &(struct blk_rig_options){.dir = full_dir, .size = MIB(4)});
	gpa = blk_rig_alloc(&blk, MIB(2));
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 0, gpa, KIB(512)),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 2048, gpa, MIB(1)),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(atomic_load(&blk.errors), 1);
	assert_int_equal(blk.last_error.error, -ENOSPC);
	assert_int_equal(blk.last_error.op, BLK_OP_WRITE);
	assert_int_equal(blk.last_error.sector, 2048);
	assert_string_equal(blk.last_error.device, "disk0");

	/* The guest gets on: a discard makes room again. */
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_DISCARD, 2048, 2048, 0),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_rig_request(&blk, VIRTIO_BLK_T_OUT, 2048, gpa, KIB(256)),
		VIRTIO_BLK_S_OK);
	/* tmpfs has no FALLOC_FL_ZERO_RANGE: zeroes are written. */
	assert_int_equal(
		blk_rig_range(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 2048, 512, 0),
		VIRTIO_BLK_S_OK);
	memset(blk_rig_ptr(&blk, gpa, KIB(256)), 0, KIB(256));
	expect_file(&blk, 2048 * SECTOR, blk_rig_ptr(&blk, gpa, KIB(256)),
		    KIB(256));
	blk_rig_fini(&blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_then_read),
		cmocka_unit_test(test_all_segments),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_direct),
		cmocka_unit_test(test_direct_with_odd_buffers),
		cmocka_unit_test(test_get_id),
		cmocka_unit_test(test_discard),
		cmocka_unit_test(test_write_zeroes),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_cache_mode),
		cmocka_unit_test(test_all_queues),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_shrink_waits),
		cmocka_unit_test(test_rate_limit_keeps_rate_and_order),
		cmocka_unit_test(test_rate_limit_is_fair),
		cmocka_unit_test(test_stop_with_held_requests),
		cmocka_unit_test(test_reset_with_requests_in_flight),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_request_without_status),
		cmocka_unit_test(test_deep_queue),
		cmocka_unit_test(test_full_disk),
	};
	int failed;

	make_full_dir();
	failed = run_on_engines(tests, ARRAY_SIZE(tests));
	(void)umount2(full_dir, MNT_DETACH);
	(void)rmdir(full_dir);
	return failed;
}
