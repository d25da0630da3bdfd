/*
 * bench_matrix.h - the same loads under several VMMs: values, table, JSON and
 * plot. Pure but for its output.
 */
#pragma once

#include "bench_stats.h"
#include "err.h"

#include <stdio.h>

/** enum bench_metric - what is known of a load; all but the first three per
 * event (a request, a packet, a round trip) */
enum bench_metric {
	BENCH_RATE,	 /* events a second; more is better */
	BENCH_P50,	 /* us */
	BENCH_P99,	 /* us */
	BENCH_CPU,	 /* us of host CPU, the vCPU's own time left out */
	BENCH_CALLS,	 /* system calls, those of vCPUs left out */
	BENCH_EXIT,	 /* exits of a vCPU to user space */
	BENCH_INTERRUPT, /* interrupts */
	BENCH_METRICS,
};

/**
 * struct bench_matrix - results
 * @title:    of the plot
 * @cases:    names of the loads, @num_cases of them
 * @variants: names of the VMMs, @num_variants of them; the first, and
 *            @num_more behind it, are ours, the others are the peer in
 *            different settings
 * @cells:    @num_cases rows of @num_variants cells of BENCH_METRICS sets; a
 *            set without values was not measured
 */
struct bench_matrix {
	const char *title;
	const char *const *cases;
	size_t num_cases;
	const char *const *variants;
	size_t num_variants;
	size_t num_more;
	struct bench_values *cells;
};

/** bench_matrix_create() - allocate the cells. Return: 0 or -ENOMEM. */
int bench_matrix_create(struct bench_matrix *matrix, struct err *err);

/** bench_matrix_destroy() - free the cells. */
void bench_matrix_destroy(struct bench_matrix *matrix);

/** bench_matrix_add() - one measurement. */
void bench_matrix_add(struct bench_matrix *matrix, size_t load, size_t variant,
		      enum bench_metric metric, double value);

/** bench_matrix_print() - tables for people: medians, and ours against the best
 * of the peer's settings (that with the highest rate) for each load. */
void bench_matrix_print(const struct bench_matrix *matrix, FILE *out);

/** bench_matrix_json() - medians, extremes and rounds. Return: 0 or -EIO. */
int bench_matrix_json(const struct bench_matrix *matrix, FILE *out,
		      struct err *err);

/** bench_matrix_svg() - a bar for each load and VMM: its rate relative to the
 * best of the peer. Return: 0 or the negative errno of @path. */
int bench_matrix_svg(const struct bench_matrix *matrix, const char *path,
		     struct err *err);
