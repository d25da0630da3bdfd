/*
 * blk_backend.c - see blk_backend.h.
 *
 * DOC: theory of operation
 *
 * A request is a sequence of pieces: submit_next() hands one to the engine,
 * piece_done() books its result and asks for the next, until everything is
 * transferred and, where asked for, fdatasync has run. Which piece comes next
 * depends on the operation only (table "pieces").
 */
#include "blk_backend.h"

#include "iov.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#define ATTEMPTS_MAX 16U /* pieces without progress before we give up */
#define PAGE 4096U

/* Never written to: the kernel maps one page of zeroes for all of it. */
static uint8_t zero_bytes[BLK_ZEROES_SIZE] __attribute__((aligned(PAGE)));

static void submit_next(struct blk_io *io);

int blk_backend_init(struct blk_backend *be, struct io_engine *engine, int fd,
		     const char *name, uint32_t block_size, struct err *err)
{
	int rc;

	*be = (struct blk_backend){.engine = engine, .file = -1};
	rc = disk_file_probe(fd, name, &be->geometry, err);
	if (rc < 0)
		return rc;
	if (be->geometry.size < block_size)
		return err_setx(err, -EINVAL,
				"disk %s: holds no whole block of %u bytes",
				name, block_size);
	if (block_size % be->geometry.offset_align != 0)
		return err_setx(err, -EINVAL,
				"disk %s: direct I/O needs blocks of %u bytes "
				"there: set block_size = %u or direct = false",
				name, be->geometry.offset_align,
				be->geometry.offset_align);
	be->punch_hole = be->geometry.punch_hole;
	be->zero_range = true;
	for (size_t i = 0; i < ARRAY_SIZE(be->zeroes); i++)
		be->zeroes[i] = (struct iovec){
			.iov_base = zero_bytes,
			.iov_len = sizeof(zero_bytes),
		};
	if (be->geometry.direct) {
		be->bounce = aligned_alloc(PAGE, BLK_BOUNCE_SIZE);
		if (be->bounce == NULL)
			return err_set(err, -ENOMEM, "disk %s", name);
	}
	be->file = io_engine_file_add(engine, fd);
	if (be->file < 0)
		return err_set(err, be->file, "disk %s: I/O engine", name);
	return 0;
}

void blk_backend_fini(struct blk_backend *be)
{
	if (be->engine != NULL && be->file >= 0)
		io_engine_file_remove(be->engine, be->file);
	free(be->bounce);
}

/*
 * The bounce buffer.
 */

/* What the kernel asks of each iovec under O_DIRECT. */
static bool direct_takes(const struct blk_backend *be, const struct blk_io *io)
{
	uintptr_t bases = 0;
	size_t lens = 0;

	for (unsigned int i = 0; i < io->req.iovcnt; i++) {
		bases |= (uintptr_t)io->req.iov[i].iov_base;
		lens |= io->req.iov[i].iov_len;
	}
	return (bases & (be->geometry.memory_align - 1)) == 0 &&
	       (lens & (be->geometry.offset_align - 1)) == 0;
}

/* Return: true if the buffer is @io's now, false if @io has to wait. */
static bool bounce_take(struct blk_backend *be, struct blk_io *io)
{
	if (!io->bounced) {
		io->bounced = true;
		__atomic_store_n(&be->bounces, be->bounces + 1,
				 __ATOMIC_RELAXED);
	}
	if (be->bounce_owner == NULL)
		be->bounce_owner = io;
	if (be->bounce_owner == io)
		return true;
	io->next = NULL;
	if (be->bounce_first == NULL)
		be->bounce_first = io;
	else
		be->bounce_last->next = io;
	be->bounce_last = io;
	return false;
}

static void bounce_release(struct blk_backend *be)
{
	struct blk_io *io = be->bounce_first;

	be->bounce_owner = io;
	if (io == NULL)
		return;
	be->bounce_first = io->next;
	submit_next(io);
}

static void finish(struct blk_io *io, int error)
{
	struct blk_backend *be = io->backend;

	if (be->bounce_owner == io)
		bounce_release(be);
	io->done(io, error);
}

/*
 * Read and write.
 */

static void submit_transfer(struct blk_io *io)
{
	struct blk_backend *be = io->backend;
	int64_t offset = (int64_t)(io->req.offset + io->transferred);
	const struct iovec *iov = io->req.iov;
	unsigned int iovcnt = io->req.iovcnt;

	if (be->geometry.direct && (io->bounced || !direct_takes(be, io))) {
		if (!bounce_take(be, io))
			return;
		io->window.iov_base = be->bounce;
		io->window.iov_len = (size_t)MIN(io->req.len - io->transferred,
						 (uint64_t)BLK_BOUNCE_SIZE);
		iov = &io->window;
		iovcnt = 1;
	}
	if (io->req.op == BLK_OP_READ) {
		io_engine_readv(be->engine, &io->op, be->file, iov, iovcnt,
				offset);
		return;
	}
	if (io->bounced)
		(void)iov_gather(io->req.iov, io->req.iovcnt, 0,
				 io->window.iov_base, io->window.iov_len);
	io_engine_writev(be->engine, &io->op, be->file, iov, iovcnt, offset,
			 io->durable ? RWF_DSYNC : 0);
}

