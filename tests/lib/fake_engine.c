/* fake_engine.c - a backend of the I/O engine in one thread. */
#include "fake_engine.h"

#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPS_MAX 4096
#define FILES_MAX 64
#define IOV_CUT_MAX 1024
#define ROUNDS_MAX 10000 /* a device that never comes to rest is a bug */

/**
 * struct fake - the engine
 * @engine:  embedded first
 * @pending: @count operations in the order of their submission
 * @batch:   what this round looks at
 * @hold:    see fake_engine_hold()
 * @now_ns:  see fake_engine_set_time()
 */
struct fake {
	struct io_engine engine;
	struct io_op *pending[OPS_MAX];
	struct io_op *batch[OPS_MAX];
	unsigned int count;
	fake_engine_fault *fault;
	void *fault_arg;
	bool hold;
	uint64_t now_ns;
};

static struct fake *to_fake(struct io_engine *engine)
{
	return container_of(engine, struct fake, engine);
}

static const struct fake *to_const_fake(const struct io_engine *engine)
{
	return (const struct fake *)engine;
}
_Static_assert(offsetof(struct fake, engine) == 0, "embedded first");

void fake_engine_set_fault(struct io_engine *engine, fake_engine_fault *fault,
			   void *arg)
{
	to_fake(engine)->fault = fault;
	to_fake(engine)->fault_arg = arg;
}

void fake_engine_hold(struct io_engine *engine, bool hold)
{
	to_fake(engine)->hold = hold;
}

void fake_engine_set_time(struct io_engine *engine, uint64_t now_ns)
{
	to_fake(engine)->now_ns = now_ns;
}

uint64_t fake_engine_next_timer(const struct io_engine *engine)
{
	const struct fake *fake = to_const_fake(engine);
	uint64_t next = 0;

	for (unsigned int i = 0; i < fake->count; i++) {
		const struct io_op *op = fake->pending[i];

		if (op->priv.kind == IO_OP_TIMER &&
		    op->priv.state == IO_OP_IN_KERNEL &&
		    (!next || op->priv.offset < next))
			next = op->priv.offset;
	}
	return next;
}

unsigned int fake_engine_in_flight(const struct io_engine *engine)
{
	return to_const_fake(engine)->count;
}

static void fake_submit(struct io_engine *engine, struct io_op *op)
{
	struct fake *fake = to_fake(engine);
	int type;
	socklen_t size = sizeof(type);

	assert(fake->count < OPS_MAX);
	if (op->priv.kind == IO_OP_WATCH) {
		op->priv.polling =
			!getsockopt(engine->files[op->priv.file], SOL_SOCKET,
				    SO_TYPE, &type, &size);
		op->priv.time[0] = 0;
		op->priv.time[1] = 0;
	}
	op->priv.state = IO_OP_IN_KERNEL;
	fake->pending[fake->count++] = op;
	io_engine_count(&engine->stats.submitted, 1);
}

static void fake_cancel(struct io_engine *engine, struct io_op *op)
{
	(void)engine;
	op->priv.state = IO_OP_CANCELLING;
}

static int fake_file_set(struct io_engine *engine, int file, int fd)
{
	const struct fake *fake = to_fake(engine);

	for (unsigned int i = 0; fd < 0 && i < fake->count; i++)
		assert(fake->pending[i]->priv.file != file);
	return 0;
}

/* Return: the events of @wanted that hold now. */
static uint32_t ready_events(int fd, uint32_t wanted)
{
	struct pollfd pfd = {.fd = fd, .events = (short)(wanted & 0xffff)};

	if (poll(&pfd, 1, 0) <= 0)
		return 0;
	return (uint32_t)pfd.revents;
}

/* Return: bytes to read of a socket; 1 for connections to accept. */
static int unread_bytes(int fd)
{
	int unread;

	if (!ioctl(fd, FIONREAD, &unread))
		return unread;
	return ready_events(fd, EPOLLIN) & EPOLLIN;
}

