/* test_boot_x86.c - boot data in guest memory and the first CPU's state. */
#include "boot_x86.h"
#include "macros.h"
#include "x86_layout.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char cmdline[X86_CMDLINE_MAX + 1];

struct fixture {
	struct guest_mem *gm;
	struct machine_desc md;
	struct boot_image img;
	struct boot_state st;
	struct err err;
};

static int set_up(void **state)
{
	static struct fixture f;
	const struct guest_mem_config cfg = {
		.size = MIB(32),
		.hole_start = X86_HOLE_START,
		.hole_end = X86_HOLE_END,
	};

	f = (struct fixture){0};
	assert_int_equal(guest_mem_create(&f.gm, &cfg, &f.err), 0);
	machine_desc_init_x86(&f.md);
	f.md.num_cpus = 1;
	assert_int_equal(machine_desc_add_ram(&f.md, 0, MIB(32), &f.err), 0);
	assert_non_null(machine_desc_add_virtio(&f.md, &f.err));
	assert_non_null(machine_desc_add_virtio(&f.md, &f.err));
	(void)snprintf(cmdline, sizeof(cmdline), "quiet");
	f.img = (struct boot_image){
		.entry = BOOT_ENTRY_LINUX64,
		.entry_gpa = MIB(16) + 0x200,
		.setup_header_size = 0x7b,
		.initrd_gpa = MIB(24),
		.initrd_size = 12345,
		.cmdline = cmdline,
		.cmdline_max = 2047,
	};
	memset(f.img.setup_header, 0x5a, sizeof(f.img.setup_header));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(f->gm);
	return 0;
}

static int setup(struct fixture *f)
{
	return boot_x86_setup(&f->st, &f->img, &f->md, f->gm, &f->err);
}

static const void *guest(const struct fixture *f, uint64_t gpa, size_t len)
{
	struct iovec iov;

	assert_int_equal(guest_mem_slice(f->gm, gpa, len, &iov), 0);
	return iov.iov_base;
}

static const char *guest_cmdline(const struct fixture *f)
{
	return guest(f, X86_CMDLINE_GPA, X86_CMDLINE_MAX);
}

static void assert_range(const struct boot_params *p, unsigned int i,
			 uint64_t start, uint64_t end, uint32_t type)
{
	struct boot_e820_entry e;

	memcpy(&e, &p->e820_table[i], sizeof(e));
	assert_int_equal(e.addr, start);
	assert_int_equal(e.size, end - start);
	assert_int_equal(e.type, type);
}

static void test_linux64(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *p;
	const uint64_t *pml4;

	assert_int_equal(
		machine_desc_add_ram(&f->md, GIB(4), GIB(1021), &f->err), 0);
	assert_int_equal(setup(f), 0);
	p = guest(f, X86_ZERO_PAGE_GPA, sizeof(*p));
	assert_int_equal(p->hdr.setup_sects, 0x5a);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.cmd_line_ptr, X86_CMDLINE_GPA);
	assert_int_equal(p->hdr.ramdisk_image, MIB(24));
	assert_int_equal(p->hdr.ramdisk_size, 12345);
	assert_int_equal(p->acpi_rsdp_addr, X86_ACPI_GPA);
	assert_memory_equal(guest(f, X86_ACPI_GPA, 8), "RSD PTR ", 8);
	assert_int_equal(p->e820_entries, 6);
	assert_range(p, 0, 0, 0x9fc00, 1);
	assert_range(p, 1, 0x9fc00, 0xa0000, 2);
	assert_range(p, 2, 0xe0000, 0xf0000, 3);
	assert_range(p, 3, 0xf0000, 0x100000, 2);
	assert_range(p, 4, 0x100000, MIB(32), 1);
	assert_range(p, 5, GIB(4), GIB(1025), 1);
	assert_string_equal(guest_cmdline(f), "quiet");

	assert_int_equal(f->st.rip, MIB(16) + 0x200);
	assert_int_equal(f->st.rsi, X86_ZERO_PAGE_GPA);
	assert_int_equal(f->st.cr0, 0x80000011);
	assert_int_equal(f->st.cr4, 0x20);
	assert_int_equal(f->st.efer, 0x500);
	assert_int_equal(f->st.code.l, 1);
	assert_int_equal(f->st.code.db, 0);
	pml4 = guest(f, f->st.cr3, 3 * KIB(4));
	assert_int_equal(pml4[0], f->st.cr3 + 0x1003);
	assert_int_equal(pml4[512], f->st.cr3 + 0x2003);
	assert_int_equal(pml4[1024], 0x83);
	assert_int_equal(pml4[1024 + 511], MIB(1022) | 0x83);
}

