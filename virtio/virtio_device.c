/*
 * virtio_device.c - status machine, queue set-up and notifications, common to
 * all device classes and transports. Thread rules: virtio_device.h.
 */
#include "virtio_device.h"

#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define FEATURE(bit) (1ULL << (bit))
#define COMMON_FEATURES                                                        \
	(FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |  \
	 FEATURE(VIRTIO_RING_F_EVENT_IDX))
#define ENGINE_LOOK_S 1
#define STATUS_BITS                                                            \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |                \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |             \
	 VIRTIO_CONFIG_S_FAILED)

int virtio_device_init(struct virtio_device *dev,
		       const struct virtio_device_ops *ops, const char *name,
		       const struct guest_mem *mem, struct io_engine *engine,
		       unsigned int queues, uint16_t queue_size_max,
		       uint64_t features, struct err *err)
{
	assert(queues && queues <= VIRTIO_QUEUES_MAX);
	assert(queue_size_max && queue_size_max <= VIRTQUEUE_SIZE_MAX);
	assert(!(queue_size_max & (queue_size_max - 1)));
	dev->ops = ops;
	(void)snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->mem = mem;
	dev->engine = engine;
	dev->device_features = features | COMMON_FEATURES;
	dev->num_queues = queues;
	dev->queue_size_max = queue_size_max;
	dev->irq.fd = -1;
	/* None of these three fails with default attributes on Linux. */
	(void)pthread_mutex_init(&dev->control, NULL);
	(void)pthread_mutex_init(&dev->lock, NULL);
	(void)sem_init(&dev->stopped, 0, 0);
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		dev->doorbells[i] = -1;
	for (unsigned int i = 0; i < queues; i++) {
		dev->doorbells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (dev->doorbells[i] < 0)
			return err_set(err, -errno, "%s: doorbell", name);
	}
	return 0;
}

void virtio_device_fini(struct virtio_device *dev)
{
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (dev->doorbells[i] >= 0)
			(void)close(dev->doorbells[i]); /* an eventfd */
	}
	(void)sem_destroy(&dev->stopped);
	(void)pthread_mutex_destroy(&dev->lock);
	(void)pthread_mutex_destroy(&dev->control);
}

void virtio_device_destroy(struct virtio_device *dev)
{
	if (dev)
		dev->ops->destroy(dev);
}

bool virtio_device_has(const struct virtio_device *dev, unsigned int bit)
{
	return dev->driver_features & FEATURE(bit);
}

/*
 * Notifications.
 */

static void interrupt(struct virtio_device *dev, uint32_t cause)
{
	(void)atomic_fetch_or(&dev->isr, cause);
	irq_line_raise(&dev->irq);
}

void virtio_device_notify(struct virtio_device *dev, unsigned int index)
{
	struct virtqueue *vq = &dev->queues[index];

	if (!virtqueue_flush(vq))
		return;
	virtqueue_count(&vq->stats.interrupts);
	interrupt(dev, VIRTIO_MMIO_INT_VRING);
}

