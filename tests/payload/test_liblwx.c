/*
 * test_liblwx.c - liblwx with real guests: start, events, ends of all kinds,
 * none of which takes the caller down. Commands and files: examples/test.c, in
 * the nested tier.
 */
#include "lwx.h"
#include "lwx_vm_rig.h"
#include "macros.h"
#include "payload_vm.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS 30000

static struct lwx_vm *create(struct rig *rig, const char *cmdline)
{
	struct lwx_error error;
	struct lwx_vm *vm = NULL;
	char path[96];

	rig_write(rig, "host.cfg",
		  "vms = ( { name = \"a\"; memory = \"32M\"; restart = \"no\"; "
		  "stop_grace = 1; announce = \"cmdline\"; boot = { kernel = "
		  "\"%s\"; cmdline = \"%s\"; }; } );\n",
		  PAYLOAD_ELF, cmdline);
	(void)snprintf(path, sizeof(path), "%s/host.cfg", rig->dir);
	if (lwx_vm_create(&vm, path, "a", &error))
		fail_msg("%s", error.message);
	return vm;
}

static int set_up(void **state)
{
	(void)setenv("LWX_VM", rig_build_path("lwx-vm"), 1);
	return rig_set_up(state);
}

static void start(struct lwx_vm *vm)
{
	struct lwx_error error;

	if (lwx_vm_start(vm, -1, START_MS, &error))
		fail_msg("%s", error.message);
}

static void expect_event(struct lwx_vm *vm, const char *name)
{
	struct lwx_event event = {0};
	struct lwx_error error;

	do
		assert_int_equal(lwx_vm_event(vm, &event, START_MS, &error), 1);
	while (strcmp(event.name, name) != 0);
}

static void test_its_end(void **state)
{
	struct rig *rig = *state;
	struct lwx_vm *vm = create(rig, "payload=exit code=42");
	struct lwx_error error;
	int status = -1;

	assert_int_equal(lwx_vm_wait(vm, 0, &status, &error), -ESRCH);
	for (int i = 0; i < 2; i++) { /* an object can be used again */
		start(vm);
		assert_int_equal(lwx_vm_wait(vm, START_MS, &status, &error), 0);
		assert_int_equal(status, 42);
	}
	lwx_vm_destroy(vm);
}

static void test_console(void **state)
{
	struct rig *rig = *state;
	struct lwx_vm *vm = create(rig, "payload=hello code=3");
	char path[96];
	int status = -1, fd;

	(void)snprintf(path, sizeof(path), "%s/console", rig->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(lwx_vm_start(vm, fd, START_MS, NULL), 0);
	(void)close(fd);
	assert_int_equal(lwx_vm_wait(vm, START_MS, &status, NULL), 0);
	assert_int_equal(status, 3);
	rig_expect(path, "hello");
	lwx_vm_destroy(vm);
}

static void test_ended_by_us(void **state)
{
	struct rig *rig = *state;
	struct lwx_vm *vm = create(rig, "payload=spin");
	struct lwx_error error;
	struct lwx_event event;
	int status = -1;

	start(vm);
	assert_int_equal(lwx_vm_start(vm, -1, START_MS, &error), -EBUSY);
	assert_int_equal(lwx_vm_wait(vm, 50, &status, &error), -ETIMEDOUT);
	expect_event(vm, "vm.started");
	assert_int_equal(lwx_vm_event(vm, &event, 50, &error), 0);
	assert_int_equal(lwx_vm_wait_ready(vm, 50, &error), -ETIMEDOUT);
	assert_int_equal(lwx_vm_copy_in(vm, "/etc/passwd", "/x", &error),
			 -ENODEV);
	assert_string_equal(error.message,
			    "a: has no vsock, by which its agent is reached");
	assert_int_equal(lwx_vm_stop(vm, &error), 0);
	assert_int_equal(lwx_vm_wait(vm, START_MS, &status, &error), 0);
	expect_event(vm, "vm.stopped"); /* told also after its end */
	assert_int_equal(lwx_vm_event(vm, &event, START_MS, &error),
			 -ECONNRESET);
	assert_int_equal(status, 125);
	start(vm);
	assert_int_equal(lwx_vm_kill(vm, &error), 0);
	assert_int_equal(lwx_vm_wait(vm, 0, &status, &error), 0);
	assert_int_equal(status, 125);
	assert_int_equal(lwx_vm_wait_ready(vm, 50, &error), -ECONNRESET);
	start(vm);
	lwx_vm_destroy(vm); /* ends it */
}

/* Its processes are killed: a status for us, and nothing is left. */
static void test_crashes(void **state)
{
	struct rig *rig = *state;
	struct lwx_vm *vm = create(rig, "payload=spin");
	struct lwx_error error;
	int status = -1;
	pid_t vmm;

	start(vm);
	vmm = (pid_t)rig_vm_number(rig, "pid");
	assert_int_equal(kill(vmm, SIGKILL), 0);
	assert_int_equal(lwx_vm_wait(vm, START_MS, &status, &error), 0);
	assert_int_equal(status, 121);
	start(vm);
	vmm = (pid_t)rig_vm_number(rig, "pid");
	assert_int_equal(kill(rig_parent_of(vmm), SIGKILL), 0);
	assert_int_equal(lwx_vm_wait(vm, START_MS, &status, &error), 0);
	assert_int_equal(status, 121);
	rig_wait_process(vmm);
	lwx_vm_destroy(vm);
}

static void test_what_cannot_be(void **state)
{
	struct rig *rig = *state;
	struct lwx_error error;
	struct lwx_vm *vm = NULL;
	char path[96];

	assert_int_equal(lwx_vm_create(&vm, "/missing.cfg", "a", &error),
			 -ENOENT);
	assert_string_equal(error.message,
			    "/missing.cfg: No such file or directory");
	assert_null(vm);
	rig_write(rig, "host.cfg",
		  "vms = ( { name = \"a\"; memroy = 1; } );\n");
	(void)snprintf(path, sizeof(path), "%s/host.cfg", rig->dir);
	assert_int_equal(lwx_vm_create(&vm, path, "a", &error), 0);
	assert_int_equal(lwx_vm_start(vm, -1, START_MS, &error), -EIO);
	assert_non_null(strstr(error.message, "host.cfg:1: "));
	assert_non_null(strstr(error.message, "memroy"));
	assert_int_equal(lwx_vm_start(vm, -1, START_MS, NULL), -EIO);
	lwx_vm_destroy(vm);
	assert_int_equal(lwx_vm_create(&vm, path, "b", &error), 0);
	assert_int_equal(lwx_vm_start(vm, -1, START_MS, &error), -EIO);
	lwx_vm_destroy(vm);
	lwx_vm_destroy(NULL);
}

#define LIB_TEST(test)                                                         \
	cmocka_unit_test_setup_teardown(test, set_up, rig_tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LIB_TEST(test_its_end),	       LIB_TEST(test_console),
		LIB_TEST(test_ended_by_us),    LIB_TEST(test_crashes),
		LIB_TEST(test_what_cannot_be),
	};

	payload_require_kvm();
	rig_set_vmm("lwx-vmm");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
