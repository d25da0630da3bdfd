/* bench_block.h - `lwx-bench block`: a disk under load, beside QEMU. */
#pragma once

#include "err.h"

#include <stdbool.h>

/**
 * struct bench_block_options - the command line
 * @rounds:  interleaved rounds
 * @seconds: measured in each round, load and VMM
 * @payload: path of payload.elf
 * @dir:     folder for the disk's file
 * @match:   only loads whose name contains this; NULL: all
 * @svg:     file for a plot, or NULL
 * @json:    print JSON instead of the tables
 */
struct bench_block_options {
	unsigned int rounds;
	double seconds;
	const char *payload;
	const char *dir;
	const char *match;
	const char *svg;
	bool json;
};

/** bench_block() - measure and print to stdout. Return: 0 or a negative
 * errno. */
int bench_block(const struct bench_block_options *opt, struct err *err);
