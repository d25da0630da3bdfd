/*
 * blk_queue.c - see blk_queue.h.
 *
 * DOC: theory of operation
 *
 * blk_queue_drain() turns doorbells off, pops chains into free slots and starts
 * them; completions push into the used ring. "publish", a deferred operation,
 * runs once after a batch of completions: one release of used.idx, one
 * interrupt at most, then the next drain if the last one stopped early for want
 * of slots. Whenever a drain stops early doorbells stay off, and something is
 * in flight or armed that will drain again.
 *
 * Rate limit: a queue whose request may not go yet holds that request, stops
 * popping and stands in line with the device's other queues, so order is kept
 * within a queue and no queue starves another. One timer waits for the exact
 * instant at which the first in line may go.
 */
#include "blk_queue.h"

#include "iov.h"
#include "macros.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_USEC 1000ULL

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* The I/O thread is the only writer; readers may be any thread. */
static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static struct virtqueue *ring_of(struct blk_queue *q)
{
	return &q->blk->dev.queues[q->index];
}

/*
 * Completion.
 */

static void publish_done(struct io_op *op, int res)
{
	struct blk_queue *q = container_of(op, struct blk_queue, publish);
	struct virtio_device *dev = &q->blk->dev;

	(void)res;
	q->armed = false;
	if (dev->run != VIRTIO_RUN_RESETTING)
		virtio_device_notify(dev, q->index);
	if (q->again && dev->run == VIRTIO_RUN_ON)
		blk_queue_drain(q);
	virtio_blk_check_drained(q->blk);
}

static void arm_publish(struct blk_queue *q)
{
	if (q->armed)
		return;
	q->armed = true;
	q->publish.done = publish_done;
	io_engine_defer(q->blk->dev.engine, &q->publish);
}

static void observe(struct blk_queue *q, const struct blk_slot *slot,
		    bool failed)
{
	uint64_t us = (now_ns() - slot->started_ns) / NSEC_PER_USEC;
	unsigned int bucket =
		us == 0 ? 0 : 64U - (unsigned int)__builtin_clzll(us);

	bucket = MIN(bucket, BLK_LATENCY_BUCKETS - 1U);
	count(&q->stats.latency[bucket], 1);
	count(&q->stats.latency_us, us);
	if (failed)
		count(&q->stats.errors, 1);
}

/*
 * The used length may only cover bytes written without a gap from the start of
 * the writable part (2.7.8.2): @filled bytes of data, and the status behind
 * them only if nothing is missing in between.
 */
static uint32_t used_len(const struct blk_slot *slot, uint64_t filled)
{
	return (uint32_t)(filled + 1 == slot->writable_len ? filled + 1
							   : filled);
}

/* Write the status (if there is a place for it), push, free the slot. */
static void complete(struct blk_slot *slot, int status, uint32_t written)
{
	struct blk_queue *q = slot->queue;

	if (slot->status != NULL)
		*slot->status = (uint8_t)status;
	virtqueue_push(ring_of(q), slot->head, written);
	observe(q, slot, status != VIRTIO_BLK_S_OK);
	if (slot->beyond) {
		slot->beyond = false;
		if (--q->blk->shrink_left == 0)
			(void)sem_post(&q->blk->shrunk);
	}
	slot->busy = false;
	slot->next = q->free;
	q->free = slot;
	q->in_flight--;
	arm_publish(q);
}

static void report(struct virtio_blk *blk, const struct blk_request *req,
		   int error)
{
	struct virtio_blk_error what = {
		.device = blk->dev.name,
		.op = req->op,
		.sector = req->offset / BLK_SECTOR_SIZE,
		.error = error,
	};

	if (blk->on_error == NULL || !log_bucket_take(&blk->errors))
		return;
	what.dropped = blk->errors.dropped;
	blk->errors.dropped = 0;
	blk->on_error(blk->opaque, &what);
}

static void io_done(struct blk_io *io, int error)
{
	struct blk_slot *slot = container_of(io, struct blk_slot, io);
	struct blk_queue *q = slot->queue;
	int status = VIRTIO_BLK_S_OK;

	count(&q->stats.requests[io->req.op], 1);
	count(&q->stats.bytes[io->req.op], io->transferred);
	if (error == -EOPNOTSUPP && io->req.op == BLK_OP_DISCARD) {
		status = VIRTIO_BLK_S_UNSUPP;
	} else if (error != 0) {
		status = VIRTIO_BLK_S_IOERR;
		report(q->blk, &io->req, error);
	}
	complete(slot, status,
		 used_len(slot,
			  io->req.op == BLK_OP_READ ? io->transferred : 0));
}

