/*
 * fuzz_virtqueue.c - the chain walker over hostile memory.
 *
 * Input: a byte of features and two of size; then 8 bytes each for the
 * descriptor table and an indirect table: {flags, next, address / 64 (16 bits),
 * length (16 bits), length << 16}; then operations of two bytes: what to do and
 * an argument. Whatever comes, a popped chain lies inside RAM, says its lengths
 * truly and fits the array, and each head is in flight once.
 */
#include "guest_mem.h"
#include "macros.h"
#include "virtqueue.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#define RAM MIB(4)
#define EDGE MIB(2) /* where one region ends and the next begins */
#define ENTRIES 32U /* of each table that the input fills */
#define DESC 0x0ULL
#define TABLE 0x800ULL
#define AVAIL 0x1000ULL
#define USED 0x2000ULL
#define IOV_MAX_FUZZ 24
#define SIZE_MAX_FUZZ 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_mem *mem;
static const struct guest_mem_region *regions;
static struct virtqueue vq;
static uint16_t in_flight[SIZE_MAX_FUZZ];
static unsigned int in_flight_count;

static void check(bool good)
{
	if (!good)
		abort();
}

static void set_up(void)
{
	struct guest_mem_config config = {
		.size = RAM, .hole_start = EDGE, .hole_end = EDGE};

	check(!guest_mem_create(&mem, &config, NULL));
	check(guest_mem_regions(mem, &regions) == 2);
}

static void *at(uint64_t gpa)
{
	return regions[0].host + gpa;
}

static void check_iov(const struct iovec *iov)
{
	const uint8_t *base = iov->iov_base;

	for (int i = 0; i < 2; i++) {
		if (base >= regions[i].host &&
		    base < regions[i].host + regions[i].size) {
			check(iov->iov_len <=
			      regions[i].size -
				      (uint64_t)(base - regions[i].host));
			return;
		}
	}
	abort();
}

static void check_chain(const struct virtqueue_chain *chain)
{
	uint64_t readable = 0, writable = 0;

	check(chain->readable + chain->writable <= IOV_MAX_FUZZ);
	for (unsigned int i = 0; i < chain->readable; i++)
		readable += chain->iov[i].iov_len;
	for (unsigned int i = 0; i < chain->writable; i++)
		writable += chain->iov[chain->readable + i].iov_len;
	for (unsigned int i = 0; i < chain->readable + chain->writable; i++)
		check_iov(&chain->iov[i]);
	check(readable == chain->readable_len);
	check(writable == chain->writable_len);
	check(readable + writable <= UINT64_C(1) << 32);
	for (unsigned int i = 0; i < in_flight_count; i++)
		check(in_flight[i] != chain->head);
}

static void pop(bool put_back)
{
	struct iovec iov[IOV_MAX_FUZZ];
	struct virtqueue_chain chain = {.iov = iov, .iov_max = IOV_MAX_FUZZ};
	int rc = virtqueue_pop(&vq, &chain);

	if (rc < 0) {
		check(rc == -EPROTO);
		virtqueue_break(&vq);
	}
	if (rc <= 0)
		return;
	check_chain(&chain);
	if (put_back)
		virtqueue_unpop(&vq, chain.head);
	else
		in_flight[in_flight_count++] = chain.head;
}

static void push(uint8_t which)
{
	unsigned int i;

	if (!in_flight_count)
		return;
	i = which % in_flight_count;
	virtqueue_push(&vq, in_flight[i], which);
	in_flight[i] = in_flight[--in_flight_count];
}

static void push_all(void)
{
	while (in_flight_count)
		push(0);
}

static void operate(uint8_t what, uint8_t arg)
{
	struct vring_avail *avail = at(AVAIL);

	switch (what % 8) {
	case 0: /* the driver offers a head */
		avail->ring[avail->idx % vq.size] = arg;
		avail->idx++;
		break;
	case 1: /* the driver's index jumps */
		avail->idx = (uint16_t)(avail->idx + (int8_t)arg);
		break;
	case 2:
		pop(arg & 1);
		break;
	case 3:
		push(arg);
		break;
	case 4:
		(void)virtqueue_flush(&vq);
		break;
	case 5:
		virtqueue_notify_off(&vq);
		break;
	case 6:
		(void)virtqueue_notify_on(&vq);
		break;
	default: /* the driver scribbles over its tables */
		((uint8_t *)at(DESC))[(what / 8U * 256U + arg) % 4096] ^= arg;
		break;
	}
	check(vq.in_flight == in_flight_count);
}

static void fill_table(uint64_t gpa, const uint8_t **data, size_t *size)
{
	struct vring_desc *table = at(gpa);

	memset(table, 0, ENTRIES * sizeof(*table));
	for (unsigned int i = 0; i < ENTRIES && *size >= 8; i++) {
		uint16_t address, low, high;

		memcpy(&address, *data + 2, sizeof(address));
		memcpy(&low, *data + 4, sizeof(low));
		memcpy(&high, *data + 6, sizeof(high));
		table[i] = (struct vring_desc){
			.addr = address * 64ULL,
			.len = (uint32_t)high << 16 | low,
			.flags = (*data)[0],
			.next = (*data)[1],
		};
		*data += 8;
		*size -= 8;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtqueue_layout layout = {
		.desc = DESC,
		.avail = AVAIL,
		.used = USED,
	};
	uint64_t features;
	int rc;

	if (!mem)
		set_up();
	if (size < 3)
		return 0;
	features = (data[0] & 1 ? 1ULL << VIRTIO_RING_F_INDIRECT_DESC : 0) |
		   (data[0] & 2 ? 1ULL << VIRTIO_RING_F_EVENT_IDX : 0);
	layout.size = (uint16_t)(data[1] | data[2] << 8);
	data += 3;
	size -= 3;
	memset(at(AVAIL), 0, USED);
	fill_table(DESC, &data, &size);
	fill_table(TABLE, &data, &size);
	rc = virtqueue_enable(&vq, mem, &layout, features);
	if (rc) {
		check(rc == -EINVAL || rc == -EFAULT);
		return 0;
	}
	for (; size >= 2 && vq.size <= SIZE_MAX_FUZZ; data += 2, size -= 2)
		operate(data[0], data[1]);
	push_all();
	virtqueue_disable(&vq);
	return 0;
}
