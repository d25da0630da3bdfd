/* vsock.c - one vsock connection with the host. */
#include "vsock.h"

#define HOST_CID 2
#define OUR_PORT 1024u
#define RX_SLOTS 16u
#define TX_SLOTS 16u
#define F_STREAM (1ull << 0)
#define F_SEQPACKET (1ull << 1)
#define SHUTDOWN_BOTH 3u

_Static_assert(sizeof(struct vsock_header) == VSOCK_HEADER_SIZE, "5.10.6");

static struct vsock_slot *new_slot(const struct vsock *vsock)
{
	return alloc(sizeof(struct vsock_slot) + vsock->data_max, 64);
}

static void offer(struct vsock *vsock, struct vsock_slot *slot)
{
	const struct buffer buffer = {.data = slot,
				      .length = VSOCK_HEADER_SIZE +
						vsock->data_max,
				      .writable = true};
	int head = queue_add(&vsock->rx, &buffer, 1);

	check(head >= 0);
	vsock->rx_slots[head] = slot;
}

void vsock_open(struct vsock *vsock, uint16_t type, uint32_t data_max)
{
	struct device *device = &vsock->device;

	check(data_max && data_max <= VSOCK_DATA_MAX);
	vsock->type = type;
	vsock->data_max = data_max;
	/* A packet may be smaller and takes a buffer all the same. */
	vsock->room = RX_SLOTS / 2 * data_max;
	device_find(DEVICE_VSOCK, 0, device);
	device_negotiate(device, ring_features() | F_STREAM | F_SEQPACKET);
	vsock->cid = device_read(device, MMIO_CONFIG);
	queue_init(&vsock->rx, device, 0, 0);
	queue_init(&vsock->tx, device, 1, 0);
	queue_init(&vsock->event, device, 2, 0);
	device_ok(device);
	for (unsigned int i = 0; i < RX_SLOTS; i++)
		offer(vsock, new_slot(vsock));
	queue_kick(&vsock->rx);
	for (unsigned int i = 0; i < TX_SLOTS; i++)
		vsock->free_slots[vsock->num_free++] = new_slot(vsock);
}

static void transmit(struct vsock *vsock, struct vsock_slot *slot,
		     enum vsock_op op, uint32_t flags, uint32_t len)
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
		.type = vsock->type,
		.op = (uint16_t)op,
		.flags = flags,
		.buf_alloc = vsock->room,
		.fwd_cnt = vsock->taken,
	};
	vsock->told = vsock->taken;
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

	reap_sent(vsock);
	while (!vsock->num_free) {
		check(rdtsc() - start < PATIENCE_TICKS);
		reap_sent(vsock);
	}
	return vsock->free_slots[--vsock->num_free];
}

void vsock_tell(struct vsock *vsock, enum vsock_op op, uint32_t flags)
{
	transmit(vsock, take_slot(vsock), op, flags, 0);
}

struct vsock_slot *vsock_slot(struct vsock *vsock, uint32_t len)
{
	uint32_t in_flight = vsock->sent - vsock->peer_taken;

	reap_sent(vsock);
	if (!vsock->num_free || in_flight + len > vsock->peer_alloc)
		return NULL;
	return vsock->free_slots[--vsock->num_free];
}

void vsock_send(struct vsock *vsock, struct vsock_slot *slot, uint32_t len,
		uint32_t flags)
{
	vsock->sent += len;
	transmit(vsock, slot, VSOCK_RW, flags, len);
}

/* It is of the connection, and the first one tells who is there. */
static void understand(struct vsock *vsock, const struct vsock_header *header)
{
	check(header->src_cid == HOST_CID && header->dst_cid == vsock->cid);
	check(header->dst_port == vsock->port && header->type == vsock->type);
	if (header->op == VSOCK_REQUEST && !vsock->peer_port)
		vsock->peer_port = header->src_port;
	check(header->src_port == vsock->peer_port);
	vsock->peer_alloc = header->buf_alloc;
	vsock->peer_taken = header->fwd_cnt;
	if (header->op == VSOCK_RW)
		vsock->taken += header->len;
}

