/* verbs_net.c - payloads that use network and vsock: everything comes back from
 * the host and is compared. */
#include "net.h"
#include "vsock.h"

#define WINDOW 32u /* frames in flight */

static struct net net;
static struct vsock vsock;

static uint8_t exit_code(void)
{
	return (uint8_t)word_number("code", 0);
}

/* A frame that came back: the one with @number. Others' frames do not count. */
static bool is_ours(const struct net_slot *slot, uint32_t len, uint32_t bytes,
		    uint32_t number)
{
	static struct net_slot wanted;

	if (slot->frame[12] != NET_PROTOCOL >> 8 ||
	    slot->frame[13] != (NET_PROTOCOL & 0xff))
		return false;
	net_fill(&wanted, bytes, number);
	if (len != bytes || memcmp(slot->frame, wanted.frame, bytes) != 0)
		fail("frame %u came back wrong, %u bytes\n", number, len);
	return true;
}

/* "frames" frames of "bytes" bytes, which the host sends back in order. */
static uint8_t run_net(void)
{
	uint32_t frames = (uint32_t)word_number("frames", 100);
	uint32_t bytes = (uint32_t)word_number("bytes", 60);
	uint32_t sent = 0, back = 0, len;
	struct net_slot *slots[WINDOW], *slot;
	uint64_t start = rdtsc();

	net_open(&net);
	for (unsigned int i = 0; i < WINDOW; i++)
		slots[i] = alloc(sizeof(*slots[i]), 64);
	while (back < frames) {
		check(rdtsc() - start < PATIENCE_TICKS);
		while (net_reap(&net))
			;
		while (sent < frames && sent - back < WINDOW) {
			slot = slots[sent % WINDOW];
			net_fill(slot, bytes, sent);
			if (!net_submit(&net, slot, bytes))
				break;
			sent++;
		}
		queue_kick(&net.tx);
		while ((slot = net_receive(&net, &len))) {
			back += is_ours(slot, len, bytes, back);
			net_return(&net, slot);
		}
		queue_kick(&net.rx);
	}
	say("%u frames of %u bytes\n", back, bytes);
	return exit_code();
}

static uint8_t stream_byte(uint64_t at)
{
	return (uint8_t)mix64(at);
}

/* "bytes" bytes to "port" of the host, which come back. */
static uint8_t run_vsock(void)
{
	uint64_t bytes = word_number("bytes", 1000000), sent = 0, back = 0;
	uint32_t chunk = (uint32_t)word_number("chunk", 4000), len;
	uint64_t start = rdtsc();
	struct vsock_slot *slot;
	const uint8_t *data;

	check(chunk && chunk <= VSOCK_DATA_MAX);
	vsock_open(&vsock);
	vsock_connect(&vsock, (uint32_t)word_number("port", 5000));
	while (back < bytes) {
		check(rdtsc() - start < PATIENCE_TICKS);
		if (chunk > bytes - sent)
			chunk = (uint32_t)(bytes - sent);
		slot = chunk ? vsock_slot(&vsock, chunk) : NULL;
		if (slot) {
			for (uint32_t i = 0; i < chunk; i++)
				slot->data[i] = stream_byte(sent + i);
			vsock_send(&vsock, slot, chunk);
			sent += chunk;
		}
		len = vsock_poll(&vsock, &data);
		for (uint32_t i = 0; i < len; i++)
			if (data[i] != stream_byte(back + i))
				fail("byte %lu came back wrong\n", back + i);
		back += len;
	}
	say("%lu bytes\n", back);
	return exit_code();
}

const struct verb net_verbs[] = {
	{"net", run_net},
	{"vsock", run_vsock},
	{NULL, NULL},
};
