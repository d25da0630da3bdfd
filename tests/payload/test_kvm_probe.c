/* test_kvm_probe.c - the probe's guest runs on this machine's /dev/kvm. */
#include "kvm_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define EXIT_SKIP 77

static void test_probe(void **state)
{
	struct kvm_probe probe;
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	(void)state;
	kvm_probe_run(&probe);
	assert_string_equal(probe.err.msg, "");
	assert_int_equal(probe.api_version, 12);
	for (size_t i = 0; i < KVM_REQUIRED_CAPS; i++)
		assert_true(probe.has[i]);
	assert_true(probe.max_vcpus >= 1);
	assert_true(probe.ring0_mips > 0.001);

	probe.has[0] = false;
	probe.has[KVM_REQUIRED_CAPS - 1] = false;
	f = open_memstream(&text, &size);
	assert_non_null(f);
	kvm_probe_print(&probe, f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "\"missing\":[\"KVM_CAP_IRQCHIP\","
				     "\"KVM_CAP_SET_TSS_ADDR\"]}\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
	};

	if (access("/dev/kvm", R_OK | W_OK)) {
		(void)puts("no /dev/kvm that can be opened");
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