static int transfer_done(struct blk_io *io, int res)
{
	uint64_t bytes = (uint64_t)res;

	/* A short transfer that ends inside a block cannot be continued there
	 * under O_DIRECT: go back to the block's start. */
	if (io->transferred + bytes < io->req.len)
		bytes = ALIGN_DOWN(
			bytes, (uint64_t)io->backend->geometry.offset_align);
	if (bytes == 0)
		return -EIO; /* the file ends here: nothing can follow */
	if (io->bounced && io->req.op == BLK_OP_READ)
		(void)iov_scatter(io->req.iov, io->req.iovcnt, 0,
				  io->window.iov_base, (size_t)bytes);
	(void)iov_advance(&io->req.iov, &io->req.iovcnt, bytes);
	io->transferred += bytes;
	return 0;
}

/*
 * Discard and write-zeroes.
 */

static void submit_zeroes(struct blk_io *io, uint64_t offset, uint64_t len)
{
	struct blk_backend *be = io->backend;
	uint64_t whole = len / BLK_ZEROES_SIZE;
	const struct iovec *iov = be->zeroes;
	unsigned int iovcnt =
		(unsigned int)MIN(whole, (uint64_t)BLK_ZEROES_IOVS);

	if (whole == 0) {
		io->window.iov_base = zero_bytes;
		io->window.iov_len = (size_t)len;
		iov = &io->window;
		iovcnt = 1;
	}
	io_engine_writev(be->engine, &io->op, be->file, iov, iovcnt,
			 (int64_t)offset, 0);
}

/* How to deallocate or zero the current range; 0: by writing zeroes. */
static int range_mode(const struct blk_io *io)
{
	const struct blk_backend *be = io->backend;

	if (io->req.op == BLK_OP_DISCARD)
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (io->by_write)
		return 0;
	if (io->req.ranges[io->range].unmap && be->punch_hole)
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	return be->zero_range ? FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE : 0;
}

static void submit_range(struct blk_io *io)
{
	const struct blk_range *range = &io->req.ranges[io->range];
	uint64_t offset, len;
	int mode;

	/* Something is left to transfer, so a range with bytes follows. */
	while (io->range_done == range->len) {
		io->range_done = 0;
		range = &io->req.ranges[++io->range];
	}
	offset = range->offset + io->range_done;
	len = range->len - io->range_done;
	mode = range_mode(io);
	if (mode == 0)
		submit_zeroes(io, offset, len);
	else
		io_engine_fallocate(io->backend->engine, &io->op,
				    io->backend->file, mode, offset, len);
}

static int range_done(struct blk_io *io, int res)
{
	uint64_t left = io->req.ranges[io->range].len - io->range_done;
	uint64_t bytes = range_mode(io) == 0 ? (uint64_t)res : left;

	if (bytes < left)
		bytes = ALIGN_DOWN(
			bytes, (uint64_t)io->backend->geometry.offset_align);
	if (bytes == 0)
		return -EIO;
	io->range_done += bytes;
	io->transferred += bytes;
	return 0;
}

/*
 * The sequence.
 */

static const struct {
	void (*submit)(struct blk_io *io);
	int (*done)(struct blk_io *io, int res);
} pieces[BLK_OP_COUNT] = {
	[BLK_OP_READ] = {submit_transfer, transfer_done},
	[BLK_OP_WRITE] = {submit_transfer, transfer_done},
	[BLK_OP_DISCARD] = {submit_range, range_done},
	[BLK_OP_WRITE_ZEROES] = {submit_range, range_done},
};

/* Is there another way after @error? Return: 0 to submit again, or @error. */
static int recover(struct blk_io *io, int error)
{
	struct blk_backend *be = io->backend;

	if (error == -EAGAIN || error == -EINTR)
		return ++io->attempts < ATTEMPTS_MAX ? 0 : -EIO;
	if (io->req.op != BLK_OP_WRITE_ZEROES || range_mode(io) == 0 ||
	    io->transferred == io->req.len)
		return error;
	if (error == -EOPNOTSUPP) {
		if ((range_mode(io) & FALLOC_FL_PUNCH_HOLE) != 0)
			be->punch_hole = false;
		else
			be->zero_range = false;
		return 0;
	}
	/* A block device refuses what its own larger blocks cannot do. */
	if (error == -EINVAL) {
		io->by_write = true;
		return 0;
	}
	return error;
}

static void piece_done(struct io_op *op, int res)
{
	struct blk_io *io = container_of(op, struct blk_io, op);
	int rc;

	if (res < 0) {
		rc = recover(io, res);
	} else if (io->transferred < io->req.len) {
		io->attempts = 0;
		rc = pieces[io->req.op].done(io, res);
	} else {
		io->sync_left = false;
		rc = 0;
	}
	if (rc < 0)
		finish(io, rc);
	else
		submit_next(io);
}

static void submit_next(struct blk_io *io)
{
	if (io->transferred < io->req.len)
		pieces[io->req.op].submit(io);
	else if (io->sync_left)
		io_engine_fdatasync(io->backend->engine, &io->op,
				    io->backend->file);
	else
		finish(io, 0);
}

void blk_backend_start(struct blk_backend *be, struct blk_io *io)
{
	assert(io->req.op != BLK_OP_GET_ID);
	io->op.done = piece_done;
	io->backend = be;
	io->transferred = 0;
	io->range = 0;
	io->range_done = 0;
	io->attempts = 0;
	io->bounced = false;
	io->by_write = false;
	/* A write is durable by RWF_DSYNC; only these two need a sync. */
	io->sync_left = io->req.op == BLK_OP_FLUSH ||
			(io->req.op == BLK_OP_WRITE_ZEROES && io->durable);
	submit_next(io);
}
