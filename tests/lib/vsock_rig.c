/* vsock_rig.c - see vsock_rig.h. */
#include "vsock_rig.h"

#include "macros.h"
#include "test.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RX 0U
#define TX 1U
#define SLOT_SIZE 2304UL /* header and payload, with some slack */
#define HEADER_SIZE ((uint32_t)sizeof(struct virtio_vsock_hdr))
#define WAIT_SECONDS 60

void vsock_rig_init(struct vsock_rig *vsock, enum io_engine_kind kind,
		    const struct virtio_vsock_options *options)
{
	struct virtio_vsock_options filled = *options;
	struct io_engine_config config = {
		.kind = kind,
		.depth = 256,
		.max_files = VIRTIO_VSOCK_FILES + 8,
	};
	struct virtio_device *dev = NULL;
	struct err err = {0};

	*vsock = (struct vsock_rig){0};
	(void)snprintf(vsock->dir, sizeof(vsock->dir), "vsock_rig.XXXXXX");
	assert_non_null(mkdtemp(vsock->dir));
	(void)snprintf(vsock->path, sizeof(vsock->path), "%s/v", vsock->dir);
	device_rig_init(&vsock->rig, kind, MIB(16));
	io_engine_destroy(vsock->rig.engine); /* it has too few files */
	if (io_engine_create(&vsock->rig.engine, &config, &err) < 0)
		fail_msg("%s", err.msg);
	filled.name = "vsock0";
	filled.path = vsock->path;
	filled.guest_cid = VSOCK_RIG_CID;
	filled.queue_size = VSOCK_RIG_QUEUE;
	if (virtio_vsock_create(&dev, &filled, vsock->rig.mem,
				vsock->rig.engine, &err) < 0)
		fail_msg("%s", err.msg);
	device_rig_attach(&vsock->rig, dev);
}

static void add_rx(struct vsock_rig *vsock, uint16_t slot)
{
	/* Header and payload in buffers of their own, as Linux does. */
	const struct fake_buffer buffers[] = {
		{vsock->rx + slot * SLOT_SIZE, HEADER_SIZE, true},
		{vsock->rx + slot * SLOT_SIZE + HEADER_SIZE, VSOCK_RIG_PAYLOAD,
		 true},
	};
	uint16_t head = fake_driver_add(&vsock->rig.driver, RX, buffers,
					ARRAY_SIZE(buffers));

	vsock->rx_slot[head] = slot;
}

void vsock_rig_fill(struct vsock_rig *vsock)
{
	for (uint16_t i = 0; i < VSOCK_RIG_QUEUE / 2; i++)
		add_rx(vsock, i);
	(void)fake_driver_kick(&vsock->rig.driver, RX);
}

void vsock_rig_start(struct vsock_rig *vsock, uint64_t features)
{
	struct fake_driver *driver = &vsock->rig.driver;

	driver->next = DEVICE_RIG_ARENA;
	fake_driver_start(driver, features, VSOCK_RIG_QUEUE);
	vsock->tx = fake_driver_alloc(driver, VSOCK_RIG_QUEUE * SLOT_SIZE, 8);
	vsock->rx = fake_driver_alloc(driver, VSOCK_RIG_QUEUE * SLOT_SIZE, 8);
	vsock->tx_free = VSOCK_RIG_QUEUE;
	for (uint16_t i = 0; i < VSOCK_RIG_QUEUE; i++)
		vsock->tx_slots[i] = i;
	if (!vsock->starve)
		vsock_rig_fill(vsock);
}

void vsock_rig_fini(struct vsock_rig *vsock)
{
	char command[64];

	device_rig_fini(&vsock->rig);
	(void)snprintf(command, sizeof(command), "rm -r %s", vsock->dir);
	assert_int_equal(system(command), 0);
}

