/*
 * io_engine.c - what all engines have in common: dispatch, posts from other
 * threads, deferred operations, the loop. Calls: io_engine_call.c.
 *
 * DOC: theory of operation
 *
 * A round is: submit and wait (backend), dispatch completions (backend), then
 * results known without the kernel, then posts, then deferred operations. The
 * engine only waits when the last three are empty.
 *
 * Posts are a stack that any thread pushes to by compare-and-swap and the owner
 * empties by one exchange, then reverses: first posted, first run. The thread
 * that finds the stack empty writes the eventfd, so a burst costs one wake-up.
 * The eventfd is watched edge-triggered and never read. Lost wake-ups: the
 * owner empties the stack after it has woken and before it waits again; a push
 * after that finds the stack empty and writes the eventfd.
 *
 * The end: the owner exchanges the stack for the mark io_engine_closed, serves
 * what it got, and ends what is in flight. A post that finds the mark is
 * dropped. A call that finds it runs on its own thread: the mark was published
 * with release order by the owner as its last act on the queues.
 */
#include "io_engine_impl.h"

#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct io_op io_engine_closed;

int io_engine_init(struct io_engine *engine,
		   const struct io_engine_backend *backend,
		   const struct io_engine_config *cfg, struct err *err)
{
	engine->backend = backend;
	io_op_list_init(&engine->deferred);
	io_op_list_init(&engine->finished);
	engine->max_files = cfg->max_files;
	engine->poll_max_ns = backend->pending ? cfg->poll_max_ns : 0;
	engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (engine->wake_fd < 0)
		return err_set(err, -errno, "%s: eventfd", backend->name);
	engine->files = calloc(cfg->max_files + 1U, sizeof(*engine->files));
	if (!engine->files)
		return err_set(err, -ENOMEM, "%s", backend->name);
	for (unsigned int i = 0; i <= cfg->max_files; i++)
		engine->files[i] = -1;
	return 0;
}

void io_engine_fini(struct io_engine *engine)
{
	free(engine->files);
	if (engine->wake_fd >= 0)
		(void)close(engine->wake_fd);
}

void io_engine_destroy(struct io_engine *engine)
{
	if (!engine)
		return;
	if (engine->started)
		engine->backend->drain(engine);
	engine->backend->destroy(engine);
}

const char *io_engine_name(const struct io_engine *engine)
{
	return engine->backend->name;
}

void io_engine_stats(const struct io_engine *engine,
		     struct io_engine_stats *out)
{
	const memory_order relaxed = memory_order_relaxed;

	*out = (struct io_engine_stats){
		.syscalls =
			atomic_load_explicit(&engine->stats.syscalls, relaxed),
		.submitted =
			atomic_load_explicit(&engine->stats.submitted, relaxed),
		.completed =
			atomic_load_explicit(&engine->stats.completed, relaxed),
		.queued = atomic_load_explicit(&engine->stats.queued, relaxed),
		.posts = atomic_load_explicit(&engine->stats.posts, relaxed),
		.polls_found = atomic_load_explicit(&engine->stats.polls_found,
						    relaxed),
		.polls_vain = atomic_load_explicit(&engine->stats.polls_vain,
						   relaxed),
		.poll_ns =
			atomic_load_explicit(&engine->stats.poll_ns, relaxed),
	};
}

void io_engine_complete(struct io_engine *engine, struct io_op *op, int res)
{
	op->priv.state = IO_OP_IDLE;
	io_engine_count(&engine->stats.completed, 1);
	op->done(op, res);
}

void io_engine_finish_later(struct io_engine *engine, struct io_op *op, int res)
{
	op->priv.state = IO_OP_FINISHED;
	op->priv.result = res;
	io_op_list_push(&engine->finished, op);
}

/* The last op of a list that is not empty. */
static struct io_op *list_last(const struct io_op_list *list)
{
	return container_of(list->last, struct io_op, priv.next);
}

/* Only what is there now: an op that is submitted again by its done and fails
 * again must not keep the round from its end. */
static int run_finished(struct io_engine *engine)
{
	struct io_op *last, *op;
	int count = 0;

	if (!engine->finished.first)
		return 0;
	last = list_last(&engine->finished);
	do {
		op = io_op_list_pop(&engine->finished);
		io_engine_complete(engine, op, op->priv.result);
		count++;
	} while (op != last);
	return count;
}

static int run_posts(struct io_engine *engine, struct io_op *replacement)
{
	struct io_op *newest = atomic_exchange_explicit(
		&engine->posted, replacement, memory_order_acq_rel);
	struct io_op *oldest = NULL;
	int count = 0;

	while (newest) {
		struct io_op *next = newest->priv.next;

		newest->priv.next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct io_op *op = oldest;

		oldest = op->priv.next; /* done may free or post it again */
		op->done(op, 0);
		count++;
	}
	io_engine_count(&engine->stats.posts, (uint64_t)count);
	return count;
}

/* Only what is there now: an op that defers itself runs again in the next
 * round, which does not wait then. */
static void run_deferred(struct io_engine *engine)
{
	struct io_op *last, *op;

	if (!engine->deferred.first)
		return;
	last = list_last(&engine->deferred);
	do {
		op = io_op_list_pop(&engine->deferred);
		op->priv.state = IO_OP_IDLE;
		op->done(op, 0);
	} while (op != last);
}

static bool has_posts(struct io_engine *engine)
{
	const struct io_op *op =
		atomic_load_explicit(&engine->posted, memory_order_relaxed);

	return op && op != &io_engine_closed;
}

static int become_owner(struct io_engine *engine)
{
	int rc;

	if (engine->started)
		return 0;
	rc = engine->backend->start(engine);
	engine->started = !rc;
	return rc;
}

