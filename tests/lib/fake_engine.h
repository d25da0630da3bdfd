/*
 * fake_engine.h - a backend of the I/O engine without threads or kernel queues,
 * for unit tests and fuzz targets. A program that links libfakeengine.a before
 * libbase.a gets it from io_engine_create().
 *
 * Everything happens inside io_engine_poll(), in the order of submission, so a
 * test is deterministic. io_engine_call() runs its function at once and then
 * polls until nothing moves. Time stands still unless fake_engine_set_time()
 * moves it. An edge-triggered watch of an eventfd reads it; of a socket it sees
 * what is unread grow from one round to the next.
 */
#pragma once

#include "io_engine_impl.h"

/**
 * fake_engine_fault - what a file operation should do instead of its work
 * @offset: file offset, -1 for streams
 * @len:    bytes asked for
 *
 * Return: INT_MAX to do the work; a smaller positive number to read or write
 * only that many bytes; 0 or a negative errno to complete with that.
 */
typedef int fake_engine_fault(void *arg, enum io_op_kind kind, int file,
			      int64_t offset, uint64_t len);

/** fake_engine_create() - io_engine_create() without the questions. */
struct io_engine *fake_engine_create(void);

/** fake_engine_set_fault() - install a fault hook; NULL removes it. */
void fake_engine_set_fault(struct io_engine *engine, fake_engine_fault *fault,
			   void *arg);

/** fake_engine_hold() - keep file operations at an offset, and syncs, in
 * flight until they are released or cancelled. */
void fake_engine_hold(struct io_engine *engine, bool hold);

/** fake_engine_set_time() - the CLOCK_MONOTONIC of the timers. */
void fake_engine_set_time(struct io_engine *engine, uint64_t now_ns);

/** fake_engine_next_timer() - Return: the earliest deadline, 0 if none. */
uint64_t fake_engine_next_timer(const struct io_engine *engine);

/** fake_engine_in_flight() - Return: operations not completed yet. */
unsigned int fake_engine_in_flight(const struct io_engine *engine);

/** fake_engine_settle() - poll until nothing completes any more. */
void fake_engine_settle(struct io_engine *engine);
