/*
 * test_virtqueue.c - the split ring, device side, against rings that the test
 * writes by hand. Marks of the form "VIRTIO section: text" map tests to clauses
 * of the specification (tests/conformance).
 */
#include "guest_mem.h"
#include "macros.h"
#include "test.h"
#include "virtqueue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 8U
#define MEM_SIZE MIB(4)
#define EDGE MIB(2) /* where one region of RAM ends and the next begins */
#define DESC 0x1000ULL
#define AVAIL 0x2000ULL
#define USED 0x3000ULL
#define TABLE 0x4000ULL /* of indirect descriptors */
#define DATA 0x10000ULL
#define IOV_MAX_TEST 6

#define INDIRECT (1ULL << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE

/* One ring; the test is the driver. */
struct ring {
	struct guest_mem *mem;
	struct virtqueue vq;
	struct virtqueue_layout layout;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct virtqueue_chain chain;
	struct iovec iov[IOV_MAX_TEST];
};

static struct ring ring;

static void *at(uint64_t gpa)
{
	struct iovec iov;

	assert_int_equal(guest_mem_slice(ring.mem, gpa, 1, &iov), 0);
	return iov.iov_base;
}

static int setup(void **state)
{
	/* Two regions without a gap: RAM that a buffer could straddle. */
	struct guest_mem_config cfg = {
		.size = MEM_SIZE, .hole_start = EDGE, .hole_end = EDGE};

	(void)state;
	ring = (struct ring){
		.layout = {.size = SIZE,
			   .desc = DESC,
			   .avail = AVAIL,
			   .used = USED},
	};
	if (guest_mem_create(&ring.mem, &cfg, NULL))
		return -1;
	ring.desc = at(DESC);
	ring.avail = at(AVAIL);
	ring.used = at(USED);
	ring.chain.iov = ring.iov;
	ring.chain.iov_max = IOV_MAX_TEST;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (ring.vq.enabled) {
		ring.vq.in_flight = 0; /* tests leave requests behind */
		virtqueue_disable(&ring.vq);
	}
	guest_mem_destroy(ring.mem);
	return 0;
}

static void enable(uint64_t features)
{
	assert_int_equal(
		virtqueue_enable(&ring.vq, ring.mem, &ring.layout, features),
		0);
}

static struct vring_desc make_desc(uint64_t addr, uint32_t len, uint16_t flags,
				   uint16_t next)
{
	return (struct vring_desc){
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16(next),
	};
}

static void offer(uint16_t head)
{
	uint16_t idx = le16toh(ring.avail->idx);

	ring.avail->ring[idx % ring.layout.size] = htole16(head);
	ring.avail->idx = htole16((uint16_t)(idx + 1));
}

static int pop(void)
{
	return virtqueue_pop(&ring.vq, &ring.chain);
}

/* Offer one chain that breaks a rule. */
static void assert_refused(uint16_t head)
{
	offer(head);
	assert_int_equal(pop(), -EPROTO);
	assert_int_equal(ring.vq.in_flight, 0);
}

static uint16_t *used_event(void)
{
	return &ring.avail->ring[ring.layout.size];
}

static uint16_t *avail_event(void)
{
	return (uint16_t *)(void *)&ring.used->ring[ring.layout.size];
}

/*
 * Layout.
 */

/* A size that is no power of two, or too large, is refused */
static void test_layout_size(void **state)
{
	static const uint16_t bad[] = {0, 3, 6, 32769, 65535};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ring.layout.size = bad[i];
		assert_int_equal(
			virtqueue_enable(&ring.vq, ring.mem, &ring.layout, 0),
			-EINVAL);
		assert_false(ring.vq.enabled);
	}
}

