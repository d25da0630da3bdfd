/* test_hostile.c - guests that break the rules of virtio: the VM lives, and
 * after a reset the device works. */
#include "cleanup.h"
#include "macros.h"
#include "payload_vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct payload_vm vm;

/* A socket for a network device whose other end swallows everything. */
static int sink(pid_t *pid)
{
	static char bytes[65536];
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*pid = fork();
	assert_true(*pid >= 0);
	if (!*pid) {
		(void)close(pair[0]);
		while (read(pair[1], bytes, sizeof(bytes)) > 0)
			;
		_exit(0);
	}
	(void)close(pair[1]);
	return pair[0];
}

static void attack_with(const char *words, enum io_engine_kind engine)
{
	AUTO_CLOSE int first = payload_temp_file(MIB(2));
	AUTO_CLOSE int second = payload_temp_file(MIB(2));
	unsigned long long seed = payload_random() >> 1;
	char dir[] = "/tmp/lwx-hostile-XXXXXX";
	char cmdline[128], path[64];
	int status, net;
	pid_t pid;

	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=hostile-%s seed=%llu code=99", words, seed);
	payload_vm_init(&vm, cmdline);
	vm.cfg.vcpus = 2;
	vm.cfg.io_engine = engine;
	payload_vm_add_disk(&vm, first)->queues = 2;
	payload_vm_add_disk(&vm, second)->queue_size = 256;
	net = sink(&pid);
	payload_vm_add_net(&vm, VM_NET_PASST, net);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/vsock", dir);
	payload_vm_add_vsock(&vm, path);
	status = payload_vm_run(&vm);
	(void)close(net);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(rmdir(dir), 0);
	if (status != 99)
		fail_msg("%s: status %d: %s", cmdline, status, vm.output);
}

static void attack(const char *words)
{
	attack_with(words, IO_ENGINE_URING);
	attack_with(words, IO_ENGINE_AIO);
}

static void test_rings_that_lie(void **state)
{
	(void)state;
	attack("rings");
}

static void test_rings_that_change_while_they_are_read(void **state)
{
	(void)state;
	attack("race rounds=50");
}

static void test_features_that_were_not_offered(void **state)
{
	(void)state;
	attack("features");
}

static void test_registers_of_live_queues(void **state)
{
	(void)state;
	attack("live");
}

static void test_doorbells_of_no_queue(void **state)
{
	(void)state;
	attack("notify");
}

static void test_queues_that_cannot_be(void **state)
{
	(void)state;
	attack("queues");
}

static void test_random_register_writes(void **state)
{
	(void)state;
	attack("registers");
}

static void test_resets_with_requests_in_flight(void **state)
{
	(void)state;
	attack("reset");
}

static void test_accesses_of_every_width(void **state)
{
	(void)state;
	attack("widths");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings_that_lie),
		cmocka_unit_test(test_rings_that_change_while_they_are_read),
		cmocka_unit_test(test_features_that_were_not_offered),
		cmocka_unit_test(test_registers_of_live_queues),
		cmocka_unit_test(test_doorbells_of_no_queue),
		cmocka_unit_test(test_queues_that_cannot_be),
		cmocka_unit_test(test_random_register_writes),
		cmocka_unit_test(test_resets_with_requests_in_flight),
		cmocka_unit_test(test_accesses_of_every_width),
	};

	payload_require_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
