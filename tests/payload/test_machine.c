/* test_machine.c - how a VM ends, its serial port, its CPUs. */
#include "hugepages.h"
#include "macros.h"
#include "payload_vm.h"
#include "vmm_launch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct payload_vm vm;

static int run(const char *cmdline)
{
	payload_vm_init(&vm, cmdline);
	return payload_vm_run(&vm);
}

static void test_ends_are_told_apart(void **state)
{
	static const struct {
		const char *cmdline;
		int status;
	} cases[] = {
		{"payload=exit code=0", 0},
		{"payload=exit code=1", 1},
		{"payload=exit code=77", 77},
		{"payload=exit code=255", 255},
		{"payload=poweroff", 0},
		{"payload=triple", VMM_STATUS_TRIPLE},
		{"payload=panic", VMM_STATUS_PANIC},
		{"payload=reset", VMM_STATUS_RESET},
		{"payload=none", 112},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (run(cases[i].cmdline) != cases[i].status)
			fail_msg("%s", cases[i].cmdline);
}

static void test_every_exit_code(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code += 5) {
		char cmdline[64];

		(void)snprintf(cmdline, sizeof(cmdline), "payload=exit code=%d",
			       code);
		assert_int_equal(run(cmdline), code);
	}
}

/* An exit code of the guest's that looks like a fault is still an exit. */
static void test_the_event_tells_the_reason(void **state)
{
	static const struct {
		const char *cmdline;
		int status;
		const char *reason;
	} cases[] = {
		{"payload=exit code=122 wait=1", 122, VMM_REASON_EXIT},
		{"payload=triple wait=1", 122, VMM_REASON_TRIPLE},
		{"payload=exit code=0 wait=1", 0, VMM_REASON_EXIT},
		{"payload=poweroff wait=1", 0, VMM_REASON_POWEROFF},
		{"payload=panic wait=1", 123, VMM_REASON_PANIC},
		{"payload=reset wait=1", 124, VMM_REASON_RESET},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		payload_vm_init(&vm, cases[i].cmdline);
		payload_vm_start(&vm);
		payload_vm_expect(&vm, "waiting\n");
		payload_vm_follow(&vm);
		payload_vm_type(&vm, "q");
		assert_int_equal(payload_vm_wait(&vm), cases[i].status);
		assert_string_equal(payload_vm_reason(&vm), cases[i].reason);
		payload_vm_fini(&vm);
	}
}

static void test_the_power_button(void **state)
{
	struct ctl_message reply;

	(void)state;
	payload_vm_init(&vm, "payload=button");
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "waiting for the button\n");
	payload_vm_follow(&vm);
	payload_vm_call(&vm, "vm.stop", &reply);
	assert_int_equal(payload_vm_wait(&vm), 0);
	assert_string_equal(payload_vm_reason(&vm), VMM_REASON_POWEROFF);
	payload_vm_fini(&vm);
}

static void test_serial_output(void **state)
{
	(void)state;
	assert_int_equal(run("payload=hello code=5"), 5);
	assert_string_equal(vm.output, "hello from ring 3\n");
}

static void test_serial_output_is_complete(void **state)
{
	size_t lines = 0;

	(void)state;
	assert_int_equal(run("payload=flood lines=300 code=6"), 6);
	for (const char *at = vm.output; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 300);
	assert_int_equal(vm.output_len, 300 * 200);
}

static void test_serial_input(void **state)
{
	(void)state;
	payload_vm_init(&vm, "payload=serial-echo code=9");
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "ready\n");
	payload_vm_type(&vm, "ab");
	payload_vm_expect(&vm, "<a><b>");
	payload_vm_type(&vm, "0123456789abcdefghijklmnoq"); /* > the FIFO */
	assert_int_equal(payload_vm_wait(&vm), 9);
	assert_non_null(strstr(vm.output, "<m><n><o>"));
	payload_vm_fini(&vm);
}

static void test_serial_interrupts(void **state)
{
	(void)state;
	payload_vm_init(&vm, "payload=serial-irq code=10");
	payload_vm_start(&vm);
	payload_vm_expect(&vm, "ready\n");
	payload_vm_type(&vm, "a");
	payload_vm_expect(&vm, "<a>");
	payload_vm_type(&vm, "0123456789abcdefghijklmno");
	payload_vm_expect(&vm, "<o>");
	payload_vm_type(&vm, "q");
	assert_int_equal(payload_vm_wait(&vm), 10);
	payload_vm_fini(&vm);
}

static void test_cpus_come_up(void **state)
{
	static const uint32_t counts[] = {1, 2, 4, 16, 64};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		char cmdline[64];

		(void)snprintf(cmdline, sizeof(cmdline),
			       "payload=smp cpus=%u code=12", counts[i]);
		payload_vm_init(&vm, cmdline);
		vm.cfg.vcpus = counts[i];
		assert_int_equal(payload_vm_run(&vm), 12);
	}
}