static void test_layout_alignment(void **state)
{
	uint64_t *const parts[] = {&ring.layout.desc, &ring.layout.avail,
				   &ring.layout.used};
	static const uint64_t align[] = {16, 2, 4};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		*parts[i] += align[i] / 2;
		assert_int_equal(
			virtqueue_enable(&ring.vq, ring.mem, &ring.layout, 0),
			-EINVAL);
		*parts[i] += align[i] / 2;
		enable(0);
		virtqueue_disable(&ring.vq);
	}
}

/* Trap: bounds checked against a region's start only. Each part of the ring is
 * moved so that its last bytes leave RAM, or its end wraps. */
static void test_trap_ring_checked_to_its_end(void **state)
{
	uint64_t *const parts[] = {&ring.layout.desc, &ring.layout.avail,
				   &ring.layout.used};
	static const uint64_t len[] = {SIZE * 16, 6 + SIZE * 2, 6 + SIZE * 8};
	static const uint64_t align[] = {16, 2, 4};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const uint64_t fits = ALIGN_DOWN(MEM_SIZE - len[i], align[i]);
		const uint64_t bad[] = {
			fits + align[i], /* leaves the last region */
			EDGE - 16,	 /* straddles two regions */
			MEM_SIZE,	 /* outside */
			ALIGN_DOWN(UINT64_MAX, 16ULL), /* wraps */
		};
		uint64_t good = *parts[i];

		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			*parts[i] = bad[j];
			assert_int_equal(virtqueue_enable(&ring.vq, ring.mem,
							  &ring.layout, 0),
					 -EFAULT);
		}
		*parts[i] = fits;
		enable(0);
		virtqueue_disable(&ring.vq);
		*parts[i] = good;
	}
}

/* The largest queue: every head once, through two laps of the 16-bit index. */
static void test_largest_queue(void **state)
{
	const uint32_t size = VIRTQUEUE_SIZE_MAX;
	const uint64_t desc = KIB(64), avail = MIB(1), used = MIB(2);

	(void)state;
	ring.layout = (struct virtqueue_layout){
		.size = (uint16_t)size,
		.desc = desc,
		.avail = avail,
		.used = used,
	};
	ring.desc = at(desc);
	ring.avail = at(avail);
	ring.used = at(used);
	for (uint32_t i = 0; i < size; i++)
		ring.desc[i] = make_desc(MIB(3) + i, 1, WRITE, 0);
	enable(0);
	for (uint32_t lap = 0; lap < 5; lap++) {
		for (uint32_t i = 0; i < size; i++)
			offer((uint16_t)i);
		for (uint32_t i = 0; i < size; i++) {
			assert_int_equal(pop(), 1);
			assert_int_equal(ring.chain.head, i);
		}
		assert_int_equal(pop(), 0);
		for (uint32_t i = 0; i < size; i++)
			virtqueue_push(&ring.vq, (uint16_t)i, 1);
		assert_true(virtqueue_flush(&ring.vq));
	}
	assert_int_equal(le16toh(ring.used->idx), (uint16_t)(5 * size));
	assert_int_equal(ring.vq.stats.popped, 5 * size);
	assert_int_equal(ring.vq.stats.pushed, 5 * size);
}

/*
 * Chains.
 */

/* VIRTIO 2.7.4.1-framing: any split of the buffers gives the same request */
static void test_chain_split(void **state)
{
	(void)state;
	enable(0);
	ring.desc[3] = make_desc(DATA, 10, NEXT, 1);
	ring.desc[1] = make_desc(DATA + 0x100, 6, NEXT, 7);
	ring.desc[7] = make_desc(DATA + 0x200, 1, NEXT | WRITE, 0);
	ring.desc[0] = make_desc(DATA + 0x300, 4096, WRITE, 55);
	offer(3);
	assert_int_equal(pop(), 1);
	assert_int_equal(ring.chain.head, 3);
	assert_int_equal(ring.chain.readable, 2);
	assert_int_equal(ring.chain.writable, 2);
	assert_int_equal(ring.chain.readable_len, 16);
	assert_int_equal(ring.chain.writable_len, 4097);
	assert_ptr_equal(ring.iov[1].iov_base, at(DATA + 0x100));
	assert_int_equal(ring.iov[3].iov_len, 4096);
	assert_int_equal(pop(), 0);
}

