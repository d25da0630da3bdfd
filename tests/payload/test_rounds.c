/*
 * test_rounds.c - many starts, many pauses, many at once, and nothing left.
 *
 * LWX_FULL=1 runs the long form.
 */
#include "cleanup.h"
#include "macros.h"
#include "pattern.h"
#include "payload_vm.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DISK_SIZE MIB(2)
#define SECTORS 16u

#define VMS_AT_ONCE 12

/* Kernel, run page and allocator may settle by this much; a leak of a page for
 * each of thousands of rounds is far above. */
#define MEMORY_SLACK KIB(512)

static struct payload_vm vms[VMS_AT_ONCE];

#define PAUSES 10000u

/* 1,000 take 40 s and more. */
static unsigned int starts(void)
{
	const char *full = getenv("LWX_FULL");

	return full && !strcmp(full, "1") ? 1000 : 100;
}

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

/**
 * struct usage - what a process holds
 * @fds:       open files
 * @threads:   but for io_uring's workers, which the kernel starts and ends
 * @anonymous: bytes of anonymous memory resident
 */
struct usage {
	unsigned int fds;
	unsigned int threads;
	uint64_t anonymous;
};

static bool is_kernels_worker(pid_t pid, const char *task)
{
	char path[64], comm[32] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", pid,
		       task);
	file = fopen(path, "re");
	if (!file)
		return true; /* it has ended: certainly none of ours */
	(void)!fgets(comm, sizeof(comm), file);
	(void)fclose(file);
	return !strncmp(comm, "iou-wrk", 7);
}

static unsigned int count_threads(pid_t pid)
{
	struct dirent *entry;
	unsigned int count = 0;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    !is_kernels_worker(pid, entry->d_name))
			count++;
	(void)closedir(dir);
	return count;
}

static struct usage usage_of(pid_t pid)
{
	char path[64], line[128];
	struct usage usage = {0};
	FILE *status;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	usage.fds = count_entries(path);
	usage.threads = count_threads(pid);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "RssAnon:", 8))
			usage.anonymous = KIB(strtoull(line + 8, NULL, 10));
	(void)fclose(status);
	return usage;
}

static void assert_nothing_grew(const struct usage *before,
				const struct usage *after)
{
	assert_int_equal(after->fds, before->fds);
	assert_int_equal(after->threads, before->threads);
#ifdef LWX_SANITIZED /* freed memory is kept; LeakSanitizer looks instead */
	return;
#endif
	if (after->anonymous > before->anonymous + MEMORY_SLACK)
		fail_msg("memory grew from %llu to %llu bytes",
			 (unsigned long long)before->anonymous,
			 (unsigned long long)after->anonymous);
}

static void check_file(int fd, uint64_t seed)
{
	static uint64_t words[SECTORS][SECTOR_WORDS];

	assert_int_equal(pread(fd, words, sizeof(words), 0), sizeof(words));
	for (unsigned int s = 0; s < SECTORS; s++)
		for (unsigned int i = 0; i < SECTOR_WORDS; i++)
			assert_int_equal(words[s][i], pattern_word(seed, s, i));
}

static void prepare(struct payload_vm *vm, uint64_t seed, int code, int disk)
{
	char cmdline[128];

	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=blk seed=%llu sectors=%u code=%d",
		       (unsigned long long)seed, SECTORS, code);
	payload_vm_init(vm, cmdline);
	payload_vm_add_disk(vm, disk);
}

static void one_round(int disk)
{
	uint64_t seed = payload_random() >> 1;
	int code = (int)(payload_random() % 256), status;

	prepare(&vms[0], seed, code, disk);
	status = payload_vm_run(&vms[0]);
	if (status != code)
		fail_msg("status %d instead of %d, seed %llu: %s", status, code,
			 (unsigned long long)seed, vms[0].output);
	check_file(disk, seed);
}

