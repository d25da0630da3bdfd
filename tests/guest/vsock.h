/* vsock.h - one vsock stream to the host (virtio 1.2, section 5.10). */
#pragma once

#include "driver.h"

#define VSOCK_DATA_MAX 65536u /* bytes of one packet */

/** struct vsock_header - in front of every packet (5.10.6) */
struct vsock_header {
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
} __attribute__((packed));

#define VSOCK_HEADER_SIZE 44u

/** struct vsock_slot - a buffer for one packet */
struct vsock_slot {
	struct vsock_header header;
	uint8_t data[VSOCK_DATA_MAX];
};

/**
 * struct vsock - the device and its one connection
 * @cid:        of this guest
 * @port:       ours; the host's is @peer_port
 * @rx_slots:   buffer of a head of @rx
 * @free_slots: stack of slots to send from, @num_free of them
 * @tx_slots:   slot of a head of @tx
 * @sent:       bytes sent; @taken: bytes received and used
 * @peer_alloc: credit of the host: room in all, and @peer_taken of it back
 */
struct vsock {
	struct device device;
	struct queue rx;
	struct queue tx;
	struct queue event;
	uint64_t cid;
	uint32_t port;
	uint32_t peer_port;
	struct vsock_slot *rx_slots[QUEUE_SIZE_DEFAULT];
	struct vsock_slot *free_slots[QUEUE_SIZE_DEFAULT];
	struct vsock_slot *tx_slots[QUEUE_SIZE_DEFAULT];
	unsigned int num_free;
	uint32_t sent;
	uint32_t taken;
	uint32_t peer_alloc;
	uint32_t peer_taken;
};

/** vsock_open() - set the device up. */
void vsock_open(struct vsock *vsock);

/** vsock_connect() - a stream to @port of the host, or fail(). */
void vsock_connect(struct vsock *vsock, uint32_t port);

/** vsock_slot() - a slot whose data may be filled, of up to @len bytes; NULL
 * while slots or the host's credit are short. */
struct vsock_slot *vsock_slot(struct vsock *vsock, uint32_t len);

/** vsock_send() - send @len bytes of the slot's data. */
void vsock_send(struct vsock *vsock, struct vsock_slot *slot, uint32_t len);

/** vsock_poll() - take what is done; @data gets the bytes that came in, if any.
 * Return: how many; they are valid until the next call. fail() when the host
 * has closed the stream. */
uint32_t vsock_poll(struct vsock *vsock, const uint8_t **data);