void virtio_device_config_changed(struct virtio_device *dev)
{
	(void)atomic_fetch_add(&dev->config_generation, 1);
	if (atomic_load(&dev->status) & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_device_fail(struct virtio_device *dev, const char *why)
{
	uint32_t old =
		atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_NEEDS_RESET);

	if (old & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	for (unsigned int i = 0; i < dev->num_queues; i++)
		virtqueue_break(&dev->queues[i]);
	log_guest(&dev->log, "%s: %s: device needs reset", dev->name, why);
	if (old & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

/*
 * The I/O thread's side of the life cycle.
 */

static void doorbell_done(struct io_op *op, int res);

static void arm_doorbell(struct virtio_device *dev, unsigned int index)
{
	struct virtio_doorbell *ring = &dev->rings[index];

	ring->op.done = doorbell_done;
	ring->dev = dev;
	ring->armed = true;
	io_engine_watch(dev->engine, &ring->op, ring->file, EPOLLIN | EPOLLET);
}

static void disable_queue(struct virtio_device *dev, unsigned int index)
{
	if (!dev->queues[index].enabled)
		return;
	virtqueue_disable(&dev->queues[index]);
	io_engine_file_remove(dev->engine, dev->rings[index].file);
}

static void disable_queues(struct virtio_device *dev)
{
	for (unsigned int i = 0; i < dev->num_queues; i++)
		disable_queue(dev, i);
}

/* A stop is over when the model and every doorbell watch have ended. */
static void finish_stop(struct virtio_device *dev)
{
	if (!dev->model_drained)
		return;
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (dev->rings[i].armed)
			return;
	}
	if (dev->run == VIRTIO_RUN_RESETTING) {
		disable_queues(dev);
		dev->run = VIRTIO_RUN_OFF;
	} else {
		dev->run = VIRTIO_RUN_PAUSED;
	}
	(void)sem_post(&dev->stopped);
}

static bool stopping(const struct virtio_device *dev)
{
	return dev->run == VIRTIO_RUN_RESETTING ||
	       dev->run == VIRTIO_RUN_PAUSING;
}

void virtio_device_drained(struct virtio_device *dev)
{
	assert(stopping(dev) && !dev->model_drained);
	for (unsigned int i = 0; i < dev->num_queues; i++)
		assert(!dev->queues[i].in_flight);
	dev->model_drained = true;
	finish_stop(dev);
}

static void doorbell_done(struct io_op *op, int res)
{
	struct virtio_doorbell *ring =
		container_of(op, struct virtio_doorbell, op);
	struct virtio_device *dev = ring->dev;
	unsigned int index = (unsigned int)(ring - dev->rings);

	if (res < 0) {
		ring->armed = false;
		if (stopping(dev))
			finish_stop(dev);
		else
			virtio_device_fail(dev, "doorbell cannot be watched");
		return;
	}
	if (stopping(dev))
		return;
	virtqueue_count(&dev->queues[index].stats.kicks);
	if (!dev->queues[index].broken)
		dev->ops->kick(dev, index);
}

/* Arm all doorbells and look at every queue: what the driver added before had
 * no doorbell, or one that was swallowed while the device was stopped. */
static void run_queues(struct virtio_device *dev)
{
	dev->run = VIRTIO_RUN_ON;
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (dev->queues[i].enabled && !dev->offloaded)
			arm_doorbell(dev, i);
	}
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (dev->queues[i].enabled && !dev->queues[i].broken)
			dev->ops->kick(dev, i);
	}
}

static int enable_queue(struct virtio_device *dev, unsigned int index)
{
	int rc, file;

	file = io_engine_file_add(dev->engine, dev->doorbells[index]);
	if (file < 0)
		return file;
	rc = virtqueue_enable(&dev->queues[index], dev->mem,
			      &dev->layouts[index], dev->driver_features);
	if (rc) {
		io_engine_file_remove(dev->engine, file);
		return rc;
	}
	dev->rings[index].file = file;
	return 0;
}

static void start(void *arg)
{
	struct virtio_device *dev = arg;

	if (io_engine_is_over(dev->engine)) {
		virtio_device_fail(dev, "its I/O engine has ended");
		return;
	}
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (dev->queue_ready[i] && enable_queue(dev, i)) {
			disable_queues(dev);
			virtio_device_fail(dev, "bad queue layout");
			return;
		}
	}
	if (dev->ops->activate(dev)) {
		disable_queues(dev);
		virtio_device_fail(dev, "activation failed");
		return;
	}
	run_queues(dev);
}

static void stop(struct virtio_device *dev, enum virtio_run how,
		 void (*op)(struct virtio_device *dev))
{
	dev->run = how;
	dev->model_drained = false;
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (dev->rings[i].armed)
			io_engine_cancel(dev->engine, &dev->rings[i].op);
	}
	op(dev);
}

static void start_reset(void *arg)
{
	struct virtio_device *dev = arg;

	if (dev->run == VIRTIO_RUN_OFF)
		(void)sem_post(&dev->stopped); /* activation had failed */
	else
		stop(dev, VIRTIO_RUN_RESETTING, dev->ops->reset);
}

static void start_pause(void *arg)
{
	struct virtio_device *dev = arg;

	if (dev->run == VIRTIO_RUN_ON)
		stop(dev, VIRTIO_RUN_PAUSING, dev->ops->quiesce);
	else
		(void)sem_post(&dev->stopped);
}

static void resume(void *arg)
{
	struct virtio_device *dev = arg;

	if (io_engine_is_over(dev->engine))
		return;
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		if (!dev->queue_ready[i])
			disable_queue(dev, i);
	}
	if (dev->run == VIRTIO_RUN_PAUSED)
		run_queues(dev);
}

/*
 * The vCPU's and the control thread's side, under @control.
 */

static bool live(const struct virtio_device *dev)
{
	return atomic_load(&dev->status) & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* The engine is over: what is in flight will not complete, its buffers are the
 * driver's again, and the model's requests go with the model. */
static void abandon(struct virtio_device *dev)
{
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		dev->rings[i].armed = false;
		dev->queues[i].in_flight = 0;
	}
	disable_queues(dev);
	dev->run = VIRTIO_RUN_OFF;
}

/* Return: false if it is time to look at the engine. EINTR: a vCPU kick.
 * Not sem_clockwait(): ThreadSanitizer does not know it, and it matters little
 * if somebody sets the clock meanwhile. */
static bool wait_stopped(struct virtio_device *dev)
{
	struct timespec until;
	int rc;

	(void)clock_gettime(CLOCK_REALTIME, &until); /* cannot fail */
	until.tv_sec += ENGINE_LOOK_S;
	do
		rc = sem_timedwait(&dev->stopped, &until);
	while (rc && errno == EINTR);
	return !rc;
}

/* Run @fn on the I/O thread and wait until the stop it starts is over. */
static void stop_and_wait(struct virtio_device *dev, void (*fn)(void *arg))
{
	io_engine_call(dev->engine, fn, dev);
	while (!wait_stopped(dev)) {
		if (!io_engine_is_over(dev->engine))
			continue;
		/* It may have been the last thing the engine did. */
		if (sem_trywait(&dev->stopped))
			abandon(dev);
		return;
	}
}

