/*
 * test_virtio_vsock.c - the socket device between unix sockets and a guest that
 * speaks packets, on every I/O engine.
 */
#include "engines.h"
#include "macros.h"
#include "vsock_end.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_guest_connects(void **state)
{
	struct vsock_packet packet;
	struct vsock_end end;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1234, SOCK_STREAM);
	fd = guest_connects(&end, 5000, 1234, STREAM, listener);
	assert_true(end.peer_buf_alloc >= 65536);
	vsock_end_send_data(&end, "hello", 5, 0);
	host_expect(fd, "hello");
	host_say(fd, "good evening");
	vsock_end_expect_data(&end, "good evening", 12);
	vsock_end_send_data(&end, "bye", 3, 0);
	vsock_end_send(&end, VIRTIO_VSOCK_OP_SHUTDOWN, BOTH);
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_RST, &packet);
	host_expect(fd, "bye");
	host_expect_eof(fd);
	(void)close(fd);
	wait_connections(0);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

static void test_nobody_listens(void **state)
{
	struct vsock_end end = {
		.guest_port = 1, .host_port = 99, .type = STREAM};
	struct vsock_packet packet;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	vsock_end_send(&end, VIRTIO_VSOCK_OP_REQUEST, 0);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	assert_int_equal(refused(), 1);
	vsock_rig_fini(&rig);
}

/* The line may come in pieces; what follows it belongs to the guest. */
static void test_connect_line_in_pieces(void **state)
{
	struct vsock_end end = {.guest_port = 1234, .type = STREAM};
	struct vsock_packet packet;
	char line[32];
	int fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	fd = host_client("", SOCK_STREAM);
	host_say(fd, "con");
	(void)usleep(3000);
	host_say(fd, "NECT  12");
	(void)usleep(3000);
	host_say(fd, "34\nhello");
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_REQUEST, &packet);
	assert_int_equal(packet.dst_port, 1234);
	assert_int_equal(packet.type, STREAM);
	end.host_port = packet.src_port;
	vsock_end_send(&end, VIRTIO_VSOCK_OP_RESPONSE, 0);
	(void)snprintf(line, sizeof(line), "OK %u\n", packet.src_port);
	host_expect(fd, line);
	vsock_end_expect_data(&end, "hello", 5);
	(void)close(fd);
	vsock_rig_fini(&rig);
}

static void test_bad_lines(void **state)
{
	static const char endless[] = "CONNECT                              "
				      "                                    1";
	static const char *const lines[] = {"HELLO 1\n", "CONNECT\n",
					    "CONNECT 99999999999\n", endless};
	struct vsock_packet packet;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int fd = host_client("", SOCK_STREAM);

		host_say(fd, lines[i]);
		host_expect_eof(fd);
		(void)close(fd);
	}
	assert_int_equal(refused(), ARRAY_SIZE(lines));
	assert_false(vsock_rig_try_recv(&rig, &packet));
	wait_connections(0);
	vsock_rig_fini(&rig);
}

static void test_silent_client_is_timed_out(void **state)
{
	int fd;

	vsock_end_start(state,
			&(struct virtio_vsock_options){.handshake_ms = 150});
	fd = host_client("", SOCK_STREAM);
	host_say(fd, "CONNECT 5");
	host_expect_eof(fd);
	assert_int_equal(refused(), 1);
	(void)close(fd);
	wait_connections(0);
	vsock_rig_fini(&rig);
}

static void test_guest_does_not_answer(void **state)
{
	struct vsock_packet packet;
	int fd;

	vsock_end_start(state,
			&(struct virtio_vsock_options){.request_ms = 150});
	fd = host_client("", SOCK_STREAM);
	host_say(fd, "CONNECT 5\n");
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_REQUEST, &packet);
	host_expect_eof(fd);
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_RST, &packet);
	assert_int_equal(packet.dst_port, 5);
	(void)close(fd);
	vsock_rig_fini(&rig);
}

