/*
 * test_acpi.c - ACPI tables and the MP table: checksums, fields, and what
 * ACPICA's compiler makes of them.
 */
#include "acpi_build.h"
#include "aml.h"
#include "macros.h"
#include "mp_table.h"
#include "x86_layout.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GPA 0xE0000ULL

static uint8_t tables[KIB(64)];

static uint64_t get(const uint8_t *at, unsigned int width)
{
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | at[width];
	return value;
}

static void make_machine(struct machine_desc *md, uint32_t cpus,
			 uint32_t virtio)
{
	machine_desc_init_x86(md);
	md->num_cpus = cpus;
	for (uint32_t i = 0; i < cpus; i++)
		md->cpu_id[i] = i;
	for (uint32_t i = 0; i < virtio; i++)
		assert_non_null(machine_desc_add_virtio(md, NULL));
}

static size_t build(const struct machine_desc *md)
{
	struct err err;
	size_t used = 0;

	assert_int_equal(
		acpi_build(md, tables, sizeof(tables), GPA, &used, &err), 0);
	return used;
}

static uint8_t sum(const uint8_t *data, size_t len)
{
	uint8_t total = 0;

	while (len-- > 0)
		total = (uint8_t)(total + *data++);
	return total;
}

/* The table at a guest address the other tables name. */
static const uint8_t *table_at(uint64_t gpa, const char *signature)
{
	const uint8_t *table = tables + (gpa - GPA);

	assert_in_range(gpa, GPA, GPA + sizeof(tables) - 36);
	assert_memory_equal(table, signature, 4);
	assert_int_equal(sum(table, get(table + 4, 4)), 0);
	return table;
}

static const uint8_t *xsdt(void)
{
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	assert_int_equal(tables[15], 2);
	return table_at(get(tables + 24, 8), "XSDT");
}

static const uint8_t *fadt(void)
{
	return table_at(get(xsdt() + 36, 8), "FACP");
}

static const uint8_t *madt(void)
{
	return table_at(get(xsdt() + 44, 8), "APIC");
}

static const uint8_t *dsdt(void)
{
	return table_at(get(fadt() + 140, 8), "DSDT");
}

static void test_fadt_declares_what_is_missing(void **state)
{
	struct machine_desc md;
	const uint8_t *t;

	(void)state;
	make_machine(&md, 1, 1);
	build(&md);
	t = fadt();
	assert_int_equal(get(t + 4, 4), 276);
	assert_int_equal(t[8], 6);
	assert_int_equal(t[131], 4);
	/* No VGA, no CMOS RTC; no 8042, no legacy devices. */
	assert_int_equal(get(t + 109, 2), 1 << 2 | 1 << 5);
	/* HW_REDUCED, RESET_REG_SUP, no fixed buttons, C1, WBINVD. */
	assert_int_equal(get(t + 112, 4), 0x00100435);
	assert_int_equal(get(t + 36, 4), 0);		   /* no FACS */
	assert_int_equal(get(t + 40, 4), get(t + 140, 8)); /* DSDT twice */
	assert_int_equal(get(t + 116, 4), 0x01000801);	   /* port, 8 bit */
	assert_int_equal(get(t + 120, 8), X86_PORT_RESET); /* RESET_REG */
	assert_int_equal(t[128], X86_RESET_VALUE);
	assert_int_equal(get(t + 248, 8), X86_PORT_SLEEP_CONTROL);
	assert_int_equal(get(t + 260, 8), X86_PORT_SLEEP_STATUS);
	for (size_t i = 46; i < 109; i++) /* no fixed hardware */
		assert_int_equal(t[i], 0);
}

static void test_madt_lists_cpus(void **state)
{
	static const uint8_t expected[] = {
		0,  8,	0,    0,   1,	 0,    0,    0, /* CPU 0, APIC 0 */
		0,  8,	1,    254, 1,	 0,    0,    0, /* CPU 1, APIC 254 */
		9,  16, 0,    0,   255,	 0,    0,    0,	   1, 0, 0,    0,
		2,  0,	0,    0,   1,	 12,   0,    0,	   0, 0, 0xc0, 0xfe,
		0,  0,	0,    0,	    /* I/O APIC */
		4,  6,	0xff, 0,   0,	 1, /* NMI on LINT1 */
		10, 12, 0,    0,   0xff, 0xff, 0xff, 0xff, 1, 0, 0,    0,
	};
	struct machine_desc md;
	const uint8_t *t;

	(void)state;
	make_machine(&md, 3, 0);
	md.cpu_id[1] = 254;
	md.cpu_id[2] = 255; /* the first that needs x2APIC */
	build(&md);
	t = madt();
	assert_int_equal(get(t + 36, 4), X86_LAPIC_GPA);
	assert_int_equal(get(t + 40, 4), 0);
	assert_int_equal(get(t + 4, 4), 44 + sizeof(expected));
	assert_memory_equal(t + 44, expected, sizeof(expected));
}

