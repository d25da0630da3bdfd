/* verbs_stream.c - payloads for virtio-console and virtio-rng. */
#include "driver.h"

#define LINE_MAX 64u
#define RNG_CHUNK 256u

static struct device device;
static struct queue receive_queue, transmit_queue;

static void console_send(const void *data, uint32_t length)
{
	static uint8_t copy[LINE_MAX];
	struct buffer buffer = {.data = copy, .length = length};

	memcpy(copy, data, length);
	check(queue_add(&transmit_queue, &buffer, 1) >= 0);
	queue_kick(&transmit_queue);
	queue_wait(&transmit_queue, NULL);
}

static void console_open(void)
{
	device_find(DEVICE_CONSOLE, 0, &device);
	device_negotiate(&device, FEATURES_RING);
	queue_init(&receive_queue, &device, 0, 0);
	queue_init(&transmit_queue, &device, 1, 0);
	device_ok(&device);
}

/* Repeat on hvc0 what comes in there, in brackets, until a 'q'. */
static uint8_t run_console(void)
{
	static uint8_t line[LINE_MAX];
	struct buffer buffer = {
		.data = line, .length = sizeof(line) - 2, .writable = true};
	uint32_t length;

	console_open();
	console_send("ready\n", 6);
	for (;;) {
		check(queue_add(&receive_queue, &buffer, 1) >= 0);
		queue_kick(&receive_queue);
		while (queue_reap(&receive_queue, &length) < 0)
			cpu_relax();
		check(length > 0 && length <= buffer.length);
		console_send("<", 1);
		console_send(line, length);
		console_send(">", 1);
		for (uint32_t i = 0; i < length; i++)
			if (line[i] == 'q')
				return exit_code();
	}
}

/* Print "lines" lines on hvc0, 60 bytes each. */
static uint8_t run_console_flood(void)
{
	uint64_t lines = word_number("lines", 1000);
	uint8_t line[60];

	memset(line, '.', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	console_open();
	for (uint64_t i = 0; i < lines; i++)
		console_send(line, sizeof(line));
	return exit_code();
}

/* Ask for "bytes" random bytes; they must not look constant. */
static uint8_t run_rng(void)
{
	static uint8_t data[RNG_CHUNK];
	struct buffer buffer = {
		.data = data, .length = sizeof(data), .writable = true};
	uint64_t left = word_number("bytes", 4096), ones = 0, bits = 0;
	uint32_t length;

	device_find(DEVICE_ENTROPY, 0, &device);
	device_negotiate(&device, FEATURES_RING);
	queue_init(&receive_queue, &device, 0, 0);
	device_ok(&device);
	while (left) {
		check(queue_add(&receive_queue, &buffer, 1) >= 0);
		queue_kick(&receive_queue);
		queue_wait(&receive_queue, &length);
		check(length > 0 && length <= sizeof(data));
		for (uint32_t i = 0; i < length * 8; i++)
			ones += data[i / 8] >> i % 8 & 1;
		bits += (uint64_t)length * 8;
		left -= left < length ? left : length;
	}
	/* Half of them, to within a tenth: > 25 sigma at 4096 bytes. */
	check(ones * 10 > bits * 4 && ones * 10 < bits * 6);
	say("%lu of %lu bits are set\n", ones, bits);
	return exit_code();
}

const struct verb stream_verbs[] = {
	{"console", run_console},
	{"console-flood", run_console_flood},
	{"rng", run_rng},
	{NULL, NULL},
};
