/* synth_image.c - small valid kernel images: see synth_image.h. */
#include "synth_image.h"

#include <assert.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void synth_put(uint8_t *buf, size_t offset, size_t width, uint64_t value)
{
	for (size_t i = 0; i < width; i++)
		buf[offset + i] = (uint8_t)(value >> (8 * i));
}

void synth_text(uint8_t *buf, size_t offset, const char *text)
{
	while (*text)
		buf[offset++] = (uint8_t)*text++;
}

uint8_t synth_code(size_t offset)
{
	return (uint8_t)(offset * 7 + 1);
}

static void put_code(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = synth_code(i);
}

size_t synth_bzimage(uint8_t *buf)
{
	memset(buf, 0, SYNTH_BZ_SETUP);
	buf[0x1f1] = SYNTH_BZ_SETUP / 512 - 1;	      /* setup_sects */
	synth_put(buf, 0x1f4, 4, SYNTH_BZ_CODE / 16); /* syssize */
	synth_put(buf, 0x1fe, 2, 0xaa55);
	synth_put(buf, 0x200, 2, 0x6aeb); /* jump to 0x26c */
	synth_text(buf, 0x202, "HdrS");
	synth_put(buf, 0x206, 2, 0x20f);
	buf[0x211] = 1; /* loaded high */
	synth_put(buf, 0x22c, 4, SYNTH_BZ_INITRD_MAX);
	synth_put(buf, 0x230, 4, 0x200000); /* alignment */
	buf[0x234] = 1;			    /* relocatable */
	synth_put(buf, 0x236, 2, 1);	    /* 64-bit entry */
	synth_put(buf, 0x238, 4, SYNTH_BZ_CMDLINE_MAX);
	synth_put(buf, 0x258, 8, SYNTH_BZ_PREF);
	synth_put(buf, 0x260, 4, SYNTH_BZ_INIT_SIZE);
	put_code(buf + SYNTH_BZ_SETUP, SYNTH_BZ_CODE);
	return SYNTH_BZ_SETUP + SYNTH_BZ_CODE;
}

size_t synth_elf(uint8_t *buf)
{
	const Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = 1,
		.e_phoff = SYNTH_ELF_PHDR,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr ph[2] = {
		{
			.p_type = PT_LOAD,
			.p_offset = SYNTH_ELF_CODE,
			.p_paddr = SYNTH_ELF_GPA,
			.p_filesz = SYNTH_ELF_CODE_SIZE,
			.p_memsz = SYNTH_ELF_MEM_SIZE,
		},
		{
			.p_type = PT_NOTE,
			.p_offset = SYNTH_ELF_NOTE,
			.p_filesz = 24,
			.p_align = 4,
		},
	};

	memset(buf, 0, SYNTH_ELF_CODE);
	memcpy(buf, &eh, sizeof(eh));
	memcpy(buf + SYNTH_ELF_PHDR, ph, sizeof(ph));
	synth_put(buf, SYNTH_ELF_NOTE, 4, 4);	   /* bytes of the name */
	synth_put(buf, SYNTH_ELF_NOTE + 4, 4, 8);  /* of the value */
	synth_put(buf, SYNTH_ELF_NOTE + 8, 4, 18); /* PHYS32_ENTRY */
	synth_text(buf, SYNTH_ELF_NOTE + 12, "Xen");
	synth_put(buf, SYNTH_ELF_NOTE + 16, 8, SYNTH_ELF_ENTRY);
	put_code(buf + SYNTH_ELF_CODE, SYNTH_ELF_CODE_SIZE);
	return SYNTH_ELF_CODE + SYNTH_ELF_CODE_SIZE;
}

/* Appends a section's header and data; the data is padded to 512 bytes. */
static size_t put_section(uint8_t *buf, unsigned int index, const char *name,
			  const void *data, size_t size, size_t at)
{
	uint8_t *header = buf + SYNTH_UKI_SECTIONS +
			  index * (size_t)SYNTH_UKI_SECTION_SIZE;
	size_t padded = (size + 511) & ~(size_t)511;

	assert(at + padded <= SYNTH_MAX);
	memset(header, 0, SYNTH_UKI_SECTION_SIZE);
	synth_text(header, 0, name);
	synth_put(header, 8, 4, size);
	synth_put(header, 12, 4, 0x1000ULL * (index + 1));
	synth_put(header, 16, 4, padded);
	synth_put(header, 20, 4, at);
	memset(buf + at, 0, padded);
	memcpy(buf + at, data, size);
	return at + padded;
}

size_t synth_uki(uint8_t *buf, const uint8_t *kernel, size_t size)
{
	uint8_t initrd[SYNTH_UKI_INITRD_SIZE];
	size_t at = 512;

	memset(buf, 0, at);
	synth_text(buf, 0, "MZ");
	synth_put(buf, 0x3c, 4, SYNTH_UKI_PE);
	synth_text(buf, SYNTH_UKI_PE, "PE");
	synth_put(buf, SYNTH_UKI_PE + 4, 2, 0x8664);
	synth_put(buf, SYNTH_UKI_PE + 6, 2, 4); /* sections */
	synth_put(buf, SYNTH_UKI_PE + 20, 2, 112);
	synth_put(buf, SYNTH_UKI_OPTIONAL, 2, 0x20b);
	synth_put(buf, SYNTH_UKI_OPTIONAL + 56, 4, 0x10000); /* image size */
	synth_put(buf, SYNTH_UKI_OPTIONAL + 60, 4, at);	     /* headers */
	put_code(initrd, sizeof(initrd));
	at = put_section(buf, 0, ".text", "\xc3", 1, at);
	at = put_section(buf, 1, ".linux", kernel, size, at);
	at = put_section(buf, 2, ".initrd", initrd, sizeof(initrd), at);
	return put_section(buf, 3, ".cmdline", SYNTH_UKI_CMDLINE "\n",
			   sizeof(SYNTH_UKI_CMDLINE "\n"), at);
}

int synth_fd(const void *data, size_t size)
{
	int fd = memfd_create("synth", MFD_CLOEXEC);
	ssize_t done;

	assert(fd >= 0);
	done = pwrite(fd, data, size, 0);
	assert(done == (ssize_t)size);
	return fd;
}
