/*
 * bench_job.h - short VMs: a payload that uses its devices and ends, under
 * lwx-vm run, under lwx-vmm and under QEMU, one or many at once.
 */
#pragma once

#include "bench_guest.h"

#define BENCH_JOBS_MAX 100

/** enum bench_job - how it is run */
enum bench_job {
	BENCH_JOB_RUN,	/* lwx-vm run: disk, network by passt(1), vsock */
	BENCH_JOB_VMM,	/* lwx-vmm alone: disk, network over a socket */
	BENCH_JOB_QEMU, /* QEMU's microvm, the same */
	BENCH_JOB_KINDS,
};

/** bench_job_name() - "lwx-vm run", ... */
const char *bench_job_name(enum bench_job kind);

/** struct bench_cost - of all jobs together: until the last has ended; user and
 * system time of all processes, those in the background included */
struct bench_cost {
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

struct bench_jobs;

/** bench_jobs_create() - a folder with disks, and a peer to talk to, for up to
 * @num jobs at once, of the guest @payload. From then on processes that lose
 * their parent are this one's. Return: 0 or a negative errno. */
int bench_jobs_create(struct bench_jobs **out, const char *payload,
		      unsigned int num, struct err *err);

/** bench_jobs_run() - @num jobs at once. Return: 0, or a negative errno if one
 * of them did not end as it should. */
int bench_jobs_run(struct bench_jobs *jobs, enum bench_job kind,
		   unsigned int num, struct bench_cost *cost, struct err *err);

/** bench_jobs_destroy() - remove the folder. Accepts NULL. */
void bench_jobs_destroy(struct bench_jobs *jobs);
