/* clock.h - the clock of timers and rate limits; any thread. */
#pragma once

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ULL

/** clock_ns() - Return: CLOCK_MONOTONIC in nanoseconds, as io_engine_timer()
 * and rate_limit_take() want it. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}
