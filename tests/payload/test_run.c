/*
 * test_run.c - lwx-vm run with real guests: status, signals, time-outs,
 * reports, and nothing left whichever of its processes is killed. Many runs:
 * test_many_runs.c.
 */
#include "lwx_vm_rig.h"
#include "macros.h"
#include "payload_vm.h"
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN(...)                                                               \
	"run", "--kernel", PAYLOAD_ELF, "--memory", "32M", "--announce",       \
		"cmdline", __VA_ARGS__

static void test_status(void **state)
{
	static const struct {
		const char *words[2];
		int status;
		const char *err;
	} cases[] = {
		{{"payload=exit", "code=0"}, 0, ""},
		{{"payload=exit", "code=77"}, 77, ""},
		{{"payload=exit", "code=255"}, 255, ""},
		{{"payload=poweroff", NULL}, 0, ""},
		{{"payload=triple", NULL}, 122, "triple fault of the guest"},
		{{"payload=panic", NULL}, 123, "panic of the guest"},
		{{"payload=reset", NULL}, 124, "the guest asked for a reset"},
	};
	struct rig *rig = *state;
	struct rig_run run;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(rig_command(rig, &run,
					     RUN("--", cases[i].words[0],
						 cases[i].words[1])),
				 cases[i].status);
		if (cases[i].err[0])
			rig_expect(run.err, cases[i].err);
		else
			rig_expect_exactly(run.err, "");
	}
	assert_int_equal(rig_command(rig, &run, RUN("payload=hello", "code=3")),
			 3);
	rig_expect(run.out, "hello");
}

static void test_a_disk(void **state)
{
	struct rig *rig = *state;
	char path[96];
	struct rig_run run;

	rig_write(rig, "disk", "x");
	(void)snprintf(path, sizeof(path), "%s/disk", rig->dir);
	assert_int_equal(truncate(path, 1 << 20), 0);
	assert_int_equal(rig_command(rig, &run,
				     RUN("--disk", "disk", "--", "payload=blk",
					 "sectors=64", "code=9")),
			 9);
	assert_int_equal(
		rig_command(rig, &run,
			    RUN("--disk", "disk:ro", "--", "payload=blk-read",
				"sectors=64", "code=8")),
		8);
}

static void test_what_cannot_be(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	assert_int_equal(rig_command(rig, &run, "run"), 2);
	rig_expect(run.err, "--root DIR or --image FILE, or --kernel FILE");
	assert_int_equal(rig_command(rig, &run, "run", "--root", "/"), 2);
	rig_expect(run.err, "which command?");
	assert_int_equal(rig_command(rig, &run, RUN("--share", "/:/mnt")), 2);
	assert_int_equal(rig_command(rig, &run, RUN("--cpus", "65")), 2);
	assert_int_equal(rig_command(rig, &run, RUN("--timeout", "-1")), 2);
	assert_int_equal(rig_command(rig, &run, RUN("--env", "A=b")), 2);
	rig_expect(run.err, "need --root or --image");
	assert_int_equal(rig_command(rig, &run, "run", "--root", "/", "--vsock",
				     "sockets", "true"),
			 2);
	rig_expect(run.err, "has its own");
	assert_int_equal(rig_command(rig, &run, RUN("--net", "bridge")), 2);
	rig_expect(run.err, "bridge: not a value for it");
	assert_int_equal(rig_command(rig, &run, "run", "--kernel", "missing"),
			 120);
	rig_expect(run.err, "missing: No such file or directory");
	assert_int_equal(rig_command(rig, &run, "run", "--kernel", PAYLOAD_ELF,
				     "--root", "/", "true"),
			 120);
	rig_expect(run.err, "--modules");
	assert_int_equal(rig_command(rig, &run, "run", "--kernel", PAYLOAD_ELF,
				     "--modules", "/", "--root", "/", "true"),
			 120);
	rig_expect(run.err, "modules.dep");
}

