/*
 * io_uring.c - the I/O engine on one io_uring; thread rule in io_engine.h.
 *
 * DOC: theory of operation
 *
 * The ring is created disabled (IORING_SETUP_R_DISABLED), usually by the
 * control thread: files are registered and the ring is restricted to the
 * opcodes below, fixed files only where a file is named. The owner thread
 * enables it in its first round. That order matters: SINGLE_ISSUER binds a ring
 * that was created disabled to the task that enables it, so creation on another
 * thread is fine and everything after start() belongs to the owner.
 *
 * Once per process the best set of ring flags is found: SINGLE_ISSUER and
 * DEFER_TASKRUN (Linux 6.1) run completion work only when the owner enters the
 * kernel to wait, in one batch and without interrupting it; COOP_TASKRUN (5.19)
 * saves the interrupts; before that, none.
 *
 * One io_uring_enter() a round submits everything prepared and waits. When the
 * submission queue is full, operations wait on @overflow in order, and cancels
 * on @cancels. A cancel is found by the address of its op; it can never hit a
 * later use of the same op, because that is always behind it in the queue.
 *
 * A level-triggered watch is a one-shot poll, armed again after done: arming
 * looks at the file, so what was left behind is told again, and both ride on
 * the enter of the round. An edge-triggered watch is a multishot poll, armed
 * once, and again when the kernel ends it (completion queue overflow).
 *
 * A stream that is O_NONBLOCK answers EAGAIN where the ring would wait for a
 * blocking one: then a one-shot poll goes first (priv.polling).
 */
#include "clock.h"
#include "io_engine_impl.h"

#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define SQ_ENTRIES_MAX 4096U
#define CQ_FACTOR 4U /* completions of watches come on top of @depth */

/* Poll bits are handed to the kernel and to callers unchanged. */
_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT &&
		       EPOLLERR == POLLERR && EPOLLHUP == POLLHUP,
	       "epoll and poll bits differ");

/**
 * struct uring - the engine
 * @ring:      the io_uring, if @has_ring
 * @overflow:  ops that found the submission queue full
 * @cancels:   ops whose cancel did
 * @in_kernel: ops the kernel will still complete
 * @wake_armed: the multishot poll of the wake-up eventfd is in the kernel
 */
struct uring {
	struct io_engine engine;
	struct io_uring ring;
	bool has_ring;
	struct io_op_list overflow;
	struct io_op_list cancels;
	unsigned int in_kernel;
	bool wake_armed;
};

/* user_data of completions that belong to no op. */
static char user_wake, user_cancel, user_drain;

static const uint8_t opcodes[] = {
	IORING_OP_READ,	    IORING_OP_READV,   IORING_OP_WRITE,
	IORING_OP_WRITEV,   IORING_OP_FSYNC,   IORING_OP_FALLOCATE,
	IORING_OP_POLL_ADD, IORING_OP_TIMEOUT, IORING_OP_ASYNC_CANCEL,
};

static const unsigned int flag_sets[] = {
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		IORING_SETUP_SUBMIT_ALL,
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		IORING_SETUP_SUBMIT_ALL,
	0,
};

static struct uring *to_uring(struct io_engine *engine)
{
	return container_of(engine, struct uring, engine);
}

static void prep_rw(struct io_uring_sqe *sqe, const struct io_op *op,
		    int single, int vector)
{
	const struct iovec *iov = op->priv.iov;

	if (op->priv.iovcnt == 1 && iov->iov_len <= UINT32_MAX)
		io_uring_prep_rw(single, sqe, op->priv.file, iov->iov_base,
				 (unsigned int)iov->iov_len, op->priv.offset);
	else
		io_uring_prep_rw(vector, sqe, op->priv.file, iov,
				 op->priv.iovcnt, op->priv.offset);
	sqe->rw_flags = (int)op->priv.flags;
}

static void prep_readv(struct io_uring_sqe *sqe, struct io_op *op)
{
	prep_rw(sqe, op, IORING_OP_READ, IORING_OP_READV);
}

