/* bench_job.c - see bench_job.h. */
#include "bench_job.h"

#include "cleanup.h"
#include "echo_peer.h"
#include "macros.h"
#include "program_path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY MIB(32)
#define MEMORY_TEXT "32M"
#define DISK_SIZE KIB(64)
#define VSOCK_PORT "5000"
#define CODE 7
#define QEMU_CODE (CODE << 1 | 1) /* what isa-debug-exit makes of it */
#define PORT_FIRST 10000U	  /* each job sends from one of its own */
#define PORTS 20000U
#define ANY_ADDRESS 0xc6336401U /* whoever it is, the peer answers */

extern char **environ;

/**
 * struct bench_jobs - what jobs need
 * @dir:     holds diskN, and vsockN_5000, where the peer listens
 * @program: path of lwx-vm
 * @gateway: IPv4 of the default route, by which passt(1) reaches this host; 0
 *           without one: no network then
 * @serial:  jobs started so far
 */
struct bench_jobs {
	char dir[32];
	char program[PATH_MAX];
	const char *payload;
	unsigned int num;
	uint32_t gateway;
	unsigned int serial;
	struct echo_peer *peer;
	struct bench_guest guests[BENCH_JOBS_MAX];
};

const char *bench_job_name(enum bench_job kind)
{
	static const char *const names[] = {
		[BENCH_JOB_RUN] = "lwx-vm run",
		[BENCH_JOB_VMM] = "lwx-vmm",
		[BENCH_JOB_QEMU] = "QEMU microvm",
	};
	_Static_assert(ARRAY_SIZE(names) == BENCH_JOB_KINDS, "a name for each");

	return names[kind];
}

/* Return: 0 if there is none. */
static uint32_t default_gateway(void)
{
	FILE *routes = fopen("/proc/net/route", "re");
	uint32_t to, gateway, found = 0;
	char line[256];

	/* NOLINTBEGIN(cert-err34-c): the kernel's own numbers. */
	while (routes && !found && fgets(line, sizeof(line), routes))
		if (sscanf(line, "%*s %" SCNx32 " %" SCNx32, &to, &gateway) ==
			    2 &&
		    !to)
			found = ntohl(gateway);
	/* NOLINTEND(cert-err34-c) */
	if (routes)
		(void)fclose(routes); /* read-only */
	return found;
}

static int make_place(struct bench_jobs *jobs, unsigned int n, struct err *err)
{
	char path[64];
	int fd, rc = 0;

	(void)snprintf(path, sizeof(path), "%s/disk%u", jobs->dir, n);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	if (ftruncate(fd, DISK_SIZE))
		rc = err_set(err, -errno, "%s", path);
	(void)close(fd); /* nothing was written */
	(void)snprintf(path, sizeof(path), "%s/vsock%u_" VSOCK_PORT, jobs->dir,
		       n);
	return rc ? rc : echo_peer_listen(jobs->peer, path, err);
}

static int set_up(struct bench_jobs *jobs, struct err *err)
{
	char dir[] = "/tmp/lwx-bench-XXXXXX";
	int rc = program_path("lwx-vm", jobs->program, sizeof(jobs->program),
			      err);

	if (rc)
		return rc;
	if (!mkdtemp(dir))
		return err_set(err, -errno, "%s", dir);
	(void)strcpy(jobs->dir, dir);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return err_set(err, -errno, "subreaper");
	jobs->gateway = default_gateway();
	if (!jobs->gateway)
		(void)fprintf(stderr, "lwx-bench: no default route: lwx-vm run "
				      "without a network\n");
	rc = echo_peer_create(&jobs->peer, err);
	for (unsigned int n = 0; !rc && n < jobs->num; n++)
		rc = make_place(jobs, n, err);
	return rc;
}

int bench_jobs_create(struct bench_jobs **out, const char *payload,
		      unsigned int num, struct err *err)
{
	struct bench_jobs *jobs = calloc(1, sizeof(*jobs));
	int rc;

	*out = NULL;
	if (!jobs)
		return err_set(err, -ENOMEM, "jobs");
	jobs->payload = payload;
	jobs->num = num;
	rc = set_up(jobs, err);
	if (rc)
		bench_jobs_destroy(jobs);
	else
		*out = jobs;
	return rc;
}

static int spawn_run(struct bench_jobs *jobs, unsigned int n, char *words,
		     struct bench_guest *guest, struct err *err)
{
	char disk[64], vsock[64];
	char *const argv[] = {jobs->program,
			      (char[]){"run"},
			      (char[]){"--kernel"},
			      (char *)(uintptr_t)jobs->payload,
			      (char[]){"--memory"},
			      (char[]){MEMORY_TEXT},
			      (char[]){"--announce"},
			      (char[]){"cmdline"},
			      (char[]){"--disk"},
			      disk,
			      (char[]){"--vsock"},
			      vsock,
			      (char[]){"--net"},
			      jobs->gateway ? (char[]){"user"}
					    : (char[]){"none"},
			      (char[]){"--"},
			      words,
			      NULL};
	int rc;

