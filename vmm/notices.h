/*
 * notices.h - device trouble on its way from an I/O thread to the control
 * thread, which makes events of it.
 *
 * A bounded queue under a lock: trouble is rare, and what does not fit is
 * counted. The eventfd wakes the control thread's poll loop.
 */
#pragma once

#include "err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTICES_MAX 16

/**
 * struct disk_notice - a request failed on the host
 * @disk:   "disk0"
 * @op:     "read", "write", ...
 * @sector: of 512 bytes
 * @error:  positive errno
 */
struct disk_notice {
	char disk[32];
	char op[16];
	uint64_t sector;
	int error;
};

/** struct notices - embed; @fd polls readable when something is queued */
struct notices {
	int fd;
	pthread_mutex_t lock;
	struct disk_notice queue[NOTICES_MAX];
	unsigned int count;
	uint64_t lost;
};

/** notices_init() - Return: 0 or a negative errno. */
int notices_init(struct notices *n, struct err *err);

/** notices_fini() - no thread may post any more. */
void notices_fini(struct notices *n);

/** notices_post() - queue one; any thread, never blocks for long. */
void notices_post(struct notices *n, const struct disk_notice *notice);

/** notices_take() - Return: true and the oldest one; false if none is left. */
bool notices_take(struct notices *n, struct disk_notice *out);
