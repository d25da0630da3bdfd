/* bench.c - windows of time and histograms of the benchmark verbs. */
#include "bench.h"

#define MANTISSA (1u << BENCH_SUB_BITS)

void bench_begin(struct bench *bench, uint64_t ticks)
{
	memset(bench, 0, sizeof(*bench));
	say("begin\n");
	bench->from = rdtsc();
	bench->end = bench->from + ticks;
}

/* Middle of the bucket in which the event of rank @rank lies. */
static uint64_t quantile(const struct bench *bench, uint64_t rank)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < BENCH_BUCKETS; i++) {
		uint64_t shift, low;

		seen += bench->buckets[i];
		if (seen <= rank)
			continue;
		if (i < 2 * MANTISSA)
			return i;
		shift = (i >> BENCH_SUB_BITS) - 1;
		low = (i - (shift << BENCH_SUB_BITS)) << shift;
		return low + (1ull << shift) / 2;
	}
	return 0;
}

_Noreturn void bench_end(struct bench *bench, uint64_t now)
{
	say("end count=%lu ticks=%lu p50=%lu p99=%lu\n", bench->count,
	    now - bench->from, quantile(bench, bench->count / 2),
	    quantile(bench, bench->count * 99 / 100));
	for (;;)
		cpu_relax();
}
