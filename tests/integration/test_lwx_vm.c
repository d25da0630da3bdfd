/*
 * test_lwx_vm.c - lwx-vm and its supervisor with fake-vmm in the place of
 * lwx-vmm: exit status, signals, who ends with whom, restarts, adoption,
 * claims. The same with real guests: tests/payload/test_lwx_vm.c.
 */
#include "lwx_vm_rig.h"
#include "test.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

/* One VM; EXTRA are further keys. */
#define VM(name, cmdline, extra)                                               \
	"{ name = \"" name "\"; boot = { cmdline = \"" cmdline "\"; }; " extra \
	" }"
#define CONFIG(vms)                                                            \
	"defaults = { memory = \"64M\"; kernel = \"kernel\"; };\n"             \
	"vms = (" vms ");\n"

static void config(const struct rig *rig, const char *text)
{
	rig_write(rig, "host.cfg", "%s", text);
}

static void test_the_status_of_the_only_vm_is_ours(void **state)
{
	static const struct {
		const char *cmdline;
		int status;
		const char *err;
	} cases[] = {
		{"exit=0", 0, ""},
		{"exit=1", 1, "lwx-vm: a: exit status 1\n"},
		{"exit=255 after=50", 255, "lwx-vm: a: exit status 255\n"},
		/* A guest may use a reserved code: the reason tells. */
		{"exit=124", 124, "lwx-vm: a: exit status 124\n"},
	};
	struct rig *rig = *state;
	struct rig_run run;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_write(rig, "host.cfg",
			  "vms = ({ name = \"a\"; memory = \"64M\"; boot = { "
			  "kernel = \"kernel\"; cmdline = \"%s\"; }; });",
			  cases[i].cmdline);
		assert_int_equal(rig_command(rig, &run, "start", "host.cfg"),
				 cases[i].status);
		rig_expect_exactly(run.err, cases[i].err);
	}
}

static void test_several_vms_are_told_apart(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig,
	       CONFIG(VM("a", "print=one exit=0 after=400", "") "," VM(
		       "b", "print=two exit=7 after=10",
		       "") "," VM("c", "print=three exit=3 after=200", "")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 7);
	rig_expect(run.out, "a | one\n");
	rig_expect(run.out, "b | two\n");
	rig_expect(run.out, "c | three\n");
	rig_expect(run.err, "lwx-vm: a: powered off (status 0)\n");
	rig_expect(run.err, "lwx-vm: b: exit status 7\n");
	rig_expect(run.err, "lwx-vm: c: exit status 3\n");
	/* Only those that are named. */
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg", "c"), 3);
	rig_expect_exactly(run.out, "three\n");
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg", "d"), 120);
	rig_expect(run.err, "d");
}

static void test_a_vm_that_cannot_be_set_up_fails_alone(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig,
	       CONFIG(VM("a", "setup-fail", "restart = \"always\";") "," VM(
		       "b", "print=fine exit=0 after=100", "")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "a: told to fail\n"); /* fake-vmm itself */
	rig_expect(run.err, "lwx-vm: a: set-up failed (status 120)\n");
	rig_expect(run.err, "lwx-vm: b: powered off (status 0)\n");
	rig_expect_exactly(run.out, "b | fine\n");
	assert_int_equal(setenv("LWX_VMM", "/nonexistent", 1), 0);
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "/nonexistent");
	rig_set_vmm("tests/lib/fake-vmm");
}