static void test_gdt_matches_the_hidden_registers(void **state)
{
	struct fixture *f = *state;
	const uint64_t *gdt;

	assert_int_equal(setup(f), 0);
	gdt = guest(f, f->st.gdt_base, f->st.gdt_limit + 1u);
	assert_int_equal(f->st.gdt_limit, 0x2f);
	assert_int_equal(gdt[2], 0x00af9b000000ffff);
	assert_int_equal(gdt[3], 0x00cf93000000ffff);
	assert_int_equal(gdt[4], 0x00008b0000000067);
	f->img.entry = BOOT_ENTRY_PVH;
	assert_int_equal(setup(f), 0);
	assert_int_equal(gdt[2], 0x00cf9b000000ffff);
}

static void test_pvh(void **state)
{
	struct fixture *f = *state;
	const uint32_t *info;
	const uint64_t *module, *map;

	f->img.entry = BOOT_ENTRY_PVH;
	assert_int_equal(setup(f), 0);
	assert_int_equal(f->st.cr0, 0x11);
	assert_int_equal(f->st.cr3 | f->st.cr4 | f->st.efer, 0);
	assert_int_equal(f->st.code.db, 1);
	assert_int_equal(f->st.rbx, X86_PVH_INFO_GPA);
	info = guest(f, f->st.rbx, 56);
	assert_int_equal(info[0], 0x336ec578);
	assert_int_equal(info[1], 1);
	assert_int_equal(info[3], 1); /* modules */
	assert_int_equal(info[6], X86_CMDLINE_GPA);
	assert_int_equal(info[8], X86_ACPI_GPA);
	assert_int_equal(info[12], 5); /* memory map entries */
	module = guest(f, info[4], 16);
	assert_int_equal(module[0], MIB(24));
	assert_int_equal(module[1], 12345);
	map = guest(f, info[10], 120); /* the fifth of 24 bytes each */
	assert_int_equal(map[12], MIB(1));
	assert_int_equal(map[13], MIB(31));
	assert_int_equal(map[14], 1);
}

static void test_devices_on_the_command_line(void **state)
{
	static const struct {
		const char *given;
		const char *expected;
	} cases[] = {
#define WORDS                                                                  \
	"virtio_mmio.device=4K@0xd0000000:5 "                                  \
	"virtio_mmio.device=4K@0xd0001000:6"
		{"", WORDS},
		{"quiet", "quiet " WORDS},
		{"quiet -- single", "quiet " WORDS " -- single"},
		{"-- single", WORDS " -- single"},
		{"quiet --", "quiet " WORDS " --"},
		{"a=\"b -- c\" --x", "a=\"b -- c\" --x " WORDS},
	};
	struct fixture *f = *state;

	f->md.acpi = false;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(cmdline, sizeof(cmdline), "%s", cases[i].given);
		assert_int_equal(setup(f), 0);
		assert_string_equal(guest_cmdline(f), cases[i].expected);
	}
	/* The MP table takes the place of ACPI. */
	const struct boot_params *p = guest(f, X86_ZERO_PAGE_GPA, sizeof(*p));
	assert_int_equal(p->acpi_rsdp_addr, 0);
	assert_int_equal(p->e820_entries, 4);
	assert_range(p, 2, 0xf0000, 0x100000, 2);
	assert_memory_equal(guest(f, X86_MP_TABLE_GPA, 4), "_MP_", 4);
	assert_memory_not_equal(guest(f, X86_ACPI_GPA, 8), "RSD PTR ", 8);
}

static void test_reset_vector(void **state)
{
	/* mov dx, 602h; mov al, 1; out dx, al; hlt; jmp to the hlt */
	static const uint8_t code[] = {0xba, 0x02, 0x06, 0xb0, 0x01,
				       0xee, 0xf4, 0xeb, 0xfd};
	struct fixture *f = *state;

	assert_int_equal(setup(f), 0);
	assert_memory_equal(guest(f, 0xffff0, 16), code, sizeof(code));
}

static void test_command_line_too_long(void **state)
{
	struct fixture *f = *state;

	memset(cmdline, 'x', sizeof(cmdline) - 1);
	cmdline[2047] = '\0';
	assert_int_equal(setup(f), 0);
	cmdline[2047] = 'x';
	cmdline[2048] = '\0';
	assert_int_equal(setup(f), -E2BIG);
	assert_string_equal(f->err.msg, "kernel command line: 2048 bytes, this "
					"kernel takes 2047");
}

static void test_machine_without_memory(void **state)
{
	struct fixture *f = *state;

	f->md.num_ram = 0;
	assert_int_equal(setup(f), -EINVAL);
	assert_string_equal(f->err.msg,
			    "machine: no RAM at the start of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_linux64, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			test_gdt_matches_the_hidden_registers, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(test_pvh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_devices_on_the_command_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset_vector, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_command_line_too_long,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_machine_without_memory,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
