/*
 * verbs_bench.c - payloads of lwx-bench. They poll, so that what is measured is
 * the device and not the interrupts of this guest, and they warm up for a
 * quarter of the time that is measured.
 */
#include "bench.h"
#include "disk.h"

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

const struct verb bench_verbs[] = {
	{"bench-blk", run_bench_blk},
	{NULL, NULL},
};
