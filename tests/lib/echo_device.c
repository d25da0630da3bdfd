/* echo_device.c - the simplest device model. */
#include "echo_device.h"

#include "iov.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_DEVICE_ID 4000 /* not assigned by the specification */

static struct echo_device *to_echo(struct virtio_device *dev)
{
	return container_of(dev, struct echo_device, dev);
}

static void answer(struct echo_device *echo, const struct echo_request *request)
{
	const struct virtqueue_chain *chain = &request->chain;
	uint64_t left = MIN(chain->readable_len, chain->writable_len);
	uint64_t done = 0;
	uint8_t block[512];

	while (left) {
		size_t len = (size_t)MIN(left, (uint64_t)sizeof(block));

		(void)iov_gather(chain->iov, chain->readable, done, block, len);
		(void)iov_scatter(chain->iov + chain->readable, chain->writable,
				  done, block, len);
		done += len;
		left -= len;
	}
	virtqueue_push(&echo->dev.queues[request->index], chain->head,
		       (uint32_t)done);
	echo->touched |= 1U << request->index;
	io_engine_defer(echo->dev.engine, &echo->flush);
}

static void notify(struct echo_device *echo)
{
	for (unsigned int i = 0; i < echo->dev.num_queues; i++) {
		if (echo->touched & (1U << i))
			virtio_device_notify(&echo->dev, i);
	}
	echo->touched = 0;
}

static void flush_done(struct io_op *op, int res)
{
	struct echo_device *echo = container_of(op, struct echo_device, flush);

	(void)res;
	notify(echo);
}

static void check_drained(struct echo_device *echo)
{
	if (!echo->stopping || echo->held_count)
		return;
	echo->stopping = false;
	notify(echo);
	virtio_device_drained(&echo->dev);
}

void echo_device_release(struct echo_device *echo)
{
	for (unsigned int i = 0; i < echo->held_count; i++) {
		echo->held[i].chain.iov = echo->held[i].iov;
		answer(echo, &echo->held[i]);
	}
	echo->held_count = 0;
	check_drained(echo);
}

static void drain(struct echo_device *echo, unsigned int index)
{
	struct virtqueue *vq = &echo->dev.queues[index];
	struct echo_request *request;
	int rc;

	do {
		request = &echo->held[echo->held_count];
		request->index = index;
		request->chain.iov = request->iov;
		request->chain.iov_max = ECHO_IOV_MAX;
		rc = virtqueue_pop(vq, &request->chain);
		if (rc > 0 && echo->hold)
			echo->held_count++;
		else if (rc > 0)
			answer(echo, request);
	} while (rc > 0 && echo->held_count < ARRAY_SIZE(echo->held) - 1);
	if (rc < 0)
		virtio_device_fail(&echo->dev, "bad request");
}

static void echo_kick(struct virtio_device *dev, unsigned int index)
{
	struct echo_device *echo = to_echo(dev);

	echo->kicked++;
	do {
		virtqueue_notify_off(&dev->queues[index]);
		drain(echo, index);
	} while (virtqueue_notify_on(&dev->queues[index]) &&
		 echo->held_count < ARRAY_SIZE(echo->held) - 1);
}

static int echo_activate(struct virtio_device *dev)
{
	struct echo_device *echo = to_echo(dev);

	echo->activated++;
	return echo->fail_activate ? -EIO : 0;
}

static void echo_stop(struct virtio_device *dev)
{
	struct echo_device *echo = to_echo(dev);

	echo->stops++;
	echo->stopping = true;
	check_drained(echo);
}

static void echo_config_read(struct virtio_device *dev, uint32_t offset,
			     void *data, uint32_t len)
{
	virtio_device_copy_config(to_echo(dev)->config, ECHO_CONFIG_SIZE,
				  offset, data, len);
}

static void echo_config_write(struct virtio_device *dev, uint32_t offset,
			      const void *data, uint32_t len)
{
	if (offset < ECHO_CONFIG_SIZE)
		memcpy(to_echo(dev)->config + offset, data,
		       MIN(len, ECHO_CONFIG_SIZE - offset));
}

static void echo_destroy(struct virtio_device *dev)
{
	virtio_device_fini(dev);
	free(to_echo(dev));
}

static const struct virtio_device_ops echo_ops = {
	.name = "echo",
	.device_id = ECHO_DEVICE_ID,
	.config_read = echo_config_read,
	.config_write = echo_config_write,
	.activate = echo_activate,
	.kick = echo_kick,
	.reset = echo_stop,
	.quiesce = echo_stop,
	.destroy = echo_destroy,
};

struct echo_device *echo_device_create(const struct guest_mem *mem,
				       struct io_engine *engine,
				       unsigned int queues, uint16_t size)
{
	struct echo_device *echo = calloc(1, sizeof(*echo));
	int rc;

	assert(echo);
	rc = virtio_device_init(&echo->dev, &echo_ops, "echo0", mem, engine,
				queues, size, 0, NULL);
	assert(!rc);
	echo->flush.done = flush_done;
	return echo;
}
