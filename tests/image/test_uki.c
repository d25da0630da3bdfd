/* test_uki.c - what uki_write() makes, as the loader of lwx-vm reads it. */
#include "test.h"

#include "image_file.h"
#include "image_rig.h"
#include "uki_write.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STUB_SIZE 0x600U
#define PE_AT 0x80U
#define TABLE_AT (PE_AT + 24U + 112U)

/* The least program that is one: headers of 1 KiB, one section of 512 bytes,
 * then bytes that belong to none, as symbols do. */
static void make_stub(uint8_t *stub, uint32_t headers)
{
	uint32_t pe_at = htole32(PE_AT);
	uint16_t opt_size = htole16(112);
	uint32_t alignment = htole32(512);
	uint16_t magic = htole16(0x20b);
	uint16_t machine = htole16(0x8664);
	uint32_t headers_le = htole32(headers);
	uint32_t section[4] = {htole32(512), htole32(0x1000), htole32(512),
			       htole32(0x400)};

	memset(stub, 0, STUB_SIZE + 100);
	memset(stub + STUB_SIZE, 'S', 100);
	memcpy(stub, "MZ", 2);
	memcpy(stub + 0x3c, &pe_at, 4);
	memcpy(stub + PE_AT, "PE\0\0", 4);
	memcpy(stub + PE_AT + 4, &machine, 2);
	stub[PE_AT + 6] = 1;
	memcpy(stub + PE_AT + 20, &opt_size, 2);
	memcpy(stub + PE_AT + 24, &magic, 2);
	memcpy(stub + PE_AT + 24 + 32, &alignment, 4);
	memcpy(stub + PE_AT + 24 + 36, &alignment, 4);
	memcpy(stub + PE_AT + 24 + 60, &headers_le, 4);
	memcpy(stub + TABLE_AT, ".text", 5);
	memcpy(stub + TABLE_AT + 8, section, sizeof(section));
}

static void expect_part(const struct image_file *part, const char *text)
{
	char buf[64] = {0};
	struct err err = {0};

	assert_int_equal(part->size, strlen(text));
	if (image_file_read(part, 0, buf, strlen(text), &err))
		fail_msg("%s", err.msg);
	assert_string_equal(buf, text);
}

static void loader_finds_the_parts(void **state)
{
	uint8_t stub[STUB_SIZE + 100];
	int initrd = rig_temp();
	int out = rig_temp();
	struct uki_section sections[] = {
		{".osrel", -1, "ID=test\n", 8},
		{".cmdline", -1, "quiet", 5},
		{".initrd", initrd, NULL, 6},
		{".linux", -1, "kernel", 6},
	};
	struct image_file file = {.fd = out, .name = "uki"};
	struct err err = {0};
	struct uki uki;

	(void)state;
	make_stub(stub, 0x400);
	assert_int_equal(pwrite(initrd, "initrd", 6, 0), 6);
	if (uki_write(stub, sizeof(stub), "stub", sections, 4, 1700000000, out,
		      &err))
		fail_msg("%s", err.msg);
	file.size = (uint64_t)lseek(out, 0, SEEK_END);
	if (uki_open(&file, &uki, &err))
		fail_msg("%s", err.msg);
	expect_part(&uki.part[UKI_LINUX], "kernel");
	expect_part(&uki.part[UKI_INITRD], "initrd");
	expect_part(&uki.part[UKI_CMDLINE], "quiet");
	(void)close(out);
	(void)close(initrd);
}

static void refuses_what_is_no_stub(void **state)
{
	uint8_t stub[STUB_SIZE + 100];
	struct uki_section section = {".linux", -1, "kernel", 6};
	struct err err = {0};
	int out = rig_temp();

	(void)state;
	memset(stub, 'x', sizeof(stub));
	assert_int_equal(uki_write(stub, sizeof(stub), "stub", &section, 1, 0,
				   out, &err),
			 -ENOEXEC);
	assert_string_equal(err.msg, "stub: not a PE32+ program");
	/* Cut at every place, and with fields that say more than there is. */
	for (size_t size = 1; size < STUB_SIZE; size += 7) {
		make_stub(stub, 0x400);
		assert_int_equal(uki_write(stub, size, "stub", &section, 1, 0,
					   out, &err),
				 -ENOEXEC);
	}
	make_stub(stub, TABLE_AT + 40);
	assert_int_equal(uki_write(stub, sizeof(stub), "stub", &section, 1, 0,
				   out, &err),
			 -ENOEXEC);
	assert_string_equal(err.msg,
			    "stub: room for 0 more sections, 1 needed");
	(void)close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loader_finds_the_parts),
		cmocka_unit_test(refuses_what_is_no_stub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
