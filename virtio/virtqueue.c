/*
 * virtqueue.c - split virtqueue, device side. Owner: one I/O thread per queue.
 *
 * DOC: theory of operation
 *
 * Everything in guest memory is written by vCPUs while we read it, so each
 * word we act on is loaded once, by an atomic load, into a local, and only the
 * local is checked and used. A chain walk is bounded three times: by the number
 * of descriptors of the table it is in, by iov_max and by 2^32 bytes.
 *
 * Barriers and their partners in the driver (2.7.13, 2.7.14):
 *   load-acquire of avail.idx   <-> barrier before the driver stores avail.idx
 *   store-release of used.idx   <-> barrier after the driver loads used.idx
 *   fence in virtqueue_flush()  <-> barrier between the driver's store of
 *                                   used_event/flags and its check of used.idx
 *   fence in virtqueue_notify_on() <-> barrier between the driver's store of
 *                                   avail.idx and its load of avail_event/flags
 */
#include "virtqueue.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#define CHAIN_BYTES_MAX (UINT64_C(1) << 32) /* 2.7.5.1 */
#define HEADS_PER_WORD 64

/* Rings are little-endian in guest memory; these are the only accessors. */
static uint16_t load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static void store16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, htole16(value), __ATOMIC_RELAXED);
}

static uint16_t *used_event(const struct virtqueue *vq)
{
	struct vring_avail *avail = vq->avail;

	return &avail->ring[vq->size];
}

static uint16_t *avail_event(const struct virtqueue *vq)
{
	struct vring_used *used = vq->used;

	return (uint16_t *)(void *)&used->ring[vq->size];
}

static int check_layout(const struct virtqueue_layout *layout)
{
	uint16_t size = layout->size;

	if (!size || (size & (size - 1)) || size > VIRTQUEUE_SIZE_MAX)
		return -EINVAL;
	/* 2.7: alignment of the three parts. */
	if (layout->desc % VRING_DESC_ALIGN_SIZE ||
	    layout->avail % VRING_AVAIL_ALIGN_SIZE ||
	    layout->used % VRING_USED_ALIGN_SIZE)
		return -EINVAL;
	return 0;
}

/* The event words at the end of both rings are part of them even if
 * VIRTIO_F_EVENT_IDX is not negotiated (2.7). */
static int map_rings(struct virtqueue *vq, const struct guest_mem *mem,
		     const struct virtqueue_layout *layout)
{
	uint64_t size = layout->size;
	struct iovec desc, avail, used;

	if (guest_mem_slice(mem, layout->desc, size * sizeof(struct vring_desc),
			    &desc) ||
	    guest_mem_slice(mem, layout->avail,
			    sizeof(struct vring_avail) + (size + 1) * 2,
			    &avail) ||
	    guest_mem_slice(mem, layout->used,
			    sizeof(struct vring_used) +
				    size * sizeof(struct vring_used_elem) + 2,
			    &used))
		return -EFAULT;
	vq->desc = desc.iov_base;
	vq->avail = avail.iov_base;
	vq->used = used.iov_base;
	return 0;
}

int virtqueue_enable(struct virtqueue *vq, const struct guest_mem *mem,
		     const struct virtqueue_layout *layout, uint64_t features)
{
	struct virtqueue fresh = {.mem = mem, .size = layout->size};
	struct vring_used *used;
	int rc;

	rc = check_layout(layout);
	if (!rc)
		rc = map_rings(&fresh, mem, layout);
	if (rc)
		return rc;
	fresh.head_busy =
		calloc((layout->size + HEADS_PER_WORD - 1U) / HEADS_PER_WORD,
		       sizeof(*fresh.head_busy));
	if (!fresh.head_busy)
		return -ENOMEM;
	fresh.event_idx = features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
	fresh.indirect = features & (1ULL << VIRTIO_RING_F_INDIRECT_DESC);
	fresh.stats = vq->stats;
	fresh.enabled = true;
	*vq = fresh;

	/* Doorbells are wanted from the first entry on, whatever the driver
	 * left in the ring; with EVENT_IDX flags stay 0 for good (2.7.10.1). */
	used = vq->used;
	store16(&used->flags, 0);
	if (vq->event_idx)
		store16(avail_event(vq), vq->last_avail);
	return 0;
}

