/*
 * bench_start.c - what it costs to start a VM, beside a peer in one run.
 *
 * Rounds are interleaved (A B A B), so that a machine that gets slower is as
 * bad for both. Time counts from just before fork().
 */
#include "bench_start.h"

#include "bench_first.h"
#include "bench_guest.h"
#include "bench_stats.h"
#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_FIRST MIB(128)
#define MEMORY_LINUX MIB(256)
#define LINUX_CMDLINE                                                          \
	"console=ttyS0 quiet reboot=t panic=-1 tsc=reliable no_timer_check "   \
	"random.trust_cpu=on cryptomgr.notests i8042.noaux i8042.nokbd"

/** struct start_result - what is known of one VMM */
struct start_result {
	struct bench_values up_ms;    /* to the first sign of the guest */
	struct bench_values whole_ms; /* to the end of the process */
	struct bench_values cpu_ms;
	struct bench_values private_kib;
	double syscalls; /* exec to the first KVM_RUN; -1: not known */
};

static double ms_between(uint64_t from, uint64_t to)
{
	return (double)(to - from) / 1e6;
}

static int measure_time(enum bench_vmm vmm,
			const struct bench_guest_config *cfg, const char *text,
			struct start_result *result, struct err *err)
{
	struct bench_guest guest;
	uint64_t up_ns, cpu_ns, end_ns;
	int rc;

	rc = bench_guest_start(&guest, vmm, cfg, err);
	if (rc)
		return rc;
	if (bench_guest_wait_text(&guest, text, &up_ns)) {
		bench_guest_kill(&guest);
		return err_setx(err, -EPIPE,
				"%s: the guest ended without printing \"%s\"",
				bench_vmm_name(vmm), text);
	}
	rc = bench_guest_wait_end(&guest, &cpu_ns);
	end_ns = bench_now_ns();
	if (rc < 0)
		return err_set(err, rc, "%s", bench_vmm_name(vmm));
	bench_values_add(&result->up_ms, ms_between(guest.started_ns, up_ns));
	bench_values_add(&result->whole_ms,
			 ms_between(guest.started_ns, end_ns));
	bench_values_add(&result->cpu_ms, (double)cpu_ns / 1e6);
	return 0;
}

/* Sum of Private_Dirty of all mappings but guest RAM: those as large as it, and
 * those that are left out of a core dump ("dd"), as lwx-vmm has it in two.
 * Return: KiB or a negative errno. */
static int64_t private_kib(pid_t pid, uint64_t memory)
{
	char path[64], line[512];
	uint64_t from, to, kib = 0;
	int64_t sum = 0;
	bool ram = false;
	FILE *smaps;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	smaps = fopen(path, "re");
	if (!smaps)
		return -errno;
	/* NOLINTBEGIN(cert-err34-c): the kernel's own numbers. */
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2)
			ram = to - from >= memory;
		else if (strncmp(line, "VmFlags:", 8) == 0 && !ram &&
			 !strstr(line, " dd"))
			sum += (int64_t)kib;
		else
			(void)sscanf(line, "Private_Dirty: %" SCNu64, &kib);
	}
	/* NOLINTEND(cert-err34-c) */
	(void)fclose(smaps); /* read-only */
	return sum;
}

static int measure_memory(enum bench_vmm vmm,
			  const struct bench_guest_config *cfg,
			  struct start_result *result, struct err *err)
{
	struct bench_guest guest;
	uint64_t up_ns;
	int64_t kib;
	int rc;

	rc = bench_guest_start(&guest, vmm, cfg, err);
	if (rc)
		return rc;
	rc = bench_guest_wait_text(&guest, BENCH_FIRST_TEXT, &up_ns);
	kib = rc ? rc : private_kib(guest.pid, cfg->memory);
	bench_guest_kill(&guest);
	if (kib < 0)
		return err_set(err, (int)kib, "%s: private memory",
			       bench_vmm_name(vmm));
	bench_values_add(&result->private_kib, (double)kib);
	return 0;
}

/* Count the lines of a strace record up to the first KVM_RUN; exec included. */
static double count_until_run(const char *record)
{
	AUTO_FREE char *line = NULL;
	FILE *file = fopen(record, "re");
	bool found = false;
	double count = 0;
	size_t size = 0;

	if (!file)
		return -1;
	while (!found && getline(&line, &size, file) > 0) {
		found = strstr(line, "KVM_RUN") != NULL;
		/* A call that another thread interrupted is told twice. */
		if (!found && !strstr(line, "resumed>"))
			count++;
	}
	(void)fclose(file); /* read-only */
	return found ? count : -1;
}

static int measure_syscalls(enum bench_vmm vmm,
			    const struct bench_guest_config *cfg,
			    struct start_result *result, struct err *err)
{
	char record[] = "/tmp/lwx-bench-strace-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(record);
	struct bench_guest_config traced = *cfg;
	struct bench_guest guest;
	uint64_t up_ns, cpu_ns;
	int rc;

	result->syscalls = -1;
	if (fd < 0)
		return err_set(err, -errno, "%s", record);
	traced.trace = record;
	rc = bench_guest_start(&guest, vmm, &traced, err);
	if (!rc) {
		/* Without strace the guest does not come up: not known. */
		(void)bench_guest_wait_text(&guest, BENCH_FIRST_TEXT, &up_ns);
		(void)bench_guest_wait_end(&guest, &cpu_ns);
		result->syscalls = count_until_run(record);
	}
	(void)unlink(record);
	return rc;
}

