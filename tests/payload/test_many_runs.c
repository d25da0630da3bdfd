/*
 * test_many_runs.c - many runs of a payload that uses a disk, a network and
 * vsock, one after another and at once: no exit code is lost, and nothing is
 * left, whoever of them is killed.
 *
 * By lwx-vm run, with the network of passt(1), and by lwx-vm start, with taps.
 * In namespaces of its own (own_host.h), so as root. LWX_FULL=1 runs the long
 * form: 1,000 one after another, 100 at once.
 */
#include "cleanup.h"
#include "echo_peer.h"
#include "lwx_vm_rig.h"
#include "macros.h"
#include "own_host.h"
#include "pattern.h"
#include "payload_vm.h"
#include "test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE_MAX 100
#define DISK_SECTORS 8 /* that the guest uses */
#define DISK_SIZE KIB(64)
#define VSOCK_PORT "5000"
#define VSOCK_BYTES 6000
#define PORT_FIRST 10000
#define PORTS 20000 /* below the ones that are given out */
#define CODES 120   /* those above tell of the VM */

/**
 * struct job - one run
 * @code: wanted exit status
 * @seed: of what it writes
 * @run:  the command, if it has one of its own
 * @killed: a process of it was
 */
struct job {
	int code;
	uint64_t seed;
	struct rig_run run;
	bool killed;
};

static struct echo_peer *peer;
static struct job jobs[AT_ONCE_MAX];

static unsigned int pick(unsigned int few, unsigned int many)
{
	const char *full = getenv("LWX_FULL");

	return full && !strcmp(full, "1") ? many : few;
}

/* Place @n: a disk, and somebody who listens for the guest. */
static void prepare(struct rig *rig, unsigned int num)
{
	struct err err;

	if (echo_peer_create(&peer, &err) ||
	    echo_peer_bridge(peer, OWN_HOST_BRIDGE, &err))
		fail_msg("%s", err.msg);
	for (unsigned int n = 0; n < num; n++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "disk%u", n);
		rig_write(rig, path, "%s", "");
		(void)snprintf(path, sizeof(path), "%s/disk%u", rig->dir, n);
		assert_int_equal(truncate(path, DISK_SIZE), 0);
		(void)snprintf(path, sizeof(path), "%s/vsock%u_" VSOCK_PORT,
			       rig->dir, n);
		if (echo_peer_listen(peer, path, &err))
			fail_msg("%s", err.msg);
	}
}

static void new_job(struct job *job)
{
	*job = (struct job){
		.code = (int)(payload_random() % CODES),
		.seed = payload_random() >> 1,
	};
}

/* Each sends from a port of its own: passt(1) binds the same one here, and no
 * two may have it. */
static void write_words(char words[192], const struct job *job)
{
	static unsigned int number;

	(void)snprintf(words, 192,
		       "seed=%" PRIu64 " code=%d peer=0x%x port=%u from=%u "
		       "vsock=" VSOCK_PORT " bytes=%d sectors=%d",
		       job->seed, job->code, OWN_HOST_GATEWAY,
		       echo_peer_port(peer), PORT_FIRST + number++ % PORTS,
		       VSOCK_BYTES, DISK_SECTORS);
}

static void start(struct rig *rig, struct job *job, unsigned int place)
{
	char words[192], disk[16], vsock[16];

	new_job(job);
	write_words(words, job);
	(void)snprintf(disk, sizeof(disk), "disk%u", place);
	(void)snprintf(vsock, sizeof(vsock), "vsock%u", place);
	rig_start(rig, &job->run, "run", "--kernel", PAYLOAD_ELF, "--memory",
		  "32M", "--announce", "cmdline", "--disk", disk, "--net",
		  "user", "--vsock", vsock, "--timeout", "50", "--",
		  "payload=devices", words, NULL);
}

