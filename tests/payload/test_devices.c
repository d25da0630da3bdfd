/* test_devices.c - disks, console and rng driven by payloads. */
#include "cleanup.h"
#include "disk_file.h"
#include "macros.h"
#include "pattern.h"
#include "payload_vm.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#define DISK_SIZE MIB(8)

static struct payload_vm vm;

__attribute__((format(printf, 1, 2))) static void prepare(const char *fmt, ...)
{
	char cmdline[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmdline, sizeof(cmdline), fmt, ap);
	va_end(ap);
	payload_vm_init(&vm, cmdline);
}

/* The sectors [first, first + count) of @fd hold what @seed makes. */
static void check_file(int fd, uint64_t seed, uint64_t first, uint64_t count)
{
	for (uint64_t sector = first; sector < first + count; sector++) {
		uint64_t words[SECTOR_WORDS];

		assert_int_equal(pread(fd, words, sizeof(words),
				       (off_t)(sector * SECTOR_SIZE)),
				 sizeof(words));
		for (uint64_t i = 0; i < SECTOR_WORDS; i++)
			assert_int_equal(words[i],
					 pattern_word(seed, sector, i));
	}
}

static void test_data_reach_the_file(void **state)
{
	static const char *const rings[] = {"plain", "all"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);
		uint64_t seed = payload_random() >> 1;
		uint8_t zeroes[SECTOR_SIZE] = {0}, sector[SECTOR_SIZE];

		prepare("payload=blk seed=%llu start=3 sectors=1000 ring=%s "
			"code=21",
			(unsigned long long)seed, rings[i]);
		payload_vm_add_disk(&vm, fd);
		assert_int_equal(payload_vm_run(&vm), 21);
		check_file(fd, seed, 3, 1000);
		assert_int_equal(
			pread(fd, sector, sizeof(sector), 1003L * SECTOR_SIZE),
			sizeof(sector));
		assert_memory_equal(sector, zeroes, sizeof(sector));

		prepare("payload=blk seed=%llu code=22",
			(unsigned long long)seed + 1);
		payload_vm_add_disk(&vm, fd);
		assert_int_equal(payload_vm_run(&vm), 22);
		prepare("payload=blk-read seed=%llu code=23",
			(unsigned long long)seed + 1);
		payload_vm_add_disk(&vm, fd);
		assert_int_equal(payload_vm_run(&vm), 23);
		prepare("payload=blk-read seed=%llu code=24",
			(unsigned long long)seed);
		payload_vm_add_disk(&vm, fd);
		assert_int_equal(payload_vm_run(&vm), 111);
	}
}

