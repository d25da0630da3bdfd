/* test_boot_chart.c - lwx-vm boot-chart with fake-vmm, whose vm.boot tells
 * fixed times. */
#include "lwx_vm_rig.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void start(struct rig *rig)
{
	struct rig_run run;

	rig_write(rig, "host.cfg", "%s",
		  "defaults = { memory = \"64M\"; kernel = \"kernel\"; };\n"
		  "vms = ({ name = \"a\"; boot = { cmdline = \"booted\"; }; },"
		  " { name = \"b\"; });\n");
	assert_int_equal(rig_command(rig, &run, "start", "-d", "host.cfg"), 0);
}

static void stop(struct rig *rig)
{
	struct rig_run run;

	assert_int_equal(rig_command(rig, &run, "stop", "--all"), 0);
}

static void test_a_vm_that_is_ready(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;
	char path[96];
	char *svg;

	start(rig);
	assert_int_equal(rig_command(rig, &run, "boot-chart", "a"), 0);
	rig_expect(run.out, "a: ready 2.150 s after lwx-vmm began, host name "
			    "faked\n");
	rig_expect(run.out, "until process 1");
	rig_expect(run.err, "no steps of the guest: ");
	assert_int_equal(rig_command(rig, &run, "boot-chart", "--json", "--svg",
				     "boot.svg", "a"),
			 0);
	rig_expect(run.out, "\"ready_us\": 2150000");
	(void)snprintf(path, sizeof(path), "%s/boot.svg", rig->dir);
	svg = rig_read(path);
	assert_non_null(strstr(svg, "until process 1</text>"));
	free(svg);
	assert_int_equal(unlink(path), 0);
	stop(rig);
}

static void test_failures(void **state)
{
	struct rig *rig = *state;
	struct rig_run run;

	start(rig);
	assert_int_equal(rig_command(rig, &run, "boot-chart", "--svg",
				     "/nonexistent/x", "a"),
			 1);
	rig_expect(run.err, "/nonexistent/x: No such file");
	assert_int_equal(rig_command(rig, &run, "boot-chart", "b"), 1);
	rig_expect(run.err, "b: the guest has not said that it is ready");
	assert_int_equal(rig_command(rig, &run, "boot-chart", "c"), 1);
	rig_expect(run.err, "c");
	assert_int_equal(rig_command(rig, &run, "boot-chart"), 2);
	stop(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_vm_that_is_ready,
						rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(test_failures, rig_set_up,
						rig_tear_down),
	};

	rig_set_vmm("tests/lib/fake-vmm");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
