/*
 * verbs_bench.c - payloads of lwx-bench. They poll, so that what is measured is
 * the device and not the interrupts of this guest, and they warm up for a
 * quarter of the time that is measured.
 */
#include "bench.h"
#include "disk.h"
#include "net.h"
#include "vsock.h"

#define DEPTH_MAX QUEUE_SIZE_DEFAULT

static struct bench bench;

static uint64_t window_ticks(void)
{
	return word_number("ticks", 1000000000);
}

/* --- bench-blk --------------------------------------------------------- */

/**
 * struct flight - a request that is used again and again
 * @started: TSC when it was submitted
 */
struct flight {
	struct disk_request request;
	uint8_t *data;
	uint64_t started;
};

/**
 * struct load - what "bench-blk" does
 * @type:    DISK_IN or DISK_OUT
 * @bytes:   of a request
 * @random:  anywhere on the disk, or one after the other
 * @places:  requests that fit on the disk
 * @state:   the last place, or the state of the random numbers
 * @by_head: the flight whose head is the index
 */
struct load {
	uint32_t type;
	uint32_t bytes;
	bool random;
	uint64_t places;
	uint64_t state;
	struct flight *by_head[QUEUE_SIZE_DEFAULT];
};

static struct disk disk;
static struct load load;
static struct flight flights[DEPTH_MAX];

static uint64_t next_sector(void)
{
	load.state = load.random ? mix64(load.state) : load.state + 1;
	return load.state % load.places * (load.bytes / SECTOR_SIZE);
}

static void take_off(struct flight *flight)
{
	int head;

	flight->request.type = load.type;
	flight->request.sector = next_sector();
	flight->started = rdtsc();
	head = disk_submit(&disk.queues[0], &flight->request, flight->data,
			   load.bytes, 1);
	check(head >= 0);
	load.by_head[head] = flight;
}

/* Everything that has landed takes off again, with one kick for all. */
static void turn_flights(void)
{
	struct queue *queue = &disk.queues[0];
	bool any = false;
	int head;

	while ((head = queue_reap(queue, NULL)) >= 0) {
		struct flight *flight = load.by_head[head];

		check(flight->request.status == DISK_S_OK);
		bench_add(&bench, rdtsc() - flight->started);
		take_off(flight);
		any = true;
	}
	if (any)
		queue_kick(queue);
	else
		cpu_relax();
}

/* "depth" requests of "bytes" bytes in flight: reads, or with "write=1" writes,
 * anywhere, or with "random=0" in order. */
static uint8_t run_bench_blk(void)
{
	uint64_t depth = word_number("depth", 1), warm, now;

	load.type = word_number("write", 0) ? DISK_OUT : DISK_IN;
	load.bytes = (uint32_t)word_number("bytes", 4096);
	load.random = word_number("random", 1);
	load.state = word_number("seed", 1);
	disk_open(&disk, 0);
	load.places = disk.sectors * SECTOR_SIZE / load.bytes;
	check(depth && depth <= DEPTH_MAX && load.places);
	for (uint64_t i = 0; i < depth; i++) {
		flights[i].data = alloc(load.bytes, 4096);
		take_off(&flights[i]);
	}
	queue_kick(&disk.queues[0]);
	say("ready\n");
	warm = rdtsc() + window_ticks() / 4;
	while (rdtsc() < warm)
		turn_flights();
	bench_begin(&bench, window_ticks());
	while ((now = rdtsc()) < bench.end)
		turn_flights();
	bench_end(&bench, now);
}

/* --- bench-net --------------------------------------------------------- */

static struct net net;

/* Everything that was sent goes again; its latency is the time in the ring. */
static void turn_frames(uint32_t bytes, uint64_t *started)
{
	struct net_slot *slot;
	bool any = false;

	while ((slot = net_reap(&net))) {
		uint64_t now = rdtsc();
		/* Where it was: the slot carries its number. */
		uint8_t i = slot->header[10];

		bench_add(&bench, now - started[i]);
		started[i] = now;
		check(net_submit(&net, slot, bytes));
		any = true;
	}
	if (any)
		queue_kick(&net.tx);
	else
		cpu_relax();
}

