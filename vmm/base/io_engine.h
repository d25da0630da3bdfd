/*
 * io_engine.h - contract of the I/O engine: one per I/O thread, for disks,
 * sockets, taps, doorbells and timers.
 *
 * Thread rule: every call is made on the thread that runs io_engine_run() (the
 * owner), or before that thread starts, except io_engine_post(),
 * io_engine_call(), io_engine_stop() and io_engine_stats(), which any thread
 * may use. The owner is the thread that first enters io_engine_run() or
 * io_engine_poll(), and it stays the owner.
 *
 * Operations are intrusive: the caller embeds a struct io_op, fills @done and
 * keeps it alive and untouched until @done runs. Each accepted operation
 * completes exactly once (io_engine_watch(): until removed), unless the engine
 * is stopped first, see io_engine_run(). Submission never fails and never
 * blocks: errors arrive in @done. Operations that are prepared while
 * completions run are handed to the kernel in one batch when the engine next
 * waits; no system call is made per operation.
 *
 * Two engines stand behind this contract: io_uring (created disabled,
 * restricted to the opcodes used here, then enabled) and libaio + epoll. Which
 * calls of the second may block is told in io_aio.c.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct io_engine;

/**
 * struct io_op - one operation in flight, embedded in the caller's request
 * @done: completion on the owner thread; @res is the result of the operation
 *        (bytes, poll events, 0) or a negative errno; -ECANCELED after
 *        io_engine_cancel(). The op may be used again, or freed, inside @done
 *        (a watch: once @res is negative)
 * @priv: engine's own; zero-initialise, do not touch
 */
struct io_op {
	void (*done)(struct io_op *op, int res);
	struct {
		struct io_op *next;
		struct io_op **pprev;
		const struct iovec *iov;
		uint64_t offset;
		uint64_t len;
		int64_t time[2]; /* struct __kernel_timespec */
		int file;
		uint32_t iovcnt;
		uint32_t flags;
		uint8_t kind;
		uint8_t state;
		bool polling;
		int result;
	} priv;
};

enum io_engine_kind {
	IO_ENGINE_AUTO,	 /* io_uring, or libaio with one warning */
	IO_ENGINE_URING, /* io_uring or fail */
	IO_ENGINE_AIO,	 /* libaio and epoll */
};

/**
 * struct io_engine_config - how to make an engine
 * @kind:      which implementation
 * @depth:     operations expected in flight at once; more are queued inside
 * @max_files: number of io_engine_file_add() slots
 * @poll_max_ns: longest time to look at pollers before sleeping; 0: never. Not
 *             for libaio, whose completions and doorbells take a system call to
 *             see: it never polls
 */
struct io_engine_config {
	enum io_engine_kind kind;
	unsigned int depth;
	unsigned int max_files;
	uint64_t poll_max_ns;
};

/**
 * struct io_poller - a source of work that can be seen in memory
 * @look: is there work? No system call. Return: 1 or 0, -1 if it must not be
 *        polled now
 * @work: take it
 * @rest: the engine is going to sleep: ask to be woken, fence, look again.
 *        Return: true if there is work after all, which @work takes then
 * @next: engine's own
 *
 * All on the owner thread.
 */
struct io_poller {
	int (*look)(struct io_poller *poller);
	void (*work)(struct io_poller *poller);
	bool (*rest)(struct io_poller *poller);
	struct io_poller *next;
};

/**
 * io_engine_create() - make an engine; no thread is started
 *
 * Return: 0 and *out, or a negative errno with @err.
 */
int io_engine_create(struct io_engine **out, const struct io_engine_config *cfg,
		     struct err *err);

/**
 * io_engine_destroy() - release; accepts NULL
 *
 * After io_engine_run() has returned, on any thread. Without io_engine_run(),
 * on the thread that called io_engine_poll(): operations still in flight are
 * ended as io_engine_run() does.
 */
void io_engine_destroy(struct io_engine *engine);

/** io_engine_name() - "io_uring" or "aio". */
const char *io_engine_name(const struct io_engine *engine);

/**
 * io_engine_run() - become the owner thread and serve until io_engine_stop()
 *
 * Call once. On the way out what is still in flight is cancelled or waited for
 * and its @done is not run: when this returns the kernel touches no buffer any
 * more and every op is the caller's again. Posts and calls that came before the
 * end are still served.
 *
 * Return: 0, or a negative errno if the kernel interface itself failed.
 */
int io_engine_run(struct io_engine *engine);

/**
 * io_engine_is_over() - has io_engine_run() ended? Any thread. Then nothing is
 * in flight and no @done will run any more. For who waits for a completion: an
 * engine that has failed ends by itself.
 */
bool io_engine_is_over(const struct io_engine *engine);

/**
 * io_engine_poll() - one round: submit, wait if @wait and nothing is ready,
 * dispatch what completed. For tests and for the owner's tear-down.
 *
 * Return: number of completions and posts dispatched (0 is possible even with
 * @wait) or a negative errno.
 */
int io_engine_poll(struct io_engine *engine, bool wait);

/** io_engine_stop() - make io_engine_run() return, now or when it is entered;
 * any thread. */
void io_engine_stop(struct io_engine *engine);

