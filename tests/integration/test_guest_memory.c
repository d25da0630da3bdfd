/*
 * test_guest_memory.c - the kinds of guest memory against the host's kernel:
 * what smaps, status and KSM say about them. Cases that need root or a kernel
 * option say why they are skipped.
 */
#include "guest_mem.h"
#include "hugepages.h"
#include "macros.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define POOL_2M "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define POOL_1G "/sys/kernel/mm/hugepages/hugepages-1048576kB/"
#define KSM "/sys/kernel/mm/ksm/"

static struct guest_mem_config config(enum guest_mem_kind kind, uint64_t size)
{
	return (struct guest_mem_config){
		.size = size,
		.hole_start = GIB(3),
		.hole_end = GIB(4),
		.kind = kind,
		.page_size = MIB(2),
	};
}

static struct guest_mem *create(const struct guest_mem_config *cfg)
{
	struct guest_mem *gm = NULL;
	struct err err = {0};

	if (guest_mem_create(&gm, cfg, &err))
		fail_msg("%s", err.msg);
	return gm;
}

static const struct guest_mem_region *first_region(const struct guest_mem *gm)
{
	const struct guest_mem_region *regions;

	assert_true(guest_mem_regions(gm, &regions) >= 1);
	return &regions[0];
}

/* Return: the number in a file of one, or -1. */
static long read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long value = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	(void)fclose(file);
	return value;
}

static bool write_number(const char *path, long value)
{
	FILE *file = fopen(path, "we");
	bool ok;

	if (!file)
		return false;
	ok = fprintf(file, "%ld\n", value) > 0;
	return fclose(file) == 0 && ok;
}

/* Copy the line of smaps that starts with @key for the mapping at @addr. */
static void smaps_line(const void *addr, const char *key, char *out, size_t len)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool inside = false;

	assert_non_null(file);
	out[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)addr >= start &&
				 (uintptr_t)addr < end;
		else if (inside && !strncmp(line, key, strlen(key)))
			(void)snprintf(out, len, "%s", line + strlen(key));
	}
	(void)fclose(file);
}

static long smaps_kib(const void *addr, const char *key)
{
	char text[512];

	smaps_line(addr, key, text, sizeof(text));
	return strtol(text, NULL, 10);
}

static void test_private(void **state)
{
	struct guest_mem_config cfg =
		config(GUEST_MEM_PRIVATE, GIB(3) + MIB(64));
	struct guest_mem *gm = create(&cfg);
	const struct guest_mem_region *r = first_region(gm);
	char flags[512];

	(void)state;
	assert_int_equal(r->fd, -1);
	assert_int_equal((uintptr_t)r->host % MIB(2), 0);
	assert_int_equal(smaps_kib(r->host, "Rss:"), 0); /* on demand */
	assert_int_equal(guest_mem_write(gm, GIB(4), "guest", 5), 0);
	smaps_line(r->host, "VmFlags:", flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd")); /* not in a core dump */
	guest_mem_destroy(gm);
}

/* Of smaps: "hg", "nh", huge pages advised or not wanted; "mg", merging. */
static void test_advice(void **state)
{
	struct guest_mem_config cfg = config(GUEST_MEM_PRIVATE, MIB(4));
	struct guest_mem *gm;
	char flags[256];

	(void)state;
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) ||
	    access(KSM, F_OK)) {
		print_message("SKIP: a kernel without huge pages or KSM\n");
		skip();
	}
	gm = create(&cfg);
	smaps_line(first_region(gm)->host + MIB(2), "VmFlags:", flags,
		   sizeof(flags));
	assert_non_null(strstr(flags, " hg"));
	assert_null(strstr(flags, " mg"));
	/* The lowest one is never huge. */
	smaps_line(first_region(gm)->host, "VmFlags:", flags, sizeof(flags));
	assert_non_null(strstr(flags, " nh"));
	assert_int_equal(guest_mem_write(gm, MIB(1), "guest", 5), 0);
	assert_int_equal(smaps_kib(first_region(gm)->host, "Rss:"), 4);
	guest_mem_destroy(gm);
	cfg.mergeable = true;
	gm = create(&cfg);
	smaps_line(first_region(gm)->host, "VmFlags:", flags, sizeof(flags));
	assert_null(strstr(flags, " hg"));
	assert_non_null(strstr(flags, " mg"));
	guest_mem_destroy(gm);
}

