/* verbs_vsock.c - payloads that use a virtio-vsock device (virtio 1.2, section
 * 5.10): one connection, asked for by the guest or by the host. */
#include "driver.h"

#define FEATURE_STREAM (1ull << 0)
#define FEATURE_SEQPACKET (1ull << 1)

#define RX_QUEUE 0u
#define TX_QUEUE 1u
#define EVENT_QUEUE 2u
#define HOST_CID 2u
#define LOCAL_PORT 1024u
#define BUFFERS 16u
#define PAYLOAD_MAX 4096u
#define BUF_ALLOC (BUFFERS * PAYLOAD_MAX)
#define SHUTDOWN_BOTH 3u
#define EOM 1u

enum op {
	OP_REQUEST = 1,
	OP_RESPONSE,
	OP_RST,
	OP_SHUTDOWN,
	OP_RW,
	OP_CREDIT_UPDATE,
	OP_CREDIT_REQUEST,
};

struct header {
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

struct packet {
	struct header header;
	uint8_t payload[PAYLOAD_MAX];
};

static struct device device;
static struct queue receive_queue, transmit_queue, event_queue;
static struct packet *rx_packets[QUEUE_SIZE_DEFAULT]; /* by head */
static struct packet tx_packet, rx_packet;
/* The connection: addresses, and both sides of its credit. */
static struct {
	uint32_t host_port;
	uint32_t guest_port;
	uint16_t type;
	uint32_t received;
	uint32_t sent;
	uint32_t told;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
} conn;

static void give_buffer(struct packet *packet)
{
	struct buffer buffer = {
		.data = packet, .length = sizeof(*packet), .writable = true};
	int head = queue_add(&receive_queue, &buffer, 1);

	check(head >= 0);
	rx_packets[head] = packet;
}

static void open_device(void)
{
	conn.type = (uint16_t)word_number("type", 1);
	device_find(DEVICE_VSOCK, 0, &device);
	device_negotiate(&device,
			 ring_features() | FEATURE_STREAM | FEATURE_SEQPACKET);
	queue_init(&receive_queue, &device, RX_QUEUE, 0);
	queue_init(&transmit_queue, &device, TX_QUEUE, 0);
	queue_init(&event_queue, &device, EVENT_QUEUE, 0);
	device_ok(&device);
	for (unsigned int i = 0; i < BUFFERS; i++)
		give_buffer(alloc(sizeof(struct packet), 8));
	queue_kick(&receive_queue);
}

static uint64_t guest_cid(void)
{
	return device_read(&device, MMIO_CONFIG);
}

/* Send @op with @len bytes that are in tx_packet. */
static void send(enum op op, uint32_t flags, uint32_t len)
{
	struct buffer buffers[] = {
		{.data = &tx_packet.header, .length = sizeof(struct header)},
		{.data = tx_packet.payload, .length = len},
	};

	tx_packet.header = (struct header){
		.src_cid = guest_cid(),
		.dst_cid = HOST_CID,
		.src_port = conn.guest_port,
		.dst_port = conn.host_port,
		.len = len,
		.type = conn.type,
		.op = (uint16_t)op,
		.flags = flags,
		.buf_alloc = BUF_ALLOC,
		.fwd_cnt = conn.received,
	};
	conn.told = conn.received;
	check(queue_add(&transmit_queue, buffers, len ? 2 : 1) >= 0);
	queue_kick(&transmit_queue);
	queue_wait(&transmit_queue, NULL);
}

/* Is there a packet? It is in rx_packet then. */
static bool try_receive(void)
{
	const struct header *header = &rx_packet.header;
	uint32_t length;
	int head = queue_reap(&receive_queue, &length);

	if (head < 0)
		return false;
	check(length >= sizeof(*header) && length <= sizeof(rx_packet));
	memcpy(&rx_packet, rx_packets[head], length);
	give_buffer(rx_packets[head]);
	queue_kick(&receive_queue);
	check(header->len == length - sizeof(*header));
	check(header->src_cid == HOST_CID && header->dst_cid == guest_cid());
	check(header->type == conn.type);
	conn.peer_buf_alloc = header->buf_alloc;
	conn.peer_fwd_cnt = header->fwd_cnt;
	return true;
}

static void receive(void)
{
	uint64_t start = rdtsc();

	while (!try_receive()) {
		check(rdtsc() - start < PATIENCE_TICKS);
		cpu_relax();
	}
}

/* Wait for @op; only credit may come before it. */
static void expect(enum op op)
{
	do
		receive();
	while (rx_packet.header.op == OP_CREDIT_UPDATE);
	if (rx_packet.header.op != op)
		fail("operation %u came, not %u\n", rx_packet.header.op, op);
}

static uint32_t peer_room(void)
{
	return conn.peer_buf_alloc - (conn.sent - conn.peer_fwd_cnt);
}

static uint8_t pattern_byte(uint64_t at)
{
	return (uint8_t)(mix64(at / 8) >> at % 8 * 8);
}

static uint32_t send_pattern(uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		tx_packet.payload[i] = pattern_byte(conn.sent + i);
	send(OP_RW, EOM, bytes);
	conn.sent += bytes;
	return bytes;
}

static void check_pattern(void)
{
	for (uint32_t i = 0; i < rx_packet.header.len; i++)
		check(rx_packet.payload[i] == pattern_byte(conn.received + i));
	conn.received += rx_packet.header.len;
	if (conn.received - conn.told >= BUF_ALLOC / 2)
		send(OP_CREDIT_UPDATE, 0, 0);
}

/* Connect to "port" of the host, send "bytes" bytes, which must come back. */
static uint8_t run_vsock_connect(void)
{
	uint32_t bytes = (uint32_t)word_number("bytes", 100);
	uint64_t start;

	open_device();
	conn.host_port = (uint32_t)word_number("port", 0);
	conn.guest_port = LOCAL_PORT;
	send(OP_REQUEST, 0, 0);
	expect(OP_RESPONSE);
	start = rdtsc();
	while (conn.received < bytes) {
		uint32_t part = bytes - conn.sent;

		part = part < PAYLOAD_MAX ? part : PAYLOAD_MAX;
		if (part && peer_room() >= part)
			send_pattern(part);
		if (!try_receive()) {
			check(rdtsc() - start < PATIENCE_TICKS);
			continue;
		}
		start = rdtsc();
		if (rx_packet.header.op == OP_RW)
			check_pattern();
		else if (rx_packet.header.op == OP_CREDIT_REQUEST)
			send(OP_CREDIT_UPDATE, 0, 0);
		else
			check(rx_packet.header.op == OP_CREDIT_UPDATE);
	}
	send(OP_SHUTDOWN, SHUTDOWN_BOTH, 0);
	expect(OP_RST);
	return exit_code();
}

/* Send back what has come, in pieces the host has room for. */
static void echo(void)
{
	uint32_t len = rx_packet.header.len, flags = rx_packet.header.flags;

	memcpy(tx_packet.payload, rx_packet.payload, len);
	conn.received += len;
	while (peer_room() < len) {
		send(OP_CREDIT_REQUEST, 0, 0);
		receive();
		check(rx_packet.header.op == OP_CREDIT_UPDATE);
	}
	send(OP_RW, flags & EOM, len);
	conn.sent += len;
}

/* Take one connection to "port" and repeat what comes, until its end. */
static uint8_t run_vsock_listen(void)
{
	open_device();
	conn.guest_port = (uint32_t)word_number("port", 0);
	say("listening\n");
	expect(OP_REQUEST);
	check(rx_packet.header.dst_port == conn.guest_port);
	conn.host_port = rx_packet.header.src_port;
	send(OP_RESPONSE, 0, 0);
	for (;;) {
		receive();
		switch (rx_packet.header.op) {
		case OP_RW:
			echo();
			break;
		case OP_CREDIT_REQUEST:
			send(OP_CREDIT_UPDATE, 0, 0);
			break;
		case OP_CREDIT_UPDATE:
			break;
		default:
			check(rx_packet.header.op == OP_SHUTDOWN);
			send(OP_RST, 0, 0);
			return exit_code();
		}
	}
}

const struct verb vsock_verbs[] = {
	{"vsock-connect", run_vsock_connect},
	{"vsock-listen", run_vsock_listen},
	{NULL, NULL},
};
