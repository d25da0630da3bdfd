/*
 * io_engine_impl.h - what io_engine*.c and the engines share: io_uring, libaio
 * and the tests' own. Private to them: everybody else includes io_engine.h.
 */
#pragma once

#include "io_engine.h"

#include <stdatomic.h>

enum io_op_kind {
	IO_OP_READV = 1,
	IO_OP_WRITEV,
	IO_OP_FDATASYNC,
	IO_OP_FALLOCATE,
	IO_OP_WATCH,
	IO_OP_TIMER,
};

enum io_op_state {
	IO_OP_IDLE,	     /* the caller's */
	IO_OP_QUEUED,	     /* waits inside for room in the kernel queue */
	IO_OP_IN_KERNEL,     /* handed over, or on a list of the engine */
	IO_OP_CANCEL_QUEUED, /* in the kernel, its cancel waits for room */
	IO_OP_CANCELLING,    /* in the kernel, its cancel too */
	IO_OP_TELLING,	     /* watch: done runs, to be armed again after it */
	IO_OP_CANCELLED,     /* watch: cancelled by its own done */
	IO_OP_FINISHED,	     /* result known, done runs in this round */
	IO_OP_DEFERRED,	     /* io_engine_defer() */
};

/**
 * struct io_op_list - queue of operations by priv.next and priv.pprev
 * @first: NULL when empty
 * @last:  where the next one is linked; &first when empty
 */
struct io_op_list {
	struct io_op *first;
	struct io_op **last;
};

static inline void io_op_list_init(struct io_op_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static inline void io_op_list_push(struct io_op_list *list, struct io_op *op)
{
	op->priv.next = NULL;
	op->priv.pprev = list->last;
	*list->last = op;
	list->last = &op->priv.next;
}

static inline void io_op_list_remove(struct io_op_list *list, struct io_op *op)
{
	*op->priv.pprev = op->priv.next;
	if (op->priv.next)
		op->priv.next->priv.pprev = op->priv.pprev;
	else
		list->last = op->priv.pprev;
}

static inline struct io_op *io_op_list_pop(struct io_op_list *list)
{
	struct io_op *op = list->first;

	if (op)
		io_op_list_remove(list, op);
	return op;
}

/**
 * struct io_engine_backend - one implementation; all ops on the owner thread
 * @name:     for messages
 * @start:    first round: the calling thread is the owner from now on
 * @round:    submit, wait for a completion if @wait, dispatch all there are.
 *            Return: their number or a negative errno
 * @pending:  is there anything to submit or dispatch? No system call. NULL: the
 *            engine cannot tell, and never polls
 * @submit:   take an op whose priv is filled in
 * @cancel:   see io_engine_cancel()
 * @file_set: make @file stand for @fd, -1 for none; also before @start
 * @drain:    end everything in flight without running done
 * @destroy:  free the engine; also before @start
 */
struct io_engine_backend {
	const char *name;
	int (*start)(struct io_engine *engine);
	int (*round)(struct io_engine *engine, bool wait);
	bool (*pending)(struct io_engine *engine);
	void (*submit)(struct io_engine *engine, struct io_op *op);
	void (*cancel)(struct io_engine *engine, struct io_op *op);
	int (*file_set)(struct io_engine *engine, int file, int fd);
	void (*drain)(struct io_engine *engine);
	void (*destroy)(struct io_engine *engine);
};

/**
 * struct io_engine - common part, embedded first in each engine
 * @wake_fd:  eventfd behind post and stop; watched edge-triggered, never read
 * @posted:   lock-free stack of posts, newest first; &io_engine_closed once
 *            io_engine_run() is over
 * @stop:     io_engine_stop() was called
 * @started:  @backend->start ran
 * @deferred: run at the end of the round
 * @finished: ops whose result is known without the kernel
 * @files:    fd of each slot, -1 if free
 * @pollers:  looked at before a sleep; NULL if polling is off
 * @poll_max_ns:    upper bound of @poll_window_ns, 0: polling is off
 * @poll_window_ns: how long to look before the next sleep
 * @idle_since_ns:  when the owner ran out of work
 */
struct io_engine {
	const struct io_engine_backend *backend;
	int wake_fd;
	_Atomic(struct io_op *) posted;
	atomic_bool stop;
	bool started;
	struct io_op_list deferred;
	struct io_op_list finished;
	unsigned int max_files;
	int *files;
	struct io_poller *pollers;
	uint64_t poll_max_ns;
	uint64_t poll_window_ns;
	uint64_t idle_since_ns;
	struct {
		_Atomic uint64_t syscalls;
		_Atomic uint64_t submitted;
		_Atomic uint64_t completed;
		_Atomic uint64_t queued;
		_Atomic uint64_t posts;
		_Atomic uint64_t polls_found;
		_Atomic uint64_t polls_vain;
		_Atomic uint64_t poll_ns;
	} stats;
};

/** io_engine_count() - add to a counter that only the owner writes. */
static inline void io_engine_count(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

/** io_engine_init() - fill the common part. Return: 0 or a negative errno. */
int io_engine_init(struct io_engine *engine,
		   const struct io_engine_backend *backend,
		   const struct io_engine_config *cfg, struct err *err);

/** io_engine_fini() - release the common part; accepts a zeroed one. */
void io_engine_fini(struct io_engine *engine);

/** io_poll_before_wait() - look at the pollers before a sleep. Return: is there
 * work, so that the engine must not wait? */
bool io_poll_before_wait(struct io_engine *engine);

/** io_poll_after_wait() - the sleep is over: adapt the window. */
void io_poll_after_wait(struct io_engine *engine);

/** io_engine_try_post() - io_engine_post(). Return: false if the engine is
 * over, and @op was dropped. */
bool io_engine_try_post(struct io_engine *engine, struct io_op *op);

/** io_engine_complete() - run done of an op that is on no list any more. */
void io_engine_complete(struct io_engine *engine, struct io_op *op, int res);

/** io_engine_finish_later() - complete @op with @res later in this round. */
void io_engine_finish_later(struct io_engine *engine, struct io_op *op,
			    int res);

/** io_uring_engine_create(), io_aio_engine_create() - see io_engine_create().
 */
int io_uring_engine_create(struct io_engine **out,
			   const struct io_engine_config *cfg, struct err *err);
int io_aio_engine_create(struct io_engine **out,
			 const struct io_engine_config *cfg, struct err *err);
