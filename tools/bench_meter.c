/* bench_meter.c - perf events and CPU time of the threads of a VMM. */
#include "bench_meter.h"

#include "cleanup.h"
#include "macros.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACEFS "/sys/kernel/tracing"

/**
 * struct tracepoint - how an event is counted
 * @path:  below events/ in tracefs
 * @vcpus: of vCPU threads, else of the others
 * @host:  on all CPUs, whoever is running: the work is done by the kernel's
 *         own threads
 */
static const struct tracepoint {
	const char *path;
	bool vcpus;
	bool host;
} tracepoints[BENCH_EVENTS] = {
	[BENCH_SYSCALLS] = {.path = "raw_syscalls/sys_enter"},
	[BENCH_EXITS] = {.path = "kvm/kvm_userspace_exit", .vcpus = true},
	[BENCH_INTERRUPTS] = {.path = "kvm/kvm_set_irq", .host = true},
};

void bench_meter_prepare(void)
{
	if (!access(TRACEFS "/events", R_OK))
		return;
	/* Without the rights for it the events are not known: no failure. */
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return;
	(void)mount("tracefs", TRACEFS, "tracefs", 0, NULL);
}

/* Return: bytes in @buf, which gets a NUL, or -1. */
static ssize_t read_text(const char *path, char *buf, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

static bool tracepoint_id(const struct tracepoint *point, uint64_t *id)
{
	char path[128], text[32];

	(void)snprintf(path, sizeof(path), TRACEFS "/events/%s/id",
		       point->path);
	if (read_text(path, text, sizeof(text)) <= 0)
		return false;
	*id = strtoull(text, NULL, 10); /* the kernel's own number */
	return true;
}

static bool is_vcpu(pid_t pid, const char *tid)
{
	char path[64], name[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", (int)pid,
		       tid);
	if (read_text(path, name, sizeof(name)) <= 0)
		return false;
	return !strncmp(name, "vcpu", 4) || !strncmp(name, "CPU ", 4);
}

static void add_event(struct bench_meter *meter, enum bench_event event,
		      uint64_t id, pid_t tid, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
	};
	int fd;

	fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1,
			  PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || meter->num == BENCH_METER_EVENTS_MAX) {
		meter->traced = false;
		if (fd >= 0)
			(void)close(fd); /* a counter */
		return;
	}
	meter->fds[meter->num] = fd;
	meter->event[meter->num++] = event;
}

/* Call @fn for every thread of the process. */
static int for_each_thread(struct bench_meter *meter,
			   void (*fn)(struct bench_meter *meter,
				      const char *tid, void *arg),
			   void *arg, struct err *err)
{
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)meter->pid);
	dir = opendir(path);
	if (!dir)
		return err_set(err, -errno, "%s", path);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			fn(meter, entry->d_name, arg);
	}
	(void)closedir(dir); /* was only read */
	return 0;
}

static void count_thread(struct bench_meter *meter, const char *tid, void *arg)
{
	const uint64_t *ids = arg;
	bool vcpu = is_vcpu(meter->pid, tid);

	for (size_t i = 0; i < BENCH_EVENTS; i++) {
		if (!tracepoints[i].host && tracepoints[i].vcpus == vcpu)
			add_event(meter, (enum bench_event)i, ids[i],
				  (pid_t)strtol(tid, NULL, 10), -1);
	}
}

int bench_meter_open(struct bench_meter *meter, pid_t pid, struct err *err)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t ids[BENCH_EVENTS];

	*meter = (struct bench_meter){.pid = pid, .traced = true};
	for (size_t i = 0; i < BENCH_EVENTS; i++) {
		if (!tracepoint_id(&tracepoints[i], &ids[i])) {
			meter->traced = false;
			return 0;
		}
		for (long cpu = 0; tracepoints[i].host && cpu < cpus; cpu++)
			add_event(meter, (enum bench_event)i, ids[i], -1,
				  (int)cpu);
	}
	return for_each_thread(meter, count_thread, ids, err);
}

static void add_cpu_time(struct bench_meter *meter, const char *tid, void *arg)
{
	uint64_t *cpu_ns = arg;
	char path[64], text[96];

	if (is_vcpu(meter->pid, tid))
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat",
		       (int)meter->pid, tid);
	/* The first number: nanoseconds on a CPU. A thread may have ended. */
	if (read_text(path, text, sizeof(text)) > 0)
		*cpu_ns += strtoull(text, NULL, 10);
}

int bench_meter_read(const struct bench_meter *meter,
		     struct bench_sample *sample, struct err *err)
{
	struct bench_meter threads = {.pid = meter->pid};
	uint64_t value;

	*sample = (struct bench_sample){0};
	for (unsigned int i = 0; i < meter->num; i++) {
		if (read(meter->fds[i], &value, sizeof(value)) != sizeof(value))
			return err_set(err, -EIO, "a counter");
		sample->events[meter->event[i]] += value;
	}
	return for_each_thread(&threads, add_cpu_time, &sample->cpu_ns, err);
}

void bench_meter_close(struct bench_meter *meter)
{
	for (unsigned int i = 0; i < meter->num; i++)
		(void)close(meter->fds[i]); /* counters */
	meter->num = 0;
}