static void test_reports(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/report.xml", rig->dir);
	assert_int_equal(rig_command(rig, &run,
				     RUN("--junit", "report.xml", "--",
					 "payload=exit", "code=5", "a<b\"&")),
			 5);
	rig_expect(path, "tests=\"1\" failures=\"1\" errors=\"0\"");
	rig_expect(path, "name=\"payload=exit code=5 a&lt;b&quot;&amp;\"");
	rig_expect(path, "<failure message=\"exit status 5\"/>");
	assert_int_equal(rig_command(rig, &run,
				     RUN("--junit", "report.xml", "--timeout",
					 "0.5", "payload=spin")),
			 125);
	rig_expect(run.err, "timed out after 0.5 s");
	rig_expect(path, "failures=\"0\" errors=\"1\"");
	rig_expect(path, "<error message=\"timed out\"/>");
}

/* The VM of a run that never ends by itself. */
static pid_t start_spinning(struct rig *rig, struct rig_run *run)
{
	pid_t vmm = 0;

	rig_start(rig, run, RUN("payload=spin", NULL));
	for (int ms = 0; !vmm && ms < RIG_TIMEOUT_MS; ms += 20) {
		(void)poll(NULL, 0, 20);
		vmm = (pid_t)rig_vm_number(rig, "pid");
	}
	assert_true(vmm > 0);
	return vmm;
}

static void test_interrupted(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct rig *rig = *state;
	struct rig_run run;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		(void)start_spinning(rig, &run);
		assert_int_equal(kill(run.pid, signals[i]), 0);
		assert_int_equal(rig_wait(&run), 125);
		rig_expect_clean(rig);
	}
}

/* rig_expect_clean() waits for all processes and sweeps, as any later command
 * does. */
static void test_killed(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vmm, supervisor;

	vmm = start_spinning(rig, &run);
	assert_int_equal(kill(vmm, SIGKILL), 0);
	assert_int_equal(rig_wait(&run), 121);
	rig_expect_clean(rig);

	vmm = start_spinning(rig, &run);
	supervisor = rig_parent_of(vmm);
	assert_int_not_equal(supervisor, run.pid);
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	assert_int_equal(rig_wait(&run), 121);
	rig_wait_process(vmm);
	rig_expect_clean(rig);

	vmm = start_spinning(rig, &run);
	supervisor = rig_parent_of(vmm);
	assert_int_equal(kill(run.pid, SIGKILL), 0);
	assert_int_equal(rig_wait(&run), 1000 + SIGKILL);
	rig_wait_process(supervisor);
	rig_wait_process(vmm);
	rig_expect_clean(rig);
}

/* It has a socket, and the time to say what it waits for. */
static void wait_connected(pid_t pid)
{
	char path[64], target[16];
	bool found = false;

	for (int ms = 0; !found && ms < RIG_TIMEOUT_MS; ms += 20) {
		for (int fd = 3; !found && fd < 16; fd++) {
			(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d",
				       (int)pid, fd);
			found = readlink(path, target, sizeof(target)) > 7 &&
				!memcmp(target, "socket:", 7);
		}
		(void)poll(NULL, 0, 20);
	}
	assert_true(found);
	(void)poll(NULL, 0, 200);
}

static void test_waiting_for_it(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, wait, other;
	char name[32];

	(void)start_spinning(rig, &run);
	(void)snprintf(name, sizeof(name), "run-%d", (int)run.pid);
	assert_int_equal(
		rig_command(rig, &other, "wait", "--for", "vm.started", name),
		0);
	assert_int_equal(rig_command(rig, &other, "wait", "--for", "ready",
				     "--timeout", "0.2", name),
			 124);
	assert_int_equal(rig_command(rig, &other, "exec", name, "true"), 125);
	rig_expect(other.err, "has no vsock");
	rig_start(rig, &wait, "wait", name, NULL);
	wait_connected(wait.pid);
	assert_int_equal(kill(run.pid, SIGTERM), 0);
	assert_int_equal(rig_wait(&run), 125);
	assert_int_equal(rig_wait(&wait), 0);
	rig_expect_exactly(wait.out, "125\n");
	assert_int_equal(rig_command(rig, &other, "wait", name), 1);
	rig_expect(other.err, "no such VM is running");
}

#define RIG_TEST(test)                                                         \
	cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(test_status),	       RIG_TEST(test_a_disk),
		RIG_TEST(test_what_cannot_be), RIG_TEST(test_reports),
		RIG_TEST(test_interrupted),    RIG_TEST(test_killed),
		RIG_TEST(test_waiting_for_it),
	};

	payload_require_kvm();
	rig_set_vmm("lwx-vmm");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