/* VIRTIO 2.7.5.1-readable: readable buffers stay as they are */
/* VIRTIO 2.7.5.1-table: so do descriptors */
static void test_device_leaves_descriptors_alone(void **state)
{
	struct vring_desc before[SIZE];

	(void)state;
	enable(EVENT_IDX | INDIRECT);
	memset(at(DATA), 0x5a, 64);
	ring.desc[0] = make_desc(DATA, 64, NEXT, 1);
	ring.desc[1] = make_desc(DATA + 64, 64, WRITE, 0);
	memcpy(before, ring.desc, sizeof(before));
	offer(0);
	assert_int_equal(pop(), 1);
	virtqueue_push(&ring.vq, 0, 64);
	(void)virtqueue_flush(&ring.vq);
	(void)virtqueue_notify_on(&ring.vq);
	assert_memory_equal(before, ring.desc, sizeof(before));
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(((uint8_t *)at(DATA))[i], 0x5a);
}

/* Trap: loops over guest data without a bound. */
static void test_trap_loops_end(void **state)
{
	(void)state;
	enable(INDIRECT);
	ring.chain.iov_max = UINT16_MAX;
	ring.chain.iov = calloc(UINT16_MAX, sizeof(struct iovec));
	assert_non_null(ring.chain.iov);
	ring.desc[0] = make_desc(DATA, 1, NEXT, 0); /* on itself */
	assert_refused(0);
	assert_int_equal(ring.chain.readable, SIZE);
	ring.desc[1] = make_desc(DATA, 1, NEXT, 2); /* a circle */
	ring.desc[2] = make_desc(DATA, 1, NEXT, 1);
	ring.avail->idx = 0;
	assert_refused(1);
	assert_int_equal(ring.chain.readable, SIZE);
	ring.desc[3] = make_desc(TABLE, 32, VRING_DESC_F_INDIRECT, 0);
	((struct vring_desc *)at(TABLE))[0] = make_desc(DATA, 1, NEXT, 1);
	((struct vring_desc *)at(TABLE))[1] = make_desc(DATA, 1, NEXT, 0);
	ring.avail->idx = 0;
	assert_refused(3);
	assert_int_equal(ring.chain.readable, 2);
	free(ring.chain.iov);
}

static void test_index_out_of_table(void **state)
{
	struct vring_desc *table = at(TABLE);

	(void)state;
	enable(INDIRECT);
	ring.desc[SIZE] = make_desc(DATA, 1, 0, 0); /* would do, but for */
	table[2] = make_desc(DATA, 1, 0, 0);	    /* where they are */
	assert_refused(SIZE);			    /* head */
	ring.avail->idx = 0;
	assert_refused(UINT16_MAX);
	ring.avail->idx = 0;
	ring.desc[0] = make_desc(DATA, 1, NEXT, SIZE);
	assert_refused(0);
	ring.avail->idx = 0;
	ring.desc[0] = make_desc(TABLE, 32, VRING_DESC_F_INDIRECT, 0);
	table[0] = make_desc(DATA, 1, NEXT, 2);
	assert_refused(0);
}

/* Buffers outside RAM, across its end, across two regions, wrapping, empty. */
static void test_bad_buffers(void **state)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
	} bad[] = {
		{MEM_SIZE, 1},	 {MEM_SIZE - 1, 2},   {EDGE - 1, 2},
		{UINT64_MAX, 1}, {UINT64_MAX, 2},     {DATA, 0},
		{0, UINT32_MAX}, {EDGE - 4096, 4097}, {UINT64_MAX - 1, 3},
	};

	(void)state;
	enable(0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ring.avail->idx = 0;
		ring.desc[0] = make_desc(bad[i].gpa, bad[i].len, WRITE, 0);
		assert_refused(0);
	}
	ring.avail->idx = 0;
	ring.desc[0] = make_desc(EDGE - 4096, 4096, WRITE, 0);
	offer(0);
	assert_int_equal(pop(), 1);
}

