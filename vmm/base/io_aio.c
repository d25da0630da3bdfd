/*
 * io_aio.c - the I/O engine on libaio and epoll, for hosts that refuse
 * io_uring; thread rule in io_engine.h.
 *
 * DOC: theory of operation
 *
 * Transfers at an offset and fdatasync go through libaio in one io_submit() a
 * round; their completions wake an eventfd. Streams (offset -1) are tried at
 * once without waiting and, when they would block, wait on their slot for
 * readiness, like watches. Timers are a list sorted by deadline behind one
 * timerfd. Everything is waited for by one epoll_wait() a round.
 *
 * libaio is asynchronous for O_DIRECT only: on a file opened without it
 * io_submit() does the transfer itself and returns when it is done. A slow disk
 * must not hold up the network, so these operations, and fallocate of any file,
 * go to a few threads, which are made when the first comes; results come back
 * by one more eventfd. What may still block, unlike io_uring: a stream on a
 * regular file (an append-only log) is a plain write, and io_submit() may sleep
 * when the device's request queue is full.
 *
 * An operation that libaio or a thread has taken cannot be cancelled: it
 * completes with its true result. A file that epoll refuses (a regular one)
 * cannot be watched: the watch ends with -EPERM.
 *
 * Interest in a slot is dropped lazily, when epoll reports readiness that
 * nobody waits for: an eventfd that is read again and again costs one
 * epoll_ctl() in its life, not two a read.
 */
#include "clock.h"
#include "io_aio_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define IN_KERNEL_MAX 1024U /* fs.aio-max-nr is 65536 for the whole host */
#define EVENTS_MAX 64

/* epoll data beyond the slots: max_files plus one of these. */
enum {
	TAG_WAKE,
	TAG_AIO,
	TAG_TIMER,
	TAG_WORK,
	TAGS
};

/*
 * Files
 */

static void prep_iocb(struct iocb *iocb, struct io_op *op, int fd, int event_fd)
{
	int count = (int)op->priv.iovcnt;
	long long offset = (long long)op->priv.offset;

	switch (op->priv.kind) {
	case IO_OP_READV:
		io_prep_preadv2(iocb, fd, op->priv.iov, count, offset, 0);
		break;
	case IO_OP_WRITEV:
		io_prep_pwritev2(iocb, fd, op->priv.iov, count, offset,
				 (int)op->priv.flags);
		break;
	default:
		io_prep_fdsync(iocb, fd);
		break;
	}
	io_set_eventfd(iocb, event_fd);
	iocb->data = op;
}

/* Would io_submit() block? */
static bool is_slow(const struct aio *a, const struct io_op *op)
{
	return op->priv.kind == IO_OP_FALLOCATE ||
	       !a->slots[op->priv.file].direct;
}

/* Take operations that are not for libaio off the front of the queue.
 * Return: fd of the first that is, or -1. */
static int next_file_op(struct aio *a)
{
	struct io_op *op;

	while ((op = a->files.first)) {
		int fd = aio_file_fd(a, op->priv.file);

		if (fd >= 0 && !is_slow(a, op))
			return fd;
		io_op_list_remove(&a->files, op);
		if (fd < 0)
			io_engine_finish_later(&a->engine, op, -EBADF);
		else
			aio_work_submit(a, op);
	}
	return -1;
}

static unsigned int fill_batch(struct aio *a, struct iocb **batch,
			       unsigned int max)
{
	unsigned int n = 0;
	int fd;

	while (n < max && a->num_free && (fd = next_file_op(a)) >= 0) {
		batch[n] = a->free[--a->num_free];
		prep_iocb(batch[n++], io_op_list_pop(&a->files), fd, a->aio_fd);
	}
	return n;
}

/* Give @n operations that were not submitted back to the front of the queue. */
static void unfill_batch(struct aio *a, struct iocb **batch, unsigned int n)
{
	while (n--) {
		struct io_op *op = batch[n]->data;

		a->free[a->num_free++] = batch[n];
		op->priv.next = a->files.first;
		op->priv.pprev = &a->files.first;
		if (a->files.first)
			a->files.first->priv.pprev = &op->priv.next;
		else
			a->files.last = &op->priv.next;
		a->files.first = op;
		op->priv.state = IO_OP_QUEUED;
	}
}

/* Return: number taken by the kernel; less than @n if it is short of room. */
static unsigned int submit_batch(struct aio *a, struct iocb **batch,
				 unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		int rc;

		aio_count_syscall(a);
		rc = io_submit(a->ctx, (long)(n - done), batch + done);
		if (rc == -EAGAIN || rc == -EINTR)
			return done;
		for (int i = 0; i < rc; i++)
			((struct io_op *)batch[done + (unsigned int)i]->data)
				->priv.state = IO_OP_IN_KERNEL;
		if (rc > 0) {
			done += (unsigned int)rc;
			continue;
		}
		/* The first one is at fault. */
		a->free[a->num_free++] = batch[done];
		io_engine_finish_later(&a->engine, batch[done++]->data, rc);
	}
	return done;
}