static void prep_writev(struct io_uring_sqe *sqe, struct io_op *op)
{
	prep_rw(sqe, op, IORING_OP_WRITE, IORING_OP_WRITEV);
}

static void prep_fdatasync(struct io_uring_sqe *sqe, struct io_op *op)
{
	io_uring_prep_fsync(sqe, op->priv.file, IORING_FSYNC_DATASYNC);
}

static void prep_fallocate(struct io_uring_sqe *sqe, struct io_op *op)
{
	io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, op->priv.file, NULL,
			 op->priv.flags, op->priv.offset);
	sqe->addr = op->priv.len;
}

static void prep_watch(struct io_uring_sqe *sqe, struct io_op *op)
{
	unsigned int events = op->priv.flags & ~(unsigned int)EPOLLET;

	if (op->priv.flags & (unsigned int)EPOLLET)
		io_uring_prep_poll_multishot(sqe, op->priv.file, events);
	else
		io_uring_prep_poll_add(sqe, op->priv.file, events);
}

/* The time lives in the op: the kernel reads it when the queue is submitted. */
static void prep_timer(struct io_uring_sqe *sqe, struct io_op *op)
{
	op->priv.time[0] = (int64_t)(op->priv.offset / NSEC_PER_SEC);
	op->priv.time[1] = (int64_t)(op->priv.offset % NSEC_PER_SEC);
	io_uring_prep_rw(IORING_OP_TIMEOUT, sqe, -1, op->priv.time, 1, 0);
	sqe->timeout_flags = IORING_TIMEOUT_ABS;
}
_Static_assert(sizeof(((struct io_op *)0)->priv.time) ==
		       sizeof(struct __kernel_timespec),
	       "priv.time is a struct __kernel_timespec");

static const struct {
	void (*prep)(struct io_uring_sqe *sqe, struct io_op *op);
	bool has_file;
} kinds[] = {
	[IO_OP_READV] = {prep_readv, true},
	[IO_OP_WRITEV] = {prep_writev, true},
	[IO_OP_FDATASYNC] = {prep_fdatasync, true},
	[IO_OP_FALLOCATE] = {prep_fallocate, true},
	[IO_OP_WATCH] = {prep_watch, true},
	[IO_OP_TIMER] = {prep_timer, false},
};

static void prep_op(struct uring *u, struct io_uring_sqe *sqe, struct io_op *op)
{
	if (op->priv.polling)
		io_uring_prep_poll_add(sqe, op->priv.file,
				       op->priv.kind == IO_OP_READV ? POLLIN
								    : POLLOUT);
	else
		kinds[op->priv.kind].prep(sqe, op);
	if (kinds[op->priv.kind].has_file)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, op);
	op->priv.state = IO_OP_IN_KERNEL;
	u->in_kernel++;
	io_engine_count(&u->engine.stats.submitted, 1);
}

static void prep_cancel(struct io_uring_sqe *sqe, struct io_op *op)
{
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, &user_cancel);
	op->priv.state = IO_OP_CANCELLING;
}

static void uring_submit(struct io_engine *engine, struct io_op *op)
{
	struct uring *u = to_uring(engine);
	struct io_uring_sqe *sqe = NULL;

	if (!u->overflow.first) /* nobody overtakes */
		sqe = io_uring_get_sqe(&u->ring);
	if (sqe) {
		prep_op(u, sqe, op);
		return;
	}
	op->priv.state = IO_OP_QUEUED;
	io_op_list_push(&u->overflow, op);
	io_engine_count(&engine->stats.queued, 1);
}

static void uring_cancel(struct io_engine *engine, struct io_op *op)
{
	struct uring *u = to_uring(engine);
	struct io_uring_sqe *sqe;

	switch (op->priv.state) {
	case IO_OP_QUEUED:
		io_op_list_remove(&u->overflow, op);
		io_engine_finish_later(engine, op, -ECANCELED);
		break;
	case IO_OP_TELLING:
		op->priv.state = IO_OP_CANCELLED;
		break;
	case IO_OP_IN_KERNEL:
		sqe = u->cancels.first ? NULL : io_uring_get_sqe(&u->ring);
		if (sqe) {
			prep_cancel(sqe, op);
			break;
		}
		op->priv.state = IO_OP_CANCEL_QUEUED;
		io_op_list_push(&u->cancels, op);
		break;
	default:
		break; /* cancelled already */
	}
}

