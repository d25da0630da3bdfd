/* uki_write.c - sections behind those of a PE32+ stub. See uki_write.h. */
#include "uki_write.h"

#include "file_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOS_PE_OFFSET 0x3cU
#define PE_SIZE 24U	     /* signature and COFF header */
#define PE_SECTION_SIZE 40U  /* an entry of the section table */
#define PE_OPTIONAL_MIN 112U /* PE32+ up to the data directories */
#define PE_PLUS_MAGIC 0x20bU
#define PAGE 4096U

/* Offsets in the COFF header, from the signature. */
#define COFF_SECTIONS 6U
#define COFF_TIME 8U
#define COFF_SYMBOLS 12U /* place and number */
#define COFF_OPTIONAL_SIZE 20U

/* Offsets in the optional header. */
#define OPT_MAGIC 0U
#define OPT_INITIALIZED 8U
#define OPT_SECTION_ALIGN 32U
#define OPT_FILE_ALIGN 36U
#define OPT_IMAGE_SIZE 56U
#define OPT_HEADERS_SIZE 60U
#define OPT_CHECKSUM 64U

/* Offsets in an entry of the section table. */
#define SEC_VIRTUAL_SIZE 8U
#define SEC_VIRTUAL_ADDRESS 12U
#define SEC_RAW_SIZE 16U
#define SEC_RAW_OFFSET 20U
#define SEC_FLAGS 36U
#define SEC_FLAGS_DATA 0x40000040U /* initialised data, readable */