static void submit_files(struct aio *a)
{
	struct iocb *batch[EVENTS_MAX];
	unsigned int n, done;

	while ((n = fill_batch(a, batch, ARRAY_SIZE(batch)))) {
		done = submit_batch(a, batch, n);
		io_engine_count(&a->engine.stats.submitted, done);
		unfill_batch(a, batch + done, n - done);
		if (done < n)
			return;
	}
}

/* Return: completions; not run if @drop. */
static int reap_files(struct aio *a, long min, bool drop)
{
	struct io_event events[EVENTS_MAX];
	struct timespec zero = {0};
	int n, count = 0;

	do {
		aio_count_syscall(a);
		n = io_getevents(a->ctx, min, EVENTS_MAX, events,
				 min ? NULL : &zero);
		for (int i = 0; i < n; i++) {
			struct io_op *op = events[i].data;

			a->free[a->num_free++] = events[i].obj;
			if (drop)
				op->priv.state = IO_OP_IDLE;
			else
				io_engine_complete(&a->engine, op,
						   (int)(long)events[i].res);
			count++;
		}
	} while (n == EVENTS_MAX);
	return count;
}

/*
 * Timers
 */

static void add_timer(struct aio *a, struct io_op *op)
{
	struct io_op **place = &a->timers.first;

	while (*place && (*place)->priv.offset <= op->priv.offset)
		place = &(*place)->priv.next;
	op->priv.next = *place;
	op->priv.pprev = place;
	*place = op;
	if (op->priv.next)
		op->priv.next->priv.pprev = &op->priv.next;
	else
		a->timers.last = &op->priv.next;
	op->priv.state = IO_OP_IN_KERNEL;
}

static void set_timer(struct aio *a)
{
	uint64_t first = a->timers.first ? a->timers.first->priv.offset : 0;
	struct itimerspec spec = {0};

	if (a->timers.first && !first)
		first = 1; /* 0 would disarm */
	if (first == a->timer_set)
		return;
	spec.it_value.tv_sec = (time_t)(first / NSEC_PER_SEC);
	spec.it_value.tv_nsec = (long)(first % NSEC_PER_SEC);
	aio_count_syscall(a);
	/* Cannot fail: our fd and a valid time. */
	(void)timerfd_settime(a->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	a->timer_set = first;
}

static void expire_timers(struct aio *a)
{
	uint64_t now;

	if (!a->timers.first)
		return;
	now = clock_ns();
	while (a->timers.first && a->timers.first->priv.offset <= now)
		io_engine_finish_later(&a->engine, io_op_list_pop(&a->timers),
				       0);
}

/*
 * The engine
 */

static void aio_submit(struct io_engine *engine, struct io_op *op)
{
	struct aio *a = to_aio(engine);
	int rc;

	if (op->priv.kind == IO_OP_TIMER) {
		add_timer(a, op);
	} else if (op->priv.kind == IO_OP_WATCH) {
		rc = aio_file_fd(a, op->priv.file) < 0 ? -EBADF
						       : aio_add_waiter(a, op);
		if (rc)
			io_engine_finish_later(engine, op, rc);
	} else {
		op->priv.state = IO_OP_QUEUED;
		io_op_list_push(aio_is_stream(op) ? &a->streams : &a->files,
				op);
	}
}

static void aio_cancel(struct io_engine *engine, struct io_op *op)
{
	struct aio *a = to_aio(engine);

	if (op->priv.state == IO_OP_TELLING) {
		op->priv.state = IO_OP_CANCELLED;
		return;
	}
	if (op->priv.state == IO_OP_QUEUED)
		io_op_list_remove(aio_is_stream(op) ? &a->streams : &a->files,
				  op);
	else if (op->priv.state != IO_OP_IN_KERNEL)
		return; /* cancelled already */
	else if (op->priv.kind == IO_OP_TIMER)
		io_op_list_remove(&a->timers, op);
	else if (op->priv.kind == IO_OP_WATCH || aio_is_stream(op))
		aio_remove_waiter(a, op);
	else if (!is_slow(a, op) || !aio_work_cancel(a, op))
		return; /* libaio or a thread has it */
	io_engine_finish_later(engine, op, -ECANCELED);
}

static int aio_round(struct io_engine *engine, bool wait)
{
	struct aio *a = to_aio(engine);
	struct epoll_event events[EVENTS_MAX];
	int n, count = 0;

	aio_try_streams(a);
	submit_files(a);
	set_timer(a);
	/* What the kernel did not take goes again when something completes,
	 * or at once if there is nothing to complete. */
	if (engine->finished.first ||
	    (a->files.first && a->num_free == a->depth))
		wait = false;
	aio_count_syscall(a);
	n = epoll_wait(a->epoll_fd, events, EVENTS_MAX, wait ? -1 : 0);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		uint64_t tag = events[i].data.u64;

		if (tag < engine->max_files)
			aio_slot_ready(a, (int)tag, events[i].events);
		else if (tag == engine->max_files + TAG_AIO)
			count += reap_files(a, 0, false);
		else if (tag == engine->max_files + TAG_WORK)
			count += aio_work_reap(a);
	}
	aio_try_streams(a);
	expire_timers(a);
	return count + aio_run_told(a);
}

