/*
 * count_blk.c - reads of the block device, for callgrind to count: instructions
 * are collected while the device works (doorbell, pop, parse, submit, complete,
 * push, interrupt), and not while its driver does. The fake engine stands for
 * the kernel, so its few instructions for each operation are in the figure.
 *
 *	count_blk DEPTH BATCHES
 */
#include "blk_rig.h"
#include "fake_engine.h"
#include "macros.h"
#include "test.h"

#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#define BLOCK 4096U
#define DEPTH_MAX 64U

static struct blk_rig blk;

static void run_batch(unsigned int depth, uint64_t data)
{
	struct fake_driver *driver = &blk.rig.driver;
	struct blk_call *calls[DEPTH_MAX];

	for (unsigned int i = 0; i < depth; i++) {
		const struct fake_buffer buffer = {
			.gpa = data + (uint64_t)i * BLOCK, .len = BLOCK};

		calls[i] = blk_rig_add(&blk, 0, VIRTIO_BLK_T_IN, i * 8, &buffer,
				       1);
	}
	(void)fake_driver_kick(driver, 0);
	CALLGRIND_TOGGLE_COLLECT;
	fake_engine_settle(blk.rig.engine);
	CALLGRIND_TOGGLE_COLLECT;
	for (unsigned int i = 0; i < depth; i++)
		if (blk_rig_wait(&blk, calls[i]) != VIRTIO_BLK_S_OK)
			exit(1);
}

int main(int argc, char **argv)
{
	unsigned long depth = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long batches = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	uint64_t data;

	if (!depth || depth > DEPTH_MAX || !batches) {
		(void)fprintf(stderr, "usage: count_blk DEPTH BATCHES\n");
		return 2;
	}
	if (!blk_rig_init(&blk, IO_ENGINE_AUTO, &(struct blk_rig_options){0}))
		return 1;
	data = blk_rig_alloc(&blk, (uint64_t)depth * BLOCK);
	for (unsigned long i = 0; i < batches; i++)
		run_batch((unsigned int)depth, data);
	blk_rig_fini(&blk);
	return 0;
}
