/* verbs_vsock.c - payloads that use a virtio-vsock device (virtio 1.2, section
 * 5.10): one connection, asked for by the guest or by the host. */
#include "vsock.h"

#define DATA_MAX 4096u

static struct vsock vsock;

static void open_device(void)
{
	vsock_open(&vsock, (uint16_t)word_number("type", VSOCK_STREAM),
		   DATA_MAX);
}

/* Connect to "port" of the host, send "bytes" bytes, which must come back. */
static uint8_t run_vsock_connect(void)
{
	open_device();
	vsock_connect(&vsock, (uint32_t)word_number("port", 0));
	vsock_echo_check(&vsock, (uint32_t)word_number("bytes", 100));
	vsock_close(&vsock);
	return exit_code();
}

static bool has_room(uint32_t len)
{
	return vsock.sent - vsock.peer_taken + len <= vsock.peer_alloc;
}

/* Send back what has come, once the host has room for it. */
static void echo(const struct vsock_slot *in)
{
	static uint8_t data[DATA_MAX];
	uint32_t len = in->header.len, flags = in->header.flags;
	struct vsock_slot *out;

	memcpy(data, in->data, len);
	while (!has_room(len)) {
		vsock_tell(&vsock, VSOCK_CREDIT_REQUEST, 0);
		in = vsock_wait(&vsock);
		check(in->header.op == VSOCK_CREDIT_UPDATE);
	}
	do
		out = vsock_slot(&vsock, len);
	while (!out);
	memcpy(out->data, data, len);
	vsock_send(&vsock, out, len, flags & VSOCK_EOM);
}

/* Take one connection to "port" and repeat what comes, until its end. */
static uint8_t run_vsock_listen(void)
{
	open_device();
	say("listening\n");
	vsock_accept(&vsock, (uint32_t)word_number("port", 0));
	for (;;) {
		const struct vsock_slot *slot = vsock_wait(&vsock);

		switch (slot->header.op) {
		case VSOCK_RW:
			echo(slot);
			break;
		case VSOCK_CREDIT_REQUEST:
			vsock_tell(&vsock, VSOCK_CREDIT_UPDATE, 0);
			break;
		case VSOCK_CREDIT_UPDATE:
			break;
		default:
			check(slot->header.op == VSOCK_SHUTDOWN);
			vsock_tell(&vsock, VSOCK_RST, 0);
			return exit_code();
		}
	}
}

const struct verb vsock_verbs[] = {
	{"vsock-connect", run_vsock_connect},
	{"vsock-listen", run_vsock_listen},
	{NULL, NULL},
};