bool vsock_rig_try_send(struct vsock_rig *vsock,
			const struct vsock_packet *packet)
{
	struct fake_driver *driver = &vsock->rig.driver;
	struct fake_buffer buffer;
	struct virtio_vsock_hdr header = {
		.src_cid = htole64(packet->src_cid ? packet->src_cid
						   : VSOCK_RIG_CID),
		.dst_cid = htole64(packet->dst_cid ? packet->dst_cid : 2),
		.src_port = htole32(packet->src_port),
		.dst_port = htole32(packet->dst_port),
		.len = htole32(packet->len),
		.type = htole16(packet->type),
		.op = htole16(packet->op),
		.flags = htole32(packet->flags),
		.buf_alloc = htole32(packet->buf_alloc),
		.fwd_cnt = htole32(packet->fwd_cnt),
	};
	uint16_t head, slot;
	uint32_t used;
	uint8_t *bytes;

	while (fake_driver_take(driver, TX, &head, &used))
		vsock->tx_slots[vsock->tx_free++] = vsock->tx_slot[head];
	if (vsock->tx_free == 0)
		return false;
	slot = vsock->tx_slots[--vsock->tx_free];
	buffer = (struct fake_buffer){
		.gpa = vsock->tx + slot * SLOT_SIZE,
		.len = HEADER_SIZE + packet->len,
	};
	bytes = fake_driver_ptr(driver, buffer.gpa, buffer.len);
	memcpy(bytes, &header, HEADER_SIZE);
	memcpy(bytes + HEADER_SIZE, packet->payload, packet->len);
	head = fake_driver_add(driver, TX, &buffer, 1);
	vsock->tx_slot[head] = slot;
	(void)fake_driver_kick(driver, TX);
	return true;
}

static uint64_t now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

/* Let the engine work: poll it, or leave it the processor. */
static void pause_a_little(struct vsock_rig *vsock)
{
	if (vsock->rig.threaded)
		(void)usleep(20);
	else
		(void)io_engine_poll(vsock->rig.engine, false);
}

void vsock_rig_send(struct vsock_rig *vsock, const struct vsock_packet *packet)
{
	uint64_t give_up = now_s() + WAIT_SECONDS;

	while (!vsock_rig_try_send(vsock, packet)) {
		assert_true(now_s() < give_up);
		pause_a_little(vsock);
	}
}

static void parse(const uint8_t *bytes, uint32_t used,
		  struct vsock_packet *packet)
{
	struct virtio_vsock_hdr header;

	assert_true(used >= HEADER_SIZE);
	memcpy(&header, bytes, HEADER_SIZE);
	packet->src_cid = le64toh(header.src_cid);
	packet->dst_cid = le64toh(header.dst_cid);
	packet->src_port = le32toh(header.src_port);
	packet->dst_port = le32toh(header.dst_port);
	packet->len = le32toh(header.len);
	packet->type = le16toh(header.type);
	packet->op = le16toh(header.op);
	packet->flags = le32toh(header.flags);
	packet->buf_alloc = le32toh(header.buf_alloc);
	packet->fwd_cnt = le32toh(header.fwd_cnt);
	assert_int_equal(used, HEADER_SIZE + packet->len);
	memcpy(packet->payload, bytes + HEADER_SIZE, packet->len);
}

bool vsock_rig_try_recv(struct vsock_rig *vsock, struct vsock_packet *packet)
{
	struct fake_driver *driver = &vsock->rig.driver;
	uint16_t head, slot;
	uint32_t used;

	do {
		if (!fake_driver_take(driver, RX, &head, &used))
			return false;
		slot = vsock->rx_slot[head];
		if (used > 0) /* else given back unused */
			parse(fake_driver_ptr(driver,
					      vsock->rx + slot * SLOT_SIZE,
					      SLOT_SIZE),
			      used, packet);
		if (!vsock->starve) {
			add_rx(vsock, slot);
			(void)fake_driver_kick(driver, RX);
		}
	} while (used == 0);
	return true;
}

void vsock_rig_recv(struct vsock_rig *vsock, struct vsock_packet *packet)
{
	uint64_t give_up = now_s() + WAIT_SECONDS;

	while (!vsock_rig_try_recv(vsock, packet)) {
		assert_true(now_s() < give_up);
		pause_a_little(vsock);
	}
}

void vsock_rig_expect(struct vsock_rig *vsock, uint16_t op,
		      struct vsock_packet *packet)
{
	vsock_rig_recv(vsock, packet);
	assert_int_equal(packet->op, op);
	assert_int_equal(packet->dst_cid, VSOCK_RIG_CID);
}
