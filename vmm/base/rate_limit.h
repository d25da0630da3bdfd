/*
 * rate_limit.h - token buckets for operations and bytes.
 *
 * Pure arithmetic on a clock that the caller supplies; no timer, no tick, no
 * lock: one thread per limiter. A request that may not go yet is told the exact
 * instant at which it may, and the caller arms one timer for it
 * (io_engine_timer()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * struct rate_bucket - tokens of one kind
 * @rate:  tokens a second, 0 for no limit
 * @burst: tokens that may be spent at once after a pause
 * @level: tokens times 10^9 at @rate_limit.last_ns; negative is debt
 */
struct rate_bucket {
	uint64_t rate;
	uint64_t burst;
	__int128 level;
};

/**
 * struct rate_limit - embed; fields private to rate_limit.c
 */
struct rate_limit {
	struct rate_bucket ops;
	struct rate_bucket bytes;
	uint64_t last_ns;
	bool started;
};

/**
 * What a caller whose timer fires late may catch up, in time: without it each
 * late timer would lower the rate for good. Bounds what goes at once to
 * 10 ms of the rate where that is more than the burst.
 */
#define RATE_LIMIT_SLACK_NS 10000000ULL

/**
 * rate_limit_init() - set the limits; buckets start full
 * @ops:         requests a second, 0 for no limit
 * @bytes:       bytes a second, 0 for no limit
 * @ops_burst:   requests that may go at once after a pause; 0 paces each
 * @bytes_burst: bytes that may go at once after a pause; 0 paces each request
 */
void rate_limit_init(struct rate_limit *limit, uint64_t ops, uint64_t bytes,
		     uint64_t ops_burst, uint64_t bytes_burst);

/**
 * rate_limit_take() - may a request go now?
 * @now_ns: CLOCK_MONOTONIC, or any clock that does not go back
 * @bytes:  size of the request
 *
 * A request larger than the burst goes once the bucket is full; what it spends
 * beyond is debt that later requests wait for, so the rate holds.
 *
 * Return: 0 if it may: it has been charged. Else nothing has been charged and
 * the result is the instant at which to ask again, UINT64_MAX at most.
 */
uint64_t rate_limit_take(struct rate_limit *limit, uint64_t now_ns,
			 uint64_t bytes);

/** rate_limit_enabled() - is there any limit at all? */
bool rate_limit_enabled(const struct rate_limit *limit);