static void test_usage_errors_are_status_2(void **state)
{
	static const char *const verbs[] = {"start",   "stop",	 "ps",
					    "console", "pause",	 "resume",
					    "inspect", "events", "metrics",
					    "check",   "disk",	 "boot-chart"};
	struct rig *rig = *state;
	struct rig_run run;

	assert_int_equal(rig_command(rig, &run, "frobnicate"), 2);
	rig_expect(run.err, "unknown verb frobnicate");
	assert_int_equal(rig_command(rig, &run, "--version"), 0);
	rig_expect(run.out, "lwx-vm " PACKAGE_VERSION "\n");
	assert_int_equal(rig_command(rig, &run, "--help"), 0);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char usage[64];

		rig_expect(run.out, verbs[i]);
		(void)snprintf(usage, sizeof(usage), "Usage: lwx-vm %s ",
			       verbs[i]);
		assert_int_equal(rig_command(rig, &run, verbs[i], "--help"), 0);
		rig_expect(run.out, usage);
		assert_int_equal(rig_command(rig, &run, verbs[i], "--nosuch"),
				 2);
		rig_expect(run.err, usage);
		assert_int_equal(rig_command(rig, &run, "--help"), 0);
	}
	assert_int_equal(rig_command(rig, &run, "start"), 2);
	assert_int_equal(rig_command(rig, &run, "stop"), 2);
	assert_int_equal(rig_command(rig, &run, "stop", "--all", "a"), 2);
	assert_int_equal(rig_command(rig, &run, "stop", "--grace", "-1", "a"),
			 2);
	assert_int_equal(rig_command(rig, &run, "events", "--since", "x", "a"),
			 2);
	assert_int_equal(
		rig_command(rig, &run, "disk", "resize", "a", "d", "10Q"), 2);
}

static void test_a_vm_that_is_not_there_is_status_1(void **state)
{
	static const char *const verbs[] = {"stop",   "console", "pause",
					    "resume", "inspect", "events",
					    "metrics"};
	struct rig *rig = *state;
	struct rig_run run;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(rig_command(rig, &run, verbs[i], "ghost"), 1);
		rig_expect_exactly(run.err,
				   "lwx-vm: ghost: no such VM is running\n");
	}
	assert_int_equal(rig_command(rig, &run, "pause", "../vms"), 1);
	rig_expect(run.err, "not a name of a VM");
	assert_int_equal(rig_command(rig, &run, "stop", "--all"), 0);
}

static void start_running(struct rig *rig, struct rig_run *run)
{
	rig_start(rig, run, "start", "host.cfg", NULL);
	rig_expect(run->out, "up");
}

static void test_the_first_signal_presses_the_power_button(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct rig *rig = *state;
	struct rig_run run;

	config(rig, CONFIG(VM("a", "print=up", "restart = \"always\";") "," VM(
			    "b", "print=up", "restart = \"always\";")));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		rig_start(rig, &run, "start", "host.cfg", NULL);
		rig_expect(run.out, "a | up");
		rig_expect(run.out, "b | up");
		/* As a terminal does it: to all of its process group. */
		(void)kill(-run.pid, signals[i]);
		assert_int_equal(rig_wait(&run), 0);
		rig_expect(run.err, "a: powered off (status 0)");
		rig_expect(run.err, "b: powered off (status 0)");
	}
}

static void test_who_ignores_the_power_button_is_killed(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	int64_t start;

	config(rig, CONFIG(VM("a", "print=up deaf", "stop_grace = 1;")));
	start_running(rig, &run);
	start = rig_now_ms();
	(void)kill(run.pid, SIGTERM);
	assert_int_equal(rig_wait(&run), 125);
	assert_true(rig_now_ms() - start >= 1000);
	rig_expect(run.err, "a: ended by the host (status 125)");
}

static void test_the_second_signal_kills_at_once(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	int64_t start;

	config(rig, CONFIG(VM("a", "print=up deaf", "stop_grace = 3600;")));
	start_running(rig, &run);
	start = rig_now_ms();
	(void)kill(run.pid, SIGINT);
	(void)poll(NULL, 0, 200);
	assert_int_equal(kill(run.pid, 0), 0);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 125);
	assert_true(rig_now_ms() - start < 60000);
}

static void test_who_ignores_the_kill_gets_sigkill(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, stop;

	config(rig, CONFIG(VM("a", "print=up deaf stuck", "stop_grace = 0;")));
	start_running(rig, &run);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 125);
	start_running(rig, &run);
	assert_int_equal(rig_command(rig, &stop, "stop", "--now", "a"), 0);
	assert_int_equal(rig_wait(&run), 125);
}

static void test_vms_end_with_their_supervisor(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, CONFIG(VM("a", "print=up", "")));
	start_running(rig, &run);
	vm = (pid_t)rig_vm_number(rig, "pid");
	assert_true(vm > 0);
	(void)kill(run.pid, SIGKILL);
	assert_int_equal(rig_wait(&run), 1000 + SIGKILL);
	rig_wait_process(vm);
}

