/*
 * test_lwx_vm.c - lwx-vm with real guests: from host.cfg to the exit status,
 * who ends with whom, a full disk, twelve VMs from one file, every verb.
 */
#include "lwx_vm_rig.h"
#include "macros.h"
#include "payload_vm.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define VM(name, words, extra)                                                 \
	"{ name = \"" name "\"; boot = { cmdline = \"payload=" words           \
	"\"; }; " extra " }"

static void config(const struct rig *rig, const char *vms)
{
	rig_write(rig, "host.cfg",
		  "defaults = { memory = \"32M\"; kernel = \"%s\"; "
		  "announce = \"cmdline\"; };\nvms = (%s);\n",
		  PAYLOAD_ELF, vms);
}

static void start_waiting(struct rig *rig, struct rig_run *run)
{
	rig_start(rig, run, "start", "host.cfg", NULL);
	rig_expect(run->out, "waiting for the button");
}

static void test_every_end_has_its_status(void **state)
{
	static const struct {
		const char *words;
		int status;
		const char *err;
	} cases[] = {
		{"exit code=0", 0, ""},
		{"exit code=77", 77, "lwx-vm: a: exit status 77\n"},
		{"exit code=122", 122, "lwx-vm: a: exit status 122\n"},
		{"poweroff", 0, ""},
		{"triple", 122,
		 "lwx-vm: a: triple fault of the guest (status 122)\n"},
		{"panic", 123, "lwx-vm: a: panic of the guest (status 123)\n"},
		{"reset", 124,
		 "lwx-vm: a: the guest asked for a reset (status 124)\n"},
	};
	struct rig *rig = *state;
	struct rig_run run;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		rig_write(rig, "host.cfg",
			  "vms = ({ name = \"a\"; memory = \"32M\"; announce = "
			  "\"cmdline\"; on_reboot = \"exit\"; boot = { kernel "
			  "= \"%s\"; cmdline = \"payload=%s\"; }; });\n",
			  PAYLOAD_ELF, cases[i].words);
		assert_int_equal(rig_command(rig, &run, "start", "host.cfg"),
				 cases[i].status);
		rig_expect_exactly(run.err, cases[i].err);
	}
}

static void test_no_byte_of_the_console_is_lost(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	struct stat st;

	config(rig, VM("a", "flood lines=600", "console_log = \"log\";"));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
	assert_int_equal(stat(run.out, &st), 0);
	/* 199 letters and a newline, whether or not with a CR before it. */
	assert_true(st.st_size == 600 * 200 || st.st_size == 600 * 201);
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
}

static void test_ctrl_c_presses_the_power_button(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct rig *rig = *state;
	struct rig_run run;

	config(rig, VM("a", "button", "restart = \"always\";"));
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		start_waiting(rig, &run);
		(void)kill(run.pid, signals[i]);
		assert_int_equal(rig_wait(&run), 0);
		rig_expect_exactly(run.err, "");
	}
}

static void test_a_deaf_guest_is_killed_after_its_grace(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, stop;

	config(rig, VM("a", "sleep", "stop_grace = 1;"));
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.out, "sleeping");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 125);
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.out, "sleeping");
	assert_int_equal(rig_command(rig, &stop, "stop", "--grace", "0", "a"),
			 0);
	assert_int_equal(rig_wait(&run), 125);
}

static void test_sigkill_of_the_supervisor_ends_the_vms(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, VM("a", "button", ""));
	start_waiting(rig, &run);
	vm = (pid_t)rig_vm_number(rig, "pid");
	assert_true(vm > 0);
	(void)kill(run.pid, SIGKILL);
	assert_int_equal(rig_wait(&run), 1000 + SIGKILL);
	rig_wait_process(vm);
	/* The next start finds nothing in its way. */
	start_waiting(rig, &run);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
}