/* Move what waited for room into the submission queue. */
static void flush_queues(struct uring *u)
{
	struct io_uring_sqe *sqe;

	if (!u->wake_armed && (sqe = io_uring_get_sqe(&u->ring))) {
		/* Slot max_files is ours. */
		io_uring_prep_poll_multishot(sqe, (int)u->engine.max_files,
					     POLLIN);
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
		io_uring_sqe_set_data(sqe, &user_wake);
		u->wake_armed = true;
	}
	while (u->cancels.first && (sqe = io_uring_get_sqe(&u->ring)))
		prep_cancel(sqe, io_op_list_pop(&u->cancels));
	while (u->overflow.first && (sqe = io_uring_get_sqe(&u->ring)))
		prep_op(u, sqe, io_op_list_pop(&u->overflow));
}

static bool is_cancelled(const struct io_op *op)
{
	return op->priv.state == IO_OP_CANCELLING ||
	       op->priv.state == IO_OP_CANCEL_QUEUED ||
	       op->priv.state == IO_OP_CANCELLED;
}

/* The kernel has given @op back: it will not complete it again. */
static void leave_kernel(struct uring *u, struct io_op *op)
{
	u->in_kernel--;
	if (op->priv.state == IO_OP_CANCEL_QUEUED) {
		io_op_list_remove(&u->cancels, op);
		op->priv.state = IO_OP_CANCELLING;
	}
}

/* Return: was done run? */
static bool complete_watch(struct uring *u, struct io_op *op, int res,
			   bool more)
{
	struct io_engine *engine = &u->engine;

	if (is_cancelled(op)) {
		if (more)
			return false; /* its end is still to come */
		leave_kernel(u, op);
		io_engine_complete(engine, op, -ECANCELED);
		return true;
	}
	if (more) {
		io_engine_count(&engine->stats.completed, 1);
		op->done(op, res);
		return true;
	}
	leave_kernel(u, op);
	if (res < 0) {
		io_engine_complete(engine, op, res);
		return true;
	}
	op->priv.state = IO_OP_TELLING;
	io_engine_count(&engine->stats.completed, 1);
	op->done(op, res);
	if (is_cancelled(op))
		io_engine_finish_later(engine, op, -ECANCELED);
	else
		uring_submit(engine, op);
	return true;
}

static bool wants_poll(const struct io_op *op, int res)
{
	return res == -EAGAIN &&
	       (op->priv.kind == IO_OP_READV ||
		op->priv.kind == IO_OP_WRITEV) &&
	       op->priv.offset == UINT64_MAX;
}

static bool complete_op(struct uring *u, struct io_op *op, int res)
{
	bool again = false;

	leave_kernel(u, op);
	if (op->priv.polling) {
		op->priv.polling = false;
		again = res >= 0; /* ready: now the transfer itself */
	} else if (wants_poll(op, res)) {
		op->priv.polling = true;
		again = true;
	}
	if (again && is_cancelled(op))
		res = -ECANCELED;
	else if (again) {
		uring_submit(&u->engine, op);
		return false;
	}
	if (op->priv.kind == IO_OP_TIMER && res == -ETIME)
		res = 0;
	io_engine_complete(&u->engine, op, res);
	return true;
}

/*
 * Submit and, if @wait, wait for one completion. The kernel is entered even
 * when there is nothing to submit: with DEFER_TASKRUN, and after a completion
 * queue overflow, that is what makes completions appear.
 */