static void test_memory_kinds(void **state)
{
	(void)state;
	for (int kind = GUEST_MEM_PRIVATE; kind <= GUEST_MEM_SHARED; kind++) {
		payload_vm_init(&vm, "payload=touch megabytes=400 code=3");
		vm.cfg.memory.size = MIB(512);
		vm.cfg.memory.kind = (enum guest_mem_kind)kind;
		assert_int_equal(payload_vm_run(&vm), 3);
	}
}

static long pool(const char *size, const char *mode, long pages)
{
	char path[96], text[32] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path),
		       "/sys/kernel/mm/hugepages/hugepages-%skB/nr_hugepages",
		       size);
	file = fopen(path, mode);
	if (!file)
		return -1;
	if (*mode == 'w')
		(void)fprintf(file, "%ld", pages);
	else if (fgets(text, sizeof(text), file))
		pages = strtol(text, NULL, 10);
	return fclose(file) ? -1 : pages;
}

/* A guest on huge pages, of either size where the host can make some. */
static void test_hugepages(void **state)
{
	static const struct {
		const char *kib;
		uint64_t page_size;
		long pages;
	} sizes[] = {{"2048", MIB(2), 64}, {"1048576", GIB(1), 1}};
	unsigned int done = 0;

	(void)state;
	hugepages_lock();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		long before = pool(sizes[i].kib, "re", 0);
		long wanted = before + sizes[i].pages;

		if (before < 0 || pool(sizes[i].kib, "we", wanted) < 0 ||
		    pool(sizes[i].kib, "re", 0) < wanted) {
			print_message("no %s KiB pages to be had\n",
				      sizes[i].kib);
			if (before >= 0)
				(void)pool(sizes[i].kib, "we", before);
			continue;
		}
		payload_vm_init(&vm, "payload=touch megabytes=60 code=3");
		vm.cfg.memory.size =
			sizes[i].page_size * (uint64_t)sizes[i].pages;
		vm.cfg.memory.kind = GUEST_MEM_HUGEPAGES;
		vm.cfg.memory.page_size = sizes[i].page_size;
		assert_int_equal(payload_vm_run(&vm), 3);
		(void)pool(sizes[i].kib, "we", before);
		done++;
	}
	if (!done)
		skip();
}

/* On both sides of the hole below 4 GiB, up to the last page. */
static void test_memory_above_the_hole(void **state)
{
	static const char *const cmdlines[] = {
		"payload=touch from=3060 megabytes=12 code=3",
		"payload=touch from=4096 megabytes=100 code=3",
		"payload=touch from=6100 megabytes=44 code=3",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cmdlines); i++) {
		payload_vm_init(&vm, cmdlines[i]);
		vm.cfg.memory.size = GIB(5);
		assert_int_equal(payload_vm_run(&vm), 3);
	}
	/* The next page is no RAM: reads as ones. */
	payload_vm_init(&vm, "payload=touch from=6144 megabytes=1 code=3");
	vm.cfg.memory.size = GIB(5);
	assert_int_equal(payload_vm_run(&vm), 111);
}

static bool memory_available(uint64_t bytes)
{
	static const char key[] = "MemAvailable:";
	FILE *file = fopen("/proc/meminfo", "re");
	uint64_t kib = 0;
	char line[128];

	assert_non_null(file);
	while (!kib && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			kib = strtoull(line + strlen(key), NULL, 10);
	(void)fclose(file);
	return KIB(kib) >= bytes;
}

/* The end of it and the page behind: what is not touched costs nothing, but
 * for the 2.6 GiB that KVM spends on the books of its shadow pages. */
static void test_a_tebibyte(void **state)
{
	(void)state;
	if (!memory_available(GIB(4))) {
		print_message("1 TiB: KVM's own tables need 4 GiB\n");
		skip();
	}
	payload_vm_init(&vm, "payload=touch from=1049584 megabytes=16 code=3");
	vm.cfg.memory.size = GIB(1024);
	if (payload_vm_run(&vm) != 3)
		fail_msg("%s", vm.output);
	payload_vm_init(&vm, "payload=touch from=1049600 megabytes=1 code=3");
	vm.cfg.memory.size = GIB(1024);
	assert_int_equal(payload_vm_run(&vm), 111);
}

static void test_ports_nobody_answers(void **state)
{
	(void)state;
	assert_int_equal(run("payload=ports code=4"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_are_told_apart),
		cmocka_unit_test(test_every_exit_code),
		cmocka_unit_test(test_the_event_tells_the_reason),
		cmocka_unit_test(test_the_power_button),
		cmocka_unit_test(test_serial_output),
		cmocka_unit_test(test_serial_output_is_complete),
		cmocka_unit_test(test_serial_input),
		cmocka_unit_test(test_serial_interrupts),
		cmocka_unit_test(test_cpus_come_up),
		cmocka_unit_test(test_memory_kinds),
		cmocka_unit_test(test_hugepages),
		cmocka_unit_test(test_memory_above_the_hole),
		cmocka_unit_test(test_a_tebibyte),
		cmocka_unit_test(test_ports_nobody_answers),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