/* The disk holds what the seed makes. */
static void check_disk(const struct rig *rig, const struct job *job,
		       unsigned int place)
{
	uint64_t words[DISK_SECTORS * SECTOR_WORDS];
	AUTO_CLOSE int fd = -1;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/disk%u", rig->dir, place);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, words, sizeof(words)), sizeof(words));
	for (uint64_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(words[i],
				 pattern_word(job->seed, i / SECTOR_WORDS,
					      i % SECTOR_WORDS));
}

static void finish(struct rig *rig, struct job *job, unsigned int place)
{
	int status = rig_wait(&job->run);

	if (status != job->code) {
		char *out = rig_read(job->run.out),
		     *err = rig_read(job->run.err);

		fail_msg("status %d, wanted %d: %s%s", status, job->code, out,
			 err);
	}
	rig_expect_exactly(job->run.err, "");
	check_disk(rig, job, place);
	assert_int_equal(unlink(job->run.out), 0);
	assert_int_equal(unlink(job->run.err), 0);
}

/* Each of @runs has sent its datagram and had its connection. */
static void check_peer(unsigned int runs, bool frames)
{
	struct echo_counts counts;

	/* It is told of the end of a connection when the VM has ended. */
	do
		counts = echo_peer_counts(peer);
	while (counts.connections < runs && !poll(NULL, 0, 1));
	assert_int_equal(counts.connections, runs);
	assert_int_equal(counts.bytes, (uint64_t)runs * VSOCK_BYTES);
	assert_int_equal(counts.frames, frames ? runs : 0);
	assert_int_equal(counts.datagrams, frames ? 0 : runs);
}

static void test_one_after_another(void **state)
{
	unsigned int num = pick(20, 1000);
	struct rig *rig = *state;

	prepare(rig, 1);
	for (unsigned int i = 0; i < num; i++) {
		start(rig, &jobs[0], 0);
		finish(rig, &jobs[0], 0);
	}
	check_peer(num, false);
}

static void test_at_once(void **state)
{
	unsigned int num = pick(16, AT_ONCE_MAX);
	struct rig *rig = *state;

	prepare(rig, num);
	for (unsigned int i = 0; i < num; i++)
		start(rig, &jobs[i], i);
	for (unsigned int i = 0; i < num; i++)
		finish(rig, &jobs[i], i);
	check_peer(num, false);
}

static void write_host_cfg(const struct rig *rig, unsigned int num)
{
	char *vms = NULL, words[192];
	size_t size = 0;
	FILE *file = open_memstream(&vms, &size);

	assert_non_null(file);
	for (unsigned int i = 0; i < num; i++) {
		new_job(&jobs[i]);
		write_words(words, &jobs[i]);
		(void)fprintf(file, "%s{ name = \"vm%03u\"; ", i ? ",\n" : "",
			      i);
		(void)fprintf(file, "cmdline = \"payload=devices %s\"; ",
			      words);
		(void)fprintf(file, "disks = ({ path = \"disk%u\"; ", i);
		(void)fprintf(file, "format = \"raw\"; }); ");
		(void)fprintf(file,
			      "nets = ({ type = \"tap\"; network = \"n\"; ");
		(void)fprintf(file, "mac = \"02:00:00:00:01:%02x\"; }); ", i);
		(void)fprintf(file,
			      "vsock = { cid = %u; path = \"vsock%u\"; }; }",
			      100 + i, i);
	}
	assert_int_equal(fclose(file), 0);
	rig_write(rig, "host.cfg",
		  "networks = ({ name = \"n\"; bridge = \"" OWN_HOST_BRIDGE
		  "\"; });\ndefaults = { memory = \"32M\"; kernel = \"%s\"; "
		  "announce = \"cmdline\"; restart = \"no\"; };\nvms = (%s);\n",
		  PAYLOAD_ELF, vms);
	free(vms);
}

/* All VMs of one file, each with its tap. */
static void test_at_once_from_one_file(void **state)
{
	unsigned int num = pick(12, AT_ONCE_MAX);
	struct rig *rig = *state;
	struct rig_run run;

	prepare(rig, num);
	write_host_cfg(rig, num);
	(void)rig_command(rig, &run, "start", "host.cfg");
	for (unsigned int i = 0; i < num; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line),
			       "lwx-vm: vm%03u: exit status %d\n", i,
			       jobs[i].code);
		if (jobs[i].code) /* of which nothing is said */
			rig_expect(run.err, line);
		check_disk(rig, &jobs[i], i);
	}
	check_peer(num, true);
}