static void test_sigkill_of_a_vm_is_noticed(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	config(rig, VM("a", "button", ""));
	start_waiting(rig, &run);
	(void)kill((pid_t)rig_vm_number(rig, "pid"), SIGKILL);
	assert_int_equal(rig_wait(&run), 121);
	rig_expect(run.err, "killed by signal 9");
	/* With a policy it comes back. */
	config(rig, VM("a", "button", "restart = \"on-failure\";"));
	start_waiting(rig, &run);
	(void)kill((pid_t)rig_vm_number(rig, "pid"), SIGKILL);
	rig_expect(run.out, "button\nwaiting for the button\n");
	(void)kill(run.pid, SIGTERM);
	assert_int_equal(rig_wait(&run), 0);
}

static void test_a_reboot_starts_the_guest_again(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, stop;

	config(rig, VM("a", "reset", ""));
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.err, "starts again in 200 ms");
	assert_int_equal(rig_command(rig, &stop, "stop", "--now", "a"), 0);
	assert_true(rig_wait(&run) >= 124); /* reset or caught by the stop */
}

static void test_detached_vms_are_adopted(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	pid_t vm;

	config(rig, VM("a", "button", ""));
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
	vm = rig_kill_supervisor(rig);
	config(rig, VM("a", "button", "vcpus = 2;"));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "running with another configuration");
	config(rig, VM("a", "button", ""));
	/* In the foreground now: what it printed comes first. */
	start_waiting(rig, &run);
	assert_int_equal(rig_vm_number(rig, "pid"), vm);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	rig_wait_process(vm);
}

static void test_twelve_vms_from_one_file(void **state)
{
	static const int statuses[12] = {0, 1, 0, 255, 0, 0, 9, 0, 0, 77, 0, 0};
	struct rig *rig = *state;
	char vms[4096] = "", disk[128];
	struct rig_run run;
	size_t len = 0;

	for (int i = 0; i < 12; i++) {
		(void)snprintf(disk, sizeof(disk), "%s/disk%d", rig->dir, i);
		rig_write(rig, disk + strlen(rig->dir) + 1, "%s", "");
		assert_int_equal(truncate(disk, 1 << 20), 0);
		len += (size_t)snprintf(
			vms + len, sizeof(vms) - len,
			"%s{ name = \"vm%02d\"; boot = { cmdline = "
			"\"payload=blk code=%d seed=%d\"; }; disks = ({ path = "
			"\"disk%d\"; format = \"raw\"; }); }",
			i ? ",\n" : "", i, statuses[i], i + 1, i);
	}
	config(rig, vms);
	assert_true(rig_command(rig, &run, "start", "host.cfg") > 0);
	for (int i = 0; i < 12; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line),
			       "lwx-vm: vm%02d: exit status "
			       "%d\n",
			       i, statuses[i]);
		rig_expect(run.err, line);
	}
	/* What cannot be started is told with its VM and stops no other. */
	assert_int_equal(unlink(disk), 0);
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "disk11");
}

static void test_two_vms_cannot_have_the_same_disk(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, other;
	char path[128], holder[32];

	(void)snprintf(path, sizeof(path), "%s/disk", rig->dir);
	rig_write(rig, "disk", "%s", "");
	assert_int_equal(truncate(path, 1 << 20), 0);
	config(rig, VM("a", "button",
		       "disks = ({ path = \"disk\"; format = \"raw\"; });"));
	start_waiting(rig, &run);
	(void)snprintf(holder, sizeof(holder), "%d",
		       (int)rig_vm_number(rig, "pid"));
	config(rig, VM("b", "exit",
		       "disks = ({ path = \"disk\"; format = \"raw\"; });"));
	assert_int_equal(rig_command(rig, &other, "start", "host.cfg"), 120);
	rig_expect(other.err, "lwx-vm: b: disk ");
	rig_expect(other.err, holder); /* who has it */
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	assert_int_equal(rig_command(rig, &other, "start", "host.cfg"), 0);
}

