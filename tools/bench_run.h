/* bench_run.h - `lwx-bench run`: what a short VM costs, alone and with many at
 * once. */
#pragma once

#include "bench_load.h"

/**
 * bench_run() - measure and print to stdout
 * @opt: match is part of "lwx-vm run", "lwx-vmm" or "QEMU microvm"; seconds are
 *       of no use
 * @num: how many at once, 2 to BENCH_JOBS_MAX
 *
 * Return: 0 or a negative errno.
 */
int bench_run(const struct bench_load_options *opt, unsigned int num,
	      struct err *err);