static void test_readable_after_writable(void **state)
{
	(void)state;
	enable(0);
	ring.desc[0] = make_desc(DATA, 1, NEXT | WRITE, 1);
	ring.desc[1] = make_desc(DATA, 1, 0, 0);
	assert_refused(0);
}

static void test_more_buffers_than_iov(void **state)
{
	(void)state;
	enable(0);
	for (uint16_t i = 0; i < SIZE; i++)
		ring.desc[i] = make_desc(DATA, 1, NEXT, (uint16_t)(i + 1));
	ring.desc[IOV_MAX_TEST - 1].flags = 0;
	offer(0);
	assert_int_equal(pop(), 1);
	virtqueue_push(&ring.vq, 0, 0);
	ring.desc[IOV_MAX_TEST - 1].flags = htole16(NEXT);
	ring.desc[IOV_MAX_TEST].flags = 0;
	assert_refused(0);
}

/* 2^32 bytes in one chain are allowed, one more is not. */
static void test_chain_bytes(void **state)
{
	const uint32_t piece = MIB(1);
	const unsigned int pieces = 4096;
	struct vring_desc *table = at(MIB(2));

	(void)state;
	enable(INDIRECT);
	ring.chain.iov = calloc(pieces + 1, sizeof(struct iovec));
	assert_non_null(ring.chain.iov);
	ring.chain.iov_max = (uint16_t)(pieces + 1);
	for (unsigned int i = 0; i <= pieces; i++)
		table[i] = make_desc(0, i < pieces ? piece : 1, NEXT,
				     (uint16_t)(i + 1));
	table[pieces - 1].flags = 0;
	ring.desc[0] =
		make_desc(MIB(2), (pieces + 1) * 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	assert_int_equal(pop(), 1);
	assert_int_equal(ring.chain.readable_len, UINT64_C(1) << 32);
	virtqueue_push(&ring.vq, 0, 0);
	table[pieces - 1].flags = htole16(NEXT);
	table[pieces].flags = 0;
	assert_refused(0);
	free(ring.chain.iov);
}

/* The driver's index runs further ahead than the ring is long. */
static void test_avail_index_too_far(void **state)
{
	(void)state;
	enable(0);
	for (uint16_t i = 0; i < SIZE; i++) {
		ring.desc[i] = make_desc(DATA, 1, 0, 0);
		ring.avail->ring[i] = htole16(i);
	}
	ring.avail->idx = htole16(SIZE + 1);
	assert_int_equal(pop(), -EPROTO);
	ring.avail->idx = htole16(UINT16_MAX); /* moved backwards */
	assert_int_equal(pop(), -EPROTO);
}

/* Trap: a descriptor head reused while in flight. */
static void test_trap_head_reused_in_flight(void **state)
{
	(void)state;
	enable(0);
	ring.desc[5] = make_desc(DATA, 1, WRITE, 0);
	offer(5);
	offer(5);
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), -EPROTO);
	assert_int_equal(ring.vq.in_flight, 1);
	virtqueue_push(&ring.vq, 5, 1);
	assert_int_equal(pop(), 1); /* given back: fine again */
}

/* A broken queue gives nothing more, but takes back what is in flight. */
static void test_broken_queue(void **state)
{
	(void)state;
	enable(0);
	ring.desc[0] = make_desc(DATA, 1, WRITE, 0);
	ring.desc[1] = make_desc(DATA, 1, WRITE, 0);
	offer(0);
	offer(1);
	assert_int_equal(pop(), 1);
	virtqueue_break(&ring.vq);
	assert_int_equal(pop(), 0);
	assert_false(virtqueue_notify_on(&ring.vq));
	virtqueue_push(&ring.vq, 0, 1);
	(void)virtqueue_flush(&ring.vq);
	assert_int_equal(le16toh(ring.used->idx), 1);
}