static void reset(struct virtio_device *dev)
{
	if (live(dev))
		stop_and_wait(dev, start_reset);
	dev->driver_features = 0;
	for (unsigned int i = 0; i < dev->num_queues; i++) {
		dev->layouts[i] = (struct virtqueue_layout){0};
		dev->queue_ready[i] = false;
	}
	atomic_store(&dev->isr, 0);
	/* Last: the driver polls this for the end of the reset (2.4.1). */
	atomic_store(&dev->status, 0);
}

static bool features_acceptable(const struct virtio_device *dev)
{
	if ((dev->driver_features & ~dev->device_features) ||
	    !virtio_device_has(dev, VIRTIO_F_VERSION_1))
		return false;
	return !dev->ops->check_features ||
	       dev->ops->check_features(dev->driver_features);
}

void virtio_device_write_status(struct virtio_device *dev, uint32_t value)
{
	uint32_t old = atomic_load(&dev->status) & STATUS_BITS;
	uint32_t added;

	if (!value) {
		reset(dev);
		return;
	}
	value &= STATUS_BITS;
	if ((old & ~value) || (old & VIRTIO_CONFIG_S_FAILED))
		return;
	if (!(value & VIRTIO_CONFIG_S_DRIVER) || !features_acceptable(dev))
		value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK | old;
	if (!(value & VIRTIO_CONFIG_S_FEATURES_OK))
		value &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
	added = value & ~old;
	(void)atomic_fetch_or(&dev->status, added);
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		io_engine_call(dev->engine, start, dev);
}

void virtio_device_write_features(struct virtio_device *dev, uint32_t word,
				  uint32_t value)
{
	uint32_t status = atomic_load(&dev->status);
	unsigned int shift = word * 32;

	if (word > 1 || !(status & VIRTIO_CONFIG_S_DRIVER) ||
	    (status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	dev->driver_features &= ~((uint64_t)UINT32_MAX << shift);
	dev->driver_features |= (uint64_t)value << shift;
}

struct virtqueue_layout *virtio_device_queue_layout(struct virtio_device *dev,
						    uint32_t index)
{
	uint32_t status = atomic_load(&dev->status);

	if (index >= dev->num_queues || dev->queue_ready[index] ||
	    !(status & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    (status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)))
		return NULL;
	return &dev->layouts[index];
}

void virtio_device_set_ready(struct virtio_device *dev, uint32_t index,
			     bool ready)
{
	if (ready) {
		if (virtio_device_queue_layout(dev, index))
			dev->queue_ready[index] = true;
		return;
	}
	if (index >= dev->num_queues || !dev->queue_ready[index])
		return;
	if (live(dev))
		stop_and_wait(dev, start_pause);
	dev->queue_ready[index] = false;
	if (live(dev))
		io_engine_call(dev->engine, resume, dev);
}

void virtio_device_ring(struct virtio_device *dev, uint32_t index)
{
	uint64_t one = 1;
	ssize_t n;

	if (index >= dev->num_queues)
		return;
	/* EAGAIN would need 2^64 - 2 rings. */
	do
		n = write(dev->doorbells[index], &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void virtio_device_pause(struct virtio_device *dev)
{
	(void)pthread_mutex_lock(&dev->control);
	if (live(dev))
		stop_and_wait(dev, start_pause);
	(void)pthread_mutex_unlock(&dev->control);
}

void virtio_device_resume(struct virtio_device *dev)
{
	(void)pthread_mutex_lock(&dev->control);
	if (live(dev))
		io_engine_call(dev->engine, resume, dev);
	(void)pthread_mutex_unlock(&dev->control);
}

void virtio_device_shutdown(struct virtio_device *dev)
{
	(void)pthread_mutex_lock(&dev->control);
	reset(dev);
	(void)pthread_mutex_unlock(&dev->control);
}

/*
 * Config space.
 */

void virtio_device_copy_config(const void *config, uint32_t size,
			       uint32_t offset, void *data, uint32_t len)
{
	if (offset < size)
		memcpy(data, (const uint8_t *)config + offset,
		       MIN(len, size - offset));
}

void virtio_device_read_config(struct virtio_device *dev, uint32_t offset,
			       void *data, uint32_t len)
{
	memset(data, 0, len);
	if (!dev->ops->config_read)
		return;
	(void)pthread_mutex_lock(&dev->lock);
	dev->ops->config_read(dev, offset, data, len);
	(void)pthread_mutex_unlock(&dev->lock);
}

void virtio_device_write_config(struct virtio_device *dev, uint32_t offset,
				const void *data, uint32_t len)
{
	if (!dev->ops->config_write)
		return;
	(void)pthread_mutex_lock(&dev->lock);
	dev->ops->config_write(dev, offset, data, len);
	(void)pthread_mutex_unlock(&dev->lock);
}