static void test_a_start_waits_for_what_a_killed_one_left(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, CONFIG(VM("a", "print=up", "")));
	start_running(rig, &run);
	vm = (pid_t)rig_vm_number(rig, "pid");
	(void)kill(vm, SIGSTOP); /* it cannot end yet */
	(void)kill(run.pid, SIGKILL);
	(void)rig_wait(&run);
	rig_start(rig, &run, "start", "host.cfg", NULL);
	(void)poll(NULL, 0, 300);
	(void)kill(vm, SIGCONT);
	rig_expect(run.out, "up");
	rig_wait_process(vm);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
}

static void test_the_supervisor_notices_the_end_of_lwx_vmm(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig, CONFIG(VM("a", "print=up", "")));
	start_running(rig, &run);
	(void)kill((pid_t)rig_vm_number(rig, "pid"), SIGKILL);
	assert_int_equal(rig_wait(&run), 121);
	rig_expect_exactly(run.err,
			   "lwx-vm: a: lwx-vmm was killed by signal 9 "
			   "(Killed)\nlwx-vm: a: the VM failed (status 121)\n");
}

static void make_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
}

static void test_both_killed_leaves_what_the_next_sweeps(void **state)
{
	struct rig *rig = *state;
	char vsock[96];
	struct rig_run run;
	struct stat st;
	char path[96];
	pid_t vm;

	config(rig, CONFIG(VM("a", "print=up",
			      "vsock = { cid = 7; "
			      "path = \"v\"; };")));
	start_running(rig, &run);
	vm = (pid_t)rig_vm_number(rig, "pid");
	(void)kill(vm, SIGSTOP);
	(void)kill(run.pid, SIGKILL);
	(void)rig_wait(&run);
	(void)kill(vm, SIGKILL);
	rig_wait_process(vm);
	(void)snprintf(path, sizeof(path), "%s/state/vms/a", rig->dir);
	assert_int_equal(stat(path, &st), 0);
	(void)snprintf(vsock, sizeof(vsock), "%s/v", rig->dir);
	make_socket(vsock); /* as a VM leaves it */
	assert_int_equal(rig_command(rig, &run, "ps"), 0);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(stat(vsock, &st), -1);
	/* The next start does not stumble over it. */
	start_running(rig, &run);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
}

static void test_restart_on_failure(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	rig_write(rig, "mark", "x");
	rig_write(rig, "host.cfg",
		  CONFIG(VM("a", "print=up once=%s/mark exit=9",
			    "restart = \"on-failure\";")),
		  rig->dir);
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.err, "a: exit status 9");
	rig_expect(run.err, "a: starts again in 100 ms");
	rig_expect(run.out, "up\nup\n");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	/* A status of 0 is no failure. */
	config(rig, CONFIG(VM("a", "exit=0", "restart = \"on-failure\";")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
}

static void test_restarts_back_off(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, stop;

	config(rig, CONFIG(VM("a", "exit=1", "restart = \"always\";")));
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.err, "in 100 ms");
	rig_expect(run.err, "in 200 ms");
	rig_expect(run.err, "in 400 ms");
	rig_expect(run.err, "in 800 ms");
	/* Between two runs there is nobody to talk to, but it can be seen and
	 * stopped. */
	assert_int_equal(rig_command(rig, &stop, "ps"), 0);
	rig_expect(stop.out, "restarting");
	assert_int_equal(rig_command(rig, &stop, "stop", "a"), 0);
	assert_int_equal(rig_wait(&run), 1);
}

static void test_a_stopped_vm_is_not_restarted(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, stop;

	config(rig, CONFIG(VM("a", "print=up", "restart = \"always\";")));
	start_running(rig, &run);
	assert_int_equal(rig_command(rig, &stop, "stop", "a"), 0);
	assert_int_equal(rig_wait(&run), 0);
	rig_expect_exactly(run.out, "up\n");
}

static void test_a_reset_starts_again_or_ends(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	rig_write(rig, "mark", "x");
	rig_write(rig, "host.cfg",
		  CONFIG(VM("a", "print=up once=%s/mark reset", "")), rig->dir);
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.out, "up\nup\n");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	config(rig, CONFIG(VM("a", "reset", "on_reboot = \"exit\";")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 124);
	rig_expect(run.err, "the guest asked for a reset (status 124)");
}