/*
 * Indirect tables.
 */

/* VIRTIO 2.7.5.3.2-write-ignored: WRITE beside INDIRECT means nothing */
static void test_indirect_write_flag(void **state)
{
	struct vring_desc *table = at(TABLE);

	(void)state;
	enable(INDIRECT);
	table[0] = make_desc(DATA, 8, NEXT, 1);
	table[1] = make_desc(DATA + 8, 8, WRITE, 0);
	ring.desc[0] = make_desc(TABLE, 32, VRING_DESC_F_INDIRECT | WRITE, 9);
	offer(0);
	assert_int_equal(pop(), 1);
	assert_int_equal(ring.chain.readable_len, 8);
	assert_int_equal(ring.chain.writable_len, 8);
}

/* VIRTIO 2.7.5.3.2-mixed: direct descriptors, then one indirect table; the
 * table may lie at any address */
static void test_indirect_after_direct(void **state)
{
	const uint64_t odd = TABLE + 3;
	struct vring_desc table[2] = {
		make_desc(DATA + 8, 8, NEXT | WRITE, 1),
		make_desc(DATA + 16, 8, WRITE, 0),
	};

	(void)state;
	enable(INDIRECT);
	memcpy(at(odd), table, sizeof(table));
	ring.desc[2] = make_desc(DATA, 8, NEXT, 4);
	ring.desc[4] = make_desc(odd, 32, VRING_DESC_F_INDIRECT, 0);
	offer(2);
	assert_int_equal(pop(), 1);
	assert_int_equal(ring.chain.readable, 1);
	assert_int_equal(ring.chain.writable, 2);
	assert_ptr_equal(ring.iov[2].iov_base, at(DATA + 16));
}

/* Every way to write an indirect descriptor wrongly (2.7.5.3.1). */
static void test_indirect_rules(void **state)
{
	static const struct {
		uint64_t table;
		uint32_t len;
		uint16_t flags;	 /* beside INDIRECT */
		uint16_t inside; /* flags of the table's first entry */
	} bad[] = {
		{TABLE, 32, NEXT, 0},		       /* more after it */
		{TABLE, 32, 0, VRING_DESC_F_INDIRECT}, /* nested */
		{TABLE, 24, 0, 0},		       /* half an entry */
		{TABLE, 0, 0, 0},		       /* empty */
		{MEM_SIZE - 16, 32, 0, 0},	       /* leaves RAM */
		{EDGE - 16, 32, 0, 0},		       /* straddles */
		{TABLE, 16, 0, NEXT},		       /* next outside */
	};

	(void)state;
	enable(INDIRECT);
	*(struct vring_desc *)at(DATA) = make_desc(DATA, 1, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		((struct vring_desc *)at(TABLE))[0] =
			make_desc(DATA, 32, bad[i].inside, 1);
		ring.desc[0] = make_desc(
			bad[i].table, bad[i].len,
			(uint16_t)(VRING_DESC_F_INDIRECT | bad[i].flags), 1);
		ring.desc[1] = make_desc(DATA, 1, 0, 0);
		ring.avail->idx = 0;
		assert_refused(0);
	}
	virtqueue_disable(&ring.vq);
	enable(0); /* not negotiated */
	((struct vring_desc *)at(TABLE))[0] = make_desc(DATA, 32, 0, 0);
	ring.desc[0] = make_desc(TABLE, 16, VRING_DESC_F_INDIRECT, 0);
	ring.avail->idx = 0;
	assert_refused(0);
}

/*
 * Used ring and interrupts.
 */

/* VIRTIO 2.7.8.2-len-first: entry and length are in place before the index,
 * which moves only with the flush */
