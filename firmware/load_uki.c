/*
 * load_uki.c - unified kernel image: a PE32+ program for UEFI whose sections
 * carry a kernel, its initrd and its command line (the UAPI group's UKI
 * specification). Nothing of the program itself is run or loaded here.
 */
#include "image_file.h"
#include "macros.h"

#include <errno.h>
#include <string.h>

#define DOS_PE_OFFSET 0x3cu
#define PE_OPTIONAL_MAGIC 0x20bu /* PE32+ */
#define PE_MACHINE_AMD64 0x8664u
#define PE_SECTIONS_MAX 96u /* PE format: limit of the Windows loader */

#define NAME_LEN 8u

static const char *const part_names[UKI_PARTS] = {
	[UKI_LINUX] = ".linux",
	[UKI_INITRD] = ".initrd",
	[UKI_CMDLINE] = ".cmdline",
};

struct pe_header {
	uint8_t signature[4];
	uint16_t machine;
	uint16_t num_sections;
	uint32_t timestamp;
	uint32_t symbols;
	uint32_t num_symbols;
	uint16_t optional_size;
	uint16_t characteristics;
};
_Static_assert(sizeof(struct pe_header) == 24, "PE format");

/* The first part of the optional header; what follows is not looked at. */
struct pe_optional {
	uint16_t magic;
	uint8_t linker[2];
	uint32_t sizes[3];
	uint32_t entry;
	uint32_t code_base;
	uint64_t image_base;
	uint32_t section_alignment;
	uint32_t file_alignment;
	uint16_t versions[6];
	uint32_t win32_version;
	uint32_t image_size;
	uint32_t headers_size;
};
_Static_assert(sizeof(struct pe_optional) == 64, "PE format");

struct pe_section {
	char name[NAME_LEN]; /* padded with NUL, not terminated */
	uint32_t virtual_size;
	uint32_t virtual_address;
	uint32_t raw_size;
	uint32_t raw_offset;
	uint32_t unused[4];
};
_Static_assert(sizeof(struct pe_section) == 40, "PE format");

static int corrupt(const struct image_file *file, struct err *err,
		   const char *what)
{
	return image_file_fail(file, err, -ENOEXEC,
			       "corrupt PE: %s; build or copy it again", what);
}

static int read_headers(const struct image_file *file, struct pe_header *pe,
			struct pe_optional *opt, uint64_t *sections_at,
			struct err *err)
{
	uint32_t pe_at;
	int rc;

	rc = image_file_read(file, DOS_PE_OFFSET, &pe_at, sizeof(pe_at), err);
	if (rc < 0)
		return rc;
	rc = image_file_read(file, pe_at, pe, sizeof(*pe), err);
	if (rc < 0)
		return rc;
	if (memcmp(pe->signature, "PE\0\0", sizeof(pe->signature)) != 0)
		return corrupt(file, err, "no PE signature");
	if (pe->machine != PE_MACHINE_AMD64)
		return image_file_fail(file, err, -ENOEXEC,
				       "PE for machine 0x%x, this machine is "
				       "x86-64",
				       pe->machine);
	if (pe->optional_size < sizeof(*opt))
		return corrupt(file, err, "optional header too short");
	rc = image_file_read(file, (uint64_t)pe_at + sizeof(*pe), opt,
			     sizeof(*opt), err);
	if (rc < 0)
		return rc;
	if (opt->magic != PE_OPTIONAL_MAGIC)
		return corrupt(file, err, "not PE32+");
	if (pe->num_sections == 0 || pe->num_sections > PE_SECTIONS_MAX)
		return corrupt(file, err, "bad number of sections");
	*sections_at = (uint64_t)pe_at + sizeof(*pe) + pe->optional_size;
	if (opt->headers_size <
	    *sections_at + pe->num_sections * sizeof(struct pe_section))
		return corrupt(file, err, "section table outside the headers");
	return 0;
}

static int check_section(const struct image_file *file,
			 const struct pe_section *s,
			 const struct pe_optional *opt, struct err *err)
{
	if (s->virtual_address > opt->image_size ||
	    s->virtual_size > opt->image_size - s->virtual_address)
		return corrupt(file, err, "section outside the image");
	if (s->raw_size == 0)
		return 0;
	if (s->raw_offset < opt->headers_size)
		return corrupt(file, err, "section inside the headers");
	if (!image_file_has(file, s->raw_offset, s->raw_size))
		return image_file_fail(file, err, -ENOEXEC,
				       "truncated after %llu bytes, inside a "
				       "section; copy it again",
				       (unsigned long long)file->size);
	return 0;
}

/* Takes the section if it is one of ours. */
static int take_section(const struct image_file *file,
			const struct pe_section *s, struct uki *uki,
			struct err *err)
{
	enum uki_part i = 0;
	struct image_file *part;

	while (i < UKI_PARTS && strncmp(s->name, part_names[i], NAME_LEN) != 0)
		i++;
	if (i == UKI_PARTS)
		return 0;
	part = &uki->part[i];
	if (part->size != 0)
		return image_file_fail(file, err, -ENOEXEC,
				       "section %s twice; a UKI with several "
				       "profiles cannot be started",
				       part_names[i]);
	/* The raw size is rounded up to the file alignment. */
	if (s->virtual_size > s->raw_size)
		return corrupt(file, err, "section larger than its data");
	*part = *file;
	part->section = part_names[i];
	part->start = file->start + s->raw_offset;
	part->size = s->virtual_size;
	return 0;
}

int uki_open(const struct image_file *file, struct uki *uki, struct err *err)
{
	struct pe_section sections[PE_SECTIONS_MAX];
	struct pe_optional opt = {0};
	struct pe_header pe = {0};
	uint64_t sections_at = 0;
	int rc;

	*uki = (struct uki){0};
	rc = read_headers(file, &pe, &opt, &sections_at, err);
	if (rc < 0)
		return rc;
	rc = image_file_read(file, sections_at, sections,
			     pe.num_sections * sizeof(sections[0]), err);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < pe.num_sections; i++) {
		rc = check_section(file, &sections[i], &opt, err);
		if (rc < 0)
			return rc;
		rc = take_section(file, &sections[i], uki, err);
		if (rc < 0)
			return rc;
	}
	if (uki->part[UKI_LINUX].size == 0)
		return image_file_fail(file, err, -ENOEXEC,
				       "a PE without a .linux section is no "
				       "unified kernel image");
	return 0;
}