void virtqueue_disable(struct virtqueue *vq)
{
	struct virtqueue_stats stats = vq->stats;

	assert(!vq->in_flight);
	free(vq->head_busy);
	*vq = (struct virtqueue){.stats = stats};
}

/* A descriptor in guest memory. An indirect table may lie at any address, so
 * nothing is assumed about alignment; volatile makes each load happen once. */
struct guest_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
} __attribute__((packed));

_Static_assert(sizeof(struct guest_desc) == sizeof(struct vring_desc),
	       "guest_desc is the layout of 2.7.5");

/**
 * struct walk - position of a chain walk
 * @table: descriptor table the walk is in
 * @size:  its entries
 * @index: next descriptor to read, checked against @size before use
 * @left:  descriptors of this table that may still be read; ends loops
 * @nested: @table is an indirect table
 */
struct walk {
	const volatile struct guest_desc *table;
	uint32_t size;
	uint32_t index;
	uint32_t left;
	bool nested;
};

/* The one read of a descriptor: all four fields into a private copy. A driver
 * that writes it meanwhile breaks the rules, and harms only its own request: a
 * race that ThreadSanitizer need not tell about. */
__attribute__((no_sanitize("thread"))) static int
read_desc(struct walk *walk, struct guest_desc *copy)
{
	const volatile struct guest_desc *desc;

	if (walk->index >= walk->size || !walk->left)
		return -EPROTO;
	walk->left--;
	desc = &walk->table[walk->index];
	copy->addr = le64toh(desc->addr);
	copy->len = le32toh(desc->len);
	copy->flags = le16toh(desc->flags);
	copy->next = le16toh(desc->next);
	return 0;
}

/* 2.7.5.3: one table per chain, never nested, never followed by NEXT, a whole
 * number of descriptors; the WRITE flag beside INDIRECT means nothing. */
static int enter_indirect(const struct virtqueue *vq, struct walk *walk,
			  const struct guest_desc *desc)
{
	struct iovec table;

	if (!vq->indirect || walk->nested ||
	    (desc->flags & VRING_DESC_F_NEXT) ||
	    desc->len % sizeof(struct vring_desc) ||
	    guest_mem_slice(vq->mem, desc->addr, desc->len, &table))
		return -EPROTO;
	*walk = (struct walk){
		.table = table.iov_base,
		.size = (uint32_t)(desc->len / sizeof(struct vring_desc)),
		.left = (uint32_t)(desc->len / sizeof(struct vring_desc)),
		.nested = true,
	};
	return 0;
}

/* Translate one buffer into the chain. A zero-length buffer has no address in
 * RAM to check and no driver makes one: refused by guest_mem_slice(). */
static int add_buffer(const struct virtqueue *vq, struct virtqueue_chain *chain,
		      const struct guest_desc *desc)
{
	bool writable = desc->flags & VRING_DESC_F_WRITE;
	uint32_t at = (uint32_t)chain->readable + chain->writable;

	if (at >= chain->iov_max || (!writable && chain->writable) ||
	    chain->readable_len + chain->writable_len + desc->len >
		    CHAIN_BYTES_MAX ||
	    guest_mem_slice(vq->mem, desc->addr, desc->len, &chain->iov[at]))
		return -EPROTO;
	if (writable) {
		chain->writable++;
		chain->writable_len += desc->len;
	} else {
		chain->readable++;
		chain->readable_len += desc->len;
	}
	return 0;
}

static int walk_chain(const struct virtqueue *vq, struct virtqueue_chain *chain)
{
	struct walk walk = {
		.table = vq->desc,
		.size = vq->size,
		.index = chain->head,
		.left = vq->size,
	};
	struct guest_desc desc;
	int rc;

	do {
		rc = read_desc(&walk, &desc);
		if (rc)
			return rc;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			rc = enter_indirect(vq, &walk, &desc);
			desc.flags = VRING_DESC_F_NEXT; /* go on inside */
		} else {
			rc = add_buffer(vq, chain, &desc);
			walk.index = desc.next;
		}
	} while (!rc && (desc.flags & VRING_DESC_F_NEXT));
	return rc;
}

