/* vsock.c - one vsock stream to the host. */
#include "vsock.h"

#define HOST_CID 2
#define TYPE_STREAM 1
#define OUR_PORT 1024u
#define OUR_ROOM (8u * VSOCK_DATA_MAX)
#define RX_SLOTS 16u
#define TX_SLOTS 16u

enum {
	OP_REQUEST = 1,
	OP_RESPONSE = 2,
	OP_RST = 3,
	OP_SHUTDOWN = 4,
	OP_RW = 5,
	OP_CREDIT_UPDATE = 6,
	OP_CREDIT_REQUEST = 7,
};

_Static_assert(sizeof(struct vsock_header) == VSOCK_HEADER_SIZE, "5.10.6");

static void offer(struct vsock *vsock, struct vsock_slot *slot)
{
	const struct buffer buffer = {
		.data = slot, .length = sizeof(*slot), .writable = true};
	int head = queue_add(&vsock->rx, &buffer, 1);

	check(head >= 0);
	vsock->rx_slots[head] = slot;
}

void vsock_open(struct vsock *vsock)
{
	struct device *device = &vsock->device;

	device_find(DEVICE_VSOCK, 0, device);
	device_negotiate(device, FEATURES_RING);
	vsock->cid = device_read(device, MMIO_CONFIG);
	vsock->port = OUR_PORT;
	queue_init(&vsock->rx, device, 0, 0);
	queue_init(&vsock->tx, device, 1, 0);
	queue_init(&vsock->event, device, 2, 0);
	device_ok(device);
	for (unsigned int i = 0; i < RX_SLOTS; i++)
		offer(vsock, alloc(sizeof(struct vsock_slot), 64));
	queue_kick(&vsock->rx);
	for (unsigned int i = 0; i < TX_SLOTS; i++)
		vsock->free_slots[vsock->num_free++] =
			alloc(sizeof(struct vsock_slot), 64);
}

static void transmit(struct vsock *vsock, struct vsock_slot *slot, uint16_t op,
		     uint32_t len)
{
	const struct buffer buffer = {.data = slot,
				      .length = VSOCK_HEADER_SIZE + len};
	int head;

	slot->header = (struct vsock_header){
		.src_cid = vsock->cid,
		.dst_cid = HOST_CID,
		.src_port = vsock->port,
		.dst_port = vsock->peer_port,
		.len = len,
		.type = TYPE_STREAM,
		.op = op,
		.buf_alloc = OUR_ROOM,
		.fwd_cnt = vsock->taken,
	};
	head = queue_add(&vsock->tx, &buffer, 1);
	check(head >= 0);
	vsock->tx_slots[head] = slot;
	queue_kick(&vsock->tx);
}

static void reap_sent(struct vsock *vsock)
{
	int head;

	while ((head = queue_reap(&vsock->tx, NULL)) >= 0)
		vsock->free_slots[vsock->num_free++] = vsock->tx_slots[head];
}

static struct vsock_slot *take_slot(struct vsock *vsock)
{
	uint64_t start = rdtsc();

	while (!vsock->num_free) {
		check(rdtsc() - start < PATIENCE_TICKS);
		reap_sent(vsock);
	}
	return vsock->free_slots[--vsock->num_free];
}

struct vsock_slot *vsock_slot(struct vsock *vsock, uint32_t len)
{
	uint32_t in_flight = vsock->sent - vsock->peer_taken;

	reap_sent(vsock);
	if (!vsock->num_free || in_flight + len > vsock->peer_alloc)
		return NULL;
	return vsock->free_slots[--vsock->num_free];
}

void vsock_send(struct vsock *vsock, struct vsock_slot *slot, uint32_t len)
{
	vsock->sent += len;
	transmit(vsock, slot, OP_RW, len);
}

/* Return: true if @slot holds data of the stream. */
static bool understand(struct vsock *vsock, const struct vsock_slot *slot)
{
	const struct vsock_header *header = &slot->header;

	check(header->src_cid == HOST_CID && header->dst_cid == vsock->cid);
	check(header->src_port == vsock->peer_port &&
	      header->dst_port == vsock->port);
	vsock->peer_alloc = header->buf_alloc;
	vsock->peer_taken = header->fwd_cnt;
	switch (header->op) {
	case OP_RW:
		return true;
	case OP_CREDIT_REQUEST:
		transmit(vsock, take_slot(vsock), OP_CREDIT_UPDATE, 0);
		return false;
	case OP_RESPONSE:
	case OP_CREDIT_UPDATE:
		return false;
	default:
		fail("vsock: the host sent operation %u\n", header->op);
	}
}

uint32_t vsock_poll(struct vsock *vsock, const uint8_t **data)
{
	static struct vsock_slot *last;
	uint32_t written;
	int head;

	if (last) {
		offer(vsock, last);
		queue_kick(&vsock->rx);
		last = NULL;
	}
	reap_sent(vsock);
	head = queue_reap(&vsock->rx, &written);
	if (head < 0)
		return 0;
	last = vsock->rx_slots[head];
	check(written >= VSOCK_HEADER_SIZE &&
	      written == VSOCK_HEADER_SIZE + last->header.len);
	if (!understand(vsock, last))
		return 0;
	*data = last->data;
	vsock->taken += last->header.len;
	/* The host learns of the room with the next packet; one in four times
	 * that is for this alone. */
	if (vsock->taken / (OUR_ROOM / 4) !=
	    (vsock->taken - last->header.len) / (OUR_ROOM / 4))
		transmit(vsock, take_slot(vsock), OP_CREDIT_UPDATE, 0);
	return last->header.len;
}

void vsock_connect(struct vsock *vsock, uint32_t port)
{
	uint64_t start = rdtsc();
	const uint8_t *data;

	vsock->peer_port = port;
	transmit(vsock, take_slot(vsock), OP_REQUEST, 0);
	while (!vsock->peer_alloc) {
		check(rdtsc() - start < PATIENCE_TICKS);
		check(vsock_poll(vsock, &data) == 0);
	}
}