static void test_a_tebibyte(void **state)
{
	struct guest_mem_config cfg = config(GUEST_MEM_PRIVATE, GIB(1024));
	struct guest_mem *gm;

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip(); /* its shadow of a tebibyte takes minutes */
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
	skip();
#endif
#endif
	gm = create(&cfg);
	assert_int_equal(guest_mem_write(gm, GIB(1025) - 1, "x", 1), 0);
	assert_int_equal(guest_mem_write(gm, GIB(1025), "x", 1), -EFAULT);
	guest_mem_destroy(gm);
}

static void test_shared_is_the_memfd(void **state)
{
	struct guest_mem_config cfg =
		config(GUEST_MEM_SHARED, GIB(3) + MIB(64));
	struct guest_mem *gm = create(&cfg);
	const struct guest_mem_region *regions;
	char text[6] = {0};

	(void)state;
	assert_int_equal(guest_mem_regions(gm, &regions), 2);
	assert_int_equal(guest_mem_write(gm, GIB(4) + 100, "guest", 5), 0);
	assert_int_equal(pread(regions[1].fd, text, 5,
			       (off_t)regions[1].fd_offset + 100),
			 5);
	assert_string_equal(text, "guest");
	assert_int_equal(regions[1].fd_offset, GIB(3));
	assert_true(fcntl(regions[1].fd, F_GETFD) & FD_CLOEXEC);
	guest_mem_destroy(gm);
}

static void check_hugepages(uint64_t page_size, uint64_t size)
{
	struct guest_mem_config cfg = config(GUEST_MEM_HUGEPAGES, size);
	struct guest_mem *gm;
	const struct guest_mem_region *r;

	cfg.page_size = page_size;
	gm = create(&cfg);
	r = first_region(gm);
	assert_int_equal((uintptr_t)r->host % page_size, 0);
	assert_int_equal(guest_mem_write(gm, 0, "x", 1), 0);
	assert_int_equal(smaps_kib(r->host, "KernelPageSize:"),
			 page_size >> 10);
	guest_mem_destroy(gm);
}

static void test_hugepages_of_2m(void **state)
{
	struct guest_mem_config cfg = config(GUEST_MEM_HUGEPAGES, GIB(1024));
	struct guest_mem *gm = NULL;
	long before, free_pages;
	struct err err = {0};

	(void)state;
	hugepages_lock();
	before = read_number(POOL_2M "nr_hugepages");
	free_pages = read_number(POOL_2M "free_hugepages");
	if (before < 0 || (free_pages < 16 &&
			   !write_number(POOL_2M "nr_hugepages", before + 16)))
		skip(); /* no pool, and not root to make one */
	free_pages = read_number(POOL_2M "free_hugepages");
	if (free_pages >= 16)
		check_hugepages(MIB(2), MIB(32));
	/* A pool that is too small fails now, not as SIGBUS in the guest. */
	assert_int_equal(guest_mem_create(&gm, &cfg, &err), -ENOMEM);
	assert_string_equal(err.msg, "memory: not enough free 2M hugepages: "
				     "raise nr_hugepages");
	assert_null(gm);
	(void)write_number(POOL_2M "nr_hugepages", before);
	assert_true(free_pages >= 16);
}

/* One is made for the test where memory has a piece that long. */
static void test_hugepages_of_1g(void **state)
{
	struct guest_mem_config cfg = config(GUEST_MEM_HUGEPAGES, GIB(1024));
	struct guest_mem *gm = NULL;
	struct err err = {0};
	long before;

	(void)state;
	hugepages_lock();
	before = read_number(POOL_1G "nr_hugepages");
	if (before < 0)
		skip(); /* no such pages on this host */
	if (read_number(POOL_1G "free_hugepages") < 1)
		(void)write_number(POOL_1G "nr_hugepages", before + 1);
	if (read_number(POOL_1G "free_hugepages") >= 1)
		check_hugepages(GIB(1), GIB(1));
	else
		print_message("no page of 1 GiB to be had\n");
	cfg.page_size = GIB(1);
	assert_int_equal(guest_mem_create(&gm, &cfg, &err), -ENOMEM);
	assert_string_equal(err.msg, "memory: not enough free 1024M hugepages: "
				     "raise nr_hugepages");
	(void)write_number(POOL_1G "nr_hugepages", before);
}