static void test_guest_refuses(void **state)
{
	struct vsock_end end = {.guest_port = 5, .type = STREAM};
	struct vsock_packet packet;
	int fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	fd = host_client("", SOCK_STREAM);
	host_say(fd, "CONNECT 5\n");
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_REQUEST, &packet);
	end.host_port = packet.src_port;
	vsock_end_send(&end, VIRTIO_VSOCK_OP_RST, 0);
	host_expect_eof(fd);
	(void)close(fd);
	wait_connections(0);
	vsock_rig_fini(&rig);
}

/* Note the credit in all packets that are there; they must belong to @end. */
static void book_what_came(struct vsock_end *end)
{
	struct vsock_packet packet;

	while (vsock_rig_try_recv(&rig, &packet))
		vsock_end_book(end, &packet);
}

/* Data for @end; the last of @slow's may find room until then. */
static void expect_data_beside(struct vsock_end *end, struct vsock_end *slow,
			       const char *text)
{
	struct vsock_packet packet;

	vsock_rig_recv(&rig, &packet);
	while (packet.op == VIRTIO_VSOCK_OP_CREDIT_UPDATE) {
		vsock_end_book(slow, &packet);
		vsock_rig_recv(&rig, &packet);
	}
	vsock_end_book(end, &packet);
	assert_int_equal(packet.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(packet.len, strlen(text));
	assert_memory_equal(packet.payload, text, packet.len);
}

/* A reader that stands still stops its own stream, with nothing lost, and no
 * other stream. VIRTIO 5.10.6.3-fields: every packet tells the room there is */
static void test_slow_reader(void **state)
{
	const uint32_t total = (uint32_t)MIB(2);
	static uint8_t bytes[MIB(2)];
	struct vsock_end slow, other;
	int listener, slow_fd, other_fd;
	size_t done = 0;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_STREAM);
	slow_fd = guest_connects(&slow, 10, 1, STREAM, listener);
	other_fd = guest_connects(&other, 11, 1, STREAM, listener);
	while (!vsock_end_credit_is_used_up(&slow)) {
		(void)vsock_end_send_within_credit(&slow, total);
		(void)usleep(10000);
		book_what_came(&slow);
	}
	assert_in_range(slow.sent, 65536, total - 1);

	for (unsigned int i = 0; i < 100; i++) {
		vsock_end_send_data(&other, "ping", 4, 0);
		host_expect(other_fd, "ping");
		host_say(other_fd, "pong");
		expect_data_beside(&other, &slow, "pong");
	}

	while (done < total) {
		struct pollfd pfd = {.fd = slow_fd, .events = POLLIN};

		book_what_came(&slow);
		if (slow.sent < total)
			(void)vsock_end_send_within_credit(&slow,
							   total - slow.sent);
		if (poll(&pfd, 1, 1) == 1) {
			ssize_t n = read(slow_fd, bytes + done, total - done);

			assert_true(n > 0);
			done += (size_t)n;
		}
	}
	for (uint32_t i = 0; i < total; i++)
		assert_int_equal(bytes[i], (uint8_t)(i * 13 + (i >> 8)));
	(void)close(slow_fd);
	(void)close(other_fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* When nothing waits any more the guest is told so: it may want all the room
 * there is for its next packet. */
static void test_all_credit_comes_back(void **state)
{
	struct vsock_packet packet;
	static uint8_t bytes[MIB(2)];
	struct vsock_end end;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_STREAM);
	fd = guest_connects(&end, 10, 1, STREAM, listener);
	do { /* until the host's socket is full and the last packet waits */
		assert_true(end.sent < sizeof(bytes));
		vsock_end_send_data(&end, bytes, VSOCK_RIG_PAYLOAD, 0);
		vsock_end_send(&end, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
		vsock_end_expect(&end, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &packet);
		book_what_came(&end);
	} while (end.peer_fwd_cnt == end.sent);
	host_read(fd, bytes, end.sent);
	while (end.peer_fwd_cnt != end.sent)
		vsock_end_expect(&end, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &packet);
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* The last bytes reach a slow reader though the guest is gone. */
static void test_bytes_survive_the_guests_end(void **state)
{
	const uint16_t ends[] = {VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_OP_RST};
	static uint8_t bytes[MIB(1)];

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	for (size_t k = 0; k < ARRAY_SIZE(ends); k++) {
		int listener = host_listen(1 + (uint32_t)k, SOCK_STREAM);
		struct vsock_packet packet;
		struct vsock_end end;
		int fd = guest_connects(&end, 10, 1 + (uint32_t)k, STREAM,
					listener);

		while (!vsock_end_credit_is_used_up(&end)) {
			(void)vsock_end_send_within_credit(&end,
							   (uint32_t)MIB(1));
			(void)usleep(10000);
			book_what_came(&end);
		}
		vsock_end_send(&end, ends[k], BOTH);
		(void)usleep(10000);
		host_read(fd, bytes, end.sent);
		host_expect_eof(fd);
		if (ends[k] == VIRTIO_VSOCK_OP_SHUTDOWN)
			do
				vsock_rig_recv(&rig, &packet);
			while (packet.op != VIRTIO_VSOCK_OP_RST);
		(void)close(fd);
		(void)close(listener);
		wait_connections(0);
	}
	vsock_rig_fini(&rig);
}

static void test_broken_credit_is_cut_off(void **state)
{
	static uint8_t bytes[VSOCK_RIG_PAYLOAD];
	struct vsock_packet packet = {0};
	struct vsock_end end;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_STREAM);
	fd = guest_connects(&end, 10, 1, STREAM, listener);
	while (packet.op != VIRTIO_VSOCK_OP_RST) {
		assert_true(end.sent < MIB(4));
		vsock_end_send_data(&end, bytes, sizeof(bytes), 0);
		while (packet.op != VIRTIO_VSOCK_OP_RST &&
		       vsock_rig_try_recv(&rig, &packet))
			;
	}
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* VIRTIO 5.10.6.3-rw-credit: RW only while the peer has room for it */
static void test_device_keeps_to_the_guests_credit(void **state)
{
	struct vsock_end end = {
		.guest_port = 10, .host_port = 1, .type = STREAM};
	static uint8_t bytes[5000];
	struct vsock_packet packet;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_STREAM);
	vsock_end_packet(&packet, &end, VIRTIO_VSOCK_OP_REQUEST);
	packet.buf_alloc = 1000;
	vsock_rig_send(&rig, &packet);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RESPONSE, &packet);
	fd = host_accept(listener);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 3 + (i >> 8));
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));

	vsock_end_expect_data(&end, bytes, 1000);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_CREDIT_REQUEST, &packet);
	(void)usleep(20000);
	assert_false(vsock_rig_try_recv(&rig, &packet));
	vsock_end_packet(&packet, &end, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	packet.buf_alloc = 2000;
	packet.fwd_cnt = 400;
	vsock_rig_send(&rig, &packet);
	vsock_end_expect_data(&end, bytes + 1000, 1400);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_CREDIT_REQUEST, &packet);

	/* A guest that lies about what it has taken gets nothing more. */
	vsock_end_packet(&packet, &end, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	packet.buf_alloc = 3000;
	packet.fwd_cnt = 4000;
	vsock_rig_send(&rig, &packet);
	(void)usleep(20000);
	while (vsock_rig_try_recv(&rig, &packet))
		assert_int_not_equal(packet.op, VIRTIO_VSOCK_OP_RW);
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* VIRTIO 5.10.6.4-unknown-type: a RST answers a packet of unknown type */
static void test_stray_packets(void **state)
{
	struct vsock_end end = {.guest_port = 3, .host_port = 4, .type = 77};
	struct vsock_packet packet;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	vsock_end_send(&end, VIRTIO_VSOCK_OP_REQUEST, 0);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	end.type = STREAM;
	vsock_end_send(&end, VIRTIO_VSOCK_OP_RW, 0);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	vsock_end_send(&end, 200, 0);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);

	vsock_end_packet(&packet, &end, VIRTIO_VSOCK_OP_REQUEST);
	packet.dst_cid = 55; /* somebody else: the answer is theirs */
	vsock_rig_send(&rig, &packet);
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_RST, &packet);
	assert_int_equal(packet.src_cid, 55);

	vsock_end_send(&end, VIRTIO_VSOCK_OP_RST,
		       0); /* no answer to these two */
	vsock_end_packet(&packet, &end, VIRTIO_VSOCK_OP_REQUEST);
	packet.src_cid = 8;
	vsock_rig_send(&rig, &packet);
	(void)usleep(20000);
	assert_false(vsock_rig_try_recv(&rig, &packet));
	vsock_rig_fini(&rig);
}

