/*
 * bench_meter.h - what a VMM costs the host while its guest works: CPU time,
 * system calls, exits to user space, interrupts.
 *
 * Counted by the kernel's tracepoints, which slow nothing down. They need root
 * and tracefs; where they are not to be had the counts are not known.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_METER_EVENTS_MAX 512

/** enum bench_event - counted by a tracepoint */
enum bench_event {
	BENCH_SYSCALLS,	  /* of all threads of the VMM but its vCPUs */
	BENCH_EXITS,	  /* a vCPU came back to user space */
	BENCH_INTERRUPTS, /* raised, on the whole host */
	BENCH_EVENTS,
};

/**
 * struct bench_sample - counters at one moment
 * @cpu_ns: CPU time of all threads of the VMM but its vCPUs
 * @events: see enum bench_event
 */
struct bench_sample {
	uint64_t cpu_ns;
	uint64_t events[BENCH_EVENTS];
};

/**
 * struct bench_meter - counters of one process
 * @pid:    of the VMM
 * @traced: the events are counted
 * @fds:    perf events, @num of them
 * @event:  what each counts
 */
struct bench_meter {
	pid_t pid;
	bool traced;
	unsigned int num;
	int fds[BENCH_METER_EVENTS_MAX];
	enum bench_event event[BENCH_METER_EVENTS_MAX];
};

/** bench_meter_prepare() - once, before anything else: a mount namespace with
 * tracefs, if this process may. */
void bench_meter_prepare(void);

/** bench_meter_open() - count for the threads that @pid has now. Return: 0 or a
 * negative errno; that tracepoints are missing is no failure. */
int bench_meter_open(struct bench_meter *meter, pid_t pid, struct err *err);

/** bench_meter_read() - the counters now. Return: 0 or a negative errno. */
int bench_meter_read(const struct bench_meter *meter,
		     struct bench_sample *sample, struct err *err);

/** bench_meter_close() - release. */
void bench_meter_close(struct bench_meter *meter);