/* Directories lwx-vmm could put files in are ours and empty here. */
static void test_start_and_stop(void **state)
{
	char dir[] = "/tmp/test_rounds.XXXXXX";
	AUTO_CLOSE int disk = payload_temp_file(DISK_SIZE);
	struct usage before, after;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)setenv("TMPDIR", dir, 1);
	(void)setenv("XDG_RUNTIME_DIR", dir, 1);
	(void)setenv("HOME", dir, 1);
	one_round(disk);
	before = usage_of(getpid());
	for (unsigned int i = starts(); i; i--)
		one_round(disk);
	after = usage_of(getpid());
	assert_nothing_grew(&before, &after);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(rmdir(dir), 0); /* so it is empty */
}

static void pause_and_resume(struct payload_vm *vm)
{
	struct ctl_message reply;

	payload_vm_call(vm, "vm.pause", &reply);
	payload_vm_call(vm, "vm.resume", &reply);
}

static uint64_t requests_done(struct payload_vm *vm)
{
	const char *at = strstr(vm->output, " requests on");

	assert_non_null(at);
	while (at > vm->output && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return strtoull(at, NULL, 10);
}

static void test_pause_and_resume(void **state)
{
	AUTO_CLOSE int disk = payload_temp_file(MIB(8));
	int code = (int)(payload_random() % 256);
	struct payload_vm *vm = &vms[0];
	struct usage before, after;
	char cmdline[128];

	(void)state;
	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=blkstress requests=0 seed=%llu code=%d",
		       (unsigned long long)payload_random() >> 1, code);
	payload_vm_init(vm, cmdline);
	payload_vm_add_disk(vm, disk)->queues = 2;
	payload_vm_start(vm);
	payload_vm_expect(vm, "ready\n");
	for (unsigned int i = 0; i < 200; i++)
		pause_and_resume(vm);
	before = usage_of(vm->pid);
	for (unsigned int i = PAUSES; i; i--)
		pause_and_resume(vm);
	after = usage_of(vm->pid);
	assert_nothing_grew(&before, &after);
	payload_vm_type(vm, "q");
	assert_int_equal(payload_vm_wait(vm), code);
	assert_true(requests_done(vm) > 100);
	payload_vm_fini(vm);
}

/* While it is paused nothing happens; afterwards all of it does. */
static void test_a_paused_vm_stands_still(void **state)
{
	struct payload_vm *vm = &vms[0];
	struct ctl_message reply;
	size_t printed;

	(void)state;
	payload_vm_init(vm, "payload=console-flood lines=100000 code=6");
	payload_vm_start(vm);
	payload_vm_expect(vm, "...\n");
	payload_vm_call(vm, "vm.pause", &reply);
	payload_vm_call(vm, "vm.pause", &reply); /* once more is no mistake */
	(void)usleep(100000);
	payload_vm_drain_output(vm);
	printed = vm->output_len;
	(void)usleep(200000);
	payload_vm_drain_output(vm);
	assert_int_equal(vm->output_len, printed);
	payload_vm_call(vm, "vm.resume", &reply);
	payload_vm_expect_more(vm);
	payload_vm_fini(vm);
}

static void test_twelve_at_once(void **state)
{
	int disks[VMS_AT_ONCE], codes[VMS_AT_ONCE];
	uint64_t seeds[VMS_AT_ONCE];

	(void)state;
	for (unsigned int i = 0; i < VMS_AT_ONCE; i++) {
		disks[i] = payload_temp_file(DISK_SIZE);
		seeds[i] = payload_random() >> 1;
		codes[i] = (int)(payload_random() % 256);
		prepare(&vms[i], seeds[i], codes[i], disks[i]);
	}
	for (unsigned int i = 0; i < VMS_AT_ONCE; i++)
		payload_vm_start(&vms[i]);
	for (unsigned int i = 0; i < VMS_AT_ONCE; i++) {
		assert_int_equal(payload_vm_wait(&vms[i]), codes[i]);
		payload_vm_fini(&vms[i]);
		check_file(disks[i], seeds[i]);
		(void)close(disks[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_and_stop),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_a_paused_vm_stands_still),
		cmocka_unit_test(test_twelve_at_once),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
