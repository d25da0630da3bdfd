/*
 * bench.h - what the benchmark verbs measure with: a window of time and a
 * histogram, both in TSC ticks. The host gives the lengths in ticks, so that no
 * frequency has to be known here.
 */
#pragma once

#include "payload.h"

/* 16 buckets for each power of two: quantiles are right to about 3 %. */
#define BENCH_SUB_BITS 4
#define BENCH_BUCKETS (64u << BENCH_SUB_BITS)

/**
 * struct bench - one measurement
 * @end:     of the window, in ticks
 * @from:    its start
 * @count:   events in it
 * @buckets: of their latencies
 */
struct bench {
	uint64_t end;
	uint64_t from;
	uint64_t count;
	uint32_t buckets[BENCH_BUCKETS];
};

/* A verb says "ready" once its device is in use, warms up, and then: */

/** bench_begin() - "begin" to the host, and a window of @ticks starts. */
void bench_begin(struct bench *bench, uint64_t ticks);

/** bench_add() - one event that took @ticks. */
static inline void bench_add(struct bench *bench, uint64_t ticks)
{
	unsigned int shift = 0;

	while (ticks >> shift >= 2u << BENCH_SUB_BITS)
		shift++;
	bench->buckets[(shift << BENCH_SUB_BITS) + (ticks >> shift)]++;
	bench->count++;
}

/** bench_end() - "end count=N ticks=N p50=N p99=N" to the host, which ends the
 * machine when it has looked at its own counters. */
_Noreturn void bench_end(struct bench *bench, uint64_t now);