static const struct vsock_slot *take(struct vsock *vsock, int head,
				     uint32_t written)
{
	struct vsock_slot *slot = vsock->rx_slots[head];

	check(written >= VSOCK_HEADER_SIZE &&
	      written == VSOCK_HEADER_SIZE + slot->header.len);
	understand(vsock, &slot->header);
	vsock->last = slot;
	return slot;
}

static void give_last(struct vsock *vsock)
{
	if (!vsock->last)
		return;
	offer(vsock, vsock->last);
	queue_kick(&vsock->rx);
	vsock->last = NULL;
}

const struct vsock_slot *vsock_receive(struct vsock *vsock)
{
	uint32_t written;
	int head;

	give_last(vsock);
	reap_sent(vsock);
	head = queue_reap(&vsock->rx, &written);
	return head < 0 ? NULL : take(vsock, head, written);
}

const struct vsock_slot *vsock_wait(struct vsock *vsock)
{
	uint32_t written;
	int head;

	give_last(vsock);
	head = queue_wait(&vsock->rx, &written);
	return take(vsock, head, written);
}

/* Wait for @op; only credit may come before it. */
static void expect(struct vsock *vsock, enum vsock_op op)
{
	const struct vsock_slot *slot;

	do
		slot = vsock_wait(vsock);
	while (slot->header.op == VSOCK_CREDIT_UPDATE);
	if (slot->header.op != op)
		fail("vsock: operation %u came, not %u\n", slot->header.op, op);
}

void vsock_connect(struct vsock *vsock, uint32_t port)
{
	vsock->port = OUR_PORT;
	vsock->peer_port = port;
	vsock_tell(vsock, VSOCK_REQUEST, 0);
	expect(vsock, VSOCK_RESPONSE);
}

void vsock_accept(struct vsock *vsock, uint32_t port)
{
	vsock->port = port;
	expect(vsock, VSOCK_REQUEST);
	vsock_tell(vsock, VSOCK_RESPONSE, 0);
}

/* Return: the bytes of data of a packet that came; what the host asks is
 * answered. */
static uint32_t use(struct vsock *vsock, const struct vsock_slot *slot,
		    const uint8_t **data)
{
	switch (slot->header.op) {
	case VSOCK_RW:
		*data = slot->data;
		/* The host learns of the room with the next packet; one for
		 * half of it is for this alone. */
		if (vsock->taken - vsock->told >= vsock->room / 2)
			vsock_tell(vsock, VSOCK_CREDIT_UPDATE, 0);
		return slot->header.len;
	case VSOCK_CREDIT_REQUEST:
		vsock_tell(vsock, VSOCK_CREDIT_UPDATE, 0);
		return 0;
	case VSOCK_CREDIT_UPDATE:
		return 0;
	default:
		fail("vsock: the host sent operation %u\n", slot->header.op);
	}
}

uint32_t vsock_poll(struct vsock *vsock, const uint8_t **data)
{
	const struct vsock_slot *slot = vsock_receive(vsock);

	return slot ? use(vsock, slot, data) : 0;
}

static uint8_t pattern_byte(uint64_t at)
{
	return (uint8_t)(mix64(at / 8) >> at % 8 * 8);
}

/* Return: the bytes sent, 0 while there is no room for a packet. */
static uint32_t send_pattern(struct vsock *vsock, uint32_t left)
{
	uint32_t len = left < vsock->data_max ? left : vsock->data_max;
	struct vsock_slot *slot = len ? vsock_slot(vsock, len) : NULL;

	if (!slot)
		return 0;
	for (uint32_t i = 0; i < len; i++)
		slot->data[i] = pattern_byte(vsock->sent + i);
	vsock_send(vsock, slot, len, VSOCK_EOM);
	return len;
}

void vsock_echo_check(struct vsock *vsock, uint32_t bytes)
{
	uint32_t left = bytes, back = 0;
	const uint8_t *data;

	while (back < bytes) {
		uint32_t sent = send_pattern(vsock, left), len;

		left -= sent;
		if (sent)
			continue;
		len = use(vsock, vsock_wait(vsock), &data);
		for (uint32_t i = 0; i < len; i++)
			check(data[i] == pattern_byte(back + i));
		back += len;
	}
}

void vsock_close(struct vsock *vsock)
{
	vsock_tell(vsock, VSOCK_SHUTDOWN, SHUTDOWN_BOTH);
	expect(vsock, VSOCK_RST);
}
