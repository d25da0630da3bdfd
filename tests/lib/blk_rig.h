/*
 * blk_rig.h - a block device on a scratch file, with its driver: requests in
 * the shape that drivers use.
 */
#pragma once

#include "device_rig.h"
#include "virtio_blk.h"

#include <stdatomic.h>

#define BLK_RIG_CALLS 1024 /* requests in flight at most */

/**
 * struct blk_rig_options - zeroed: 8 MiB, one queue of 256, everything accepted
 * @dir:      where the scratch file goes; NULL: the current directory
 * @size:     of the scratch file, bytes; 0: 8 MiB
 * @features: what the driver accepts of what is offered; 0: all
 * @readonly: open the file for reading only
 * @direct:   O_DIRECT
 * @blk:      passed on; name, fd, queues and queue_size are filled in if 0
 * @poll_max_ns: of the engine; 0: no polling
 */
struct blk_rig_options {
	const char *dir;
	uint64_t size;
	uint64_t features;
	bool readonly;
	bool direct;
	struct virtio_blk_options blk;
	uint64_t poll_max_ns;
};

/**
 * struct blk_call - a request the driver waits for
 * @status:  its status byte
 * @used:    used length, once it has come back
 * @pending: has not come back
 */
struct blk_call {
	uint8_t *status;
	uint32_t used;
	bool pending;
	unsigned int queue;
	uint16_t head;
};

/**
 * struct blk_rig - the device and what its driver remembers
 * @rig:        below
 * @path:       scratch file
 * @fd:         our own descriptor of it
 * @errors:     reports of on_error
 * @last_error: the latest
 */
struct blk_rig {
	struct device_rig rig;
	char path[256];
	int fd;
	atomic_uint errors;
	struct virtio_blk_error last_error;
	uint64_t headers;
	uint64_t statuses;
	unsigned int next;
	struct blk_call calls[BLK_RIG_CALLS];
};

/**
 * blk_rig_init() - make file, device and driver, and start the driver
 *
 * Return: false if the file system has no O_DIRECT: skip the test.
 */
bool blk_rig_init(struct blk_rig *blk, enum io_engine_kind kind,
		  const struct blk_rig_options *options);

/** blk_rig_fini() - tear down, remove the file. */
void blk_rig_fini(struct blk_rig *blk);

/** blk_rig_restart() - reset the device and start the driver again. */
void blk_rig_restart(struct blk_rig *blk, uint64_t features);

/** blk_rig_alloc() - guest memory for data, page aligned. */
uint64_t blk_rig_alloc(struct blk_rig *blk, uint64_t len);

/** blk_rig_ptr() - host address of it. */
uint8_t *blk_rig_ptr(struct blk_rig *blk, uint64_t gpa, uint64_t len);

/**
 * blk_rig_add() - place a request without a doorbell
 * @data:  its data, whose direction follows from @type
 * @count: entries of @data, at most 126
 */
struct blk_call *blk_rig_add(struct blk_rig *blk, unsigned int queue,
			     uint32_t type, uint64_t sector,
			     const struct fake_buffer *data,
			     unsigned int count);

/** blk_rig_wait() - wait until @call has come back. Return: its status. */
int blk_rig_wait(struct blk_rig *blk, const struct blk_call *call);

/** blk_rig_request() - one request with @len bytes of data on queue 0, waited
 * for. Return: its status. */
int blk_rig_request(struct blk_rig *blk, uint32_t type, uint64_t sector,
		    uint64_t gpa, uint32_t len);

/** blk_rig_range() - one discard or write-zeroes segment. Return: its status.
 */
int blk_rig_range(struct blk_rig *blk, uint32_t type, uint64_t sector,
		  uint32_t sectors, uint32_t flags);