/* Edges of a socket: what is unread has grown, and what else has come true.
 * time[0] is what was left unread, time[1] the other events that were told. */
static uint32_t socket_edges(struct io_op *op, uint32_t events, int unread)
{
	uint32_t others = events & ~(uint32_t)EPOLLIN;
	uint32_t edges = others & ~(uint32_t)op->priv.time[1];

	if ((events & EPOLLIN) && unread > op->priv.time[0])
		edges |= EPOLLIN;
	op->priv.time[0] = unread;
	op->priv.time[1] = others;
	return edges;
}

static bool watch_edges(struct io_op *op, int fd, int *res)
{
	uint32_t events = ready_events(fd, op->priv.flags);
	uint64_t count;
	ssize_t n;

	if (op->priv.polling) {
		*res = (int)socket_edges(op, events, unread_bytes(fd));
		return *res;
	}
	*res = (int)events;
	if (events) {
		n = read(fd, &count, sizeof(count));
		assert(n == sizeof(count));
	}
	return events;
}

/* Do at most @limit bytes of a vector. */
static int transfer(const struct io_op *op, int fd, uint64_t limit)
{
	static struct iovec cut[IOV_CUT_MAX];
	off_t offset = (off_t)op->priv.offset;
	int flags = (int)op->priv.flags;
	int count = 0;
	ssize_t n;

	assert(op->priv.iovcnt <= IOV_CUT_MAX);
	for (; limit && count < (int)op->priv.iovcnt; count++) {
		cut[count] = op->priv.iov[count];
		cut[count].iov_len = MIN(cut[count].iov_len, limit);
		limit -= cut[count].iov_len;
	}
	if (op->priv.kind == IO_OP_WRITEV)
		n = offset < 0 ? writev(fd, cut, count)
			       : pwritev2(fd, cut, count, offset, flags);
	else
		n = offset < 0 ? readv(fd, cut, count)
			       : preadv(fd, cut, count, offset);
	return n < 0 ? -errno : (int)n;
}

static bool is_stream(const struct io_op *op)
{
	return (op->priv.kind == IO_OP_READV ||
		op->priv.kind == IO_OP_WRITEV) &&
	       (int64_t)op->priv.offset < 0;
}

static uint64_t op_len(const struct io_op *op)
{
	uint64_t len = 0;

	if (op->priv.kind == IO_OP_FALLOCATE)
		return op->priv.len;
	if (op->priv.kind == IO_OP_FDATASYNC)
		return 0;
	for (unsigned int i = 0; i < op->priv.iovcnt; i++)
		len += op->priv.iov[i].iov_len;
	return len;
}

static int do_file_op(const struct fake *fake, const struct io_op *op, int fd)
{
	int limit = INT_MAX;

	if (fake->fault)
		limit = fake->fault(fake->fault_arg, op->priv.kind,
				    op->priv.file, (int64_t)op->priv.offset,
				    op_len(op));
	if (limit <= 0)
		return limit;
	switch (op->priv.kind) {
	case IO_OP_FDATASYNC:
		return fdatasync(fd) ? -errno : 0;
	case IO_OP_FALLOCATE:
		return fallocate(fd, (int)op->priv.flags,
				 (off_t)op->priv.offset, (off_t)op->priv.len)
			       ? -errno
			       : 0;
	default:
		return transfer(op, fd, (uint64_t)limit);
	}
}

/* Return: true if @op has a result now. */
static bool attempt(const struct fake *fake, struct io_op *op, int *res)
{
	int fd;

	if (op->priv.kind == IO_OP_TIMER) {
		*res = 0;
		return fake->now_ns >= op->priv.offset;
	}
	fd = fake->engine.files[op->priv.file];
	if (op->priv.kind == IO_OP_WATCH) {
		if (op->priv.flags & EPOLLET)
			return watch_edges(op, fd, res);
		*res = (int)ready_events(fd, op->priv.flags);
		return *res;
	}
	if (is_stream(op)) {
		if (!ready_events(fd, op->priv.kind == IO_OP_READV ? POLLIN
								   : POLLOUT))
			return false;
		*res = do_file_op(fake, op, fd);
		return *res != -EAGAIN;
	}
	if (fake->hold)
		return false;
	*res = do_file_op(fake, op, fd);
	return true;
}

