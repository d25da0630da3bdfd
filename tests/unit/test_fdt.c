/* test_fdt.c - the device tree: contents by libfdt, form by dtc. */
#include "fdt_build.h"
#include "macros.h"
#include "x86_layout.h"

#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct fdt_chosen chosen = {
	.cmdline = "console=ttyS0",
	.initrd_gpa = MIB(32),
	.initrd_size = 5000,
};

static uint8_t *make_tree(size_t *size)
{
	struct machine_desc md;
	uint8_t *blob = NULL;
	struct err err;

	machine_desc_init_x86(&md);
	md.num_cpus = 3;
	md.cpu_id[1] = 1;
	md.cpu_id[2] = 4;
	assert_int_equal(machine_desc_add_ram(&md, 0, GIB(3), &err), 0);
	assert_int_equal(machine_desc_add_ram(&md, GIB(4), GIB(1020), &err), 0);
	for (int i = 0; i < MACHINE_VIRTIO_MAX; i++)
		assert_non_null(machine_desc_add_virtio(&md, &err));
	assert_int_equal(fdt_build(&md, &chosen, &blob, size, &err), 0);
	return blob;
}

static void assert_cells(const void *fdt, const char *path, const char *name,
			 size_t n, ...)
{
	int node = fdt_path_offset(fdt, path), len;
	const fdt32_t *cells = fdt_getprop(fdt, node, name, &len);
	va_list ap;

	assert_non_null(cells);
	assert_int_equal(len, n * sizeof(cells[0]));
	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fdt32_to_cpu(cells[i]),
				 va_arg(ap, unsigned int));
	va_end(ap);
}

static void test_tree_tells_the_machine(void **state)
{
	size_t size;
	uint8_t *fdt = make_tree(&size);

	(void)state;
	assert_int_equal(fdt_check_full(fdt, size), 0);
	assert_cells(fdt, "/memory@100000000", "reg", 4, 1, 0, 255, 0);
	assert_cells(fdt, "/cpus/cpu@4", "reg", 1, 4);
	assert_cells(fdt, "/virtio@d0001000", "reg", 4, 0, 0xd0001000, 0,
		     0x1000);
	assert_cells(fdt, "/virtio@d0004000", "interrupts", 2, 10, 0);
	assert_cells(fdt, "/isa/serial@i3f8", "reg", 3, 1, 0x3f8, 8);
	assert_cells(fdt, "/isa/exit@i604", "reg", 3, 1, X86_PORT_EXIT, 1);
	assert_cells(fdt, "/chosen", "linux,initrd-end", 2, 0,
		     (unsigned int)MIB(32) + 5000);
	assert_string_equal(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"),
					"bootargs", NULL),
			    "console=ttyS0");
	free(fdt);
}

/* dtc reads the tree without a warning and makes the same tree of it. */
static void test_dtc_round_trip(void **state)
{
	static const char script[] =
		"cd %s && dtc -q -I dtb -O dts -o 1.dts in.dtb && "
		"dtc -I dts -O dtb -o 2.dtb 1.dts 2>log && ! grep . log && "
		"dtc -q -I dtb -O dts -o 2.dts 2.dtb && cmp 1.dts 2.dts";
	char dir[] = "/tmp/lwx-fdt-XXXXXX", path[64], command[512];
	size_t size;
	uint8_t *fdt;
	FILE *file;

	(void)state;
	if (system("dtc -v >/dev/null 2>&1") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/in.dtb", dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	fdt = make_tree(&size);
	assert_int_equal(fwrite(fdt, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	free(fdt);
	(void)snprintf(command, sizeof(command), script, dir);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree_tells_the_machine),
		cmocka_unit_test(test_dtc_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
