/*
 * virtio_rng.c - entropy device. [I/O thread], except create and destroy.
 *
 * A request is answered as soon as it is popped, so nothing is ever in flight;
 * one that the rate limit holds back goes back into the queue until a timer
 * says so. A drain stops after a queue's length of requests and goes on in the
 * engine's next round, so that a guest that asks without end does not keep the
 * thread from its other devices.
 */
#include "virtio_rng.h"

#include "clock.h"
#include "macros.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

#define REQUEST_IOV_MAX 64 /* buffers of one request */

/**
 * struct virtio_rng - the model
 * @limit:    bytes and requests a second
 * @now_ns:   its clock
 * @timer:    armed while @limit holds a request back
 * @waiting:  @timer is in flight
 * @again:    deferred: the rest of a long drain
 * @stopping: reset or quiesce; drained once @timer has ended
 * @iov:      buffers of the request at hand
 */
struct virtio_rng {
	struct virtio_device dev;
	struct rate_limit limit;
	uint64_t (*now_ns)(void);
	struct io_op timer;
	bool waiting;
	struct io_op again;
	bool stopping;
	struct iovec iov[REQUEST_IOV_MAX];
};

static struct virtio_rng *to_rng(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_rng, dev);
}

static uint32_t wanted(const struct virtqueue_chain *chain)
{
	return (uint32_t)MIN(chain->writable_len,
			     (uint64_t)VIRTIO_RNG_REQUEST_MAX);
}

/* Return: bytes placed, from the start of the buffer on; fewer than @len only
 * if the host gave no more. */
static uint32_t fill(const struct virtqueue_chain *chain, uint32_t len)
{
	const struct iovec *iov = &chain->iov[chain->readable];
	uint32_t done = 0;

	for (; done < len; iov++) {
		size_t part = MIN(iov->iov_len, (size_t)(len - done));
		ssize_t n;

		do
			n = getrandom(iov->iov_base, part, 0);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			done += (uint32_t)n;
		if (n < 0 || (size_t)n < part)
			break;
	}
	return done;
}

/* May a request of @len bytes go now? If not a timer is armed. */
static bool admit(struct virtio_rng *rng, uint32_t len)
{
	uint64_t retry_ns;

	if (!rate_limit_enabled(&rng->limit))
		return true;
	retry_ns = rate_limit_take(&rng->limit, rng->now_ns(), len);
	if (!retry_ns)
		return true;
	rng->waiting = true;
	io_engine_timer(rng->dev.engine, &rng->timer, retry_ns);
	return false;
}

/* Answer one request. Return: 1 if one was, 0 if there is none or it has to
 * wait, -EPROTO. */
static int serve(struct virtio_rng *rng, struct virtqueue *vq)
{
	struct virtqueue_chain chain = {
		.iov = rng->iov,
		.iov_max = REQUEST_IOV_MAX,
	};
	int rc;

	rc = virtqueue_pop(vq, &chain);
	if (rc <= 0)
		return rc;
	if (!admit(rng, wanted(&chain))) {
		virtqueue_unpop(vq, chain.head);
		return 0;
	}
	virtqueue_push(vq, chain.head, fill(&chain, wanted(&chain)));
	return 1;
}

static void drain(struct virtio_rng *rng)
{
	struct virtqueue *vq = &rng->dev.queues[0];
	unsigned int left = vq->size;
	int rc = 0;

	virtqueue_notify_off(vq);
	do {
		while (left && (rc = serve(rng, vq)) > 0)
			left--;
	} while (left && !rc && !rng->waiting && virtqueue_notify_on(vq));
	virtio_device_notify(&rng->dev, 0);
	if (rc < 0)
		virtio_device_fail(&rng->dev, "bad request");
	else if (!left)
		io_engine_defer(rng->dev.engine, &rng->again);
}

static void timer_done(struct io_op *op, int res)
{
	struct virtio_rng *rng = container_of(op, struct virtio_rng, timer);

	(void)res;
	rng->waiting = false;
	if (!rng->stopping) {
		drain(rng);
		return;
	}
	rng->stopping = false;
	virtio_device_drained(&rng->dev);
}

static void again_done(struct io_op *op, int res)
{
	struct virtio_rng *rng = container_of(op, struct virtio_rng, again);

	(void)res;
	/* Reset or paused meanwhile: the next kick looks at the queue. */
	if (rng->dev.run == VIRTIO_RUN_ON && !rng->waiting)
		drain(rng);
}

static int rng_activate(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static void rng_kick(struct virtio_device *dev, unsigned int index)
{
	struct virtio_rng *rng = to_rng(dev);

	(void)index;
	if (!rng->waiting)
		drain(rng);
}

/* Reset and quiesce: only the timer has to end. */
static void rng_stop(struct virtio_device *dev)
{
	struct virtio_rng *rng = to_rng(dev);

	if (!rng->waiting) {
		virtio_device_drained(dev);
		return;
	}
	rng->stopping = true;
	io_engine_cancel(dev->engine, &rng->timer);
}

static void rng_destroy(struct virtio_device *dev)
{
	virtio_device_fini(dev);
	free(to_rng(dev));
}

static const struct virtio_device_ops rng_ops = {
	.name = "rng",
	.device_id = VIRTIO_ID_RNG,
	.activate = rng_activate,
	.kick = rng_kick,
	.reset = rng_stop,
	.quiesce = rng_stop,
	.destroy = rng_destroy,
};

int virtio_rng_create(struct virtio_device **out,
		      const struct virtio_rng_options *options,
		      const struct guest_mem *mem, struct io_engine *engine,
		      struct err *err)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int rc;

	if (!rng)
		return err_set(err, -ENOMEM, "%s", options->name);
	rng->limit = options->limit;
	rng->now_ns = options->now_ns ? options->now_ns : clock_ns;
	rng->timer.done = timer_done;
	rng->again.done = again_done;
	rc = virtio_device_init(&rng->dev, &rng_ops, options->name, mem, engine,
				1, options->queue_size, 0, err);
	if (rc) {
		rng_destroy(&rng->dev);
		return rc;
	}
	*out = &rng->dev;
	return 0;
}