	(void)snprintf(disk, sizeof(disk), "%s/disk%u", jobs->dir, n);
	(void)snprintf(vsock, sizeof(vsock), "%s/vsock%u", jobs->dir, n);
	guest->console = -1;
	rc = posix_spawn(&guest->pid, argv[0], NULL, NULL, argv, environ);
	return rc ? err_set(err, -rc, "%s", argv[0]) : 0;
}

/* Its network is a socket whose other end is the peer's. */
static int start_vmm(struct bench_jobs *jobs, enum bench_vmm vmm,
		     unsigned int n, const char *words,
		     struct bench_guest *guest, struct err *err)
{
	AUTO_CLOSE int theirs = -1;
	char disk[64];
	struct bench_guest_config cfg = {
		.kernel = jobs->payload,
		.cmdline = words,
		.memory = MEMORY,
		.disk = disk,
		.aio = "io_uring",
		.net_stream = true,
	};
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(err, -errno, "socket");
	theirs = pair[0];
	cfg.net_fd = theirs;
	(void)snprintf(disk, sizeof(disk), "%s/disk%u", jobs->dir, n);
	rc = bench_guest_start(guest, vmm, &cfg, err);
	if (!rc)
		rc = echo_peer_stream(jobs->peer, pair[1], err);
	if (rc)
		(void)close(pair[1]); /* nothing was sent */
	return rc;
}

static int start(struct bench_jobs *jobs, enum bench_job kind, unsigned int n,
		 struct bench_guest *guest, struct err *err)
{
	bool run = kind == BENCH_JOB_RUN;
	unsigned int serial = jobs->serial++;
	char words[256];

	(void)snprintf(words, sizeof(words),
		       "payload=devices code=%d seed=%u peer=0x%x port=%u "
		       "from=%u vsock=%s",
		       CODE, serial, run ? jobs->gateway : ANY_ADDRESS,
		       echo_peer_port(jobs->peer), PORT_FIRST + serial % PORTS,
		       run ? VSOCK_PORT : "0");
	return run ? spawn_run(jobs, n, words, guest, err)
		   : start_vmm(jobs,
			       kind == BENCH_JOB_QEMU ? BENCH_QEMU : BENCH_LWX,
			       n, words, guest, err);
}

/* Return: user and system time of all children that have ended. */
static uint64_t children_ns(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_CHILDREN, &usage); /* cannot fail */
	return ((uint64_t)usage.ru_utime.tv_sec +
		(uint64_t)usage.ru_stime.tv_sec) *
		       1000000000ULL +
	       ((uint64_t)usage.ru_utime.tv_usec +
		(uint64_t)usage.ru_stime.tv_usec) *
		       1000ULL;
}

static int wait_end(struct bench_guest *guest, enum bench_job kind,
		    struct err *err)
{
	int wanted = kind == BENCH_JOB_QEMU ? QEMU_CODE : CODE, status;

	while (waitpid(guest->pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, -errno, "wait");
	if (guest->console >= 0)
		(void)close(guest->console);
	if (WIFEXITED(status) && WEXITSTATUS(status) == wanted)
		return 0;
	return err_setx(err, -EPROTO, "%s: ended with status %d, not %d",
			bench_job_name(kind), WEXITSTATUS(status), wanted);
}

int bench_jobs_run(struct bench_jobs *jobs, enum bench_job kind,
		   unsigned int num, struct bench_cost *cost, struct err *err)
{
	uint64_t cpu = children_ns(), start_ns = bench_now_ns();
	struct err end_err;
	unsigned int started = 0;
	int rc = 0;

	while (!rc && started < num) {
		rc = start(jobs, kind, started, &jobs->guests[started], err);
		started += !rc;
	}
	for (unsigned int n = 0; n < started; n++) {
		int end = wait_end(&jobs->guests[n], kind, &end_err);

		if (end && !rc) {
			rc = end;
			*err = end_err;
		}
	}
	cost->wall_ns = bench_now_ns() - start_ns;
	while (waitpid(-1, NULL, 0) > 0) /* passt, in the background */
		;
	cost->cpu_ns = children_ns() - cpu;
	return rc;
}

void bench_jobs_destroy(struct bench_jobs *jobs)
{
	if (!jobs)
		return;
	echo_peer_destroy(jobs->peer);
	for (unsigned int n = 0; jobs->dir[0] && n < jobs->num; n++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/disk%u", jobs->dir, n);
		(void)unlink(path); /* as many as were made */
	}
	if (jobs->dir[0])
		(void)rmdir(jobs->dir); /* what is left is to be seen */
	free(jobs);
}
