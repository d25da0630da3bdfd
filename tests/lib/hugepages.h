/* hugepages.h - the pools of huge pages are the host's: who changes one keeps
 * other tests from doing the same meanwhile. */
#pragma once

#include "test.h"

#include <fcntl.h>
#include <sys/file.h>

/** hugepages_lock() - wait for our turn, which lasts until the program ends. */
static inline void hugepages_lock(void)
{
	static int fd = -1;

	if (fd >= 0)
		return;
	fd = open("/sys/kernel/mm/hugepages", O_RDONLY | O_CLOEXEC);
	/* Without the folder there are no pools to quarrel about. */
	if (fd >= 0)
		assert_int_equal(flock(fd, LOCK_EX), 0);
}
