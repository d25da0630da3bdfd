/* test_virtio_blk.c - the block device on real files, on every I/O engine. */
#include "blk_rig.h"
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

static enum io_engine_kind engine_of(void **state)
{
	return *(const enum io_engine_kind *)*state;
}

static void start(struct blk_rig *blk, void **state,
		  const struct blk_rig_options *options)
{
	if (!blk_rig_init(blk, engine_of(state), options))
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

int main(void)
{
	static enum io_engine_kind uring = IO_ENGINE_URING;
	struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_write_then_read, &uring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
