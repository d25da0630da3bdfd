/* fake_engine.c - the io_engine.h contract in one thread. */
#include "fake_engine.h"

#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
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

enum fake_op_state {
	FAKE_IDLE,
	FAKE_PENDING,
	FAKE_CANCELLED,
	FAKE_DEFERRED,
};

struct io_engine {
	struct io_op *pending[OPS_MAX];
	unsigned int pending_count;
	struct io_op *ready[OPS_MAX]; /* posted and deferred, in order */
	unsigned int ready_count;
	struct io_op *batch[OPS_MAX]; /* what this round looks at */
	int files[FILES_MAX];
	fake_engine_fault *fault;
	void *fault_arg;
	bool hold;
	uint64_t now_ns;
	struct io_engine_stats stats;
};

struct io_engine *fake_engine_create(void)
{
	struct io_engine *engine = calloc(1, sizeof(*engine));

	assert(engine);
	for (unsigned int i = 0; i < FILES_MAX; i++)
		engine->files[i] = -1;
	return engine;
}

int io_engine_create(struct io_engine **out, const struct io_engine_config *cfg,
		     struct err *err)
{
	(void)cfg;
	(void)err;
	*out = fake_engine_create();
	return 0;
}

void io_engine_destroy(struct io_engine *engine)
{
	free(engine);
}

const char *io_engine_name(const struct io_engine *engine)
{
	(void)engine;
	return "fake";
}

void fake_engine_set_fault(struct io_engine *engine, fake_engine_fault *fault,
			   void *arg)
{
	engine->fault = fault;
	engine->fault_arg = arg;
}

void fake_engine_hold(struct io_engine *engine, bool hold)
{
	engine->hold = hold;
}

void fake_engine_set_time(struct io_engine *engine, uint64_t now_ns)
{
	engine->now_ns = now_ns;
}

uint64_t fake_engine_next_timer(const struct io_engine *engine)
{
	uint64_t next = 0;

	for (unsigned int i = 0; i < engine->pending_count; i++) {
		const struct io_op *op = engine->pending[i];

		if (op->priv.kind == FAKE_OP_TIMER &&
		    op->priv.state == FAKE_PENDING &&
		    (!next || op->priv.offset < next))
			next = op->priv.offset;
	}
	return next;
}

unsigned int fake_engine_in_flight(const struct io_engine *engine)
{
	return engine->pending_count;
}

void io_engine_stats(const struct io_engine *engine,
		     struct io_engine_stats *out)
{
	*out = engine->stats;
}

static void submit(struct io_engine *engine, struct io_op *op,
		   enum fake_op_kind kind, int file)
{
	assert(op->priv.state == FAKE_IDLE);
	assert(engine->pending_count < OPS_MAX);
	op->priv.kind = (uint8_t)kind;
	op->priv.file = file;
	op->priv.state = FAKE_PENDING;
	engine->pending[engine->pending_count++] = op;
	engine->stats.submitted++;
}

void io_engine_readv(struct io_engine *engine, struct io_op *op, int file,
		     const struct iovec *iov, unsigned int iovcnt,
		     int64_t offset)
{
	op->priv.iov = iov;
	op->priv.iovcnt = iovcnt;
	op->priv.offset = (uint64_t)offset;
	op->priv.flags = 0;
	submit(engine, op, FAKE_OP_READV, file);
}

void io_engine_writev(struct io_engine *engine, struct io_op *op, int file,
		      const struct iovec *iov, unsigned int iovcnt,
		      int64_t offset, int rw_flags)
{
	op->priv.iov = iov;
	op->priv.iovcnt = iovcnt;
	op->priv.offset = (uint64_t)offset;
	op->priv.flags = (uint32_t)rw_flags;
	submit(engine, op, FAKE_OP_WRITEV, file);
}

void io_engine_fdatasync(struct io_engine *engine, struct io_op *op, int file)
{
	submit(engine, op, FAKE_OP_FDATASYNC, file);
}

void io_engine_fallocate(struct io_engine *engine, struct io_op *op, int file,
			 int mode, uint64_t offset, uint64_t len)
{
	op->priv.offset = offset;
	op->priv.len = len;
	op->priv.flags = (uint32_t)mode;
	submit(engine, op, FAKE_OP_FALLOCATE, file);
}

void io_engine_watch(struct io_engine *engine, struct io_op *op, int file,
		     uint32_t events)
{
	int type;
	socklen_t size = sizeof(type);

	op->priv.polling = !getsockopt(engine->files[file], SOL_SOCKET, SO_TYPE,
				       &type, &size);
	op->priv.flags = events;
	op->priv.time[0] = 0;
	op->priv.time[1] = 0;
	submit(engine, op, FAKE_OP_WATCH, file);
}

void io_engine_timer(struct io_engine *engine, struct io_op *op,
		     uint64_t deadline_ns)
{
	op->priv.offset = deadline_ns;
	submit(engine, op, FAKE_OP_TIMER, -1);
}

void io_engine_cancel(struct io_engine *engine, struct io_op *op)
{
	(void)engine;
	if (op->priv.state == FAKE_PENDING)
		op->priv.state = FAKE_CANCELLED;
}

static void make_ready(struct io_engine *engine, struct io_op *op)
{
	assert(op->priv.state == FAKE_IDLE && engine->ready_count < OPS_MAX);
	op->priv.state = FAKE_DEFERRED;
	engine->ready[engine->ready_count++] = op;
}

void io_engine_post(struct io_engine *engine, struct io_op *op)
{
	make_ready(engine, op);
}

void io_engine_defer(struct io_engine *engine, struct io_op *op)
{
	if (op->priv.state != FAKE_DEFERRED)
		make_ready(engine, op);
}

