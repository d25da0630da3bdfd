/*
 * virtio_console.c - see virtio_console.h.
 *
 * DOC: theory of operation
 *
 * The transmit queue is served in rounds of OUTPUT_ROUND bytes, a deferred
 * operation after each, so that a guest that prints gigabytes in one request
 * leaves the I/O thread to its other devices in between.
 *
 * Input crosses threads in a byte ring under @input_lock; the one who finds no
 * post under way posts @input_op, which moves bytes into receive buffers. Bytes
 * that find no buffer stay in the ring until the driver's next doorbell.
 */
#include "virtio_console.h"

#include "iov.h"
#include "macros.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#define RX 0U
#define TX 1U
#define CHAIN_MAX 64U
#define OUTPUT_ROUND 65536U /* bytes */

/**
 * struct console - a console device
 * @dev:        embedded first
 * @output:     see struct virtio_console_options
 * @input_room: likewise
 * @arg:        for both
 * @tx_iov:     what is left to print of the chain @tx_head, @tx_count entries
 * @tx_at:      next entry of @tx_iov
 * @tx_busy:    a chain is popped and not printed to its end
 * @round:      next round of output
 * @armed:      @round is under way
 * @input_lock: guards the fields below it
 * @input_op:   moves input into receive buffers
 * @posted:     @input_op is under way
 * @refused:    input was refused: call @input_room when there is room
 * @input:      ring; @input_len bytes from @input_at
 */
struct console {
	struct virtio_device dev;
	void (*output)(void *arg, const void *bytes, size_t len);
	void (*input_room)(void *arg);
	void *arg;
	struct iovec tx_iov[CHAIN_MAX];
	struct iovec *tx_at;
	unsigned int tx_count;
	uint16_t tx_head;
	bool tx_busy;
	struct io_op round;
	bool armed;
	pthread_mutex_t input_lock;
	struct io_op input_op;
	bool posted;
	bool refused;
	size_t input_at;
	size_t input_len;
	uint8_t input[VIRTIO_CONSOLE_INPUT_MAX];
};

static struct console *console_of(struct virtio_device *dev)
{
	return container_of(dev, struct console, dev);
}

/*
 * Output. [I/O thread]
 */

static void end_chain(struct console *console)
{
	virtqueue_push(&console->dev.queues[TX], console->tx_head, 0);
	console->tx_busy = false;
}

/* Return: true if there is a chain to print. */
static bool next_chain(struct console *console)
{
	struct virtqueue_chain chain = {
		.iov = console->tx_iov,
		.iov_max = CHAIN_MAX,
	};
	int rc;

	if (console->tx_busy)
		return true;
	if (console->dev.run != VIRTIO_RUN_ON)
		return false;
	rc = virtqueue_pop(&console->dev.queues[TX], &chain);
	if (rc < 0)
		virtio_device_fail(&console->dev, "bad chain to print");
	if (rc <= 0)
		return false;
	console->tx_head = chain.head;
	console->tx_at = chain.iov;
	console->tx_count = chain.readable;
	console->tx_busy = true;
	if (chain.writable > 0) {
		virtio_device_fail(&console->dev,
				   "writable buffer to print from");
		end_chain(console);
		return false;
	}
	return true;
}

static void print(struct console *console)
{
	size_t left = OUTPUT_ROUND;

	while (left > 0 && next_chain(console)) {
		size_t len = 0;

		if (console->tx_count > 0) {
			len = MIN(console->tx_at->iov_len, left);
			console->output(console->arg, console->tx_at->iov_base,
					len);
			left -= len;
		}
		(void)iov_advance(&console->tx_at, &console->tx_count, len);
		if (console->tx_count == 0)
			end_chain(console);
	}
}

static void check_drained(struct console *console)
{
	enum virtio_run run = console->dev.run;

	if ((run == VIRTIO_RUN_RESETTING || run == VIRTIO_RUN_PAUSING) &&
	    !console->tx_busy && !console->armed && !console->dev.model_drained)
		virtio_device_drained(&console->dev);
}

static void arm_round(struct console *console)
{
	console->armed = true;
	io_engine_defer(console->dev.engine, &console->round);
}

/* One round: print, publish, and look again if there may be more. */
static void round_done(struct io_op *op, int res)
{
	struct console *console = container_of(op, struct console, round);
	struct virtio_device *dev = &console->dev;
	bool more;

	(void)res;
	console->armed = false;
	print(console);
	if (dev->run != VIRTIO_RUN_RESETTING)
		virtio_device_notify(dev, TX);
	more = console->tx_busy;
	if (!more && dev->run == VIRTIO_RUN_ON)
		more = virtqueue_notify_on(&dev->queues[TX]);
	if (more)
		arm_round(console);
	check_drained(console);
}

/*
 * Input.
 */

