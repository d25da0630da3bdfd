/* backoff.h - how long until a service is started again. Pure. */
#pragma once

#include <stdint.h>

#define BACKOFF_FIRST_MS 500U
#define BACKOFF_MAX_MS 60000U

/**
 * backoff_next() - twice the last pause
 * @last_ms: the last pause, 0: none yet
 * @ran_ms:  how long it ran; BACKOFF_MAX_MS or more forgets what was before
 *
 * Return: BACKOFF_FIRST_MS to BACKOFF_MAX_MS.
 */
static inline uint32_t backoff_next(uint32_t last_ms, uint64_t ran_ms)
{
	if (last_ms < BACKOFF_FIRST_MS || ran_ms >= BACKOFF_MAX_MS)
		return BACKOFF_FIRST_MS;
	return last_ms >= BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS : 2 * last_ms;
}
