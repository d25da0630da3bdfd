/*
 * blk_backend.h - carries out block requests on a file or block device through
 * the I/O engine; knows nothing of virtqueues.
 *
 * Thread rule: blk_backend_init() and _fini() before the engine runs and after
 * it has stopped; everything else on the engine's thread.
 *
 * A short transfer is continued where it stopped. Guest buffers that O_DIRECT
 * cannot take go through one bounce buffer per backend, a window at a time;
 * requests that need it wait for each other. Nothing is allocated per request.
 */
#pragma once

#include "blk_request.h"
#include "disk_file.h"
#include "io_engine.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define BLK_BOUNCE_SIZE 262144U /* bytes: one window */
#define BLK_ZEROES_SIZE 65536U	/* bytes of zeroes behind one iovec */
#define BLK_ZEROES_IOVS 16U	/* iovecs in one write of zeroes */

struct blk_backend;

/**
 * struct blk_io - one request being carried out; embed
 * @op:          engine's
 * @backend:     set by blk_backend_start()
 * @done:        set by the caller: called once, with 0 or a negative errno;
 *               -EOPNOTSUPP for a discard that the storage does not do
 * @req:         set by the caller; @req.iov is used up
 * @durable:     set by the caller: what is written must be on stable storage
 *               before @done (writethrough)
 * @transferred: bytes done so far
 * @next:        waits for the bounce buffer behind this one
 * @window:      part of the bounce buffer or of the zeroes in flight
 * @range_done:  bytes done of range number @range
 * @range:       of discard and write-zeroes, the one in progress
 * @attempts:    consecutive pieces without progress (EAGAIN, EINTR)
 * @sync_left:   fdatasync comes last
 * @bounced:     goes through the bounce buffer
 * @by_write:    zeroes are written: the storage has no better way
 */
struct blk_io {
	struct io_op op;
	struct blk_backend *backend;
	void (*done)(struct blk_io *io, int error);
	struct blk_request req;
	bool durable;
	bool sync_left;
	bool bounced;
	bool by_write;
	unsigned int attempts;
	unsigned int range;
	uint64_t range_done;
	uint64_t transferred;
	struct iovec window;
	struct blk_io *next;
};

/**
 * struct blk_backend - one open disk file
 * @engine:       of the I/O thread
 * @file:         engine slot of the file, -1 if none
 * @geometry:     as probed
 * @punch_hole:   deallocation works, as far as known
 * @zero_range:   zeroing without writing works, as far as known
 * @bounce:       BLK_BOUNCE_SIZE bytes, NULL without O_DIRECT
 * @bounce_owner: request that uses @bounce
 * @bounce_first: requests that wait for it, first come first served
 * @bounce_last:  end of that list
 * @bounces:      requests that needed the bounce buffer; read by any thread
 * @zeroes:       iovecs that all point to the same zeroes
 */
struct blk_backend {
	struct io_engine *engine;
	int file;
	struct disk_geometry geometry;
	bool punch_hole;
	bool zero_range;
	uint8_t *bounce;
	struct blk_io *bounce_owner;
	struct blk_io *bounce_first;
	struct blk_io *bounce_last;
	uint64_t bounces;
	struct iovec zeroes[BLK_ZEROES_IOVS];
};

/**
 * blk_backend_init() - make a backend of an open disk file
 * @fd:         from disk_file_open(); stays the caller's, open until
 *              blk_backend_fini()
 * @name:       for messages
 * @block_size: logical block the guest will see, bytes
 *
 * Return: 0; -EINVAL if @block_size is smaller than O_DIRECT allows on this
 * file, or the file holds no whole block; other negative errno.
 */
int blk_backend_init(struct blk_backend *be, struct io_engine *engine, int fd,
		     const char *name, uint32_t block_size, struct err *err);

/** blk_backend_fini() - release; nothing is in flight. Also after a failed
 * blk_backend_init(), and on a zeroed one. */
void blk_backend_fini(struct blk_backend *be);

/**
 * blk_backend_start() - carry out a request
 * @io: done, req and durable set; alive and untouched until done runs
 *
 * @io->done may run before this returns. Get-id is not for the backend.
 */
void blk_backend_start(struct blk_backend *be, struct blk_io *io);
