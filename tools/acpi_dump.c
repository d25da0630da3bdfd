/* acpi_dump.c - ACPI tables as text: see acpi_dump.h. */
#include "acpi_dump.h"

#include "macros.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define RSDP_SIZE 36u
#define RSDP_XSDT_OFFSET 24u
#define HEADER_SIZE 36u /* of every table (5.2.6) */
#define HEADER_LENGTH_OFFSET 4u
#define TABLE_ALIGN 16u
#define ROW 16u

static uint32_t table_length(const uint8_t *table)
{
	uint32_t len;

	memcpy(&len, table + HEADER_LENGTH_OFFSET, sizeof(len));
	return le32toh(len);
}

/* Is there a whole table at @at? */
static bool is_table(const uint8_t *bytes, size_t len, size_t at)
{
	if (at > len || len - at < HEADER_SIZE)
		return false;
	for (size_t i = 0; i < 4; i++)
		if (!isalnum(bytes[at + i]) && bytes[at + i] != '_')
			return false;
	return table_length(bytes + at) >= HEADER_SIZE &&
	       table_length(bytes + at) <= len - at;
}

static size_t next_table(const uint8_t *bytes, size_t at)
{
	return ALIGN_UP(at + table_length(bytes + at), (size_t)TABLE_ALIGN);
}

/* Guest address of @bytes: the RSDP tells that of the XSDT. */
static int find_address(const uint8_t *bytes, size_t len, uint64_t *address)
{
	uint64_t xsdt;

	if (len < RSDP_SIZE || memcmp(bytes, "RSD PTR ", 8))
		return -EPROTO;
	memcpy(&xsdt, bytes + RSDP_XSDT_OFFSET, sizeof(xsdt));
	for (size_t at = ALIGN_UP(RSDP_SIZE, TABLE_ALIGN);
	     is_table(bytes, len, at); at = next_table(bytes, at)) {
		if (memcmp(bytes + at, "XSDT", 4))
			continue;
		*address = le64toh(xsdt) - at;
		return 0;
	}
	return -EPROTO;
}

static void dump(FILE *out, const char *name, uint64_t address,
		 const uint8_t *bytes, size_t len)
{
	(void)fprintf(out, "%s @ 0x%016llX\n", name,
		      (unsigned long long)address);
	for (size_t row = 0; row < len; row += ROW) {
		size_t n = MIN(len - row, (size_t)ROW);

		(void)fprintf(out, "    %04zX:", row);
		for (size_t i = 0; i < ROW; i++) {
			if (i < n)
				(void)fprintf(out, " %02X", bytes[row + i]);
			else
				(void)fprintf(out, "   ");
		}
		(void)fprintf(out, "  ");
		for (size_t i = 0; i < n; i++)
			(void)fputc(isprint(bytes[row + i]) ? bytes[row + i]
							    : '.',
				    out);
		(void)fputc('\n', out);
	}
	(void)fputc('\n', out);
}

int acpi_dump(FILE *out, const uint8_t *bytes, size_t len, struct err *err)
{
	uint64_t address;

	if (find_address(bytes, len, &address))
		return err_setx(err, -EPROTO, "ACPI: no tables in the answer");
	dump(out, "RSDP", address, bytes, RSDP_SIZE);
	for (size_t at = ALIGN_UP(RSDP_SIZE, TABLE_ALIGN);
	     is_table(bytes, len, at); at = next_table(bytes, at)) {
		char name[5] = {0};

		memcpy(name, bytes + at, 4);
		dump(out, name, address + at, bytes + at,
		     table_length(bytes + at));
	}
	return 0;
}