static void test_used_published_by_flush(void **state)
{
	(void)state;
	enable(0);
	for (uint16_t i = 0; i < 3; i++) {
		ring.desc[i] = make_desc(DATA, 100, WRITE, 0);
		offer(i);
		assert_int_equal(pop(), 1);
	}
	virtqueue_push(&ring.vq, 2, 7);
	virtqueue_push(&ring.vq, 0, 100);
	assert_int_equal(ring.used->idx, 0);
	assert_int_equal(le32toh(ring.used->ring[0].id), 2);
	assert_int_equal(le32toh(ring.used->ring[0].len), 7);
	assert_int_equal(le32toh(ring.used->ring[1].len), 100);
	assert_true(virtqueue_flush(&ring.vq));
	assert_int_equal(le16toh(ring.used->idx), 2);
	assert_false(virtqueue_flush(&ring.vq)); /* nothing new */
	assert_int_equal(ring.vq.in_flight, 1);
}

static void use_one(void)
{
	ring.desc[0] = make_desc(DATA, 1, WRITE, 0);
	offer(0);
	assert_int_equal(pop(), 1);
	virtqueue_push(&ring.vq, 0, 1);
}

/* VIRTIO 2.7.7.2-used-event-ignored: whatever it says, */
/* VIRTIO 2.7.7.2-flag-0: there is a notification, */
/* VIRTIO 2.7.7.2-flag-1: and none with the flag */
static void test_interrupt_by_flag(void **state)
{
	(void)state;
	enable(0);
	*used_event() = htole16(1234);
	use_one();
	assert_true(virtqueue_flush(&ring.vq));
	ring.avail->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	use_one();
	assert_false(virtqueue_flush(&ring.vq));
}

/* VIRTIO 2.7.7.2-flag-ignored: with EVENT_IDX the flag says nothing */
/* VIRTIO 2.7.7.2-event: used_event is met, also inside a batch and at the wrap
 */
/* VIRTIO 2.7.7.2-no-event: or it is not */
static void test_interrupt_by_event(void **state)
{
	(void)state;
	enable(EVENT_IDX);
	ring.avail->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	*used_event() = 0;
	use_one();
	assert_true(virtqueue_flush(&ring.vq)); /* entry 0 */
	use_one();
	assert_false(virtqueue_flush(&ring.vq)); /* entry 1, event 0 */
	*used_event() = htole16(3);
	use_one();
	use_one();
	assert_true(virtqueue_flush(&ring.vq)); /* entries 2 and 3 */
	*used_event() = htole16(5);
	use_one();
	assert_false(virtqueue_flush(&ring.vq)); /* entry 4 */
	for (uint32_t i = 5; i <= UINT16_MAX; i++) {
		use_one();
		assert_int_equal(virtqueue_flush(&ring.vq), i == 5);
	}
	*used_event() = 0;
	use_one();
	assert_true(virtqueue_flush(&ring.vq)); /* entry 65536 */
}

/*
 * Doorbells.
 */

/* VIRTIO 2.7.10.2-flags: without EVENT_IDX flags are 0 or 1 */
static void test_doorbell_by_flag(void **state)
{
	(void)state;
	ring.used->flags = htole16(0xffff);
	enable(0);
	assert_int_equal(ring.used->flags, 0);
	virtqueue_notify_off(&ring.vq);
	assert_int_equal(le16toh(ring.used->flags), VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_notify_on(&ring.vq));
	assert_int_equal(ring.used->flags, 0);
}

/* VIRTIO 2.7.10.2-event-flags: with EVENT_IDX flags are 0 and avail_event asks
 * for the next entry */
static void test_doorbell_by_event(void **state)
{
	(void)state;
	ring.used->flags = htole16(0xffff);
	*avail_event() = htole16(77);
	enable(EVENT_IDX);
	assert_int_equal(ring.used->flags, 0);
	assert_int_equal(*avail_event(), 0);
	virtqueue_notify_off(&ring.vq);
	assert_int_equal(ring.used->flags, 0);
	use_one();
	assert_false(virtqueue_notify_on(&ring.vq));
	assert_int_equal(le16toh(*avail_event()), 1);
	assert_int_equal(ring.used->flags, 0);
}