static void test_unknown_operation_on_a_connection(void **state)
{
	struct vsock_packet packet;
	struct vsock_end end;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_STREAM);
	fd = guest_connects(&end, 10, 1, STREAM, listener);
	vsock_end_send(&end, VIRTIO_VSOCK_OP_REQUEST, 0); /* it exists */
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	host_expect_eof(fd);
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* VIRTIO 5.10.6.1-tx: packets are taken while there is no receive
 * buffer, up to a bound, and every one is answered in the end */
static void test_no_receive_buffers(void **state)
{
	struct vsock_end end = {
		.guest_port = 3, .host_port = 4, .type = STREAM};
	struct vsock_packet packet;
	unsigned int sent = 0, answered = 0;

	rig = (struct vsock_rig){0};
	vsock_rig_init(&rig, engine_kind(state),
		       &(struct virtio_vsock_options){0});
	rig.starve = true;
	vsock_rig_start(&rig, ALL);
	for (unsigned int idle = 0; idle < 50;) {
		vsock_end_packet(&packet, &end, VIRTIO_VSOCK_OP_RW);
		if (vsock_rig_try_send(&rig, &packet)) {
			sent++;
			idle = 0;
		} else {
			idle++;
			(void)usleep(1000);
		}
		assert_true(sent < 100000);
	}
	assert_in_range(sent, 1024, 1024 + VSOCK_RIG_QUEUE);
	rig.starve = false;
	vsock_rig_fill(&rig);
	while (answered < sent) {
		vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
		answered++;
	}
	vsock_rig_fini(&rig);
}