static _Noreturn void run_send(uint32_t bytes)
{
	static uint64_t started[QUEUE_SIZE_DEFAULT];
	uint64_t warm, now;

	for (uint32_t i = 0; i < net.tx.size / 2; i++) {
		struct net_slot *slot = alloc(sizeof(*slot), 64);

		net_fill(slot, bytes, i);
		slot->header[10] = (uint8_t)i; /* num_buffers: unused here */
		started[i] = rdtsc();
		check(net_submit(&net, slot, bytes));
	}
	queue_kick(&net.tx);
	say("ready\n");
	warm = rdtsc() + window_ticks() / 4;
	while (rdtsc() < warm)
		turn_frames(bytes, started);
	bench_begin(&bench, window_ticks());
	while ((now = rdtsc()) < bench.end)
		turn_frames(bytes, started);
	bench_end(&bench, now);
}

/* Count what comes in. Latency: between one frame and the next. */
static void turn_received(uint64_t *last)
{
	uint8_t *data;
	bool any = false;
	uint32_t len;

	while ((data = net_take(&net, &len))) {
		uint64_t now = rdtsc();

		bench_add(&bench, now - *last);
		*last = now;
		net_give(&net, data);
		any = true;
	}
	if (any)
		queue_kick(&net.rx);
	else
		cpu_relax();
}

static _Noreturn void run_receive(void)
{
	uint64_t last = rdtsc(), warm, now;

	say("ready\n");
	warm = rdtsc() + window_ticks() / 4;
	while (rdtsc() < warm)
		turn_received(&last);
	bench_begin(&bench, window_ticks());
	while ((now = rdtsc()) < bench.end)
		turn_received(&last);
	bench_end(&bench, now);
}

/* Frames of "bytes" bytes out, or with "receive=1" in, as fast as they go. */
static uint8_t run_bench_net(void)
{
	net_open(&net, sizeof(struct net_slot));
	if (word_number("receive", 0))
		run_receive();
	run_send((uint32_t)word_number("bytes", 60));
}

/* --- bench-vsock ------------------------------------------------------- */

static struct vsock vsock;

/* Packets of "chunk" bytes as fast as the host takes them. */
static void turn_stream(uint32_t chunk, uint64_t *last)
{
	struct vsock_slot *slot = vsock_slot(&vsock, chunk);
	const uint8_t *data;
	uint64_t now;

	(void)vsock_poll(&vsock, &data);
	if (!slot)
		return;
	vsock_send(&vsock, slot, chunk, 0);
	now = rdtsc();
	bench_add(&bench, now - *last);
	*last = now;
}

/* "chunk" bytes there and back. */
static void turn_round_trip(uint32_t chunk, uint64_t *last)
{
	struct vsock_slot *slot = vsock_slot(&vsock, chunk);
	const uint8_t *data;
	uint32_t back = 0;
	uint64_t now;

	if (!slot) {
		(void)vsock_poll(&vsock, &data);
		return;
	}
	vsock_send(&vsock, slot, chunk, 0);
	while (back < chunk)
		back += vsock_poll(&vsock, &data);
	now = rdtsc();
	bench_add(&bench, now - *last);
	*last = now;
}

/* A stream to port 5000 of the host, or with "echo=1" round trips with it. */
static uint8_t run_bench_vsock(void)
{
	void (*turn)(uint32_t chunk, uint64_t * last) =
		word_number("echo", 0) ? turn_round_trip : turn_stream;
	uint32_t chunk = (uint32_t)word_number("chunk", 4096);
	uint64_t last, warm, now;

	check(chunk && chunk <= VSOCK_DATA_MAX);
	vsock_open(&vsock, VSOCK_STREAM, VSOCK_DATA_MAX);
	vsock_connect(&vsock, 5000);
	say("ready\n");
	last = rdtsc();
	warm = last + window_ticks() / 4;
	while (rdtsc() < warm)
		turn(chunk, &last);
	bench_begin(&bench, window_ticks());
	last = rdtsc();
	while ((now = rdtsc()) < bench.end)
		turn(chunk, &last);
	bench_end(&bench, now);
}

const struct verb bench_verbs[] = {
	{"bench-blk", run_bench_blk},
	{"bench-net", run_bench_net},
	{"bench-vsock", run_bench_vsock},
	{NULL, NULL},
};