/* VIRTIO 2.7.10.2-spurious: looking at an empty queue is harmless */
static void test_spurious_doorbell(void **state)
{
	(void)state;
	enable(0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pop(), 0);
	assert_false(virtqueue_flush(&ring.vq));
	assert_int_equal(ring.used->idx, 0);
}

/* Trap: the lost kick. An entry that is added after the last pop and before
 * doorbells are on again rings none; notify_on has to tell. */
static void test_trap_lost_kick(void **state)
{
	static const uint64_t features[] = {0, EVENT_IDX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		ring.avail->idx = 0;
		enable(features[i]);
		virtqueue_notify_off(&ring.vq);
		assert_int_equal(pop(), 0);
		ring.desc[0] = make_desc(DATA, 1, WRITE, 0);
		offer(0);
		assert_true(virtqueue_notify_on(&ring.vq));
		assert_int_equal(pop(), 1);
		virtqueue_push(&ring.vq, 0, 0);
		virtqueue_disable(&ring.vq);
	}
}

static void test_counters_survive_disable(void **state)
{
	(void)state;
	enable(0);
	use_one();
	virtqueue_disable(&ring.vq);
	assert_int_equal(pop(), 0);
	ring.avail->idx = 0;
	enable(0);
	use_one();
	assert_int_equal(ring.vq.stats.popped, 2);
}

/* Trap: bytes read twice. A second thread flips a descriptor between a good and
 * a bad value as fast as it can; whatever is popped has to be all good. */
struct flipper {
	bool stop;
};

static void *flip(void *arg)
{
	struct flipper *flipper = arg;

	while (!__atomic_load_n(&flipper->stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(&ring.desc[0].len, htole32(UINT32_MAX),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&ring.desc[0].flags, htole16(NEXT),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&ring.desc[0].next, htole16(UINT16_MAX),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&ring.desc[0].len, htole32(16),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&ring.desc[0].flags, htole16(WRITE),
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_trap_descriptor_read_once(void **state)
{
	struct flipper flipper = {0};
	unsigned int good = 0, bad = 0;
	pthread_t thread;

	(void)state;
	ring.desc[0] = make_desc(DATA, 16, WRITE, 0);
	enable(0);
	assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
	for (unsigned int i = 0; i < 200000; i++) {
		if (ring.vq.last_avail == le16toh(ring.avail->idx))
			offer(0);
		if (pop() < 0) {
			bad++;
			continue;
		}
		good++;
		assert_int_equal(ring.chain.writable + ring.chain.readable, 1);
		assert_int_equal(ring.iov[0].iov_len, 16);
		assert_ptr_equal(ring.iov[0].iov_base, at(DATA));
		virtqueue_push(&ring.vq, 0, 0);
	}
	__atomic_store_n(&flipper.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(good + bad == 200000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_layout_size),
		TEST(test_layout_alignment),
		TEST(test_trap_ring_checked_to_its_end),
		TEST(test_largest_queue),
		TEST(test_chain_split),
		TEST(test_device_leaves_descriptors_alone),
		TEST(test_trap_loops_end),
		TEST(test_index_out_of_table),
		TEST(test_bad_buffers),
		TEST(test_readable_after_writable),
		TEST(test_more_buffers_than_iov),
		TEST(test_chain_bytes),
		TEST(test_avail_index_too_far),
		TEST(test_trap_head_reused_in_flight),
		TEST(test_broken_queue),
		TEST(test_indirect_write_flag),
		TEST(test_indirect_after_direct),
		TEST(test_indirect_rules),
		TEST(test_used_published_by_flush),
		TEST(test_interrupt_by_flag),
		TEST(test_interrupt_by_event),
		TEST(test_doorbell_by_flag),
		TEST(test_doorbell_by_event),
		TEST(test_spurious_doorbell),
		TEST(test_trap_lost_kick),
		TEST(test_counters_survive_disable),
		TEST(test_trap_descriptor_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