static void expect_message(int fd, const void *want, size_t len)
{
	static uint8_t have[70000];
	ssize_t n;

	host_wait(fd, POLLIN);
	n = recv(fd, have, sizeof(have), 0);
	assert_int_equal(n, len);
	assert_memory_equal(have, want, len);
}

/* Messages keep their bounds in both directions, however they are cut into
 * packets. */
static void test_messages(void **state)
{
	static uint8_t bytes[5000];
	struct vsock_packet packet;
	struct vsock_end end;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 11 + (i >> 8));
	listener = host_listen(1, SOCK_SEQPACKET);
	fd = guest_connects(&end, 10, 1, SEQPACKET, listener);
	vsock_end_send_data(&end, "one", 3, VIRTIO_VSOCK_SEQ_EOM);
	vsock_end_send_data(&end, bytes, 2000, 0);
	vsock_end_send_data(&end, bytes + 2000, 1, 0);
	vsock_end_send_data(&end, "", 0, VIRTIO_VSOCK_SEQ_EOM);
	vsock_end_send_data(&end, "", 0,
			    VIRTIO_VSOCK_SEQ_EOM); /* not passed on */
	vsock_end_send_data(&end, "three", 5,
			    VIRTIO_VSOCK_SEQ_EOM | VIRTIO_VSOCK_SEQ_EOR);
	expect_message(fd, "one", 3);
	expect_message(fd, bytes, 2001);
	expect_message(fd, "three", 5);

	assert_int_equal(send(fd, bytes, 5000, 0), 5000);
	host_say(fd, "x");
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RW, &packet);
	assert_int_equal(packet.flags, 0);
	assert_int_equal(packet.len, VSOCK_RIG_PAYLOAD);
	vsock_end_expect_data(&end, bytes + VSOCK_RIG_PAYLOAD,
			      VSOCK_RIG_PAYLOAD);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RW, &packet);
	assert_int_equal(packet.flags, VIRTIO_VSOCK_SEQ_EOM);
	assert_int_equal(packet.len, 5000 - 2 * VSOCK_RIG_PAYLOAD);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RW, &packet);
	assert_int_equal(packet.flags, VIRTIO_VSOCK_SEQ_EOM);
	assert_int_equal(packet.len, 1);
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* A message that takes all the room can be sent behind one whose room the guest
 * was not told of yet. */
