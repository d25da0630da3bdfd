/*
 * rate_limit.c - token buckets in units of 10^-9 token, so that rate times
 * nanoseconds needs no rounding: any rate is exact over any time. 128 bits hold
 * every product: a level stays above -2^94 (one u64 request of debt), a rate
 * times an elapsed time below 2^128.
 */
#include "rate_limit.h"

#include "macros.h"

#define UNITS 1000000000ULL /* per token; nanoseconds in a second */

static __int128 bucket_full(const struct rate_bucket *bucket)
{
	__int128 slack = (__int128)bucket->rate * RATE_LIMIT_SLACK_NS;

	return MAX((__int128)bucket->burst * UNITS, slack);
}

static void bucket_init(struct rate_bucket *bucket, uint64_t rate,
			uint64_t burst)
{
	bucket->rate = rate;
	bucket->burst = burst;
	bucket->level = (__int128)burst * UNITS;
}

static void bucket_refill(struct rate_bucket *bucket, uint64_t elapsed_ns)
{
	unsigned __int128 earned = (unsigned __int128)bucket->rate * elapsed_ns;
	__int128 full = bucket_full(bucket);

	/* As a comparison: the sum may not fit. */
	if (bucket->level >= full)
		return;
	if (earned >= (unsigned __int128)(full - bucket->level))
		bucket->level = full;
	else
		bucket->level += (__int128)earned;
}

/* Nanoseconds until @cost tokens may be spent, 0 for now. */
static uint64_t bucket_wait(const struct rate_bucket *bucket, uint64_t cost)
{
	__int128 missing =
		(__int128)MIN(cost, bucket->burst) * UNITS - bucket->level;
	__int128 wait;

	if (!bucket->rate || missing <= 0)
		return 0;
	wait = (missing + bucket->rate - 1) / bucket->rate;
	return wait > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)wait;
}

static void bucket_spend(struct rate_bucket *bucket, uint64_t cost)
{
	if (bucket->rate)
		bucket->level -= (__int128)cost * UNITS;
}

void rate_limit_init(struct rate_limit *limit, uint64_t ops, uint64_t bytes,
		     uint64_t ops_burst, uint64_t bytes_burst)
{
	*limit = (struct rate_limit){0};
	bucket_init(&limit->ops, ops, ops_burst);
	bucket_init(&limit->bytes, bytes, bytes_burst);
}

uint64_t rate_limit_take(struct rate_limit *limit, uint64_t now_ns,
			 uint64_t bytes)
{
	uint64_t wait;

	if (limit->started && now_ns > limit->last_ns) {
		bucket_refill(&limit->ops, now_ns - limit->last_ns);
		bucket_refill(&limit->bytes, now_ns - limit->last_ns);
	}
	if (!limit->started || now_ns > limit->last_ns)
		limit->last_ns = now_ns;
	limit->started = true;

	wait = MAX(bucket_wait(&limit->ops, 1),
		   bucket_wait(&limit->bytes, bytes));
	if (wait)
		return wait > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + wait;
	bucket_spend(&limit->ops, 1);
	bucket_spend(&limit->bytes, bytes);
	return 0;
}

bool rate_limit_enabled(const struct rate_limit *limit)
{
	return limit->ops.rate || limit->bytes.rate;
}
