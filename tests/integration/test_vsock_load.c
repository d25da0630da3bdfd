/*
 * test_vsock_load.c - the socket device with all its connections at once, with
 * many short ones, and stopped under load. LWX_FULL=1 runs the long form.
 */
#include "engines.h"
#include "macros.h"
#include "vsock_end.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as can be at once, over a listener with a short backlog; one more is
 * refused; each carries data; the reset ends them all. */
static void test_all_connections_at_once(void **state)
{
	static int fds[VIRTIO_VSOCK_CONNECTIONS_MAX];
	static struct vsock_end ends[VIRTIO_VSOCK_CONNECTIONS_MAX];
	const uint32_t count = VIRTIO_VSOCK_CONNECTIONS_MAX;
	struct vsock_end extra = {
		.guest_port = 1, .host_port = 1, .type = STREAM};
	struct vsock_packet packet;
	uint32_t established = 0, accepted = 0;
	int listener;

	vsock_end_start(state,
			&(struct virtio_vsock_options){.request_ms = 30000});
	listener = host_listen(1, SOCK_STREAM);
	assert_int_equal(listen(listener, 16), 0);
	for (uint32_t i = 0; i < count; i++) {
		ends[i] = (struct vsock_end){
			.guest_port = 1000 + i, .host_port = 1, .type = STREAM};
		vsock_end_send(&ends[i], VIRTIO_VSOCK_OP_REQUEST, 0);
	}
	while (established < count || accepted < count) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			fds[accepted++] = fd;
		while (vsock_rig_try_recv(&rig, &packet)) {
			assert_int_equal(packet.op, VIRTIO_VSOCK_OP_RESPONSE);
			established++;
		}
		if (fd < 0)
			(void)usleep(500);
	}
	assert_int_equal(connections(), count);
	vsock_end_send(&extra, VIRTIO_VSOCK_OP_REQUEST, 0);
	vsock_end_expect(&extra, VIRTIO_VSOCK_OP_RST, &packet);

	for (uint32_t i = 0; i < count; i++)
		vsock_end_send_data(&ends[i], &i, sizeof(i), 0);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t who;

		host_read(fds[i], &who, sizeof(who));
		assert_in_range(who, 0, count - 1);
		assert_int_equal(write(fds[i], &who, sizeof(who)), sizeof(who));
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t who;

		vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_RW, &packet);
		memcpy(&who, packet.payload, sizeof(who));
		assert_int_equal(packet.dst_port, 1000 + who);
	}
	fake_driver_reset(&rig.rig.driver);
	for (uint32_t i = 0; i < count; i++) {
		host_expect_eof(fds[i]);
		(void)close(fds[i]);
	}
	wait_connections(0);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

/* Clients beyond the cap wait in the backlog and are served when one goes. */
static void test_clients_beyond_the_cap_wait(void **state)
{
	static int fds[VIRTIO_VSOCK_CONNECTIONS_MAX];
	const unsigned int count = VIRTIO_VSOCK_CONNECTIONS_MAX;
	struct vsock_packet packet;
	int late;

	vsock_end_start(state,
			&(struct virtio_vsock_options){.handshake_ms = 60000});
	for (unsigned int i = 0; i < count; i++)
		fds[i] = host_client("", SOCK_STREAM);
	wait_connections(count);
	late = host_client("", SOCK_STREAM);
	host_say(late, "CONNECT 3\n");
	(void)usleep(20000);
	assert_false(vsock_rig_try_recv(&rig, &packet));
	(void)close(fds[0]);
	vsock_rig_expect(&rig, VIRTIO_VSOCK_OP_REQUEST, &packet);
	for (unsigned int i = 1; i < count; i++)
		(void)close(fds[i]);
	(void)close(late);
	vsock_rig_fini(&rig);
}

/* Short connections, one after another in batches, from the guest. */
static void test_short_connections(void **state)
{
	const char *full = getenv("LWX_FULL");
	const uint32_t total = full && *full == '1' ? 1000000 : 5000;
	const uint32_t batch = 32;
	struct vsock_packet packet;
	int fds[32];
	int listener;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	listener = host_listen(1, SOCK_STREAM);
	for (uint32_t done = 0; done < total; done += batch) {
		for (uint32_t i = 0; i < batch; i++) {
			struct vsock_end end = {
				.guest_port = 1024 + (done + i) % 60000,
				.host_port = 1,
				.type = STREAM};
			uint32_t number = done + i;

			vsock_end_send(&end, VIRTIO_VSOCK_OP_REQUEST, 0);
			vsock_end_send_data(&end, &number, sizeof(number), 0);
			vsock_end_send(&end, VIRTIO_VSOCK_OP_SHUTDOWN, BOTH);
		}
		for (uint32_t i = 0; i < batch; i++) {
			uint32_t number;

			fds[i] = host_accept(listener);
			host_read(fds[i], &number, sizeof(number));
			assert_int_equal(number, done + i);
			host_expect_eof(fds[i]);
			(void)close(fds[i]);
		}
		/* A connection that ended first has its RESPONSE dropped. */
		for (uint32_t ended = 0; ended < batch;) {
			vsock_rig_recv(&rig, &packet);
			ended += packet.op == VIRTIO_VSOCK_OP_RST;
		}
	}
	wait_connections(0);
	(void)close(listener);
	vsock_rig_fini(&rig);
}

static void test_reset_and_pause(void **state)
{
	struct vsock_packet packet;
	struct vsock_end end;
	int fd;

	vsock_end_start(state, &(struct virtio_vsock_options){0});
	for (unsigned int round = 0; round < 20; round++) {
		fd = host_connects(&end, 9, SOCK_STREAM);
		virtio_mmio_pause(rig.rig.transport);
		host_say(fd, "while paused");
		vsock_end_send(&end, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
		(void)usleep(1000);
		assert_false(vsock_rig_try_recv(&rig, &packet));
		virtio_mmio_resume(rig.rig.transport);
		for (unsigned int i = 0; i < 2; i++) {
			vsock_rig_recv(&rig, &packet);
			vsock_end_book(&end, &packet);
		}
		assert_int_equal(end.received, 12);
		host_say(fd, "lost");
		fake_driver_reset(&rig.rig.driver);
		host_expect_eof(fd);
		(void)close(fd);
		vsock_rig_start(&rig, ALL);
	}
	wait_connections(0);
	vsock_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_connections_at_once),
		cmocka_unit_test(test_clients_beyond_the_cap_wait),
		cmocka_unit_test(test_short_connections),
		cmocka_unit_test(test_reset_and_pause),
	};
	struct rlimit limit;

	/* Two descriptors for each connection. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return run_on_engines(tests, ARRAY_SIZE(tests));
}