/*
 * Start.
 */

static void get_id(struct blk_slot *slot)
{
	const struct blk_request *req = &slot->io.req;
	size_t n = iov_scatter(req->iov, req->iovcnt, 0,
			       slot->queue->blk->serial, VIRTIO_BLK_ID_BYTES);

	count(&slot->queue->stats.requests[BLK_OP_GET_ID], 1);
	complete(slot, VIRTIO_BLK_S_OK, used_len(slot, n));
}

static void start(struct blk_slot *slot)
{
	struct virtio_blk *blk = slot->queue->blk;

	if (slot->io.req.op == BLK_OP_GET_ID) {
		get_id(slot);
		return;
	}
	slot->io.done = io_done;
	slot->io.durable = !virtio_blk_writeback(blk);
	blk_backend_start(&blk->backend, &slot->io);
}

/*
 * Rate limit.
 */

static void timer_done(struct io_op *op, int res);

/* Ask the limit; if the answer is no the timer is armed for the next try. */
static bool may_go(struct virtio_blk *blk, const struct blk_slot *slot)
{
	const struct blk_request *req = &slot->io.req;
	bool moves = req->op == BLK_OP_READ || req->op == BLK_OP_WRITE;
	uint64_t at =
		rate_limit_take(&blk->limit, now_ns(), moves ? req->len : 0);

	if (at == 0)
		return true;
	blk->timer_armed = true;
	blk->timer.done = timer_done;
	io_engine_timer(blk->dev.engine, &blk->timer, at);
	return false;
}

/* Return: true if @slot may be started now, else it is held. */
static bool admit(struct blk_queue *q, struct blk_slot *slot)
{
	struct virtio_blk *blk = q->blk;

	if (!rate_limit_enabled(&blk->limit) ||
	    slot->io.req.op == BLK_OP_GET_ID)
		return true;
	if (blk->waiting_first == NULL && may_go(blk, slot))
		return true;
	count(&q->stats.throttled, 1);
	q->held = slot;
	q->next = NULL;
	if (blk->waiting_first == NULL)
		blk->waiting_first = q;
	else
		blk->waiting_last->next = q;
	blk->waiting_last = q;
	return false;
}

/* Take the first queue out of the line, and what it held. */
static struct blk_slot *next_waiting(struct virtio_blk *blk)
{
	struct blk_queue *q = blk->waiting_first;
	struct blk_slot *slot = q->held;

	blk->waiting_first = q->next;
	q->held = NULL;
	return slot;
}

static void timer_done(struct io_op *op, int res)
{
	struct virtio_blk *blk = container_of(op, struct virtio_blk, timer);

	(void)res;
	blk->timer_armed = false;
	/* A drain below may have asked already and armed the timer. */
	while (blk->waiting_first != NULL && !blk->timer_armed &&
	       may_go(blk, blk->waiting_first->held)) {
		struct blk_slot *slot = next_waiting(blk);

		start(slot);
		blk_queue_drain(slot->queue);
	}
	virtio_blk_check_drained(blk);
}

void blk_queue_stop(struct virtio_blk *blk, bool abandon)
{
	while (blk->waiting_first != NULL) {
		struct blk_slot *slot = next_waiting(blk);

		if (abandon)
			complete(slot, VIRTIO_BLK_S_IOERR, used_len(slot, 0));
		else
			start(slot);
	}
	for (unsigned int i = 0; i < blk->dev.num_queues; i++)
		blk->queues[i].again = false; /* resume kicks every queue */
	if (blk->timer_armed)
		io_engine_cancel(blk->dev.engine, &blk->timer);
}

/*
 * Pop.
 */