static void test_verbs(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, verb;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/disk", rig->dir);
	rig_write(rig, "disk", "%s", "");
	assert_int_equal(truncate(path, 1 << 20), 0);
	config(rig, VM("a", "button",
		       "disks = ({ path = \"disk\"; format = \"raw\"; });"));
	start_waiting(rig, &run);
	assert_int_equal(rig_command(rig, &verb, "pause", "a"), 0);
	assert_int_equal(rig_command(rig, &verb, "ps"), 0);
	rig_expect(verb.out, "paused");
	assert_int_equal(rig_command(rig, &verb, "resume", "a"), 0);
	assert_int_equal(rig_command(rig, &verb, "metrics", "a"), 0);
	rig_expect(verb.out, "lwx_vcpu_exits_total{vm=\"a\"");
	assert_int_equal(rig_command(rig, &verb, "inspect", "--json", "a"), 0);
	rig_expect(verb.out, "payload=button");
	assert_int_equal(rig_command(rig, &verb, "inspect", "--fdt", "a"), 0);
	rig_expect(verb.out, "\xd0\x0d\xfe\xed"); /* magic of a device tree */
	assert_int_equal(rig_command(rig, &verb, "console", "--log", "a"), 0);
	rig_expect(verb.out, "waiting for the button");
	assert_int_equal(
		rig_command(rig, &verb, "disk", "resize", "a", "disk0", "2M"),
		0);
	rig_expect_exactly(verb.out, "2M\n");
	assert_int_equal(rig_command(rig, &verb, "disk", "resize", "a", "none"),
			 1);
	rig_expect(verb.err, "none");
	rig_start(rig, &verb, "events", "-f", "a", NULL);
	rig_expect(verb.out, "disk.resized disk=\"disk0\" size=2097152");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	assert_int_equal(rig_wait(&verb), 0);
	rig_expect(verb.out, "vm.paused");
	rig_expect(verb.out, "vm.resumed");
	rig_expect(verb.out, "vm.stopped reason=\"poweroff\" status=0");
}

/* acpixtract cuts the text into tables, iasl reads them without complaint. */
static void test_inspect_acpi(void **state)
{
	struct rig *rig = *state;
	struct rig_run run, verb;
	char command[512];

	rig_write(rig, "host.cfg",
		  "vms = ({ name = \"a\"; memory = \"32M\"; vcpus = 3; boot = "
		  "{ kernel = \"%s\"; cmdline = \"payload=button\"; }; });\n",
		  PAYLOAD_ELF);
	start_waiting(rig, &run);
	assert_int_equal(rig_command(rig, &verb, "inspect", "--acpi", "a"), 0);
	(void)snprintf(
		command, sizeof(command),
		"mkdir %s/acpi && cd %s/acpi && acpixtract -a %s >/dev/null && "
		"rm rsdp.dat && [ $(ls *.dat | wc -l) -eq 4 ] && iasl -d *.dat "
		">log 2>&1 && "
		"! grep -i -e invalid -e '[*][*][*][*]' *.dsl && "
		"grep -q 'Device (PWRB)' dsdt.dsl && "
		"[ $(grep -c ACPI0007 dsdt.dsl) -eq 3 ]",
		rig->dir, rig->dir, verb.out);
	assert_int_equal(system(command), 0);
	rig_expect(verb.out, "RSDP @ 0x00000000000E0000");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);

	config(rig, VM("a", "button", ""));
	start_waiting(rig, &run);
	assert_int_equal(rig_command(rig, &verb, "inspect", "--acpi", "a"), 1);
	rig_expect(verb.err, "this VM has no ACPI tables");
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
}