int io_engine_file_add(struct io_engine *engine, int fd)
{
	for (int i = 0; i < FILES_MAX; i++) {
		if (engine->files[i] < 0) {
			engine->files[i] = fd;
			return i;
		}
	}
	return -ENOSPC;
}

void io_engine_file_remove(struct io_engine *engine, int file)
{
	for (unsigned int i = 0; i < engine->pending_count; i++)
		assert(engine->pending[i]->priv.file != file);
	engine->files[file] = -1;
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
	if (op->priv.kind == FAKE_OP_WRITEV)
		n = offset < 0 ? writev(fd, cut, count)
			       : pwritev2(fd, cut, count, offset, flags);
	else
		n = offset < 0 ? readv(fd, cut, count)
			       : preadv(fd, cut, count, offset);
	return n < 0 ? -errno : (int)n;
}

static bool is_stream(const struct io_op *op)
{
	return (op->priv.kind == FAKE_OP_READV ||
		op->priv.kind == FAKE_OP_WRITEV) &&
	       (int64_t)op->priv.offset < 0;
}

static uint64_t op_len(const struct io_op *op)
{
	uint64_t len = 0;

	if (op->priv.kind == FAKE_OP_FALLOCATE)
		return op->priv.len;
	if (op->priv.kind == FAKE_OP_FDATASYNC)
		return 0;
	for (unsigned int i = 0; i < op->priv.iovcnt; i++)
		len += op->priv.iov[i].iov_len;
	return len;
}

static int do_file_op(struct io_engine *engine, const struct io_op *op, int fd)
{
	int limit = INT_MAX;

	if (engine->fault)
		limit = engine->fault(engine->fault_arg, op->priv.kind,
				      op->priv.file, (int64_t)op->priv.offset,
				      op_len(op));
	if (limit <= 0)
		return limit;
	switch (op->priv.kind) {
	case FAKE_OP_FDATASYNC:
		return fdatasync(fd) ? -errno : 0;
	case FAKE_OP_FALLOCATE:
		return fallocate(fd, (int)op->priv.flags,
				 (off_t)op->priv.offset, (off_t)op->priv.len)
			       ? -errno
			       : 0;
	default:
		return transfer(op, fd, (uint64_t)limit);
	}
}

/* Return: true if @op has a result now. */
static bool attempt(struct io_engine *engine, struct io_op *op, int *res)
{
	int fd;

	if (op->priv.kind == FAKE_OP_TIMER) {
		*res = 0;
		return engine->now_ns >= op->priv.offset;
	}
	fd = engine->files[op->priv.file];
	if (op->priv.kind == FAKE_OP_WATCH) {
		if (op->priv.flags & EPOLLET)
			return watch_edges(op, fd, res);
		*res = (int)ready_events(fd, op->priv.flags);
		return *res;
	}
	if (is_stream(op)) {
		if (!ready_events(fd, op->priv.kind == FAKE_OP_READV ? POLLIN
								     : POLLOUT))
			return false;
		*res = do_file_op(engine, op, fd);
		return *res != -EAGAIN;
	}
	if (engine->hold)
		return false;
	*res = do_file_op(engine, op, fd);
	return true;
}

static void drop(struct io_engine *engine, const struct io_op *op)
{
	unsigned int i = 0;

	while (engine->pending[i] != op)
		i++;
	engine->pending_count--;
	memmove(&engine->pending[i], &engine->pending[i + 1],
		(engine->pending_count - i) * sizeof(engine->pending[0]));
}

/* Return: true if done ran. */
static bool step(struct io_engine *engine, struct io_op *op)
{
	bool keep = op->priv.kind == FAKE_OP_WATCH;
	int res = -ECANCELED;

	if (op->priv.state == FAKE_CANCELLED)
		keep = false;
	else if (!attempt(engine, op, &res))
		return false;
	if (!keep) {
		drop(engine, op);
		op->priv.state = FAKE_IDLE;
	}
	engine->stats.completed++;
	op->done(op, res);
	/* What done has read makes room for the next edge. */
	if (keep && op->priv.state == FAKE_PENDING && op->priv.polling)
		op->priv.time[0] = unread_bytes(engine->files[op->priv.file]);
	return true;
}

static int run_pending(struct io_engine *engine)
{
	struct io_op **batch = engine->batch;
	unsigned int count = engine->pending_count;
	int done = 0;

	memcpy(batch, engine->pending, count * sizeof(batch[0]));
	for (unsigned int i = 0; i < count; i++)
		done += step(engine, batch[i]);
	return done;
}

static int run_ready(struct io_engine *engine)
{
	struct io_op **batch = engine->batch;
	unsigned int count = engine->ready_count;

	memcpy(batch, engine->ready, count * sizeof(batch[0]));
	engine->ready_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		batch[i]->priv.state = FAKE_IDLE;
		batch[i]->done(batch[i], 0);
	}
	return (int)count;
}

int io_engine_poll(struct io_engine *engine, bool wait)
{
	int count;

	(void)wait;
	engine->stats.syscalls++;
	count = run_pending(engine);
	return count + run_ready(engine);
}

void fake_engine_settle(struct io_engine *engine)
{
	int rounds = 0;

	while (io_engine_poll(engine, false))
		assert(++rounds < ROUNDS_MAX);
}

void io_engine_call(struct io_engine *engine, void (*fn)(void *arg), void *arg)
{
	engine->stats.posts++;
	fn(arg);
	fake_engine_settle(engine);
}

int io_engine_run(struct io_engine *engine)
{
	fake_engine_settle(engine);
	return 0;
}

bool io_engine_is_over(const struct io_engine *engine)
{
	(void)engine;
	return false;
}

void io_engine_stop(struct io_engine *engine)
{
	(void)engine;
}
