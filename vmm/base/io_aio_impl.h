/*
 * io_aio_impl.h - what io_aio.c (engine, files, timers), io_aio_ready.c
 * (readiness, streams) and io_aio_work.c (what may block) share. Private to
 * them.
 */
#pragma once

#include "io_engine_impl.h"
#include "macros.h"

#include <libaio.h>
#include <pthread.h>

#define AIO_WORK_THREADS 4U

/**
 * struct aio_slot - one registered file
 * @waiters: watches and streams that wait for readiness
 * @armed:   events epoll knows of
 * @known:   the file is in the epoll set
 * @direct:  opened with O_DIRECT: libaio does not block
 */
struct aio_slot {
	struct io_op_list waiters;
	uint32_t armed;
	bool known;
	bool direct;
};

/**
 * struct aio_work - threads for operations that may block
 * @lock:     guards all but @threads, @num_threads and @event_fd
 * @more:     @todo is not empty, or @stop
 * @quiet:    @running is 0
 * @todo:     operations to run
 * @done:     those that were, priv.result is set
 * @idle:     threads that wait for @more
 * @running:  operations being run
 * @stop:     the threads are to end
 * @event_fd: woken when @done gets its first; never read (edge)
 * @threads:  @num_threads of them, made when they are needed [owner]
 */
struct aio_work {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_cond_t quiet;
	struct io_op_list todo;
	struct io_op_list done;
	unsigned int idle;
	unsigned int running;
	bool stop;
	int event_fd;
	pthread_t threads[AIO_WORK_THREADS];
	unsigned int num_threads;
};

/**
 * struct aio - the engine
 * @ctx:       libaio context
 * @epoll_fd:  waits for everything
 * @aio_fd:    eventfd, woken by completions of @ctx; never read (edge)
 * @timer_fd:  fires at the first of @timers; never read (edge)
 * @timer_set: deadline @timer_fd is set to, 0 for none
 * @slots:     max_files of them
 * @files:     file operations that io_submit() has not taken yet
 * @streams:   stream operations to try
 * @told:      watches whose done is to run in this round
 * @timers:    sorted by deadline, priv.offset
 * @iocbs:     @depth of them
 * @free:      stack of those not in the kernel
 * @num_free:  its height
 * @work:      threads for what libaio would do in io_submit()
 */
struct aio {
	struct io_engine engine;
	io_context_t ctx;
	int epoll_fd;
	int aio_fd;
	int timer_fd;
	uint64_t timer_set;
	struct aio_slot *slots;
	struct io_op_list files;
	struct io_op_list streams;
	struct io_op_list told;
	struct io_op_list timers;
	unsigned int depth;
	struct iocb *iocbs;
	struct iocb **free;
	unsigned int num_free;
	struct aio_work work;
};

static inline struct aio *to_aio(struct io_engine *engine)
{
	return container_of(engine, struct aio, engine);
}

/** aio_count_syscall() - count one for io_engine_stats(). */
static inline void aio_count_syscall(struct aio *a)
{
	io_engine_count(&a->engine.stats.syscalls, 1);
}

/** aio_file_fd() - fd of a slot, -1 if there is none. */
static inline int aio_file_fd(const struct aio *a, int file)
{
	if (file < 0 || (unsigned int)file >= a->engine.max_files)
		return -1;
	return a->engine.files[file];
}

/** aio_is_stream() - readv or writev without an offset? */
static inline bool aio_is_stream(const struct io_op *op)
{
	return (op->priv.kind == IO_OP_READV ||
		op->priv.kind == IO_OP_WRITEV) &&
	       op->priv.offset == UINT64_MAX;
}

/**
 * aio_update_interest() - tell epoll what the waiters of @file want
 * Return: 0 or a negative errno.
 */
int aio_update_interest(struct aio *a, int file);

/** aio_add_waiter() - wait for readiness. Return: 0 or a negative errno. */
int aio_add_waiter(struct aio *a, struct io_op *op);

/** aio_remove_waiter() - the opposite. */
void aio_remove_waiter(struct aio *a, struct io_op *op);

/** aio_slot_ready() - move waiters of @file to @streams and @told. */
void aio_slot_ready(struct aio *a, int file, uint32_t events);

/** aio_run_told() - run done of the watches in @told. Return: their number. */
int aio_run_told(struct aio *a);

/** aio_try_streams() - transfer what can be, let the rest wait. */
void aio_try_streams(struct aio *a);

/** aio_work_submit() - run a file operation on a thread. */
void aio_work_submit(struct aio *a, struct io_op *op);

/** aio_work_reap() - run done of what was. Return: their number. */
int aio_work_reap(struct aio *a);

/** aio_work_cancel() - Return: true if @op had not begun and will not. */
bool aio_work_cancel(struct aio *a, struct io_op *op);

/** aio_work_drain() - forget what has not begun, wait for what has. */
void aio_work_drain(struct aio *a);

/** aio_work_init() - no thread yet. Return: 0 or a negative errno; then
 * aio_work_fini() too. */
int aio_work_init(struct aio_work *work);

/** aio_work_fini() - end the threads; after aio_work_drain(). */
void aio_work_fini(struct aio_work *work);