static void drop(struct fake *fake, const struct io_op *op)
{
	unsigned int i = 0;

	while (fake->pending[i] != op)
		i++;
	fake->count--;
	memmove(&fake->pending[i], &fake->pending[i + 1],
		(fake->count - i) * sizeof(fake->pending[0]));
}

/* Return: true if done ran. */
static bool step(struct fake *fake, struct io_op *op)
{
	struct io_engine *engine = &fake->engine;
	int res = -ECANCELED;

	if (op->priv.state != IO_OP_CANCELLING && !attempt(fake, op, &res))
		return false;
	if (op->priv.state == IO_OP_CANCELLING ||
	    op->priv.kind != IO_OP_WATCH) {
		drop(fake, op);
		io_engine_complete(engine, op, res);
		return true;
	}
	io_engine_count(&engine->stats.completed, 1);
	op->done(op, res);
	/* What done has read makes room for the next edge. */
	if (op->priv.state == IO_OP_IN_KERNEL && op->priv.polling)
		op->priv.time[0] = unread_bytes(engine->files[op->priv.file]);
	return true;
}

static int fake_round(struct io_engine *engine, bool wait)
{
	struct fake *fake = to_fake(engine);
	unsigned int count = fake->count;
	int done = 0;

	(void)wait;
	io_engine_count(&engine->stats.syscalls, 1);
	memcpy(fake->batch, fake->pending, count * sizeof(fake->batch[0]));
	for (unsigned int i = 0; i < count; i++)
		done += step(fake, fake->batch[i]);
	return done;
}

void fake_engine_settle(struct io_engine *engine)
{
	int rounds = 0;
	bool more;

	do {
		/* Deferred operations are not counted. */
		more = engine->deferred.first;
		more |= io_engine_poll(engine, false) > 0;
		assert(++rounds < ROUNDS_MAX);
	} while (more);
}

static int fake_start(struct io_engine *engine)
{
	(void)engine;
	return 0;
}

static void fake_drain(struct io_engine *engine)
{
	struct fake *fake = to_fake(engine);

	while (fake->count)
		fake->pending[--fake->count]->priv.state = IO_OP_IDLE;
}

static void fake_destroy(struct io_engine *engine)
{
	io_engine_fini(engine);
	free(to_fake(engine));
}

static const struct io_engine_backend fake_backend = {
	.name = "fake",
	.start = fake_start,
	.round = fake_round,
	.submit = fake_submit,
	.cancel = fake_cancel,
	.file_set = fake_file_set,
	.drain = fake_drain,
	.destroy = fake_destroy,
};

/*
 * In the place of io_engine_create.c and io_engine_call.c.
 */

struct io_engine *fake_engine_create(void)
{
	const struct io_engine_config cfg = {.max_files = FILES_MAX};
	struct fake *fake = calloc(1, sizeof(*fake));
	struct err err;

	assert(fake);
	if (io_engine_init(&fake->engine, &fake_backend, &cfg, &err))
		abort();
	return &fake->engine;
}

int io_engine_create(struct io_engine **out, const struct io_engine_config *cfg,
		     struct err *err)
{
	(void)cfg;
	(void)err;
	*out = fake_engine_create();
	return 0;
}

/* There is but one thread. */
void io_engine_call(struct io_engine *engine, void (*fn)(void *arg), void *arg)
{
	io_engine_count(&engine->stats.posts, 1);
	fn(arg);
	fake_engine_settle(engine);
}
