/* bench_run.h - `lwx-bench run`: what a short VM costs, alone and with many at
 * once. */
#pragma once

#include "bench_load.h"

/** bench_run() - measure and print to stdout; @opt: seconds and match are of no
 * use here. @num: how many at once, 2 to BENCH_JOBS_MAX. Return: 0 or a
 * negative errno. */
int bench_run(const struct bench_load_options *opt, unsigned int num,
	      struct err *err);
