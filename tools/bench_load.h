/* bench_load.h - run one payload guest under load and take its figures. */
#pragma once

#include "bench_guest.h"
#include "bench_matrix.h"

/** bench_tsc_hz() - TSC ticks a second, measured once. */
double bench_tsc_hz(void);

/**
 * bench_load_run() - run a guest that prints "begin" and "end ..." (bench.h of
 * the payload guests), and add its figures to a cell of the matrix
 *
 * Return: 0, or a negative errno with @err.
 */
int bench_load_run(struct bench_matrix *matrix, size_t load, size_t variant,
		   enum bench_vmm vmm, const struct bench_guest_config *cfg,
		   struct err *err);