/* Of the lowest 2 MiB, which may be a mapping of their own, and the rest. */
static long ram_kib(const struct guest_mem *gm, const char *key)
{
	const uint8_t *host = first_region(gm)->host;
	long size = smaps_kib(host, "Size:");
	long low = smaps_kib(host, key);

	return size == MIB(2) >> 10 ? low + smaps_kib(host + MIB(2), key) : low;
}

static void test_prefault(void **state)
{
	static const enum guest_mem_kind kinds[] = {GUEST_MEM_PRIVATE,
						    GUEST_MEM_SHARED};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct guest_mem_config cfg = config(kinds[i], MIB(32));
		struct guest_mem *gm;

		cfg.prefault = true;
		gm = create(&cfg);
		assert_int_equal(ram_kib(gm, "Rss:"), MIB(32) >> 10);
		guest_mem_destroy(gm);
	}
}

/* AddressSanitizer turns mlock() into a call that does nothing. */
#ifdef __SANITIZE_ADDRESS__
#define MLOCK_WORKS false
#else
#define MLOCK_WORKS true
#endif

static void test_locked(void **state)
{
	struct guest_mem_config cfg = config(GUEST_MEM_PRIVATE, MIB(32));
	struct guest_mem *gm = NULL;
	struct err err = {0};

	(void)state;
	if (!MLOCK_WORKS)
		skip();
	cfg.locked = true;
	if (guest_mem_create(&gm, &cfg, &err)) {
		assert_string_equal(
			err.msg,
			"memory: locked (raise RLIMIT_MEMLOCK): Cannot "
			"allocate memory");
		skip(); /* RLIMIT_MEMLOCK of this user */
	}
	assert_int_equal(ram_kib(gm, "Locked:"), MIB(32) >> 10);
	guest_mem_destroy(gm);
}

static int locked_without_privilege(void)
{
	struct guest_mem_config cfg = config(GUEST_MEM_PRIVATE, MIB(32));
	const struct rlimit limit = {4096, 4096};
	struct guest_mem *gm = NULL;
	struct err err = {0};

	cfg.locked = true;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    (geteuid() == 0 && setuid(65534)))
		return 1;
	if (guest_mem_create(&gm, &cfg, &err) != -ENOMEM || gm)
		return 2;
	return strstr(err.msg, "raise RLIMIT_MEMLOCK") ? 0 : 3;
}

static void test_locked_beyond_the_limit(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	if (!MLOCK_WORKS)
		skip();
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(locked_without_privilege());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* KSM merges pages of one process as well: fill them alike and wait. */
static void test_mergeable_is_merged(void **state)
{
	struct guest_mem_config cfg = config(GUEST_MEM_PRIVATE, MIB(32));
	const long pages = (long)(MIB(32) / 4096);
	long run = read_number(KSM "run");
	long scan = read_number(KSM "pages_to_scan");
	struct guest_mem *gm;
	long merged = 0;

	(void)state;
	if (run < 0 || !write_number(KSM "pages_to_scan", 10000) ||
	    !write_number(KSM "run", 1))
		skip(); /* a kernel without KSM, or not root */
	cfg.mergeable = true;
	gm = create(&cfg);
	memset(first_region(gm)->host, 0x5a, MIB(32));
	/* Of this process: the counters of the host see other tests too. */
	for (int i = 0; i < 3000 && merged < pages * 9 / 10; i++) {
		(void)usleep(20000);
		merged = read_number("/proc/self/ksm_merging_pages");
	}
	guest_mem_destroy(gm);
	(void)write_number(KSM "run", run);
	(void)write_number(KSM "pages_to_scan", scan);
	print_message("%ld of %ld pages are merged\n", merged, pages);
	assert_true(merged >= pages * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_a_tebibyte),
		cmocka_unit_test(test_shared_is_the_memfd),
		cmocka_unit_test(test_hugepages_of_2m),
		cmocka_unit_test(test_hugepages_of_1g),
		cmocka_unit_test(test_prefault),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_locked_beyond_the_limit),
		cmocka_unit_test(test_mergeable_is_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
