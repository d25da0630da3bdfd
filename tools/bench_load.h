/* bench_load.h - run one payload guest under load and take its figures. */
#pragma once

#include "bench_guest.h"
#include "bench_matrix.h"

/**
 * struct bench_load_options - what the load benchmarks have in common
 * @rounds:  interleaved rounds
 * @seconds: measured in each round, load and VMM
 * @payload: path of payload.elf
 * @match:   only loads whose name contains this; NULL: all
 * @svg:     file for a plot, or NULL
 * @json:    print JSON instead of the tables
 */
struct bench_load_options {
	unsigned int rounds;
	double seconds;
	const char *payload;
	const char *match;
	const char *svg;
	bool json;
};

/**
 * bench_load_rounds() - measure a matrix, in turns, and report it
 * @matrix: cases, variants and title are set
 * @run:    measures one cell; leaves out what cannot be
 *
 * Return: 0, -EINVAL if no load matches, or a negative errno, with @err.
 */
int bench_load_rounds(const struct bench_load_options *opt,
		      struct bench_matrix *matrix,
		      int (*run)(struct bench_matrix *matrix, size_t load,
				 size_t variant, void *arg, struct err *err),
		      void *arg, struct err *err);

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