static void test_start_and_stop_order(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	char *text;

	config(rig, CONFIG(VM("last", "print=up linger=300",
			      "start_order = 5;") "," VM("first",
							 "print=up slow=300",
							 "start_order = -5;")));
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.out, "last | up");
	rig_expect_exactly(run.out, "first | up\nlast | up\n");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	text = rig_read(run.err);
	assert_true(strstr(text, "last: powered") <
		    strstr(text, "first: powered"));
	free(text);
}

static void test_names_disks_and_cids_belong_to_one_vm(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, other;

	rig_write(rig, "disk.raw", "%1024s", "x");
	config(rig, CONFIG(VM("a", "print=up",
			      "disks = ({ path = \"disk.raw\"; format = "
			      "\"raw\"; }); vsock = { cid = 9; "
			      "path = \"va\"; };")));
	start_running(rig, &run);
	assert_int_equal(rig_command(rig, &other, "start", "host.cfg"), 120);
	rig_expect(other.err, "lwx-vm: a: already running, under another "
			      "lwx-vm start\n");
	rig_write(rig, "b.cfg", "%s", CONFIG(VM("a", "", "")));
	assert_int_equal(rig_command(rig, &other, "start", "b.cfg"), 120);
	rig_expect(other.err, "lwx-vm: a: ");
	rig_write(rig, "b.cfg", "%s",
		  CONFIG(VM("b", "",
			    "disks = ({ path = \"disk.raw\"; format = "
			    "\"raw\"; });")));
	assert_int_equal(rig_command(rig, &other, "start", "b.cfg"), 120);
	rig_expect(other.err, "lwx-vm: b: disk ");
	rig_expect(other.err, "disk.raw");
	rig_write(rig, "b.cfg", "%s",
		  CONFIG(VM("b", "", "vsock = { cid = 9; path = \"vb\"; };")));
	assert_int_equal(rig_command(rig, &other, "start", "b.cfg"), 120);
	rig_expect_exactly(other.err, "lwx-vm: b: cid 9 is in use by VM a\n");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	rig_write(rig, "b.cfg", "%s",
		  CONFIG(VM("b", "exit=0",
			    "vsock = { cid = 9; "
			    "path = \"vb\"; };")));
	assert_int_equal(rig_command(rig, &other, "start", "b.cfg"), 0);
}

static void test_detached_vms_outlive_their_supervisor(void **state)
{
	struct rig *rig = *state;
	char path[96];
	struct rig_run run;
	pid_t vm, supervisor;

	config(rig, CONFIG(VM("a", "print=up", "")));
	/* A relative path starts where the command was typed. */
	rig_write(rig, "vmm", "#!/bin/sh\nexec '%s' \"$@\"\n",
		  rig_build_path("tests/lib/fake-vmm"));
	(void)snprintf(path, sizeof(path), "%s/vmm", rig->dir);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(setenv("LWX_VMM", "./vmm", 1), 0);
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	rig_set_vmm("tests/lib/fake-vmm");
	rig_expect_exactly(run.out, "");
	rig_expect_exactly(run.err, "");
	vm = (pid_t)rig_vm_number(rig, "pid");
	assert_true(vm > 0);
	supervisor = rig_parent_of(vm);
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"),
			 120);
	rig_expect(run.err, "already running");
	(void)kill(supervisor, SIGKILL);
	rig_wait_process(supervisor);
	assert_int_equal(rig_vm_number(rig, "pid"), vm);

	/* The next start of the same file adopts it... */
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	assert_int_equal(rig_vm_number(rig, "pid"), vm);
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "already running");
	/* ... and sees to its end. */
	assert_int_equal(rig_command(rig, &run, "stop", "a"), 0);
	rig_wait_process(vm);
}