static void print_row(struct start_result *results, const char *name,
		      size_t offset, const char *unit)
{
	double medians[BENCH_VMMS];

	for (size_t i = 0; i < BENCH_VMMS; i++) {
		void *at = (char *)&results[i] + offset;

		medians[i] = bench_values_median(at);
	}
	(void)printf("%-28s %10.1f %12.1f %8s %7.2f\n", name,
		     medians[BENCH_LWX], medians[BENCH_QEMU], unit,
		     medians[BENCH_QEMU] > 0
			     ? medians[BENCH_LWX] / medians[BENCH_QEMU]
			     : 0.0);
}

static void print_table(struct start_result *results, bool linux_guest)
{
	(void)printf("%-28s %10s %12s %8s %7s\n", "median", "lwx-vmm",
		     "QEMU microvm", "", "ratio");
	print_row(results,
		  linux_guest ? "start to guest up"
			      : "start to first instruction",
		  offsetof(struct start_result, up_ms), "ms");
	print_row(results, "start to end of process",
		  offsetof(struct start_result, whole_ms), "ms");
	print_row(results, "CPU time", offsetof(struct start_result, cpu_ms),
		  "ms");
	if (linux_guest)
		return;
	print_row(results, "private memory",
		  offsetof(struct start_result, private_kib), "KiB");
	(void)printf("%-28s %10.0f %12.0f\n", "system calls to KVM_RUN",
		     results[BENCH_LWX].syscalls, results[BENCH_QEMU].syscalls);
}

static json_t *values_json(struct bench_values *v)
{
	return json_pack(
		"{s:f, s:f, s:f, s:I}", "median", bench_values_median(v), "min",
		bench_values_quantile(v, 0), "max", bench_values_quantile(v, 1),
		"rounds", (json_int_t)v->count);
}

static int print_json(struct start_result *results, struct err *err)
{
	json_t *root = json_object();
	int rc = 0;

	for (size_t i = 0; i < BENCH_VMMS; i++) {
		struct start_result *r = &results[i];

		/* A part that cannot be made is missing, which dump reports. */
		(void)json_object_set_new(
			root, bench_vmm_name((enum bench_vmm)i),
			json_pack("{s:o, s:o, s:o, s:o, s:f}", "up_ms",
				  values_json(&r->up_ms), "whole_ms",
				  values_json(&r->whole_ms), "cpu_ms",
				  values_json(&r->cpu_ms), "private_kib",
				  values_json(&r->private_kib), "syscalls",
				  r->syscalls));
	}
	if (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) ||
	    putchar('\n') == EOF)
		rc = err_setx(err, -EIO, "cannot write JSON");
	json_decref(root);
	return rc;
}

static int measure_rounds(const struct bench_start_options *opt,
			  const struct bench_guest_config *cfg,
			  const struct bench_guest_config *halting,
			  const char *text, struct start_result *results,
			  struct err *err)
{
	int rc = 0;

	for (unsigned int round = 0; round < opt->rounds && !rc; round++) {
		for (size_t i = 0; i < BENCH_VMMS && !rc; i++) {
			enum bench_vmm vmm = (enum bench_vmm)i;

			rc = measure_time(vmm, cfg, text, &results[i], err);
			if (!rc && halting)
				rc = measure_memory(vmm, halting, &results[i],
						    err);
		}
	}
	for (size_t i = 0; i < BENCH_VMMS && !rc && halting; i++)
		rc = measure_syscalls((enum bench_vmm)i, cfg, &results[i], err);
	return rc;
}

static int measure_first(const struct bench_start_options *opt,
			 struct start_result *results, struct err *err)
{
	char ending[] = "/tmp/lwx-bench-guest-XXXXXX";
	char halting[] = "/tmp/lwx-bench-guest-XXXXXX";
	struct bench_guest_config cfg = {
		.kernel = ending,
		.cmdline = "",
		.memory = MEMORY_FIRST,
	};
	struct bench_guest_config idle = cfg;
	int rc;

	idle.kernel = halting;
	rc = bench_first_create(ending, false, err);
	if (rc)
		return rc;
	rc = bench_first_create(halting, true, err);
	if (!rc)
		rc = measure_rounds(opt, &cfg, &idle, BENCH_FIRST_TEXT, results,
				    err);
	(void)unlink(ending);
	(void)unlink(halting);
	return rc;
}

int bench_start(const struct bench_start_options *opt, struct err *err)
{
	const struct bench_guest_config linux_guest = {
		.kernel = opt->kernel,
		.initrd = opt->initrd,
		.cmdline = opt->cmdline ? opt->cmdline : LINUX_CMDLINE,
		.memory = MEMORY_LINUX,
		.acpi = true,
	};
	AUTO_FREE struct start_result *results =
		calloc(BENCH_VMMS, sizeof(*results));
	int rc;

	if (!results)
		return err_set(err, -ENOMEM, "results");
	rc = opt->kernel ? measure_rounds(opt, &linux_guest, NULL, opt->text,
					  results, err)
			 : measure_first(opt, results, err);
	if (rc)
		return rc;
	if (opt->json)
		return print_json(results, err);
	print_table(results, opt->kernel != NULL);
	return 0;
}