static void assert_dsdt_has(const void *bytes, size_t len, bool expected)
{
	const uint8_t *t = dsdt();

	assert_int_equal(memmem(t, get(t + 4, 4), bytes, len) != NULL,
			 expected);
}

static void test_dsdt_describes_devices(void **state)
{
	static const uint8_t second_virtio[] = {
		0x86, 9, 0, 1, 0, 0x10, 0, 0xd0, 0, 0x10, 0, 0, /* memory */
		0x89, 6, 0, 3, 1, 6,	0, 0,	 0, 0x79, 0, /* edge, GSI 6 */
	};
	static const uint8_t exit_port[] = {0x47, 1, 0x04, 0x06, 0x04,
					    0x06, 1, 1,	   0x79, 0};
	static const uint8_t com1[] = {0x0c, 0x41, 0xd0, 0x05, 0x01};
	struct machine_desc md;

	(void)state;
	make_machine(&md, 2, 3);
	build(&md);
	assert_dsdt_has(second_virtio, sizeof(second_virtio), true);
	assert_dsdt_has(exit_port, sizeof(exit_port), true);
	assert_dsdt_has(com1, sizeof(com1), true);
	assert_dsdt_has("VR02", 4, true);
	assert_dsdt_has("VR03", 4, false);
	assert_dsdt_has("C001", 4, true);
	assert_dsdt_has("C002", 4, false);
	md.serial.size = 0;
	build(&md);
	assert_dsdt_has(com1, sizeof(com1), false);
}

/* ACPI 6.4, 20.2.4: the length counts itself and takes 1 to 4 bytes. */
static void test_package_length(void **state)
{
	static const struct {
		size_t body;
		unsigned int bytes;
	} cases[] = {
		{4, 1},	    {62, 1},	  {63, 2},	{0xffd, 2},
		{0xffe, 3}, {0xffffc, 3}, {0xffffd, 4},
	};
	static uint8_t buf[MIB(1) + 16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aml aml = {.data = buf, .size = sizeof(buf)};
		unsigned int bytes = cases[i].bytes;
		uint64_t length;
		size_t mark = aml_scope(&aml, "ABCD");

		aml_bytes(&aml, NULL, cases[i].body - 4);
		aml_end(&aml, mark);
		assert_int_equal(buf[1] >> 6, bytes - 1);
		length = bytes == 1 ? buf[1]
				    : (buf[1] & 0xfu) | get(buf + 2, bytes - 1)
								<< 4;
		assert_int_equal(length, cases[i].body + bytes);
		assert_int_equal(aml.len, 1 + length);
		assert_memory_equal(buf + 1 + bytes, "ABCD", 4);
	}
}

static void test_too_small_a_buffer_is_told(void **state)
{
	struct machine_desc md;
	struct err err;
	size_t used, need;
	uint8_t *buf;

	(void)state;
	make_machine(&md, 64, 18);
	need = build(&md);
	assert_true(need < X86_ACPI_MAX);
	for (size_t size = 0; size < need; size++) {
		buf = malloc(size + 1); /* exact, for AddressSanitizer */
		assert_int_equal(acpi_build(&md, buf, size, GPA, &used, &err),
				 -ENOSPC);
		free(buf);
	}
	md.num_cpus = 0;
	assert_int_equal(
		acpi_build(&md, tables, sizeof(tables), GPA, &used, &err),
		-EINVAL);
}

static void test_virtio_gsis_skip_the_power_button(void **state)
{
	struct machine_desc md;
	struct err err;

	(void)state;
	make_machine(&md, 1, MACHINE_VIRTIO_MAX);
	assert_int_equal(md.virtio[3].gsi, 8);
	assert_int_equal(md.virtio[4].gsi, 10);
	assert_int_equal(md.virtio[17].gsi, X86_GSI_MAX);
	assert_int_equal(md.virtio[17].base, 0xd0011000);
	assert_null(machine_desc_add_virtio(&md, &err));
	assert_string_equal(err.msg, "machine: more than 18 virtio devices");
}