static void test_only_the_same_configuration_is_adopted(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, CONFIG(VM("a", "print=up", "")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	vm = rig_kill_supervisor(rig);
	rig_write(rig, "other.cfg", "%s", CONFIG(VM("a", "print=up", "")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "other.cfg"),
			 120);
	rig_expect(run.err, "a: a VM of this name is running, from /");
	rig_expect(run.err, "/host.cfg");
	config(rig, CONFIG(VM("a", "print=up", "vcpus = 2;")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"),
			 120);
	rig_expect_exactly(run.err,
			   "lwx-vm: a: is running with another configuration: "
			   "stop it, or start with --recreate\n");
	assert_int_equal(rig_vm_number(rig, "pid"), vm);
	assert_int_equal(
		rig_command(rig, &run, "start", "-d", "--recreate", "host.cfg"),
		0);
	rig_wait_process(vm);
	assert_int_equal(rig_vm_number(rig, "vcpus"), 2);
	assert_int_equal(rig_command(rig, &run, "stop", "--all"), 0);
}

static void test_an_adopted_vm_is_restarted_by_its_policy(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm, next = 0;

	config(rig, CONFIG(VM("a", "print=up", "restart = \"always\";")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	vm = rig_kill_supervisor(rig);
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	assert_int_equal(rig_vm_number(rig, "pid"), vm);
	(void)kill(vm, SIGKILL);
	rig_wait_process(vm);
	for (int i = 0; i < 1000 && (!next || next == vm); i++) {
		(void)poll(NULL, 0, 10);
		next = (pid_t)rig_vm_number(rig, "pid");
	}
	assert_true(next > 0 && next != vm);
	assert_int_equal(rig_command(rig, &run, "stop", "a"), 0);
}

static void test_an_adopted_vm_tells_its_exit_status(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, CONFIG(VM("a", "print=up exit=44 after=3000", "")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	vm = rig_kill_supervisor(rig);
	/* In the foreground this time: it is not its child. */
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 44);
	rig_expect_exactly(run.out, "replay\n");
	rig_wait_process(vm);
}

static void test_failures_of_a_detached_start_are_told(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig,
	       CONFIG(VM("a", "setup-fail", "") "," VM("b", "print=up", "")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"),
			 120);
	rig_expect(run.err, "lwx-vm: a: told to fail\n");
	rig_expect(run.err, "lwx-vm: a: set-up failed (status 120)\n");
	/* The other one runs. */
	assert_true(rig_vm_number(rig, "pid") > 0);
	assert_int_equal(rig_command(rig, &run, "stop", "b"), 0);
}

static void test_sigterm_to_a_background_supervisor_stops_all(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, CONFIG(VM("a", "print=up", "")));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	vm = (pid_t)rig_vm_number(rig, "pid");
	(void)kill(rig_parent_of(vm), SIGTERM);
	rig_wait_process(vm);
}

static void test_an_interrupted_detached_start_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig, CONFIG(VM("a", "slow=2000", "")));
	rig_start(rig, &run, "start", "-d", "host.cfg", NULL);
	(void)poll(NULL, 0, 500);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0); /* it was powered off */
	assert_int_equal(rig_vm_number(rig, "pid"), 0);
}

static void test_descriptors_of_the_caller_are_not_kept(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	struct pollfd pfd = {.events = POLLIN};
	int fds[2];

	config(rig, CONFIG(VM("a", "print=up", "")));
	assert_int_equal(pipe(fds), 0); /* not FD_CLOEXEC: inherited */
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	(void)close(fds[1]);
	pfd.fd = fds[0];
	assert_int_equal(poll(&pfd, 1, RIG_TIMEOUT_MS), 1);
	assert_int_equal(pfd.revents, POLLHUP);
	(void)close(fds[0]);
	assert_int_equal(rig_command(rig, &run, "stop", "a"), 0);
}