/* Copy from the ring into a chain. [input_lock held] */
static size_t fill(struct console *console, const struct virtqueue_chain *chain)
{
	const struct iovec *iov = chain->iov + chain->readable;
	size_t done = 0;

	while (console->input_len > 0) {
		size_t run = MIN(console->input_len,
				 sizeof(console->input) - console->input_at);
		size_t n = iov_scatter(iov, chain->writable, done,
				       console->input + console->input_at, run);

		if (n == 0)
			break;
		console->input_at =
			(console->input_at + n) % sizeof(console->input);
		console->input_len -= n;
		done += n;
	}
	return done;
}

/* Return: true if a buffer was filled. [I/O thread, input_lock held] */
static bool deliver_one(struct console *console)
{
	struct virtqueue *vq = &console->dev.queues[RX];
	struct iovec iov[CHAIN_MAX];
	struct virtqueue_chain chain = {.iov = iov, .iov_max = CHAIN_MAX};
	int rc = virtqueue_pop(vq, &chain);

	if (rc == 0)
		return false;
	if (rc < 0 || chain.readable > 0) {
		virtio_device_fail(&console->dev, "bad receive buffer");
		if (rc > 0)
			virtqueue_push(vq, chain.head, 0);
		return false;
	}
	virtqueue_push(vq, chain.head, (uint32_t)fill(console, &chain));
	return true;
}

/* Move input into receive buffers. [I/O thread] */
static void deliver(struct console *console)
{
	struct virtio_device *dev = &console->dev;
	bool room;

	if (dev->run != VIRTIO_RUN_ON || !dev->queues[RX].enabled)
		return;
	(void)pthread_mutex_lock(&console->input_lock);
	do {
		virtqueue_notify_off(&dev->queues[RX]);
		while (console->input_len > 0 && deliver_one(console))
			;
	} while (console->input_len > 0 &&
		 virtqueue_notify_on(&dev->queues[RX]));
	room = console->refused && console->input_len < sizeof(console->input);
	if (room)
		console->refused = false;
	(void)pthread_mutex_unlock(&console->input_lock);
	virtio_device_notify(dev, RX);
	if (room && console->input_room != NULL)
		console->input_room(console->arg);
}

static void input_done(struct io_op *op, int res)
{
	struct console *console = container_of(op, struct console, input_op);

	(void)res;
	(void)pthread_mutex_lock(&console->input_lock);
	console->posted = false;
	(void)pthread_mutex_unlock(&console->input_lock);
	deliver(console);
}

size_t virtio_console_input(struct virtio_device *dev, const void *bytes,
			    size_t len)
{
	struct console *console = console_of(dev);
	const uint8_t *from = bytes;
	size_t n;

	(void)pthread_mutex_lock(&console->input_lock);
	n = MIN(len, sizeof(console->input) - console->input_len);
	for (size_t i = 0; i < n; i++) {
		size_t at = console->input_at + console->input_len++;

		console->input[at % sizeof(console->input)] = from[i];
	}
	if (n < len)
		console->refused = true;
	if (n > 0 && !console->posted) {
		console->posted = true;
		io_engine_post(dev->engine, &console->input_op);
	}
	(void)pthread_mutex_unlock(&console->input_lock);
	return n;
}

/*
 * Life cycle.
 */

static int console_activate(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static void console_kick(struct virtio_device *dev, unsigned int index)
{
	struct console *console = console_of(dev);

	if (index == RX) {
		deliver(console);
	} else if (!console->armed) {
		virtqueue_notify_off(&dev->queues[TX]);
		arm_round(console);
	}
}

static void console_quiesce(struct virtio_device *dev)
{
	check_drained(console_of(dev));
}

static void console_reset(struct virtio_device *dev)
{
	struct console *console = console_of(dev);

	if (console->tx_busy)
		end_chain(console);
	(void)pthread_mutex_lock(&console->input_lock);
	console->input_len = 0; /* typed at a system that is gone */
	(void)pthread_mutex_unlock(&console->input_lock);
	check_drained(console);
}

static void console_destroy(struct virtio_device *dev)
{
	struct console *console = console_of(dev);

	(void)pthread_mutex_destroy(&console->input_lock);
	virtio_device_fini(dev);
	free(console);
}

static const struct virtio_device_ops console_ops = {
	.name = "console",
	.device_id = VIRTIO_ID_CONSOLE,
	.activate = console_activate,
	.kick = console_kick,
	.reset = console_reset,
	.quiesce = console_quiesce,
	.destroy = console_destroy,
};

int virtio_console_create(struct virtio_device **out,
			  const struct virtio_console_options *options,
			  const struct guest_mem *mem, struct io_engine *engine,
			  struct err *err)
{
	struct console *console = calloc(1, sizeof(*console));
	int rc;

	if (console == NULL)
		return err_set(err, -ENOMEM, "%s", options->name);
	/* Cannot fail with default attributes. */
	(void)pthread_mutex_init(&console->input_lock, NULL);
	console->output = options->output;
	console->input_room = options->input_room;
	console->arg = options->arg;
	console->round.done = round_done;
	console->input_op.done = input_done;
	rc = virtio_device_init(&console->dev, &console_ops, options->name, mem,
				engine, 2, options->queue_size, 0, err);
	if (rc < 0) {
		console_destroy(&console->dev);
		return rc;
	}
	*out = &console->dev;
	return 0;
}
