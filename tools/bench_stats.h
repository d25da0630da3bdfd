/* bench_stats.h - a set of measured values and what is said of it. Pure. */
#pragma once

#include <stddef.h>

#define BENCH_VALUES_MAX 1000

/** struct bench_values - zero-initialise; further values are dropped */
struct bench_values {
	double values[BENCH_VALUES_MAX];
	size_t count;
};

/** bench_values_add() - one more measurement. */
void bench_values_add(struct bench_values *v, double value);

/** bench_values_quantile() - nearest rank, @q from 0 to 1; 0 of an empty set.
 * Sorts the set. */
double bench_values_quantile(struct bench_values *v, double q);

/** bench_values_median() - quantile 0.5. */
double bench_values_median(struct bench_values *v);
