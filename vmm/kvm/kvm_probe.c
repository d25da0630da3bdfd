/* kvm_probe.c - what this host's KVM can do. */
#include "kvm_probe.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

const struct kvm_cap kvm_required_caps[KVM_REQUIRED_CAPS] = {
	{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
	{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
	{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
	{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
};

/* The guest: 2 MiB of memory, page tables that map it, a loop. */
#define GUEST_SIZE MIB(2)
#define GUEST_PML4 0x1000U
#define GUEST_PDPT 0x2000U
#define GUEST_PD 0x3000U
#define GUEST_CODE 0x4000U
#define GUEST_TSS 0x5000U
#define PAGE_PRESENT_WRITABLE 0x3U
#define PAGE_LARGE 0x80U
#define RUN_US 20000
#define CPUID_ENTRIES 256

/* loop: inc %rax; jmp loop */
static const uint8_t guest_code[] = {0x48, 0xff, 0xc0, 0xeb, 0xfb};
#define GUEST_LOOP_INSTRUCTIONS 2

/**
 * struct probe_guest - the guest; fds -1 and mappings MAP_FAILED if not made
 */
struct probe_guest {
	int kvm_fd;
	int vm_fd;
	int vcpu_fd;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
};

/* Page that the signal handler tells to make no more KVM_RUN. */
static struct kvm_run *running;

static void on_alarm(int sig)
{
	(void)sig;
	__atomic_store_n(&running->immediate_exit, 1, __ATOMIC_RELAXED);
}

static void put_entry(struct probe_guest *g, uint32_t table, uint64_t entry)
{
	memcpy(g->memory + table, &entry, sizeof(entry));
}

static int make_memory(struct probe_guest *g, struct err *err)
{
	struct kvm_userspace_memory_region region = {.memory_size = GUEST_SIZE};

	g->memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->memory == MAP_FAILED)
		return err_set(err, -errno, "memory of the test guest");
	put_entry(g, GUEST_PML4, GUEST_PDPT | PAGE_PRESENT_WRITABLE);
	put_entry(g, GUEST_PDPT, GUEST_PD | PAGE_PRESENT_WRITABLE);
	put_entry(g, GUEST_PD, PAGE_LARGE | PAGE_PRESENT_WRITABLE);
	memcpy(g->memory + GUEST_CODE, guest_code, sizeof(guest_code));
	region.userspace_addr = (uintptr_t)g->memory;
	if (ioctl(g->vm_fd, KVM_SET_USER_MEMORY_REGION, &region))
		return err_set(err, -errno, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

/* 64-bit mode, ring 0, flat segments, the page tables above. */
static int set_mode(struct probe_guest *g, struct err *err)
{
	const struct kvm_segment code = {.limit = 0xffffffff,
					 .selector = 8,
					 .type = 11,
					 .present = 1,
					 .s = 1,
					 .l = 1,
					 .g = 1};
	const struct kvm_segment data = {.limit = 0xffffffff,
					 .selector = 16,
					 .type = 3,
					 .present = 1,
					 .s = 1,
					 .db = 1,
					 .g = 1};
	const struct kvm_segment task = {.base = GUEST_TSS,
					 .limit = 0x67,
					 .selector = 24,
					 .type = 11,
					 .present = 1};
	struct kvm_regs regs = {.rip = GUEST_CODE, .rflags = 2};
	struct kvm_sregs sregs;

	if (ioctl(g->vcpu_fd, KVM_GET_SREGS, &sregs))
		return err_set(err, -errno, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = task;
	sregs.cr0 = 0x80000011; /* PG, ET, PE */
	sregs.cr3 = GUEST_PML4;
	sregs.cr4 = 0x20;   /* PAE */
	sregs.efer = 0x500; /* LME, LMA */
	if (ioctl(g->vcpu_fd, KVM_SET_SREGS, &sregs))
		return err_set(err, -errno, "KVM_SET_SREGS");
	if (ioctl(g->vcpu_fd, KVM_SET_REGS, &regs))
		return err_set(err, -errno, "KVM_SET_REGS");
	return 0;
}

/* What the host has, so that 64-bit mode is there too. */
static int set_cpuid(struct probe_guest *g, struct err *err)
{
	static _Alignas(struct kvm_cpuid2) char
		room[sizeof(struct kvm_cpuid2) +
		     CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	struct kvm_cpuid2 *cpuid = (void *)room;

	cpuid->nent = CPUID_ENTRIES;
	if (ioctl(g->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
		return err_set(err, -errno, "KVM_GET_SUPPORTED_CPUID");
	if (ioctl(g->vcpu_fd, KVM_SET_CPUID2, cpuid))
		return err_set(err, -errno, "KVM_SET_CPUID2");
	return 0;
}

static int make_guest(struct probe_guest *g, struct err *err)
{
	int size = ioctl(g->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int rc;

	if (size < (int)sizeof(*g->run))
		return err_setx(err, -EPROTO, "run page of %d bytes", size);
	g->run_size = (size_t)size;
	g->vm_fd = ioctl(g->kvm_fd, KVM_CREATE_VM, 0);
	if (g->vm_fd < 0)
		return err_set(err, -errno, "KVM_CREATE_VM");
	rc = make_memory(g, err);
	if (rc)
		return rc;
	g->vcpu_fd = ioctl(g->vm_fd, KVM_CREATE_VCPU, 0);
	if (g->vcpu_fd < 0)
		return err_set(err, -errno, "KVM_CREATE_VCPU");
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      g->vcpu_fd, 0);
	if (g->run == MAP_FAILED)
		return err_set(err, -errno, "run page");
	rc = set_cpuid(g, err);
	return rc ? rc : set_mode(g, err);
}

static double seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Run until the alarm; the guest never exits by itself. */
static int time_loop(struct probe_guest *g, double *mips, struct err *err)
{
	const struct itimerval alarm_in = {.it_value = {.tv_usec = RUN_US}};
	struct sigaction action = {.sa_handler = on_alarm}, old;
	struct kvm_regs before, after;
	double start, end;
	int rc;

	running = g->run;
	g->run->immediate_exit = 0;
	if (ioctl(g->vcpu_fd, KVM_GET_REGS, &before))
		return err_set(err, -errno, "KVM_GET_REGS");
	if (sigaction(SIGALRM, &action, &old) ||
	    setitimer(ITIMER_REAL, &alarm_in, NULL))
		return err_set(err, -errno, "timer");
	start = seconds();
	do
		rc = ioctl(g->vcpu_fd, KVM_RUN, 0);
	while (rc && errno == EINTR &&
	       !__atomic_load_n(&g->run->immediate_exit, __ATOMIC_RELAXED));
	rc = rc ? -errno : 0;
	end = seconds();
	(void)sigaction(SIGALRM, &old, NULL); /* the same call worked above */
	if (!rc)
		return err_setx(err, -EPROTO,
				"test guest stopped: exit reason %u",
				g->run->exit_reason);
	if (rc != -EINTR)
		return err_set(err, rc, "KVM_RUN");
	if (ioctl(g->vcpu_fd, KVM_GET_REGS, &after))
		return err_set(err, -errno, "KVM_GET_REGS");
	*mips = (double)(after.rax - before.rax) * GUEST_LOOP_INSTRUCTIONS /
		(end - start) / 1e6;
	return 0;
}

static int probe_guest(int kvm_fd, double *mips, struct err *err)
{
	struct probe_guest g = {
		.kvm_fd = kvm_fd,
		.vm_fd = -1,
		.vcpu_fd = -1,
		.memory = MAP_FAILED,
		.run = MAP_FAILED,
	};
	int rc = make_guest(&g, err), run;
	double measured = 0;

	/* The best of two: the first run pays for what is done once. */
	for (run = 0; !rc && run < 2; run++) {
		rc = time_loop(&g, &measured, err);
		*mips = MAX(*mips, measured);
	}
	if (g.run != MAP_FAILED)
		(void)munmap(g.run, g.run_size);
	if (g.vcpu_fd >= 0)
		(void)close(g.vcpu_fd);
	if (g.vm_fd >= 0)
		(void)close(g.vm_fd);
	if (g.memory != MAP_FAILED)
		(void)munmap(g.memory, GUEST_SIZE);
	return rc;
}

void kvm_probe_run(struct kvm_probe *probe)
{
	AUTO_CLOSE int fd = -1;
	size_t i;

	*probe = (struct kvm_probe){0};
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		(void)err_set(&probe->err, -errno, "/dev/kvm");
		return;
	}
	probe->api_version = ioctl(fd, KVM_GET_API_VERSION, 0);
	for (i = 0; i < KVM_REQUIRED_CAPS; i++)
		probe->has[i] = ioctl(fd, KVM_CHECK_EXTENSION,
				      kvm_required_caps[i].cap) > 0;
	probe->max_vcpus = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	(void)probe_guest(fd, &probe->ring0_mips, &probe->err);
}

void kvm_probe_print(const struct kvm_probe *probe, FILE *to)
{
	const char *comma = "";
	size_t i;

	(void)fprintf(to,
		      "{\"api_version\":%d,\"max_vcpus\":%d,"
		      "\"ring0_mips\":%.3f,\"error\":\"",
		      probe->api_version, probe->max_vcpus, probe->ring0_mips);
	/* Messages are ours; the quoting is for what libc may put in. */
	for (i = 0; probe->err.msg[i]; i++)
		if (probe->err.msg[i] != '"' && probe->err.msg[i] != '\\')
			(void)fputc(probe->err.msg[i], to);
	(void)fputs("\",\"missing\":[", to);
	for (i = 0; i < KVM_REQUIRED_CAPS; i++)
		if (probe->api_version && !probe->has[i]) {
			(void)fprintf(to, "%s\"%s\"", comma,
				      kvm_required_caps[i].name);
			comma = ",";
		}
	(void)fputs("]}\n", to);
}