static void test_the_console_log_gets_the_output_too(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	char path[96];

	config(rig, CONFIG(VM("a", "print=logged exit=0 after=50",
			      "console_log = \"log\";")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
	rig_expect_exactly(run.out, "logged\n");
	(void)snprintf(path, sizeof(path), "%s/log", rig->dir);
	rig_expect_exactly(path, "logged\nlogged\n");
	/* A log that cannot be written is told and costs nothing else. */
	config(rig, CONFIG(VM("a", "print=logged exit=0 after=50",
			      "console_log = \"/dev/full\";")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
	rig_expect_exactly(run.out, "logged\n");
}

static void test_a_reader_that_went_away_ends_nothing(void **state)
{
	struct rig *rig = *state;
	struct rig_run run = {0};
	char command[512];

	config(rig, CONFIG(VM("a", "print=up exit=5 after=300", "")));
	(void)snprintf(command, sizeof(command),
		       "cd %s && { %s start host.cfg 2>err; echo $? >rc; } | "
		       "true",
		       rig->dir, rig_build_path("lwx-vm"));
	assert_int_equal(system(command), 0);
	(void)snprintf(run.out, sizeof(run.out), "%s/rc", rig->dir);
	rig_expect_exactly(run.out, "5\n");
}

static void test_verbs_reach_the_vm(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, verb, stop;

	config(rig, CONFIG(VM("a", "print=up", "")));
	start_running(rig, &run);
	assert_int_equal(rig_command(rig, &verb, "pause", "a"), 0);
	assert_int_equal(rig_command(rig, &verb, "ps"), 0);
	rig_expect(verb.out, "paused");
	assert_int_equal(rig_command(rig, &verb, "resume", "a"), 0);
	assert_int_equal(rig_command(rig, &verb, "metrics", "a"), 0);
	rig_expect_exactly(verb.out, "lwx_fake 1\n");
	assert_int_equal(rig_command(rig, &verb, "metrics"), 0);
	rig_expect_exactly(verb.out, "lwx_fake 1\n");
	assert_int_equal(rig_command(rig, &verb, "inspect", "a"), 0);
	rig_expect(verb.out, "name       a\n");
	/* Its stdin has ended; the console has not. */
	assert_int_equal(
		rig_command(rig, &verb, "console", "--idle", "0.2", "a"), 0);
	rig_expect_exactly(verb.out, "replay\n");
	assert_int_equal(rig_command(rig, &verb, "console", "--idle", "x", "a"),
			 2);
	/* What a VM refuses is told with its own words. */
	assert_int_equal(rig_command(rig, &verb, "disk", "resize", "a", "d"),
			 1);
	rig_expect_exactly(verb.err, "lwx-vm: a: unknown verb disk.resize\n");
	rig_start(rig, &verb, "events", "--follow", "--json", "a", NULL);
	rig_expect(verb.out, "{\"event\":\"vm.started\",\"seq\":1,");
	assert_int_equal(rig_command(rig, &stop, "stop", "a"), 0);
	assert_int_equal(rig_wait(&verb), 0);
	rig_expect(verb.out, "\"vm.stop_requested\",\"seq\":2,");
	rig_expect(verb.out, "\"vm.stopped\",\"seq\":3,");
	assert_int_equal(rig_wait(&run), 0);
}

static void expect_on_terminal(int master, const char *text)
{
	struct pollfd pfd = {.fd = master, .events = POLLIN};
	char seen[1024] = "";
	size_t len = 0;

	while (!strstr(seen, text)) {
		ssize_t n;

		if (poll(&pfd, 1, RIG_TIMEOUT_MS) <= 0)
			fail_msg("no \"%s\" in \"%s\"", text, seen);
		n = read(master, seen + len, sizeof(seen) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		seen[len] = '\0';
	}
}

static void test_the_escape_leaves_the_console(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, console = {0};
	struct termios before, after;
	char program[1024];
	int master, slave;

	config(rig, CONFIG(VM("a", "print=up", "")));
	start_running(rig, &run);
	(void)snprintf(program, sizeof(program), "%s",
		       rig_build_path("lwx-vm"));
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	console.pid = fork();
	if (!console.pid) {
		if (login_tty(slave) == 0)
			(void)execl(program, "lwx-vm", "console", "a", NULL);
		_exit(RIG_CANNOT_RUN);
	}
	expect_on_terminal(master, "replay"); /* behind "Ctrl-] leaves" */
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_false(after.c_lflag & (ICANON | ECHO | ISIG)); /* raw */
	/* All other keys go to the guest. */
	assert_int_equal(write(master, "\003\032q", 3), 3);
	(void)poll(NULL, 0, 100);
	assert_int_equal(waitpid(console.pid, NULL, WNOHANG), 0);
	assert_int_equal(write(master, "\035", 1), 1);
	assert_int_equal(rig_wait(&console), 0);
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	(void)close(master);
	(void)close(slave);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
}

static void test_a_state_directory_of_others_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/state", rig->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(rig_command(rig, &run, "ps"), 1);
	rig_expect(run.err, "must belong to you and have mode 0700");
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(rig_command(rig, &run, "ps"), 0);
	assert_int_equal(rig_command(rig, &run, "ps", "--json"), 0);
	rig_expect_exactly(run.out, "[]\n");
}

static void expect_state_of(struct rig *rig, const char *dir)
{
	struct rig_run run;
	struct stat st;
	char path[128];

	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	assert_true(rig_vm_number(rig, "pid") > 0);
	(void)snprintf(path, sizeof(path), "%s/vms/a/control", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, rig->uid);
	assert_int_equal(rig_command(rig, &run, "stop", "a"), 0);
	assert_int_equal(stat(path, &st), -1);
}

static void test_a_user_needs_no_root(void **state)
{
	struct rig *rig = *state;
	char dir[96], state_dir[128];
	struct rig_run run;

	if (geteuid())
		skip(); /* then all the others show it */
	config(rig, CONFIG(VM("a", "print=up", "")));
	(void)snprintf(dir, sizeof(dir), "%s/runtime", rig->dir);
	(void)snprintf(state_dir, sizeof(state_dir), "%s/lwx", dir);
	rig->uid = 65534;
	assert_int_equal(chmod(rig->dir, 0755), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, rig->uid, (gid_t)-1), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	assert_int_equal(unsetenv("LWX_STATE_DIR"), 0);
	if (rig_command(rig, &run, "--version") == RIG_CANNOT_RUN) {
		rig->uid = 0; /* the build tree is closed to others */
		(void)setenv("LWX_STATE_DIR", state_dir, 1);
		skip();
	}
	expect_state_of(rig, state_dir);
	/* Without a runtime directory: one below /tmp that is ours alone. */
	(void)unsetenv("XDG_RUNTIME_DIR");
	expect_state_of(rig, "/tmp/lwx-65534");
	rig_remove_tree("/tmp/lwx-65534");
	(void)setenv("LWX_STATE_DIR", state_dir, 1);
}

static void test_bad_configurations_start_nothing(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig, CONFIG(VM("a", "", "vcpus = 65;") "," VM("a", "",
							     "nosuch = 1;")));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "host.cfg:2: vms[0].vcpus: 65");
	rig_expect(run.err, "nosuch");
	assert_int_equal(rig_command(rig, &run, "check", "host.cfg"), 1);
	rig_expect(run.out, "host.cfg:2: vms[0].vcpus: 65");
	assert_int_equal(rig_command(rig, &run, "start", "none.cfg"), 120);
	rig_expect(run.err, "none.cfg");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_status_of_the_only_vm_is_ours),
		TEST(test_several_vms_are_told_apart),
		TEST(test_a_vm_that_cannot_be_set_up_fails_alone),
		TEST(test_usage_errors_are_status_2),
		TEST(test_a_vm_that_is_not_there_is_status_1),
		TEST(test_the_first_signal_presses_the_power_button),
		TEST(test_who_ignores_the_power_button_is_killed),
		TEST(test_the_second_signal_kills_at_once),
		TEST(test_who_ignores_the_kill_gets_sigkill),
		TEST(test_vms_end_with_their_supervisor),
		TEST(test_a_start_waits_for_what_a_killed_one_left),
		TEST(test_the_supervisor_notices_the_end_of_lwx_vmm),
		TEST(test_both_killed_leaves_what_the_next_sweeps),
		TEST(test_restart_on_failure),
		TEST(test_restarts_back_off),
		TEST(test_a_stopped_vm_is_not_restarted),
		TEST(test_a_reset_starts_again_or_ends),
		TEST(test_start_and_stop_order),
		TEST(test_names_disks_and_cids_belong_to_one_vm),
		TEST(test_detached_vms_outlive_their_supervisor),
		TEST(test_only_the_same_configuration_is_adopted),
		TEST(test_an_adopted_vm_is_restarted_by_its_policy),
		TEST(test_an_adopted_vm_tells_its_exit_status),
		TEST(test_failures_of_a_detached_start_are_told),
		TEST(test_sigterm_to_a_background_supervisor_stops_all),
		TEST(test_an_interrupted_detached_start_leaves_nothing),
		TEST(test_descriptors_of_the_caller_are_not_kept),
		TEST(test_the_console_log_gets_the_output_too),
		TEST(test_a_reader_that_went_away_ends_nothing),
		TEST(test_verbs_reach_the_vm),
		TEST(test_the_escape_leaves_the_console),
		TEST(test_a_state_directory_of_others_is_refused),
		TEST(test_a_user_needs_no_root),
		TEST(test_bad_configurations_start_nothing),
	};

	rig_set_vmm("tests/lib/fake-vmm");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
