/*
 * cleanup.h - locals that release themselves at the end of their scope.
 *
 * The helpers only release (close, free); they never act on the outside world,
 * and they preserve errno. Ownership leaves by steal_fd() and steal_ptr().
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close_(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about a failing close here */
	errno = saved;
}

static inline void cleanup_free_(void *pp)
{
	free(*(void **)pp);
}

/** AUTO_CLOSE - `AUTO_CLOSE int fd = -1;` closes fd unless it is -1. */
#define AUTO_CLOSE __attribute__((cleanup(cleanup_close_)))
/** AUTO_FREE - `AUTO_FREE char *p = NULL;` frees p. */
#define AUTO_FREE __attribute__((cleanup(cleanup_free_)))

/** steal_fd() - hand the fd on: returns it and leaves -1 behind. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** steal_ptr() - hand the pointer on: returns it and leaves NULL behind. */
#define steal_ptr(pp)                                                          \
	({                                                                     \
		__typeof__(*(pp)) taken_ = *(pp);                              \
		*(pp) = NULL;                                                  \
		taken_;                                                        \
	})
