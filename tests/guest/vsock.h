/* vsock.h - one vsock connection with the host (virtio 1.2, section 5.10). */
#pragma once

#include "driver.h"

#define VSOCK_DATA_MAX 65536u /* bytes of one packet */

#define VSOCK_STREAM 1u
#define VSOCK_SEQPACKET 2u
#define VSOCK_EOM 1u /* the last packet of a message */

enum vsock_op {
	VSOCK_REQUEST = 1,
	VSOCK_RESPONSE,
	VSOCK_RST,
	VSOCK_SHUTDOWN,
	VSOCK_RW,
	VSOCK_CREDIT_UPDATE,
	VSOCK_CREDIT_REQUEST,
};

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

/** struct vsock_slot - a buffer for one packet; @data has as many bytes as
 * vsock_open() was told */
struct vsock_slot {
	struct vsock_header header;
	uint8_t data[];
};

/**
 * struct vsock - the device and its one connection
 * @cid:        of this guest
 * @type:       VSOCK_STREAM or VSOCK_SEQPACKET
 * @port:       ours; the host's is @peer_port
 * @data_max:   bytes of data of a packet; @room: of all that may come in
 * @rx_slots:   buffer of a head of @rx
 * @last:       what vsock_receive() has returned
 * @free_slots: stack of slots to send from, @num_free of them
 * @tx_slots:   slot of a head of @tx
 * @sent:       bytes sent; @taken: bytes received and used, of which the host
 *              knows @told
 * @peer_alloc: credit of the host: room in all, and @peer_taken of it back
 */
struct vsock {
	struct device device;
	struct queue rx;
	struct queue tx;
	struct queue event;
	uint64_t cid;
	uint16_t type;
	uint32_t port;
	uint32_t peer_port;
	uint32_t data_max;
	uint32_t room;
	struct vsock_slot *rx_slots[QUEUE_SIZE_DEFAULT];
	struct vsock_slot *last;
	struct vsock_slot *free_slots[QUEUE_SIZE_DEFAULT];
	struct vsock_slot *tx_slots[QUEUE_SIZE_DEFAULT];
	unsigned int num_free;
	uint32_t sent;
	uint32_t taken;
	uint32_t told;
	uint32_t peer_alloc;
	uint32_t peer_taken;
};

/** vsock_open() - set the device up for a connection of @type, with the ring's
 * features as "ring=" asks and @data_max bytes of data in a packet. */
void vsock_open(struct vsock *vsock, uint16_t type, uint32_t data_max);

/** vsock_connect() - to @port of the host, or fail(). */
void vsock_connect(struct vsock *vsock, uint32_t port);

/** vsock_accept() - wait for a connection to @port and take it. */
void vsock_accept(struct vsock *vsock, uint32_t port);

/** vsock_slot() - a slot whose data may be filled, of up to @len bytes; NULL
 * while slots or the host's credit are short. */
struct vsock_slot *vsock_slot(struct vsock *vsock, uint32_t len);

/** vsock_send() - send @len bytes of the slot's data; a message is one packet.
 */
void vsock_send(struct vsock *vsock, struct vsock_slot *slot, uint32_t len,
		uint32_t flags);

/** vsock_tell() - send a packet without data. */
void vsock_tell(struct vsock *vsock, enum vsock_op op, uint32_t flags);

/** vsock_receive() - take the next packet, whatever it is; of the connection it
 * is. Return: valid until the next call; NULL if none has come. */
const struct vsock_slot *vsock_receive(struct vsock *vsock);

/** vsock_wait() - vsock_receive() that waits, as queue_wait() does. */
const struct vsock_slot *vsock_wait(struct vsock *vsock);

/** vsock_poll() - take a packet of data, answering what the host asks; @data
 * gets the bytes that came in, if any. Return: how many; they are valid until
 * the next call. fail() when the host has closed the connection. */
uint32_t vsock_poll(struct vsock *vsock, const uint8_t **data);

/** vsock_echo_check() - send @bytes bytes of a pattern, which must come back.
 */
void vsock_echo_check(struct vsock *vsock, uint32_t bytes);

/** vsock_close() - shut the connection down, both ways, and see it end. */
void vsock_close(struct vsock *vsock);