/* iasl must read a table, and make the same bytes of what it has read. */
static void assert_round_trip(const char *dir, const uint8_t *table)
{
	size_t len = get(table + 4, 4), again;
	static uint8_t recompiled[KIB(64)];
	char path[64], command[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/in.dat", dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(table, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(command, sizeof(command),
		       "cd %s && iasl -d in.dat >log 2>&1 && "
		       "! grep -i -e invalid -e '[*][*][*][*]' in.dsl && "
		       "iasl -p out in.dsl >log 2>&1 && "
		       "grep -q ' 0 Errors, 0 Warnings' log",
		       dir);
	if (system(command) != 0) {
		(void)snprintf(command, sizeof(command), "cat %s/log", dir);
		(void)!system(command);
		fail();
	}
	(void)snprintf(path, sizeof(path), "%s/out.aml", dir);
	file = fopen(path, "rb");
	assert_non_null(file);
	again = fread(recompiled, 1, sizeof(recompiled), file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(again, len);
	/* The compiler puts its own name and revision at 28. */
	assert_memory_equal(recompiled, table, 9);
	assert_memory_equal(recompiled + 10, table + 10, 18);
	assert_memory_equal(recompiled + 36, table + 36, len - 36);
}

static void test_iasl_round_trip(void **state)
{
	char dir[] = "/tmp/lwx-acpi-XXXXXX", command[64];
	struct machine_desc md;

	(void)state;
	if (system("iasl -v >/dev/null 2>&1") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	make_machine(&md, 64, MACHINE_VIRTIO_MAX);
	md.cpu_id[63] = 300;
	build(&md);
	assert_round_trip(dir, dsdt());
	assert_round_trip(dir, fadt());
	assert_round_trip(dir, madt());
	assert_round_trip(dir, xsdt());
	make_machine(&md, 1, 0); /* every length shorter than 64 */
	build(&md);
	assert_round_trip(dir, dsdt());
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void test_mp_table(void **state)
{
	struct machine_desc md;
	struct err err;
	const uint8_t *t = tables + 16;
	size_t used;

	(void)state;
	make_machine(&md, 3, 2);
	assert_int_equal(mp_table_build(&md, tables, sizeof(tables), 0xf0000,
					&used, &err),
			 0);
	assert_memory_equal(tables, "_MP_", 4);
	assert_int_equal(sum(tables, 16), 0);
	assert_int_equal(get(tables + 4, 4), 0xf0010);
	assert_memory_equal(t, "PCMP", 4);
	assert_int_equal(get(t + 4, 2), used - 16);
	assert_int_equal(sum(t, used - 16), 0);
	/* CPUs of 20 bytes; one bus, the I/O APIC, 24 + 2 interrupts of 8. */
	assert_int_equal(get(t + 34, 2), 3 + 1 + 1 + 24 + 2);
	assert_int_equal(used - 16, 44 + 3 * 20 + 28 * 8);
	assert_int_equal(get(t + 36, 4), X86_LAPIC_GPA);
	assert_int_equal(t[44 + 3], 3);	     /* enabled, boot CPU */
	assert_int_equal(t[44 + 20 + 1], 1); /* APIC id */
	assert_int_equal(t[44 + 20 + 3], 1); /* enabled */
	/* GSI 5: ISA interrupt 5, edge, active high. */
	assert_int_equal(get(t + 44 + 60 + 16 + 40, 8), 0x0500050000050003);
	for (size_t size = 0; size < used; size++)
		assert_int_equal(
			mp_table_build(&md, tables, size, 0xf0000, &used, &err),
			-ENOSPC);
	md.cpu_id[2] = 255;
	assert_int_equal(mp_table_build(&md, tables, sizeof(tables), 0xf0000,
					&used, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "MP table: APIC id 255 is above 254; use "
				     "ACPI or fewer vCPUs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fadt_declares_what_is_missing),
		cmocka_unit_test(test_madt_lists_cpus),
		cmocka_unit_test(test_dsdt_describes_devices),
		cmocka_unit_test(test_package_length),
		cmocka_unit_test(test_too_small_a_buffer_is_told),
		cmocka_unit_test(test_virtio_gsis_skip_the_power_button),
		cmocka_unit_test(test_iasl_round_trip),
		cmocka_unit_test(test_mp_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