static int enter(struct uring *u, bool wait)
{
	int rc;

	io_engine_count(&u->engine.stats.syscalls, 1);
	if (wait)
		rc = io_uring_submit_and_wait(&u->ring, 1);
	else
		rc = io_uring_submit_and_get_events(&u->ring);
	/* EINTR: a signal. EAGAIN, EBUSY: the kernel is short of requests or of
	 * completion space; what it did not take is still queued and goes with
	 * the next round, after completions have been taken away. */
	if (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY)
		return 0;
	return rc < 0 ? rc : 0;
}

/**
 * struct completion - a copy of one completion queue entry
 * @data: op or one of the user_ marks
 * @more: the same request will complete again
 */
struct completion {
	void *data;
	int res;
	bool more;
};

/* Take the next completion off the queue. Return: false if there is none. */
static bool take(struct uring *u, struct completion *c)
{
	struct io_uring_cqe *cqe = NULL;
	unsigned int head;

	io_uring_for_each_cqe(&u->ring, head, cqe) break;
	if (!cqe)
		return false;
	c->data = io_uring_cqe_get_data(cqe);
	c->res = cqe->res;
	c->more = cqe->flags & IORING_CQE_F_MORE;
	io_uring_cq_advance(&u->ring, 1);
	if (c->data == &user_wake && !c->more)
		u->wake_armed = false;
	return true;
}

static bool is_op(const struct completion *c)
{
	return c->data != &user_wake && c->data != &user_cancel &&
	       c->data != &user_drain;
}

static int uring_round(struct io_engine *engine, bool wait)
{
	struct uring *u = to_uring(engine);
	struct completion c;
	unsigned int ready;
	int rc, count = 0;

	flush_queues(u);
	rc = enter(u, wait && !u->overflow.first && !u->cancels.first);
	if (rc)
		return rc;
	/* Only what is there now: posts and deferred ops must get their turn
	 * even if completions keep coming. */
	ready = io_uring_cq_ready(&u->ring);
	while (ready-- && take(u, &c)) {
		struct io_op *op = c.data;

		if (!is_op(&c))
			continue;
		if (op->priv.kind == IO_OP_WATCH)
			count += complete_watch(u, op, c.res, c.more);
		else
			count += complete_op(u, op, c.res);
	}
	return count;
}

static bool uring_pending(struct io_engine *engine)
{
	const unsigned int wanted = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
	struct uring *u = to_uring(engine);

	return io_uring_sq_ready(&u->ring) || io_uring_cq_ready(&u->ring) ||
	       !u->wake_armed || u->overflow.first || u->cancels.first ||
	       __atomic_load_n(u->ring.sq.kflags, __ATOMIC_RELAXED) & wanted;
}

/* By number: liburing 2.3 declares io_uring_enable_rings() and
 * io_uring_register_restrictions() and exports neither. */