static void test_credit_for_a_whole_message(void **state)
{
	const uint32_t first = 10 * VSOCK_RIG_PAYLOAD, second = 65536;
	static uint8_t bytes[65536];
	struct vsock_packet packet;
	struct vsock_end end;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_SEQPACKET);
	fd = guest_connects(&end, 10, 1, SEQPACKET, listener);
	while (end.sent < first + second) {
		uint32_t left = end.sent < first ? first - end.sent
						 : first + second - end.sent;

		if (vsock_end_credit_is_used_up(&end))
			vsock_end_expect(&end, VIRTIO_VSOCK_OP_CREDIT_UPDATE,
					 &packet);
		vsock_end_send_data(
			&end, bytes, VSOCK_RIG_PAYLOAD,
			left == VSOCK_RIG_PAYLOAD ? VIRTIO_VSOCK_SEQ_EOM : 0);
	}
	expect_message(fd, bytes, first);
	expect_message(fd, bytes, second);
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* Thousands of one-byte messages to a reader that starts late. */
static void test_many_small_messages(void **state)
{
	struct vsock_end end;
	uint32_t read_so_far = 0;
	int listener, fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_SEQPACKET);
	fd = guest_connects(&end, 10, 1, SEQPACKET, listener);
	while (!vsock_end_credit_is_used_up(&end)) {
		uint8_t byte = (uint8_t)end.sent;

		vsock_end_send_data(&end, &byte, 1, VIRTIO_VSOCK_SEQ_EOM);
		book_what_came(&end);
	}
	assert_true(end.sent >= 65536);
	for (; read_so_far < end.sent; read_so_far++) {
		uint8_t byte = (uint8_t)read_so_far;

		expect_message(fd, &byte, 1);
	}
	(void)close(fd);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

static void test_message_that_is_too_long(void **state)
{
	static uint8_t bytes[65537];
	struct vsock_packet packet;
	struct vsock_end end;
	int fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	fd = host_connects(&end, 9, SOCK_SEQPACKET);
	assert_int_equal(send(fd, bytes, 65536, 0), 65536);
	for (unsigned int i = 0; i < 65536 / VSOCK_RIG_PAYLOAD; i++)
		vsock_end_expect(&end, VIRTIO_VSOCK_OP_RW, &packet);
	assert_int_equal(packet.flags, VIRTIO_VSOCK_SEQ_EOM);
	assert_int_equal(send(fd, bytes, 65537, 0), 65537);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	(void)close(fd);
	vsock_rig_fini(&rig);
}

static void test_host_connects_with_messages(void **state)
{
	struct vsock_packet packet;
	struct vsock_end end;
	int fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	fd = host_connects(&end, 9, SOCK_SEQPACKET);
	host_say(fd, "question");
	vsock_end_expect_data(&end, "question", 8);
	vsock_end_send_data(&end, "answer", 6, VIRTIO_VSOCK_SEQ_EOM);
	expect_message(fd, "answer", 6);
	(void)close(fd);
	vsock_rig_fini(&rig);

	/* A guest that knows streams only. */
	vsock_rig_init(&rig, engine_kind(state),
		       &(struct virtio_vsock_options){0});
	vsock_rig_start(&rig, ALL & ~(1ULL << VIRTIO_VSOCK_F_SEQPACKET));
	fd = host_client(".seqpacket", SOCK_SEQPACKET);
	host_say(fd, "CONNECT 9\n");
	host_expect_eof(fd);
	assert_false(vsock_rig_try_recv(&rig, &packet));
	(void)close(fd);
	end.type = SEQPACKET;
	vsock_end_send(&end, VIRTIO_VSOCK_OP_REQUEST, 0);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	vsock_rig_fini(&rig);
}

