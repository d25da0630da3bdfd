/* test_host_check.c - findings about the host, with a made-up lwx-vmm. */
#include "host_check.h"
#include "host_probe.h"
#include "macros.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char vmm[] = "/tmp/lwx-host-check-XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(vmm);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(vmm);
}

/* What lwx-vmm --probe prints from now on. */
static void set_probe(const char *json)
{
	FILE *f = fopen(vmm, "we");

	assert_non_null(f);
	assert_true(fprintf(f,
			    "#!/bin/sh\n[ \"$*\" = --probe ] || exit 9\n"
			    "cat <<'END'\n%s\nEND\n",
			    json) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(vmm, 0700), 0);
}

/* The finding of that name; one without a name if there is none. */
static const struct host_check_result *find(const struct host_check *check,
					    const char *name)
{
	static const struct host_check_result none;

	for (size_t i = 0; i < check->num; i++)
		if (!strcmp(check->results[i].name, name))
			return &check->results[i];
	return &none;
}

static struct host_check *run(const char *path, const struct host_config *hc)
{
	struct host_check *check = malloc(sizeof(*check));

	assert_non_null(check);
	host_check_run(check, path, hc);
	assert_true(check->num <= HOST_CHECKS_MAX);
	/* Whatever is not right comes with what to do. */
	for (size_t i = 0; i < check->num; i++)
		assert_true(!check->results[i].status ||
			    check->results[i].advice[0]);
	return check;
}

/* The status that @name has when the probe prints @json. */
static enum host_check_status status_of(const char *json, const char *name)
{
	const struct host_check_result *result;
	enum host_check_status status;
	struct host_check *check;

	set_probe(json);
	check = run(vmm, NULL);
	result = find(check, name);
	assert_non_null(result->name);
	status = result->status;
	assert_true(host_check_worst(check) >= status);
	free(check);
	return status;
}

#define PROBE(mips, error, missing)                                            \
	"{\"api_version\":12,\"max_vcpus\":64,\"ring0_mips\":" mips            \
	",\"error\":\"" error "\",\"missing\":[" missing "]}"

static void test_probe_decides(void **state)
{
	(void)state;
	assert_int_equal(status_of(PROBE("3000.5", "", ""), "ring0"),
			 HOST_CHECK_OK);
	assert_int_equal(status_of(PROBE("3000.5", "", ""), "kvm-api"),
			 HOST_CHECK_OK);
	assert_int_equal(status_of(PROBE("0.5", "", ""), "ring0"),
			 HOST_CHECK_WARN);
	assert_int_equal(status_of(PROBE("0", "KVM_RUN: x", ""), "ring0"),
			 HOST_CHECK_FAIL);
	assert_int_equal(
		status_of(PROBE("9999", "", "\"KVM_CAP_IRQFD\""), "kvm-api"),
		HOST_CHECK_FAIL);
	assert_int_equal(status_of("no JSON", "kvm-api"), HOST_CHECK_FAIL);
	assert_int_equal(status_of("{}", "kvm-api"), HOST_CHECK_FAIL);
}

static void test_vmm_is_missing(void **state)
{
	struct host_check *check = run("/nonexistent/lwx-vmm", NULL);

	(void)state;
	assert_int_equal(find(check, "kvm-api")->status, HOST_CHECK_FAIL);
	free(check);
	check = run(NULL, NULL);
	assert_string_equal(find(check, "kvm-api")->detail,
			    "lwx-vmm was not found");
	assert_null(find(check, "ring0")->name);
	free(check);
}

static void test_probe_parse(void **state)
{
	struct host_probe probe;
	struct err err;

	(void)state;
	assert_int_equal(host_probe_parse(PROBE("1.5", "e", "\"A\",\"B\",7"),
					  &probe, &err),
			 0);
	assert_int_equal(probe.api_version, 12);
	assert_int_equal(probe.max_vcpus, 64);
	assert_true(probe.ring0_mips > 1.4 && probe.ring0_mips < 1.6);
	assert_string_equal(probe.error, "e");
	assert_string_equal(probe.missing, "A, B");
	assert_int_equal(host_probe_parse("[]", &probe, &err), -EPROTO);
	assert_int_equal(
		host_probe_parse("{\"api_version\":\"x\"}", &probe, &err),
		-EPROTO);
}

/* What a VM needs and the host has not is a failure. */
static void test_needs_of_the_file(void **state)
{
	struct host_config hc = {.num_vms = 2};
	struct vm_config *vms = calloc(2, sizeof(*vms));
	struct host_check *check;

	(void)state;
	assert_non_null(vms);
	vm_config_init(&vms[0]);
	vm_config_init(&vms[1]);
	hc.vms = vms;
	set_probe(PROBE("3000.5", "", ""));
	check = run(vmm, &hc);
	assert_int_equal(find(check, "memory")->status, HOST_CHECK_OK);
	assert_int_equal(find(check, "hugepages")->status, HOST_CHECK_OK);
	free(check);

	vms[0].memory.kind = GUEST_MEM_HUGEPAGES;
	vms[0].memory.size = GIB(1024 * 1024);
	vms[1].memory.size = GIB(1024 * 1024);
	check = run(vmm, &hc);
	assert_int_equal(find(check, "memory")->status, HOST_CHECK_FAIL);
	assert_int_equal(find(check, "hugepages")->status, HOST_CHECK_FAIL);
	assert_int_equal(host_check_worst(check), HOST_CHECK_FAIL);
	free(check);
	free(vms);
}

static void test_json(void **state)
{
	static const struct host_check check = {
		.results = {{"kvm", HOST_CHECK_OK, "a \"b\"", ""},
			    {"tap", HOST_CHECK_WARN, "c", "do\nit"}},
		.num = 2,
	};
	char *text = host_check_json(&check);

	(void)state;
	assert_string_equal(
		text,
		"{\"results\":[{\"name\":\"kvm\",\"status\":\"ok\",\"detail\":"
		"\"a \\\"b\\\"\",\"advice\":\"\"},{\"name\":\"tap\",\"status\":"
		"\"warn\",\"detail\":\"c\",\"advice\":\"do\\nit\"}]}");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_decides),
		cmocka_unit_test(test_vmm_is_missing),
		cmocka_unit_test(test_probe_parse),
		cmocka_unit_test(test_needs_of_the_file),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