static void test_the_console_takes_input(void **state)
{
	struct rig *rig = *state;
	struct rig_run run = {0};
	char command[512], program[256];

	config(rig, VM("a", "serial-echo code=3", ""));
	rig_start(rig, &run, "start", "host.cfg", NULL);
	rig_expect(run.out, "ready");
	(void)snprintf(program, sizeof(program), "%s",
		       rig_build_path("lwx-vm"));
	(void)snprintf(command, sizeof(command),
		       "printf xyzq | %s console a >%s/console", program,
		       rig->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(rig_wait(&run), 3);
	(void)snprintf(command, sizeof(command), "%s/console", rig->dir);
	rig_expect(command, "<x><y><z>");
	rig_expect(run.out, "<x><y><z>");
}

/* A file system of 64 KiB, if we may make one. */
static bool mount_small(const struct rig *rig, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/small", rig->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	return !mount("lwx-test", path, "tmpfs", 0, "size=64k,mode=0700");
}

static void fill(const char *dir)
{
	char path[160], block[4096] = {1};
	int fd;

	(void)snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	(void)close(fd);
}

static void test_a_full_disk(void **state)
{
	struct rig *rig = *state;
	char small[96], path[128], old[128];
	struct rig_run run;

	if (!mount_small(rig, small, sizeof(small)))
		skip();
	/* The guest's disk: promised 1 MiB, there is not that much. */
	(void)snprintf(path, sizeof(path), "%s/disk", small);
	(void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(truncate(path, 1 << 20), 0);
	config(rig, VM("a", "blk sectors=1024",
		       "disks = ({ path = \"small/disk\"; format = \"raw\"; "
		       "direct = false; });"));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 111);
	rig_expect(run.err, "disk.error: ");
	rig_expect(run.err, "No space left on device");

	/* The console log: told once, the output goes on. */
	fill(small);
	config(rig, VM("a", "flood lines=100", "console_log = \"small/log\";"));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 0);
	rig_expect(run.err, "small/log: No space left on device");

	/* The state directory: nothing starts, nothing stays. */
	(void)snprintf(old, sizeof(old), "%s", getenv("LWX_STATE_DIR"));
	(void)snprintf(path, sizeof(path), "%s/state", small);
	(void)setenv("LWX_STATE_DIR", path, 1);
	config(rig, VM("a", "exit", ""));
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "No space left on device");
	(void)setenv("LWX_STATE_DIR", old, 1);
	assert_int_equal(umount(small), 0);
}

/* Where the operator says, and nothing of ours stays in it. */
static void test_a_vm_joins_its_cgroup(void **state)
{
	static const char *const mounts[] = {"/sys/fs/cgroup",
					     "/sys/fs/cgroup/unified"};
	struct rig *rig = *state;
	char dir[128] = "", path[192], pid[32];
	struct rig_run run;

	for (size_t i = 0; i < ARRAY_SIZE(mounts) && !dir[0]; i++) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.controllers",
			       mounts[i]);
		if (!access(path, F_OK))
			(void)snprintf(dir, sizeof(dir), "%s/lwx-test-%d",
				       mounts[i], (int)getpid());
	}
	if (!dir[0] || mkdir(dir, 0755))
		skip();
	rig_write(rig, "host.cfg",
		  "vms = ({ name = \"a\"; memory = \"32M\"; announce = "
		  "\"cmdline\"; cgroup = \"%s\"; boot = { kernel = \"%s\"; "
		  "cmdline = \"payload=button\"; }; });\n",
		  strrchr(dir, '/') + 1, PAYLOAD_ELF);
	start_waiting(rig, &run);
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	(void)snprintf(pid, sizeof(pid), "%d\n",
		       (int)rig_vm_number(rig, "pid"));
	rig_expect_exactly(path, pid);
	(void)kill(run.pid, SIGINT);
	assert_int_equal(rig_wait(&run), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rig_command(rig, &run, "start", "host.cfg"), 120);
	rig_expect(run.err, "host.cfg:1: vms[0].cgroup: \"lwx-test-");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_end_has_its_status),
		TEST(test_no_byte_of_the_console_is_lost),
		TEST(test_ctrl_c_presses_the_power_button),
		TEST(test_a_deaf_guest_is_killed_after_its_grace),
		TEST(test_sigkill_of_the_supervisor_ends_the_vms),
		TEST(test_sigkill_of_a_vm_is_noticed),
		TEST(test_a_reboot_starts_the_guest_again),
		TEST(test_detached_vms_are_adopted),
		TEST(test_twelve_vms_from_one_file),
		TEST(test_two_vms_cannot_have_the_same_disk),
		TEST(test_verbs),
		TEST(test_inspect_acpi),
		TEST(test_the_console_takes_input),
		TEST(test_a_full_disk),
		TEST(test_a_vm_joins_its_cgroup),
	};

	payload_require_kvm();
	rig_set_vmm("lwx-vmm");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