static void test_every_disk_is_its_own(void **state)
{
	int fds[VM_DISKS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = payload_temp_file(DISK_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i += 5) {
		prepare("payload=blk seed=%zu disk=%zu sectors=10 code=1", i,
			i);
		for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
			payload_vm_add_disk(&vm, fds[j]);
		assert_int_equal(payload_vm_run(&vm), 1);
		check_file(fds[i], i, 0, 10);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
}

static void test_stress(void **state)
{
	static const struct {
		uint32_t queues;
		uint32_t queue_size;
		bool direct;
		enum io_engine_kind engine;
	} cases[] = {
		{1, 128, false, IO_ENGINE_URING},
		{4, 256, false, IO_ENGINE_URING},
		{1, 16, true, IO_ENGINE_URING},
		{2, 128, false, IO_ENGINE_AIO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);
		uint64_t seed = payload_random() >> 1;
		struct vm_disk *disk;

		if (cases[i].direct)
			(void)fcntl(fd, F_SETFL, O_DIRECT);
		prepare("payload=blkstress seed=%llu requests=3000 code=31",
			(unsigned long long)seed);
		vm.cfg.io_engine = cases[i].engine;
		disk = payload_vm_add_disk(&vm, fd);
		disk->queues = cases[i].queues;
		disk->queue_size = cases[i].queue_size;
		disk->direct = cases[i].direct;
		if (payload_vm_run(&vm) != 31)
			fail_msg("case %zu, seed %llu: %s", i,
				 (unsigned long long)seed, vm.output);
	}
}

/* A loop device on @fd that is gone with its last user. Return: its path, or
 * NULL where none can be made. */
static const char *attach_loop(int fd, uint32_t block_size)
{
	static char path[32];
	const struct loop_config config = {
		.fd = (uint32_t)fd,
		.block_size = block_size,
		.info = {.lo_flags = LO_FLAGS_AUTOCLEAR},
	};
	AUTO_CLOSE int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	AUTO_CLOSE int device = -1;
	static int keep = -1; /* until the next one: AUTOCLEAR */

	(void)snprintf(path, sizeof(path), "/dev/loop%d", number);
	if (keep >= 0)
		(void)close(keep);
	keep = -1;
	device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (device < 0 || ioctl(device, LOOP_CONFIGURE, &config))
		return NULL;
	keep = dup(device);
	return path;
}

/* The size comes from the device, and its block size is the guest's too. */
static void test_a_block_device(void **state)
{
	static const struct {
		const char *payload;
		uint32_t block_size;
		bool direct;
		enum io_engine_kind engine;
	} cases[] = {
		{"blk start=8 sectors=1000", 4096, true, IO_ENGINE_URING},
		{"blk start=8 sectors=1000", 512, false, IO_ENGINE_AIO},
		{"blkstress requests=2000", 512, true, IO_ENGINE_AIO},
		{"blkstress requests=2000", 512, false, IO_ENGINE_URING},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct disk_file_options options = {
			.direct = cases[i].direct};
		AUTO_CLOSE int file = payload_temp_file(DISK_SIZE);
		const char *path = attach_loop(file, cases[i].block_size);
		AUTO_CLOSE int fd = -1;
		struct vm_disk *disk;
		struct err err = {0};

		if (!path) {
			print_message("no loop device can be made here\n");
			skip();
		}
		if (disk_file_open(path, &options, &fd, &err))
			fail_msg("%s", err.msg);
		prepare("payload=%s seed=7 code=45", cases[i].payload);
		vm.cfg.io_engine = cases[i].engine;
		disk = payload_vm_add_disk(&vm, fd);
		disk->direct = cases[i].direct;
		disk->block_size = cases[i].block_size;
		if (payload_vm_run(&vm) != 45)
			fail_msg("case %zu: %s", i, vm.output);
		if (i < 2) {
			assert_int_equal(fsync(fd), 0);
			check_file(file, 7, 8, 1000);
		}
	}
}

static void test_bad_requests_fail_alone(void **state)
{
	AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);

	(void)state;
	prepare("payload=blk-errors code=41");
	payload_vm_add_disk(&vm, fd)->serial = strdup("serial number");
	assert_int_equal(payload_vm_run(&vm), 41);
	assert_non_null(strstr(vm.output, "disk id: serial number\n"));
}

static void test_a_read_only_disk(void **state)
{
	AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);

	(void)state;
	prepare("payload=blk-errors code=42");
	payload_vm_add_disk(&vm, fd)->readonly = true;
	assert_int_equal(payload_vm_run(&vm), 42);
}

static void test_interrupts_reach_the_guest(void **state)
{
	AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);

	(void)state;
	prepare("payload=irq requests=100 code=51");
	payload_vm_add_disk(&vm, fd);
	if (payload_vm_run(&vm) != 51)
		fail_msg("%s", vm.output);
}

static void test_a_disk_grows(void **state)
{
	const struct ctl_field fields[] = {
		CTL_FIELD_TEXT("disk", "grows"),
		CTL_FIELD_UINT("size", 2 * DISK_SIZE),
	};
	AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);
	struct ctl_message reply;
	char last;

	(void)state;
	prepare("payload=resize code=52");
	payload_vm_add_disk(&vm, fd)->serial = strdup("grows");
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "ready\n");
	payload_vm_call_with(&vm, "disk.resize", fields, ARRAY_SIZE(fields),
			     &reply);
	assert_int_equal(payload_vm_wait(&vm), 52);
	assert_string_equal(vm.output, "ready\n16384 sectors, then 32768\n");
	assert_int_equal(pread(fd, &last, 1, 2 * DISK_SIZE - 1), 1);
	assert_int_equal(last, 0x42);
	payload_vm_fini(&vm);
}

static void test_console_echo(void **state)
{
	(void)state;
	prepare("payload=console code=61");
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "ready\n");
	payload_vm_type(&vm, "hello");
	payload_vm_expect(&vm, "<hello>");
	payload_vm_type(&vm, "q");
	assert_int_equal(payload_vm_wait(&vm), 61);
	assert_non_null(strstr(vm.output, "<q>"));
	payload_vm_fini(&vm);
}

static void test_console_output_is_complete(void **state)
{
	size_t lines = 0;

	(void)state;
	prepare("payload=console-flood lines=1000 code=62");
	assert_int_equal(payload_vm_run(&vm), 62);
	for (const char *at = vm.output; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 1000);
}

/* What the guest did so far, exactly. */
static void test_metrics(void **state)
{
	static const struct {
		const char *name;
		const char *labels;
		uint64_t value;
	} wanted[] = {
		{"lwx_console_bytes_total", "", 6},
		{"lwx_console_log_dropped_bytes_total", "", 0},
		{"lwx_queue_requests_total", "device=\"console0\",queue=\"1\"",
		 1},
		{"lwx_queue_completed_total", "device=\"console0\",queue=\"1\"",
		 1},
	};

	(void)state;
	prepare("payload=console code=63");
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "ready\n");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_int_equal(payload_vm_metric(&vm, wanted[i].name,
						   wanted[i].labels),
				 wanted[i].value);
	payload_vm_type(&vm, "q");
	assert_int_equal(payload_vm_wait(&vm), 63);
	payload_vm_fini(&vm);
}