/* The first child of a process, or 0. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	FILE *list;
	int child = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		       (int)pid, (int)pid);
	list = fopen(path, "re");
	if (list && fscanf(list, "%d", &child) != 1)
		child = 0;
	if (list)
		(void)fclose(list);
	return child;
}

/* SIGKILL to the command, to its supervisor or to the VM's process: whichever
 * is there, some time into its life. */
static void kill_one_of(struct job *job)
{
	pid_t victim = job->run.pid;

	for (uint64_t depth = payload_random() % 3; depth > 0; depth--) {
		pid_t child = child_of(victim);

		victim = child ? child : victim;
	}
	job->killed = kill(victim, SIGKILL) == 0;
}

/* Who is killed has no code, or has told it already; the others have theirs. */
static void check_end(struct rig *rig, struct job *job, unsigned int place)
{
	int status;

	if (!job->killed) {
		finish(rig, job, place);
		return;
	}
	status = rig_wait(&job->run);
	if (status != job->code && status != 120 && status != 121 &&
	    status != 1000 + SIGKILL)
		fail_msg("status %d after a kill, the code is %d", status,
			 job->code);
}

/* Half of those that run at once; the next round finds nothing in its way. */
static void test_killed_at_random(void **state)
{
	unsigned int rounds = pick(3, 20), num = 8;
	struct rig *rig = *state;

	prepare(rig, num);
	for (unsigned int round = 0; round < rounds; round++) {
		for (unsigned int i = 0; i < num; i++)
			start(rig, &jobs[i], i);
		for (unsigned int i = 0; i < num; i += 2) {
			(void)poll(NULL, 0, (int)(payload_random() % 40));
			kill_one_of(&jobs[i]);
		}
		for (unsigned int i = 0; i < num; i++)
			check_end(rig, &jobs[i], i);
		rig_expect_clean(rig);
	}
}

/*
 * Sweeps: what is there before a test is there after it, and nothing else. That
 * no process is left is for rig_expect_clean().
 */
static char *before;

static int set_up(void **state)
{
	before = own_host_listing();
	return rig_set_up(state);
}

/* The sockets of its vsock are not in the VM's folder. */
static void expect_no_sockets(const struct rig *rig)
{
	char path[128];

	for (unsigned int n = 0; n < AT_ONCE_MAX; n++) {
		(void)snprintf(path, sizeof(path), "%s/vsock%u", rig->dir, n);
		assert_int_equal(access(path, F_OK), -1);
		(void)strcat(path, ".seqpacket");
		assert_int_equal(access(path, F_OK), -1);
	}
}

static int tear_down(void **state)
{
	int rc;

	echo_peer_destroy(peer);
	peer = NULL;
	rig_expect_clean(*state);
	expect_no_sockets(*state);
	rc = rig_tear_down(state);
	own_host_expect(before);
	free(before);
	return rc;
}

#define SWEPT_TEST(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SWEPT_TEST(test_one_after_another),
		SWEPT_TEST(test_at_once),
		SWEPT_TEST(test_at_once_from_one_file),
		SWEPT_TEST(test_killed_at_random),
	};

	payload_require_kvm();
	if (!own_host_enter()) {
		(void)fprintf(stderr, "not root, or no namespaces here\n");
		return 77;
	}
	rig_set_vmm("lwx-vmm");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