struct pe {
	uint8_t *coff;
	uint8_t *opt;
	uint8_t *table;
	uint32_t section_num;
	uint32_t section_align;
	uint32_t file_align;
	uint32_t headers_size;
	uint64_t virtual_end;
	uint64_t raw_end;
};

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static void put32(uint8_t *at, uint64_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static uint64_t align(uint64_t value, uint32_t to)
{
	return (value + to - 1) / to * to;
}

static bool power_of_two(uint32_t value)
{
	return value && (value & (value - 1)) == 0;
}

/* Where the sections of the stub end, in memory and in the file. */
static int scan_sections(struct pe *pe, size_t size)
{
	for (uint32_t i = 0; i < pe->section_num; i++) {
		const uint8_t *s = pe->table + (size_t)i * PE_SECTION_SIZE;
		uint64_t virtual_end = (uint64_t)get32(s + SEC_VIRTUAL_SIZE) +
				       get32(s + SEC_VIRTUAL_ADDRESS);
		uint64_t raw_end = (uint64_t)get32(s + SEC_RAW_SIZE) +
				   get32(s + SEC_RAW_OFFSET);

		if (raw_end > size)
			return -ENOEXEC;
		if (virtual_end > pe->virtual_end)
			pe->virtual_end = virtual_end;
		if (raw_end > pe->raw_end)
			pe->raw_end = raw_end;
	}
	return 0;
}

static int parse(struct pe *pe, uint8_t *stub, size_t size)
{
	uint32_t at;
	uint32_t opt_size;

	*pe = (struct pe){0};
	if (size < DOS_PE_OFFSET + 4 || memcmp(stub, "MZ", 2) != 0)
		return -ENOEXEC;
	at = get32(stub + DOS_PE_OFFSET);
	if (at > size || size - at < PE_SIZE + PE_OPTIONAL_MIN ||
	    memcmp(stub + at, "PE\0\0", 4) != 0)
		return -ENOEXEC;
	pe->coff = stub + at;
	pe->opt = pe->coff + PE_SIZE;
	opt_size = get16(pe->coff + COFF_OPTIONAL_SIZE);
	pe->section_num = get16(pe->coff + COFF_SECTIONS);
	if (opt_size < PE_OPTIONAL_MIN ||
	    get16(pe->opt + OPT_MAGIC) != PE_PLUS_MAGIC)
		return -ENOEXEC;
	pe->table = pe->opt + opt_size;
	pe->section_align = get32(pe->opt + OPT_SECTION_ALIGN);

	pe->file_align = get32(pe->opt + OPT_FILE_ALIGN);
	pe->headers_size = get32(pe->opt + OPT_HEADERS_SIZE);
	if (!power_of_two(pe->section_align) || !power_of_two(pe->file_align) ||
	    pe->headers_size > size)
		return -ENOEXEC;
	if ((size_t)(pe->table - stub) +
		    (size_t)pe->section_num * PE_SECTION_SIZE >
	    pe->headers_size)
		return -ENOEXEC;
	return scan_sections(pe, size);
}

static int write_section(const struct uki_section *s, int out, uint64_t at,
			 struct err *err)
{
	if (s->fd < 0)
		return file_write(out, s->text, s->size, at, s->name, err);
	return file_copy(s->fd, 0, out, at, s->size, s->name, err);
}

static int add_sections(struct pe *pe, const struct uki_section *sections,
			size_t num, int out, uint64_t *initialized,
			struct err *err)
{
	for (size_t i = 0; i < num; i++) {
		const struct uki_section *s = &sections[i];
		uint8_t *entry =
			pe->table + (size_t)pe->section_num++ * PE_SECTION_SIZE;
		uint64_t va = align(pe->virtual_end, PAGE);
		uint64_t raw = align(pe->raw_end, pe->file_align);
		uint64_t raw_size = align(s->size, pe->file_align);
		int rc;

		if (raw + raw_size > UINT32_MAX || va + s->size > INT32_MAX)
			return err_setx(err, -EFBIG,
					"UKI: %s of %llu bytes makes it larger "
					"than firmware loads; leave parts out "
					"or use kernel+erofs",
					s->name, (unsigned long long)s->size);
		memset(entry, 0, PE_SECTION_SIZE);
		memcpy(entry, s->name, strnlen(s->name, 8));
		put32(entry + SEC_VIRTUAL_SIZE, s->size);
		put32(entry + SEC_VIRTUAL_ADDRESS, va);
		put32(entry + SEC_RAW_SIZE, raw_size);
		put32(entry + SEC_RAW_OFFSET, raw);
		put32(entry + SEC_FLAGS, SEC_FLAGS_DATA);
		rc = write_section(s, out, raw, err);
		if (rc)
			return rc;
		pe->virtual_end = va + s->size;
		pe->raw_end = raw + raw_size;
		*initialized += raw_size;
	}
	return 0;
}

int uki_write(const void *stub, size_t stub_size, const char *stub_name,
	      const struct uki_section *sections, size_t num, int64_t epoch,
	      int out, struct err *err)
{
	AUTO_FREE uint8_t *copy = malloc(stub_size);
	uint64_t initialized;
	uint64_t room;
	uint64_t kept;
	struct pe pe;
	int rc;

	if (!copy)
		return err_set(err, -ENOMEM, "%s", stub_name);
	memcpy(copy, stub, stub_size);
	if (parse(&pe, copy, stub_size))
		return err_setx(err, -ENOEXEC, "%s: not a PE32+ program",
				stub_name);
	room = (pe.headers_size - (uint64_t)(pe.table - copy)) /
		       PE_SECTION_SIZE -
	       pe.section_num;
	if (num > room)
		return err_setx(err, -ENOEXEC,
				"%s: room for %llu more sections, %zu needed",
				stub_name, (unsigned long long)room, num);
	/* Symbols may follow the sections; nobody needs them. */
	kept = pe.raw_end;
	memset(pe.coff + COFF_SYMBOLS, 0, 8);
	initialized = get32(pe.opt + OPT_INITIALIZED);
	rc = add_sections(&pe, sections, num, out, &initialized, err);
	if (rc)
		return rc;
	put16(pe.coff + COFF_SECTIONS, pe.section_num);
	put32(pe.coff + COFF_TIME, (uint64_t)epoch);
	put32(pe.opt + OPT_INITIALIZED, initialized);
	put32(pe.opt + OPT_IMAGE_SIZE, align(pe.virtual_end, pe.section_align));
	put32(pe.opt + OPT_CHECKSUM, 0);
	rc = file_write(out, copy, kept, 0, stub_name, err);
	if (!rc)
		rc = file_truncate(out, pe.raw_end, "UKI", err);
	return rc;
}
