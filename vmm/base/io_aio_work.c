/* io_aio_work.c - threads of the libaio engine for operations that may block;
 * theory of operation in io_aio.c. */
#include "io_aio_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

/* Return: bytes, 0 or a negative errno. */
static int run_op(const struct io_op *op, int fd)
{
	const int count = (int)op->priv.iovcnt;
	const off_t offset = (off_t)op->priv.offset;
	ssize_t n;

	do {
		switch (op->priv.kind) {
		case IO_OP_READV:
			n = preadv2(fd, op->priv.iov, count, offset, 0);
			break;
		case IO_OP_WRITEV:
			n = pwritev2(fd, op->priv.iov, count, offset,
				     (int)op->priv.flags);
			break;
		case IO_OP_FALLOCATE:
			n = fallocate(fd, (int)op->priv.flags, offset,
				      (off_t)op->priv.len);
			break;
		default:
			n = fdatasync(fd);
			break;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static void wake_owner(const struct aio_work *work)
{
	uint64_t one = 1;

	/* EAGAIN needs 2^64 - 2 wake-ups; EINTR: signals are blocked here. */
	(void)!write(work->event_fd, &one, sizeof(one));
}

static void *work_main(void *arg)
{
	struct aio *a = arg;
	struct aio_work *work = &a->work;
	struct io_op *op;

	(void)pthread_mutex_lock(&work->lock);
	for (;;) {
		while (!work->todo.first && !work->stop) {
			work->idle++;
			(void)pthread_cond_wait(&work->more, &work->lock);
			work->idle--;
		}
		op = io_op_list_pop(&work->todo);
		if (!op)
			break;
		op->priv.polling = true; /* it cannot be cancelled now */
		work->running++;
		(void)pthread_mutex_unlock(&work->lock);
		/* The slot keeps its file while something is in flight. */
		op->priv.result = run_op(op, aio_file_fd(a, op->priv.file));
		(void)pthread_mutex_lock(&work->lock);
		if (!work->done.first)
			wake_owner(work);
		io_op_list_push(&work->done, op);
		if (--work->running == 0)
			(void)pthread_cond_broadcast(&work->quiet);
	}
	(void)pthread_mutex_unlock(&work->lock);
	return NULL;
}

/* One thread more if all are busy; [@lock held]. Return: is there any? */
static bool have_thread(struct aio *a)
{
	struct aio_work *work = &a->work;

	if (work->idle == 0 && work->num_threads < AIO_WORK_THREADS &&
	    !pthread_create(&work->threads[work->num_threads], NULL, work_main,
			    a))
		work->num_threads++;
	return work->num_threads;
}

void aio_work_submit(struct aio *a, struct io_op *op)
{
	struct aio_work *work = &a->work;
	bool taken;

	(void)pthread_mutex_lock(&work->lock);
	taken = have_thread(a);
	if (taken) {
		op->priv.state = IO_OP_IN_KERNEL;
		op->priv.polling = false;
		io_op_list_push(&work->todo, op);
		(void)pthread_cond_signal(&work->more);
	}
	(void)pthread_mutex_unlock(&work->lock);
	if (!taken) /* no thread to be had: slow is better than failed */
		io_engine_finish_later(
			&a->engine, op,
			run_op(op, aio_file_fd(a, op->priv.file)));
}

int aio_work_reap(struct aio *a)
{
	struct aio_work *work = &a->work;
	int count = 0;

	for (;;) {
		struct io_op *op;

		(void)pthread_mutex_lock(&work->lock);
		op = io_op_list_pop(&work->done);
		(void)pthread_mutex_unlock(&work->lock);
		if (!op)
			return count;
		io_engine_complete(&a->engine, op, op->priv.result);
		count++;
	}
}

bool aio_work_cancel(struct aio *a, struct io_op *op)
{
	struct aio_work *work = &a->work;
	bool waits;

	(void)pthread_mutex_lock(&work->lock);
	waits = !op->priv.polling;
	if (waits)
		io_op_list_remove(&work->todo, op);
	(void)pthread_mutex_unlock(&work->lock);
	return waits;
}

static void forget(struct io_op_list *list)
{
	struct io_op *op;

	while ((op = io_op_list_pop(list)))
		op->priv.state = IO_OP_IDLE;
}

void aio_work_drain(struct aio *a)
{
	struct aio_work *work = &a->work;

	(void)pthread_mutex_lock(&work->lock);
	forget(&work->todo);
	while (work->running)
		(void)pthread_cond_wait(&work->quiet, &work->lock);
	forget(&work->done);
	(void)pthread_mutex_unlock(&work->lock);
}

int aio_work_init(struct aio_work *work)
{
	/* None of these fails with default attributes on Linux. */
	(void)pthread_mutex_init(&work->lock, NULL);
	(void)pthread_cond_init(&work->more, NULL);
	(void)pthread_cond_init(&work->quiet, NULL);
	io_op_list_init(&work->todo);
	io_op_list_init(&work->done);
	work->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return work->event_fd < 0 ? -errno : 0;
}

void aio_work_fini(struct aio_work *work)
{
	(void)pthread_mutex_lock(&work->lock);
	work->stop = true;
	(void)pthread_cond_broadcast(&work->more);
	(void)pthread_mutex_unlock(&work->lock);
	for (unsigned int i = 0; i < work->num_threads; i++)
		(void)pthread_join(work->threads[i], NULL);
	(void)pthread_cond_destroy(&work->quiet);
	(void)pthread_cond_destroy(&work->more);
	(void)pthread_mutex_destroy(&work->lock);
	if (work->event_fd >= 0)
		(void)close(work->event_fd);
}