static int uring_start(struct io_engine *engine)
{
	return io_uring_register((unsigned int)to_uring(engine)->ring.ring_fd,
				 IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int uring_file_set(struct io_engine *engine, int file, int fd)
{
	int rc = io_uring_register_files_update(&to_uring(engine)->ring,
						(unsigned int)file, &fd, 1);

	return rc < 0 ? rc : 0;
}

static void forget_queue(struct io_op_list *list)
{
	struct io_op *op;

	while ((op = io_op_list_pop(list)))
		op->priv.state = IO_OP_IDLE;
}

static void uring_drain(struct io_engine *engine)
{
	struct uring *u = to_uring(engine);
	struct io_uring_sqe *sqe;
	struct completion c = {0};

	forget_queue(&u->overflow);
	forget_queue(&u->cancels); /* covered by the cancel of everything */
	if (!u->in_kernel)
		return;
	while (!(sqe = io_uring_get_sqe(&u->ring)))
		if (enter(u, false))
			return;
	io_uring_prep_cancel(sqe, NULL,
			     IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	io_uring_sqe_set_data(sqe, &user_drain);
	while (u->in_kernel) {
		if (enter(u, true))
			return; /* not the owner: closing the ring must do */
		while (take(u, &c)) {
			/* Before Linux 5.19: closing the ring must do. */
			if (c.data == &user_drain && c.res == -EINVAL)
				return;
			if (!is_op(&c) || c.more)
				continue;
			((struct io_op *)c.data)->priv.state = IO_OP_IDLE;
			u->in_kernel--;
		}
	}
}

static void uring_destroy(struct io_engine *engine)
{
	struct uring *u = to_uring(engine);

	if (u->has_ring)
		io_uring_queue_exit(&u->ring);
	io_engine_fini(engine);
	free(u);
}

static const struct io_engine_backend uring_backend = {
	.name = "io_uring",
	.start = uring_start,
	.round = uring_round,
	.pending = uring_pending,
	.submit = uring_submit,
	.cancel = uring_cancel,
	.file_set = uring_file_set,
	.drain = uring_drain,
	.destroy = uring_destroy,
};

static int init_ring(struct uring *u, unsigned int depth)
{
	/* Found by the first engine of the process, tried first by others. */
	static _Atomic size_t best_flags;
	unsigned int entries = MIN(depth, SQ_ENTRIES_MAX);
	int rc = -EINVAL;

	for (size_t i = best_flags; i < ARRAY_SIZE(flag_sets); i++) {
		struct io_uring_params params = {
			.flags = flag_sets[i] | IORING_SETUP_R_DISABLED |
				 IORING_SETUP_CQSIZE,
			.cq_entries = entries * CQ_FACTOR,
		};

		/* Who polls must see in memory that completions wait. */
		if (u->engine.poll_max_ns && flag_sets[i])
			params.flags |= IORING_SETUP_TASKRUN_FLAG;
		rc = io_uring_queue_init_params(entries, &u->ring, &params);
		if (rc == -EINVAL)
			continue;
		u->has_ring = !rc;
		if (!rc && !(params.features & IORING_FEAT_NODROP))
			return -EOPNOTSUPP;
		best_flags = i;
		return rc;
	}
	return rc;
}

static int restrict_ring(struct uring *u)
{
	struct io_uring_restriction rules[ARRAY_SIZE(opcodes) + 2] = {0};
	unsigned int n = 0;

	for (; n < ARRAY_SIZE(opcodes); n++) {
		rules[n].opcode = IORING_RESTRICTION_SQE_OP;
		rules[n].sqe_op = opcodes[n];
	}
	rules[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rules[n++].sqe_flags = IOSQE_FIXED_FILE;
	rules[n].opcode = IORING_RESTRICTION_REGISTER_OP;
	rules[n++].register_op = IORING_REGISTER_FILES_UPDATE;
	return io_uring_register((unsigned int)u->ring.ring_fd,
				 IORING_REGISTER_RESTRICTIONS, rules, n);
}

/* The empty slots and behind them the wake-up eventfd. */
static int register_files(struct uring *u)
{
	struct io_engine *engine = &u->engine;
	int rc;

	engine->files[engine->max_files] = engine->wake_fd;
	rc = io_uring_register_files(&u->ring, engine->files,
				     engine->max_files + 1);
	engine->files[engine->max_files] = -1;
	return rc;
}

int io_uring_engine_create(struct io_engine **out,
			   const struct io_engine_config *cfg, struct err *err)
{
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return err_set(err, -ENOMEM, "io_uring");
	io_op_list_init(&u->overflow);
	io_op_list_init(&u->cancels);
	rc = io_engine_init(&u->engine, &uring_backend, cfg, err);
	if (rc)
		goto fail;
	rc = init_ring(u, cfg->depth);
	if (rc) {
		(void)err_set(err, rc, "io_uring: create a ring");
		goto fail;
	}
	rc = register_files(u);
	if (rc) {
		(void)err_set(err, rc, "io_uring: register %u files%s",
			      cfg->max_files,
			      rc == -EMFILE ? " (raise RLIMIT_NOFILE)" : "");
		goto fail;
	}
	rc = restrict_ring(u);
	if (rc) {
		(void)err_set(err, rc, "io_uring: restrict the ring");
		goto fail;
	}
	*out = &u->engine;
	return 0;
fail:
	uring_destroy(&u->engine);
	return rc;
}