static int aio_start(struct io_engine *engine)
{
	(void)engine; /* any thread may be the owner */
	return 0;
}

static int aio_file_set(struct io_engine *engine, int file, int fd)
{
	struct aio *a = to_aio(engine);

	a->slots[file].direct = fd >= 0 && (fcntl(fd, F_GETFL) & O_DIRECT);
	return aio_update_interest(a, file); /* nobody waits: out of the set */
}

static void forget_list(struct io_op_list *list)
{
	struct io_op *op;

	while ((op = io_op_list_pop(list)))
		op->priv.state = IO_OP_IDLE;
}

static void aio_drain(struct io_engine *engine)
{
	struct aio *a = to_aio(engine);

	forget_list(&a->files);
	forget_list(&a->streams);
	forget_list(&a->timers);
	for (unsigned int i = 0; i < engine->max_files; i++)
		forget_list(&a->slots[i].waiters);
	aio_work_drain(a);
	while (a->num_free < a->depth)
		(void)reap_files(a, 1, true);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void aio_destroy(struct io_engine *engine)
{
	struct aio *a = to_aio(engine);

	if (a->ctx)
		(void)io_destroy(a->ctx); /* waits for what is in flight */
	aio_work_fini(&a->work);
	close_fd(a->epoll_fd);
	close_fd(a->aio_fd);
	close_fd(a->timer_fd);
	free(a->slots);
	free(a->iocbs);
	free(a->free);
	io_engine_fini(engine);
	free(a);
}

static const struct io_engine_backend aio_backend = {
	.name = "aio",
	.start = aio_start,
	.round = aio_round,
	.submit = aio_submit,
	.cancel = aio_cancel,
	.file_set = aio_file_set,
	.drain = aio_drain,
	.destroy = aio_destroy,
};

static int alloc_tables(struct aio *a, unsigned int max_files)
{
	a->slots = calloc(max_files + 1U, sizeof(*a->slots));
	a->iocbs = calloc(a->depth, sizeof(*a->iocbs));
	a->free = calloc(a->depth, sizeof(struct iocb *));
	if (!a->slots || !a->iocbs || !a->free)
		return -ENOMEM;
	for (unsigned int i = 0; i < max_files; i++)
		io_op_list_init(&a->slots[i].waiters);
	for (unsigned int i = 0; i < a->depth; i++)
		a->free[a->num_free++] = &a->iocbs[i];
	return 0;
}

static int open_fds(struct aio *a)
{
	const int fds[TAGS] = {
		[TAG_WAKE] = a->engine.wake_fd,
		[TAG_AIO] = a->aio_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		[TAG_TIMER] = a->timer_fd = timerfd_create(
			CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		[TAG_WORK] = a->work.event_fd,
	};

	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned int i = 0; i < TAGS; i++) {
		struct epoll_event event = {
			.events = EPOLLIN | EPOLLET,
			.data.u64 = a->engine.max_files + i,
		};

		if (epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fds[i], &event))
			return -errno;
	}
	return 0;
}

int io_aio_engine_create(struct io_engine **out,
			 const struct io_engine_config *cfg, struct err *err)
{
	struct aio *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_set(err, -ENOMEM, "aio");
	a->epoll_fd = a->aio_fd = a->timer_fd = -1;
	a->depth = MIN(cfg->depth, IN_KERNEL_MAX);
	io_op_list_init(&a->files);
	io_op_list_init(&a->streams);
	io_op_list_init(&a->told);
	io_op_list_init(&a->timers);
	rc = aio_work_init(&a->work);
	if (rc) {
		(void)err_set(err, rc, "aio: eventfd");
		goto fail;
	}
	rc = io_engine_init(&a->engine, &aio_backend, cfg, err);
	if (rc)
		goto fail;
	rc = alloc_tables(a, cfg->max_files);
	if (!rc)
		rc = open_fds(a);
	if (rc) {
		(void)err_set(err, rc, "aio: set-up");
		goto fail;
	}
	rc = io_setup((int)a->depth, &a->ctx);
	if (rc) {
		(void)err_set(err, rc, "aio: io_setup(%u)%s", a->depth,
			      rc == -EAGAIN ? " (raise fs.aio-max-nr)" : "");
		goto fail;
	}
	*out = &a->engine;
	return 0;
fail:
	aio_destroy(&a->engine);
	return rc;
}
