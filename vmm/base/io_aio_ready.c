/* io_aio_ready.c - readiness and streams of the libaio engine; theory of
 * operation in io_aio.c. */
#include "io_aio_impl.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/uio.h>

/*
 * Readiness
 */

static uint32_t wanted_events(const struct io_op *op)
{
	if (op->priv.kind == IO_OP_WATCH)
		return op->priv.flags;
	return op->priv.kind == IO_OP_READV ? EPOLLIN : EPOLLOUT;
}

int aio_update_interest(struct aio *a, int file)
{
	struct aio_slot *slot = &a->slots[file];
	struct epoll_event event = {.data.u64 = (uint64_t)file};
	uint32_t edge = EPOLLET;
	int op;

	for (struct io_op *w = slot->waiters.first; w; w = w->priv.next) {
		event.events |= wanted_events(w);
		edge &= wanted_events(w);
	}
	/* Edge-triggered only if everybody wants that. */
	event.events = (event.events & ~(uint32_t)EPOLLET) | edge;
	if (slot->known && !slot->waiters.first)
		op = EPOLL_CTL_DEL;
	else if (slot->waiters.first && !slot->known)
		op = EPOLL_CTL_ADD;
	else if (slot->waiters.first && slot->armed != event.events)
		op = EPOLL_CTL_MOD;
	else
		return 0;
	aio_count_syscall(a);
	if (epoll_ctl(a->epoll_fd, op, a->engine.files[file], &event))
		return -errno;
	slot->known = op != EPOLL_CTL_DEL;
	slot->armed = event.events;
	return 0;
}

int aio_add_waiter(struct aio *a, struct io_op *op)
{
	struct aio_slot *slot = &a->slots[op->priv.file];
	uint32_t wanted = wanted_events(op);
	int rc = 0;

	op->priv.state = IO_OP_IN_KERNEL;
	io_op_list_push(&slot->waiters, op);
	/* Lazily kept interest that fits needs no call. An edge that was told
	 * already must be looked at again, which MOD and ADD do. */
	if (!slot->known || (slot->armed & wanted) != wanted ||
	    ((slot->armed ^ wanted) & EPOLLET))
		rc = aio_update_interest(a, op->priv.file);
	if (rc)
		io_op_list_remove(&slot->waiters, op);
	return rc;
}

void aio_remove_waiter(struct aio *a, struct io_op *op)
{
	io_op_list_remove(&a->slots[op->priv.file].waiters, op);
	/* Failing to drop interest costs spurious wake-ups, no more. */
	if (!a->slots[op->priv.file].waiters.first)
		(void)aio_update_interest(a, op->priv.file);
}

void aio_slot_ready(struct aio *a, int file, uint32_t events)
{
	const uint32_t always = EPOLLERR | EPOLLHUP;
	struct aio_slot *slot = &a->slots[file];
	struct io_op *op, *next;
	bool used = false;

	for (op = slot->waiters.first; op; op = next) {
		uint32_t told = events & (wanted_events(op) | always);

		next = op->priv.next;
		if (!told)
			continue;
		used = true;
		io_op_list_remove(&slot->waiters, op);
		if (op->priv.kind == IO_OP_WATCH) {
			op->priv.result = (int)told;
			op->priv.state = IO_OP_TELLING;
			io_op_list_push(&a->told, op);
		} else {
			op->priv.state = IO_OP_QUEUED;
			io_op_list_push(&a->streams, op);
		}
	}
	if (!used)
		(void)aio_update_interest(a,
					  file); /* see aio_remove_waiter() */
}

/* Run done of the watches; each waits again before its done may cancel it. */
int aio_run_told(struct aio *a)
{
	struct io_engine *engine = &a->engine;
	struct io_op *op;
	int rc, count = 0;

	while ((op = io_op_list_pop(&a->told))) {
		if (op->priv.state == IO_OP_CANCELLED) {
			io_engine_complete(engine, op, -ECANCELED);
			count++;
			continue;
		}
		rc = aio_add_waiter(a, op);
		if (rc) {
			io_engine_complete(engine, op, rc);
		} else {
			io_engine_count(&engine->stats.completed, 1);
			op->done(op, op->priv.result);
		}
		count++;
	}
	return count;
}

/*
 * Streams
 */

static ssize_t transfer(int fd, const struct io_op *op, int flags)
{
	const struct iovec *iov = op->priv.iov;
	int count = (int)op->priv.iovcnt;
	ssize_t n;

	do
		n = op->priv.kind == IO_OP_READV
			    ? preadv2(fd, iov, count, -1, flags)
			    : pwritev2(fd, iov, count, -1, flags);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t transfer_now(int fd, const struct io_op *op)
{
	struct pollfd ready = {
		.fd = fd,
		.events = op->priv.kind == IO_OP_READV ? POLLIN : POLLOUT,
	};
	ssize_t n = transfer(fd, op, RWF_NOWAIT);

	if (n != -EOPNOTSUPP)
		return n;
	/* Terminals, writes to eventfds and the like: ask first. */
	if (poll(&ready, 1, 0) == 0)
		return -EAGAIN;
	return transfer(fd, op, 0);
}

static void try_stream(struct aio *a, struct io_op *op)
{
	int fd = aio_file_fd(a, op->priv.file);
	ssize_t n;

	if (fd < 0) {
		io_engine_finish_later(&a->engine, op, -EBADF);
		return;
	}
	io_engine_count(&a->engine.stats.submitted, 1);
	aio_count_syscall(a);
	n = transfer_now(fd, op);
	if (n == -EAGAIN) {
		n = aio_add_waiter(a, op);
		if (!n)
			return;
		if (n == -EPERM) /* a regular file: it does not wait long */
			n = transfer(fd, op, 0);
	}
	io_engine_finish_later(&a->engine, op, (int)n);
}

void aio_try_streams(struct aio *a)
{
	struct io_op *op;

	while ((op = io_op_list_pop(&a->streams)))
		try_stream(a, op);
}
