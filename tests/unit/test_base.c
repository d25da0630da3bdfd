/* test_base.c - err, guest_mem and io_bus. */
#include "err.h"
#include "guest_mem.h"
#include "io_bus.h"
#include "macros.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_err_set_appends_reason(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, -ENOENT, "disk %s: open", "a"), -ENOENT);
	assert_string_equal(err.msg, "disk a: open: No such file or directory");
	assert_int_equal(err_prefix(&err, "vm %s", "web1"), -ENOENT);
	assert_string_equal(err.msg, "vm web1: disk a: open: No such file or "
				     "directory");
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
}

static struct guest_mem *make_memory(uint64_t size)
{
	struct guest_mem_config cfg = {
		.size = size,
		.hole_start = GIB(3),
		.hole_end = GIB(4),
	};
	struct guest_mem *gm = NULL;
	struct err err;

	assert_int_equal(guest_mem_create(&gm, &cfg, &err), 0);
	return gm;
}

static void test_slice_stays_inside_a_region(void **state)
{
	struct guest_mem *gm = make_memory(GIB(5));
	struct iovec iov;

	(void)state;
	assert_int_equal(guest_mem_slice(gm, 0, GIB(3), &iov), 0);
	assert_int_equal(guest_mem_slice(gm, GIB(3) - 1, 1, &iov), 0);
	assert_int_equal(guest_mem_slice(gm, GIB(3) - 1, 2, &iov), -EFAULT);
	assert_int_equal(guest_mem_slice(gm, GIB(3), 1, &iov), -EFAULT);
	assert_int_equal(guest_mem_slice(gm, GIB(4) - 1, 2, &iov), -EFAULT);
	assert_int_equal(guest_mem_slice(gm, GIB(4), GIB(2), &iov), 0);
	assert_int_equal(guest_mem_slice(gm, GIB(6) - 1, 1, &iov), 0);
	assert_int_equal(guest_mem_slice(gm, GIB(6) - 1, 2, &iov), -EFAULT);
	assert_int_equal(guest_mem_slice(gm, 0, 0, &iov), -EFAULT);
	assert_int_equal(guest_mem_slice(gm, 16, UINT64_MAX, &iov), -EFAULT);
	assert_int_equal(guest_mem_slice(gm, UINT64_MAX, 2, &iov), -EFAULT);
	guest_mem_destroy(gm);
}

static void test_memory_that_cannot_work_is_refused(void **state)
{
	struct guest_mem_config cfg = {
		.size = MIB(32),
		.hole_start = GIB(3),
		.hole_end = GIB(4),
		.kind = GUEST_MEM_SHARED,
		.mergeable = true,
	};
	struct guest_mem *gm = NULL;
	struct err err;

	(void)state;
	assert_int_equal(guest_mem_create(&gm, &cfg, &err), -EINVAL);
	assert_string_equal(err.msg, "memory: mergeable needs private memory");
	cfg.mergeable = false;
	cfg.size = MIB(32) + 4096;
	assert_int_equal(guest_mem_create(&gm, &cfg, &err), -EINVAL);
	assert_string_equal(err.msg, "memory: size must be a multiple of 2M");
	cfg.size = MIB(32);
	cfg.kind = GUEST_MEM_HUGEPAGES;
	assert_int_equal(guest_mem_create(&gm, &cfg, &err), -EINVAL);
	assert_null(gm);
}

static void bus_read(void *dev, uint64_t offset, void *data, unsigned int len)
{
	memset(data, (int)offset + *(int *)dev, len);
}

static const struct io_bus_ops bus_ops = {.read = bus_read};

static void test_bus_finds_the_device(void **state)
{
	int first = 0x10, second = 0x20;
	struct io_bus *bus = NULL;
	uint8_t data[4];
	struct err err;

	(void)state;
	assert_int_equal(io_bus_create(&bus, &err), 0);
	assert_int_equal(io_bus_add(bus, 0x200, 8, &bus_ops, &second, &err), 0);
	assert_int_equal(io_bus_add(bus, 0x100, 8, &bus_ops, &first, &err), 0);
	assert_int_equal(io_bus_add(bus, 0x107, 2, &bus_ops, &first, &err),
			 -EEXIST);
	assert_int_equal(io_bus_add(bus, 1, UINT64_MAX, &bus_ops, NULL, &err),
			 -EINVAL);
	io_bus_seal(bus);
	assert_true(io_bus_read(bus, 0x101, data, 1));
	assert_int_equal(data[0], 0x11);
	assert_true(io_bus_read(bus, 0x204, data, 4));
	assert_int_equal(data[3], 0x24);
	assert_false(io_bus_read(bus, 0x206, data, 4)); /* crosses the end */
	assert_int_equal(data[0], 0xff);
	assert_false(io_bus_read(bus, 0x108, data, 1));
	assert_true(io_bus_write(bus, 0x100, data, 1));
	assert_int_equal(io_bus_add(bus, 0x300, 1, &bus_ops, NULL, &err),
			 -EBUSY);
	io_bus_destroy(bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_set_appends_reason),
		cmocka_unit_test(test_slice_stays_inside_a_region),
		cmocka_unit_test(test_memory_that_cannot_work_is_refused),
		cmocka_unit_test(test_bus_finds_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