/**
 * io_engine_post() - run op->done(op, 0) on the owner thread; any thread.
 * The only cross-thread entry: a lock-free stack and one eventfd. Posts of one
 * thread run in order. After io_engine_run() has returned the post is dropped.
 */
void io_engine_post(struct io_engine *engine, struct io_op *op);

/**
 * io_engine_call() - run fn(arg) on the owner thread and wait for it (futex)
 *
 * For rare control work (activate, reset, pause). Not from the owner thread.
 * Before io_engine_run() was entered it waits for that; while the owner is busy
 * it waits until the current batch has been dispatched (posts and calls share
 * one order). After io_engine_run() has returned nobody owns the queues: @fn
 * runs on the calling thread.
 */
void io_engine_call(struct io_engine *engine, void (*fn)(void *arg), void *arg);

/**
 * io_engine_defer() - run op->done(op, 0) after the current batch of
 * completions has been dispatched and before the engine waits again. The place
 * to publish used entries and raise one interrupt per batch. An op that is
 * deferred already stays deferred once.
 */
void io_engine_defer(struct io_engine *engine, struct io_op *op);

/**
 * io_engine_poller_add() - look at @poller before each sleep
 *
 * Before io_engine_run(), and for the engine's life. Without poll_max_ns, and
 * with libaio, it is not looked at.
 */
void io_engine_poller_add(struct io_engine *engine, struct io_poller *poller);

/** io_engine_is_polling() - will the owner look at pollers before it sleeps?
 * Then they need no wake-up until their rest() is called. Owner thread. */
bool io_engine_is_polling(const struct io_engine *engine);

/**
 * io_engine_file_add() - register a file for read, write, sync and poll
 * @fd: stays owned by the caller and open until io_engine_file_remove()
 *
 * Return: a slot number >= 0, or -ENOSPC, or a negative errno.
 */
int io_engine_file_add(struct io_engine *engine, int fd);

/** io_engine_file_remove() - forget a slot; nothing may be in flight on it. */
void io_engine_file_remove(struct io_engine *engine, int file);

/**
 * io_engine_readv() - preadv of @file at @offset
 * @offset: -1 for streams and eventfds: completes once there is something to
 *          read, whether or not the fd is O_NONBLOCK
 * @iov:    stays the caller's and unchanged until done
 */
void io_engine_readv(struct io_engine *engine, struct io_op *op, int file,
		     const struct iovec *iov, unsigned int iovcnt,
		     int64_t offset);

/**
 * io_engine_writev() - pwritev of @file at @offset
 * @offset:   -1 for streams: waits until the file takes something. Two writes
 *            in flight on one stream may overtake each other
 * @rw_flags: as for pwritev2 (RWF_DSYNC); 0 for streams: RWF_NOWAIT on sockets
 *            and pipes is newer than Linux 6.1
 */
void io_engine_writev(struct io_engine *engine, struct io_op *op, int file,
		      const struct iovec *iov, unsigned int iovcnt,
		      int64_t offset, int rw_flags);

/** io_engine_fdatasync() - make completed writes of @file durable. */
void io_engine_fdatasync(struct io_engine *engine, struct io_op *op, int file);

/** io_engine_fallocate() - fallocate(2) of @file, files and block devices. */
void io_engine_fallocate(struct io_engine *engine, struct io_op *op, int file,
			 int mode, uint64_t offset, uint64_t len);

/**
 * io_engine_watch() - call op->done(op, events) each time @file is ready
 * @events: EPOLLIN and/or EPOLLOUT, optionally EPOLLET; EPOLLERR and EPOLLHUP
 *          are always told, 0 asks for these alone
 *
 * Level-triggered: readiness that is left behind is told again. With EPOLLET it
 * is told once per wake-up of the file, and at the start if it is ready: for
 * doorbell eventfds, which then need not be read at all. Ends with -ECANCELED
 * after io_engine_cancel(), or with another negative errno.
 */
void io_engine_watch(struct io_engine *engine, struct io_op *op, int file,
		     uint32_t events);

/**
 * io_engine_timer() - complete with 0 at @deadline_ns of CLOCK_MONOTONIC
 */
void io_engine_timer(struct io_engine *engine, struct io_op *op,
		     uint64_t deadline_ns);

/**
 * io_engine_cancel() - ask for an early end of @op
 *
 * done still runs, later: with -ECANCELED, or with the true result if that was
 * faster. An op that is not in flight is left alone.
 */
void io_engine_cancel(struct io_engine *engine, struct io_op *op);

/**
 * struct io_engine_stats - counters since creation
 * @syscalls:  times the kernel was entered to submit, wait or reap
 * @submitted: operations handed to the kernel, re-armed watches included
 * @completed: completions dispatched
 * @queued:    operations that waited inside because the kernel queue was full
 * @posts:     io_engine_post() and io_engine_call() served
 * @polls_found: times work was found while looking for it
 * @polls_vain:  times it was not
 * @poll_ns:     time spent looking
 */
struct io_engine_stats {
	uint64_t syscalls;
	uint64_t submitted;
	uint64_t completed;
	uint64_t queued;
	uint64_t posts;
	uint64_t polls_found;
	uint64_t polls_vain;
	uint64_t poll_ns;
};

/** io_engine_stats() - read the counters; any thread. */
void io_engine_stats(const struct io_engine *engine,
		     struct io_engine_stats *out);