/* Is there an entry to take? The driver's index is loaded only when the last
 * value seen is used up, so a batch costs one read of the shared line. */
static int available(struct virtqueue *vq)
{
	const struct vring_avail *avail = vq->avail;
	uint16_t idx;

	if (vq->avail_seen != vq->last_avail)
		return 1;
	idx = le16toh(__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE));
	if ((uint16_t)(idx - vq->last_avail) > vq->size)
		return -EPROTO;
	vq->avail_seen = idx;
	return idx != vq->last_avail;
}

int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain)
{
	const struct vring_avail *avail = vq->avail;
	uint64_t bit;
	uint16_t head;
	int rc;

	if (!vq->enabled || vq->broken)
		return 0;
	rc = available(vq);
	if (rc <= 0)
		return rc;
	head = load16(&avail->ring[vq->last_avail & (vq->size - 1)]);
	if (head >= vq->size)
		return -EPROTO;
	bit = 1ULL << (head % HEADS_PER_WORD);
	if (vq->head_busy[head / HEADS_PER_WORD] & bit)
		return -EPROTO;

	chain->head = head;
	chain->readable = 0;
	chain->writable = 0;
	chain->readable_len = 0;
	chain->writable_len = 0;
	rc = walk_chain(vq, chain);
	if (rc)
		return rc;
	vq->head_busy[head / HEADS_PER_WORD] |= bit;
	vq->last_avail++;
	vq->in_flight++;
	virtqueue_count(&vq->stats.popped);
	return 1;
}

/* The head is in flight no more. */
static void clear_busy(struct virtqueue *vq, uint16_t head)
{
	uint64_t bit = 1ULL << (head % HEADS_PER_WORD);

	assert(head < vq->size && vq->in_flight);
	assert(vq->head_busy[head / HEADS_PER_WORD] & bit);
	vq->head_busy[head / HEADS_PER_WORD] &= ~bit;
	vq->in_flight--;
}

void virtqueue_unpop(struct virtqueue *vq, uint16_t head)
{
	clear_busy(vq, head);
	vq->last_avail--;
	__atomic_store_n(&vq->stats.popped, vq->stats.popped - 1,
			 __ATOMIC_RELAXED);
}

void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written)
{
	struct vring_used *used = vq->used;
	struct vring_used_elem *elem =
		&used->ring[vq->used_idx & (vq->size - 1)];

	clear_busy(vq, head);
	__atomic_store_n(&elem->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, htole32(written), __ATOMIC_RELAXED);
	vq->used_idx++;
	virtqueue_count(&vq->stats.pushed);
}

bool virtqueue_flush(struct virtqueue *vq)
{
	const struct vring_avail *avail = vq->avail;
	struct vring_used *used = vq->used;
	uint16_t old = vq->signalled;

	if (vq->used_idx == old)
		return false;
	__atomic_store_n(&used->idx, htole16(vq->used_idx), __ATOMIC_RELEASE);
	vq->signalled = vq->used_idx;
	/* The driver stores its wish, fences, then looks at used.idx once more;
	 * we store used.idx, fence, then look at its wish: one of the two sees
	 * the other, so no interrupt is lost. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->event_idx)
		return vring_need_event(load16(used_event(vq)), vq->used_idx,
					old);
	return !(load16(&avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtqueue_notify_off(struct virtqueue *vq)
{
	struct vring_used *used = vq->used;

	/* With EVENT_IDX the avail_event left behind already suppresses. */
	if (vq->enabled && !vq->event_idx)
		store16(&used->flags, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_notify_on(struct virtqueue *vq)
{
	struct vring_used *used = vq->used;

	if (!vq->enabled || vq->broken)
		return false;
	if (vq->event_idx)
		store16(avail_event(vq), vq->last_avail);
	else
		store16(&used->flags, 0);
	/* An entry added before the store above rang no doorbell. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return available(vq) != 0;
}

bool virtqueue_pending(struct virtqueue *vq)
{
	return vq->enabled && !vq->broken && available(vq) != 0;
}

void virtqueue_break(struct virtqueue *vq)
{
	vq->broken = true;
}