/* The host's client says that it is done sending, still reads, then goes. */
static void test_half_closed(void **state)
{
	struct vsock_packet packet;
	struct vsock_end end;
	int fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	fd = host_connects(&end, 9, SOCK_STREAM);
	host_say(fd, "request");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	vsock_end_expect_data(&end, "request", 7);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_SHUTDOWN, &packet);
	assert_int_equal(packet.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	vsock_end_send_data(&end, "reply", 5, 0);
	host_expect(fd, "reply");
	(void)close(fd);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_SHUTDOWN, &packet);
	assert_int_equal(packet.flags, BOTH);
	vsock_end_send(&end, VIRTIO_VSOCK_OP_RST, 0);
	wait_connections(0);

	/* The guest ends its half first. */
	fd = host_connects(&end, 9, SOCK_STREAM);
	vsock_end_send_data(&end, "all", 3, 0);
	vsock_end_send(&end, VIRTIO_VSOCK_OP_SHUTDOWN,
		       VIRTIO_VSOCK_SHUTDOWN_SEND);
	host_expect(fd, "all");
	host_expect_eof(fd);
	host_say(fd, "thanks");
	vsock_end_expect_data(&end, "thanks", 6);
	(void)close(fd);
	vsock_rig_fini(&rig);
}

static void test_guest_does_not_end_a_closed_connection(void **state)
{
	struct vsock_packet packet;
	struct vsock_end end;
	int fd;

	vsock_end_start(state,
			&(struct virtio_vsock_options){.shutdown_ms = 150});
	fd = host_connects(&end, 9, SOCK_STREAM);
	(void)close(fd);
	do
		vsock_end_expect(&end, VIRTIO_VSOCK_OP_SHUTDOWN, &packet);
	while (packet.flags != BOTH);
	vsock_end_expect(&end, VIRTIO_VSOCK_OP_RST, &packet);
	wait_connections(0);
	vsock_rig_fini(&rig);
}

/* VIRTIO 5.10.6.4-cid: reserved CIDs are refused */
static void test_create_refuses(void **state)
{
	static const uint64_t reserved[] = {0, 1, 2, UINT32_MAX, 1ULL << 32};
	struct virtio_vsock_options options = {
		.name = "vsock1", .path = "x", .queue_size = 16};
	struct virtio_device *dev = NULL;
	struct err err = {0};

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	fake_driver_reset(&rig.rig.driver);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		options.guest_cid = reserved[i];
		assert_int_equal(virtio_vsock_create(&dev, &options,
						     rig.rig.mem,
						     rig.rig.engine, &err),
				 -EINVAL);
	}
	assert_string_equal(err.msg, "vsock: CID 4294967296 is reserved: use 3 "
				     "to 4294967294");
	vsock_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_connects),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_connect_line_in_pieces),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_silent_client_is_timed_out),
		cmocka_unit_test(test_guest_does_not_answer),
		cmocka_unit_test(test_guest_refuses),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_bytes_survive_the_guests_end),
		cmocka_unit_test(test_all_credit_comes_back),
		cmocka_unit_test(test_credit_for_a_whole_message),
		cmocka_unit_test(test_broken_credit_is_cut_off),
		cmocka_unit_test(test_device_keeps_to_the_guests_credit),
		cmocka_unit_test(test_stray_packets),
		cmocka_unit_test(test_unknown_operation_on_a_connection),
		cmocka_unit_test(test_no_receive_buffers),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_many_small_messages),
		cmocka_unit_test(test_message_that_is_too_long),
		cmocka_unit_test(test_host_connects_with_messages),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_guest_does_not_end_a_closed_connection),
		cmocka_unit_test(test_create_refuses),
	};

	return run_on_engines(tests, ARRAY_SIZE(tests));
}