int io_engine_poll(struct io_engine *engine, bool wait)
{
	int count = become_owner(engine);

	if (count)
		return count;
	if (engine->finished.first || engine->deferred.first ||
	    has_posts(engine))
		wait = false;
	if (wait && engine->pollers)
		wait = !io_poll_before_wait(engine);
	count = engine->backend->round(engine, wait);
	if (wait && engine->pollers)
		io_poll_after_wait(engine);
	if (count < 0)
		return count;
	count += run_finished(engine);
	if (has_posts(engine))
		count += run_posts(engine, NULL);
	run_deferred(engine);
	return count;
}

int io_engine_run(struct io_engine *engine)
{
	/* Also if it is to stop at once: what was submitted is to be ended. */
	int rc = become_owner(engine);

	while (rc >= 0 &&
	       !atomic_load_explicit(&engine->stop, memory_order_acquire))
		rc = io_engine_poll(engine, true);
	/* A call that comes while this runs still finds us alive. */
	while (has_posts(engine))
		(void)run_posts(engine, NULL);
	if (engine->started)
		engine->backend->drain(engine);
	(void)run_posts(engine, &io_engine_closed);
	return rc < 0 ? rc : 0;
}

bool io_engine_is_over(const struct io_engine *engine)
{
	return atomic_load_explicit(&engine->posted, memory_order_acquire) ==
	       &io_engine_closed;
}

static void wake(struct io_engine *engine)
{
	uint64_t one = 1;
	ssize_t n;

	/* EAGAIN needs 2^64 - 2 wake-ups. */
	do
		n = write(engine->wake_fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void io_engine_stop(struct io_engine *engine)
{
	atomic_store_explicit(&engine->stop, true, memory_order_release);
	wake(engine);
}

bool io_engine_try_post(struct io_engine *engine, struct io_op *op)
{
	struct io_op *head =
		atomic_load_explicit(&engine->posted, memory_order_acquire);

	do {
		if (head == &io_engine_closed)
			return false;
		op->priv.next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&engine->posted, &head, op, memory_order_acq_rel,
		memory_order_acquire));
	if (!head)
		wake(engine);
	return true;
}

void io_engine_post(struct io_engine *engine, struct io_op *op)
{
	(void)io_engine_try_post(
		engine, op); /* dropped after the end, see the contract */
}

void io_engine_defer(struct io_engine *engine, struct io_op *op)
{
	if (op->priv.state == IO_OP_DEFERRED)
		return;
	assert(op->priv.state == IO_OP_IDLE);
	op->priv.state = IO_OP_DEFERRED;
	io_op_list_push(&engine->deferred, op);
}

int io_engine_file_add(struct io_engine *engine, int fd)
{
	for (unsigned int i = 0; i < engine->max_files; i++) {
		int rc;

		if (engine->files[i] >= 0)
			continue;
		rc = engine->backend->file_set(engine, (int)i, fd);
		if (rc)
			return rc;
		engine->files[i] = fd;
		return (int)i;
	}
	return -ENOSPC;
}

void io_engine_file_remove(struct io_engine *engine, int file)
{
	assert(file >= 0 && (unsigned int)file < engine->max_files);
	/* Clearing a slot cannot fail, except for a ring that is broken. */
	(void)engine->backend->file_set(engine, file, -1);
	engine->files[file] = -1;
}

static void submit(struct io_engine *engine, struct io_op *op,
		   enum io_op_kind kind, int file)
{
	assert(op->priv.state == IO_OP_IDLE);
	op->priv.kind = (uint8_t)kind;
	op->priv.file = file;
	op->priv.polling = false;
	engine->backend->submit(engine, op);
}

void io_engine_readv(struct io_engine *engine, struct io_op *op, int file,
		     const struct iovec *iov, unsigned int iovcnt,
		     int64_t offset)
{
	op->priv.iov = iov;
	op->priv.iovcnt = iovcnt;
	op->priv.offset = (uint64_t)offset;
	op->priv.flags = 0;
	submit(engine, op, IO_OP_READV, file);
}

void io_engine_writev(struct io_engine *engine, struct io_op *op, int file,
		      const struct iovec *iov, unsigned int iovcnt,
		      int64_t offset, int rw_flags)
{
	op->priv.iov = iov;
	op->priv.iovcnt = iovcnt;
	op->priv.offset = (uint64_t)offset;
	op->priv.flags = (uint32_t)rw_flags;
	submit(engine, op, IO_OP_WRITEV, file);
}

void io_engine_fdatasync(struct io_engine *engine, struct io_op *op, int file)
{
	submit(engine, op, IO_OP_FDATASYNC, file);
}

void io_engine_fallocate(struct io_engine *engine, struct io_op *op, int file,
			 int mode, uint64_t offset, uint64_t len)
{
	op->priv.offset = offset;
	op->priv.len = len;
	op->priv.flags = (uint32_t)mode;
	submit(engine, op, IO_OP_FALLOCATE, file);
}

void io_engine_watch(struct io_engine *engine, struct io_op *op, int file,
		     uint32_t events)
{
	op->priv.flags = events;
	submit(engine, op, IO_OP_WATCH, file);
}

void io_engine_timer(struct io_engine *engine, struct io_op *op,
		     uint64_t deadline_ns)
{
	op->priv.offset = deadline_ns;
	submit(engine, op, IO_OP_TIMER, -1);
}

void io_engine_cancel(struct io_engine *engine, struct io_op *op)
{
	if (op->priv.state != IO_OP_IDLE && op->priv.state != IO_OP_FINISHED &&
	    op->priv.state != IO_OP_DEFERRED)
		engine->backend->cancel(engine, op);
}