static void accept(struct blk_queue *q, const struct virtqueue_chain *chain,
		   uint64_t now)
{
	struct virtio_blk *blk = q->blk;
	struct blk_slot *slot = q->free;
	int rc;

	q->free = slot->next;
	q->in_flight++;
	slot->busy = true;
	slot->head = chain->head;
	slot->writable_len = chain->writable_len;
	slot->started_ns = now;
	rc = blk_request_parse(chain, &blk->rules, &slot->io.req,
			       &slot->status);
	if (rc == VIRTIO_BLK_S_OK) {
		if (admit(q, slot))
			start(slot);
		return;
	}
	if (rc < 0) {
		virtio_device_fail(&blk->dev, "request without a status byte");
		complete(slot, VIRTIO_BLK_S_IOERR, 0);
		return;
	}
	complete(slot, rc, used_len(slot, 0));
}

/* The ring was empty. While the engine polls doorbells stay off, and rest()
 * turns them on. */
static bool wants_more(struct blk_queue *q)
{
	q->quiet = io_engine_is_polling(q->blk->dev.engine);
	return !q->quiet && virtqueue_notify_on(ring_of(q));
}

void blk_queue_drain(struct blk_queue *q)
{
	struct virtqueue *vq = ring_of(q);
	unsigned int budget = vq->size;
	uint64_t now = now_ns();

	q->again = false;
	q->quiet = false;
	do {
		virtqueue_notify_off(vq);
		for (;;) {
			struct virtqueue_chain chain;
			int rc;

			if (q->held != NULL)
				return; /* the timer will drain */
			if (q->free == NULL) {
				q->again = true; /* a completion will */
				return;
			}
			/* Requests that end at once free their slot: a guest
			 * that feeds them must not hold the thread. */
			if (budget-- == 0) {
				q->again = true;
				arm_publish(q);
				return;
			}
			chain.iov = q->free->iov;
			chain.iov_max = BLK_CHAIN_MAX;
			rc = virtqueue_pop(vq, &chain);
			if (rc == 0)
				break;
			if (rc < 0) {
				virtio_device_fail(&q->blk->dev,
						   "bad descriptor chain");
				return;
			}
			accept(q, &chain, now);
		}
	} while (wants_more(q));
}

/*
 * Polling.
 */

static int poller_look(struct io_poller *poller)
{
	struct blk_queue *q = container_of(poller, struct blk_queue, poller);

	if (!q->quiet || q->blk->dev.run != VIRTIO_RUN_ON)
		return -1;
	return virtqueue_pending(ring_of(q));
}

static void poller_work(struct io_poller *poller)
{
	blk_queue_drain(container_of(poller, struct blk_queue, poller));
}

static bool poller_rest(struct io_poller *poller)
{
	struct blk_queue *q = container_of(poller, struct blk_queue, poller);

	if (!q->quiet || q->blk->dev.run != VIRTIO_RUN_ON)
		return false;
	q->quiet = false;
	return virtqueue_notify_on(ring_of(q));
}

/*
 * Set-up and shrink.
 */

int blk_queue_init(struct blk_queue *q, struct virtio_blk *blk,
		   unsigned int index)
{
	q->blk = blk;
	q->index = index;
	q->poller = (struct io_poller){
		.look = poller_look, .work = poller_work, .rest = poller_rest};
	q->num_slots = MIN(blk->dev.queue_size_max, BLK_SLOTS_MAX);
	q->slots = calloc(q->num_slots, sizeof(*q->slots));
	if (q->slots == NULL)
		return -ENOMEM;
	for (unsigned int i = q->num_slots; i-- > 0;) {
		q->slots[i].queue = q;
		q->slots[i].next = q->free;
		q->free = &q->slots[i];
	}
	return 0;
}

void blk_queue_fini(struct blk_queue *q)
{
	free(q->slots);
	q->slots = NULL;
}

static bool touches(const struct blk_request *req, uint64_t end)
{
	if (req->op == BLK_OP_READ || req->op == BLK_OP_WRITE)
		return req->offset + req->len > end;
	for (unsigned int i = 0; i < req->num_ranges; i++)
		if (req->ranges[i].offset + req->ranges[i].len > end)
			return true;
	return false;
}

void blk_queue_mark_beyond(struct blk_queue *q, uint64_t end)
{
	for (unsigned int i = 0; i < q->num_slots; i++) {
		struct blk_slot *slot = &q->slots[i];

		slot->beyond = slot->busy && touches(&slot->io.req, end);
		if (slot->beyond)
			q->blk->shrink_left++;
	}
}