/* Sum of all lines of a metric. */
static uint64_t metric(const char *name)
{
	static char text[65536];
	struct ctl_message reply;
	AUTO_CLOSE int fd = -1;
	struct err err = {0};
	uint64_t sum = 0;
	ssize_t len;

	assert_int_equal(ctl_client_call(vm.control, "vm.metrics", NULL, 0,
					 PAYLOAD_TIMEOUT_MS, &reply, &fd, &err),
			 0);
	len = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == '{')
			sum += strtoull(strrchr(line, ' ') + 1, NULL, 10);
	return sum;
}

/* While requests flow no vCPU comes out of the kernel: the doorbell is an
 * ioeventfd, the interrupt an irqfd. The same when the I/O thread polls. */
static void test_no_exit_on_the_data_path(void **state)
{
	static const struct {
		enum io_engine_kind engine;
		uint32_t poll_us;
	} cases[] = {
		{IO_ENGINE_URING, 0},
		{IO_ENGINE_URING, 100},
		{IO_ENGINE_AIO, 0},
		{IO_ENGINE_AIO, 100},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);
		uint64_t exits, requests, enough;

		prepare("payload=bench-blk depth=32 ticks=900000000000");
		vm.cfg.io_engine = cases[i].engine;
		vm.cfg.poll_us = cases[i].poll_us;
		payload_vm_add_disk(&vm, fd);
		payload_vm_start(&vm);
		payload_vm_expect(&vm, "ready\n");
		exits = metric("lwx_vcpu_exits_total");
		requests = metric("lwx_queue_completed_total");
		enough = requests + 10000;
		while (requests < enough)
			requests = metric("lwx_queue_completed_total");
		assert_int_equal(metric("lwx_vcpu_exits_total"), exits);
		assert_true(exits > 0);
		payload_vm_fini(&vm);
	}
}

/* Of a VM that is paused nothing is in flight: the sums must agree. */
static void test_metrics_of_a_disk(void **state)
{
#define QUEUE "device=\"disk0\",queue=\"0\""
	AUTO_CLOSE int fd = payload_temp_file(DISK_SIZE);
	struct ctl_message reply;
	uint64_t requests, written;

	(void)state;
	prepare("payload=blkstress requests=0 code=64");
	payload_vm_add_disk(&vm, fd);
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "ready\n");
	while (!payload_vm_metric(&vm, "lwx_disk_bytes_total",
				  QUEUE ",op=\"write\""))
		;
	payload_vm_call(&vm, "vm.pause", &reply);
	requests = payload_vm_metric(&vm, "lwx_queue_requests_total", QUEUE);
	assert_int_equal(
		payload_vm_metric(&vm, "lwx_queue_completed_total", QUEUE),
		requests);
	assert_int_equal(
		payload_vm_metric(&vm, "lwx_disk_latency_seconds_count", QUEUE),
		requests);
	assert_int_equal(payload_vm_metric(&vm,
					   "lwx_disk_latency_seconds_bucket",
					   QUEUE ",le=\"+Inf\""),
			 requests);
	written = payload_vm_metric(&vm, "lwx_disk_bytes_total",
				    QUEUE ",op=\"write\"");
	assert_int_equal(written % SECTOR_SIZE, 0);
	assert_true(payload_vm_metric(&vm, "lwx_queue_kicks_total", QUEUE));
	assert_true(payload_vm_metric(&vm, "lwx_vcpu_exits_total",
				      "vcpu=\"0\",reason=\"mmio\""));
	payload_vm_call(&vm, "vm.resume", &reply);
	payload_vm_type(&vm, "q");
	assert_int_equal(payload_vm_wait(&vm), 64);
	payload_vm_fini(&vm);
}

static void test_random_numbers(void **state)
{
	(void)state;
	prepare("payload=rng bytes=16K code=71");
	assert_int_equal(payload_vm_run(&vm), 71);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_reach_the_file),
		cmocka_unit_test(test_every_disk_is_its_own),
		cmocka_unit_test(test_stress),
		cmocka_unit_test(test_a_block_device),
		cmocka_unit_test(test_bad_requests_fail_alone),
		cmocka_unit_test(test_a_read_only_disk),
		cmocka_unit_test(test_interrupts_reach_the_guest),
		cmocka_unit_test(test_a_disk_grows),
		cmocka_unit_test(test_console_echo),
		cmocka_unit_test(test_console_output_is_complete),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_no_exit_on_the_data_path),
		cmocka_unit_test(test_metrics_of_a_disk),
		cmocka_unit_test(test_random_numbers),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
