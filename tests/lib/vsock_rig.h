/*
 * vsock_rig.h - a vsock device and a guest side that speaks packets: no socket
 * layer, so a test says exactly what the guest does.
 */
#pragma once

#include "device_rig.h"
#include "virtio_vsock.h"

#include <linux/virtio_vsock.h>
#include <stddef.h>

#define VSOCK_RIG_CID 7U
#define VSOCK_RIG_QUEUE 128U
#define VSOCK_RIG_PAYLOAD 2048U /* behind the header, both directions */

/**
 * struct vsock_packet - a packet, header in host byte order
 * @payload: @len bytes
 */
struct vsock_packet {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
	uint8_t payload[VSOCK_RIG_PAYLOAD];
};

/**
 * struct vsock_rig - device, driver, and the buffers of its queues
 * @rig:     below
 * @dir:     scratch directory
 * @path:    P, inside it
 * @tx:      transmit buffers; @tx_free of them are listed in @tx_slots
 * @rx:      receive buffers
 * @rx_slot: of a head
 * @tx_slot: likewise
 * @starve:  do not give receive buffers back
 */
struct vsock_rig {
	struct device_rig rig;
	char dir[32];
	char path[64];
	uint64_t tx;
	uint64_t rx;
	uint16_t tx_slots[VSOCK_RIG_QUEUE];
	unsigned int tx_free;
	uint16_t tx_slot[VSOCK_RIG_QUEUE];
	uint16_t rx_slot[VSOCK_RIG_QUEUE];
	bool starve;
};

/** vsock_rig_init() - make the device; path, CID and names are filled in. */
void vsock_rig_init(struct vsock_rig *vsock, enum io_engine_kind kind,
		    const struct virtio_vsock_options *options);

/** vsock_rig_start() - (re)start the driver with these features and fill the
 * receive queue. */
void vsock_rig_start(struct vsock_rig *vsock, uint64_t features);

/** vsock_rig_fini() - tear down, remove the scratch directory. */
void vsock_rig_fini(struct vsock_rig *vsock);

/** vsock_rig_fill() - give every receive buffer to the device. */
void vsock_rig_fill(struct vsock_rig *vsock);

/** vsock_rig_send() - send a packet from the guest; waits for a buffer. */
void vsock_rig_send(struct vsock_rig *vsock, const struct vsock_packet *packet);

/** vsock_rig_try_send() - the same; false if all buffers are in flight. */
bool vsock_rig_try_send(struct vsock_rig *vsock,
			const struct vsock_packet *packet);

/** vsock_rig_try_recv() - take a packet. Return: false if there is none. */
bool vsock_rig_try_recv(struct vsock_rig *vsock, struct vsock_packet *packet);

/** vsock_rig_recv() - take a packet, waiting up to a minute. */
void vsock_rig_recv(struct vsock_rig *vsock, struct vsock_packet *packet);

/** vsock_rig_expect() - take a packet that must have this @op. */
void vsock_rig_expect(struct vsock_rig *vsock, uint16_t op,
		      struct vsock_packet *packet);
