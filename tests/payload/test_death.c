/* test_death.c - VMs that are ended from outside, owners that die, and starts
 * that fail. */
#include "cleanup.h"
#include "macros.h"
#include "payload_vm.h"
#include "vmm_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct payload_vm vm;

/* How a VM is ended, and the status that must follow. */
enum how {
	BY_SIGKILL,
	BY_SIGTERM,
	BY_SIGINT,
	BY_LIFELINE,
	BY_REQUEST,
	BY_REQUEST_WHILE_PAUSED,
};

static void end(enum how how)
{
	struct ctl_message reply;

	switch (how) {
	case BY_SIGKILL:
		assert_int_equal(kill(vm.pid, SIGKILL), 0);
		break;
	case BY_SIGTERM:
		assert_int_equal(kill(vm.pid, SIGTERM), 0);
		break;
	case BY_SIGINT:
		assert_int_equal(kill(vm.pid, SIGINT), 0);
		break;
	case BY_LIFELINE:
		(void)close(vm.lifeline);
		vm.lifeline = -1;
		break;
	case BY_REQUEST_WHILE_PAUSED:
		payload_vm_call(&vm, "vm.pause", &reply);
		payload_vm_call(&vm, "vm.kill", &reply);
		break;
	case BY_REQUEST:
		payload_vm_call(&vm, "vm.kill", &reply);
		break;
	}
}

static void test_every_way_to_end_every_guest(void **state)
{
	static const struct {
		const char *cmdline;
		const char *sign;
	} guests[] = {
		{"payload=sleep", "sleeping\n"},
		{"payload=spin cpus=2", "spinning on 2\n"},
		{"payload=blkstress requests=0", "ready\n"},
		{"payload=console-flood lines=100000000", "...\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		for (enum how how = BY_SIGKILL; how <= BY_REQUEST_WHILE_PAUSED;
		     how++) {
			AUTO_CLOSE int disk = payload_temp_file(MIB(8));
			int status;

			payload_vm_init(&vm, guests[i].cmdline);
			vm.cfg.vcpus = 2;
			payload_vm_add_disk(&vm, disk);
			payload_vm_start(&vm);
			payload_vm_expect(&vm, guests[i].sign);
			end(how);
			status = payload_vm_wait(&vm);
			payload_vm_fini(&vm);
			if (status != (how == BY_SIGKILL
					       ? 1000 + SIGKILL
					       : VMM_STATUS_HOST_ENDED))
				fail_msg("%s: way %d: status %d",
					 guests[i].cmdline, (int)how, status);
		}
	}
}

/* A process of its own starts the VM and is killed. The VM, which then becomes
 * a child of ours, must end by itself. */
static void test_a_killed_owner_takes_its_vm_along(void **state)
{
	int tell[2], status;
	pid_t owner, orphan;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	owner = fork();
	assert_true(owner >= 0);
	if (!owner) {
		payload_vm_init(&vm, "payload=spin");
		payload_vm_start(&vm);
		payload_vm_expect(&vm, "spinning");
		if (write(tell[1], &vm.pid, sizeof(vm.pid)) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(tell[0], &orphan, sizeof(orphan)),
			 sizeof(orphan));
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, &status, 0), owner);
	assert_int_equal(waitpid(orphan, &status, 0), orphan);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), VMM_STATUS_HOST_ENDED);
	(void)close(tell[0]);
	(void)close(tell[1]);
}

/* The guest of these never runs: 120, and nothing printed. */
static int start_that_fails(void)
{
	int status = payload_vm_run(&vm);

	assert_int_equal(vm.output_len, 0);
	return status;
}

static void test_starts_that_fail(void **state)
{
	AUTO_CLOSE int empty = payload_temp_file(0);

	(void)state;
	payload_vm_init(&vm, "payload=hello");
	(void)close(vm.cfg.boot.kernel_fd);
	vm.cfg.boot.kernel_fd = dup(empty);
	assert_int_equal(start_that_fails(), VMM_STATUS_SETUP);

	payload_vm_init(&vm, "payload=hello");
	vm.cfg.memory.size = MIB(32) + 4096;
	assert_int_equal(start_that_fails(), VMM_STATUS_SETUP);

	payload_vm_init(&vm, "payload=hello");
	vm.cfg.vcpus = 0;
	assert_int_equal(start_that_fails(), VMM_STATUS_SETUP);

	payload_vm_init(&vm, "payload=hello");
	vm.cfg.memory.size = GIB(1024); /* more than the host can promise */
	vm.cfg.memory.prefault = true;
	vm.cfg.memory.locked = true;
	vm.cfg.memory.kind = GUEST_MEM_HUGEPAGES;
	vm.cfg.memory.page_size = MIB(2);
	assert_int_equal(start_that_fails(), VMM_STATUS_SETUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_to_end_every_guest),
		cmocka_unit_test(test_a_killed_owner_takes_its_vm_along),
		cmocka_unit_test(test_starts_that_fail),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
