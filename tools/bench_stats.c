/* bench_stats.c - a set of measured values and what is said of it. */
#include "bench_stats.h"

#include <stdlib.h>

void bench_values_add(struct bench_values *v, double value)
{
	if (v->count < BENCH_VALUES_MAX)
		v->values[v->count++] = value;
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

double bench_values_quantile(struct bench_values *v, double q)
{
	size_t rank;

	if (!v->count)
		return 0;
	qsort(v->values, v->count, sizeof(v->values[0]), compare);
	rank = (size_t)(q * (double)(v->count - 1) + 0.5);
	return v->values[rank];
}

double bench_values_median(struct bench_values *v)
{
	return bench_values_quantile(v, 0.5);
}
