/*
 * load_elf.c - x86-64 ELF entered by the PVH protocol: an uncompressed Linux
 * (vmlinux) or a freestanding payload. The entry point is the 32-bit physical
 * address in its note "Xen", XEN_ELFNOTE_PHYS32_ENTRY.
 */
#include "cleanup.h"
#include "image_file.h"
#include "macros.h"
#include "x86_layout.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PHDRS_MAX 64u
#define NOTES_MAX KIB(64)
#define NOTE_NAME "Xen"
#define NOTE_PHYS32_ENTRY 18u

static const struct {
	uint16_t machine;
	const char *name;
} machine_names[] = {
	{EM_386, "32-bit x86"}, {EM_ARM, "32-bit ARM"},
	{EM_AARCH64, "arm64"},	{EM_PPC64, "ppc64"},
	{EM_S390, "s390"},	{EM_RISCV, "RISC-V"},
	{EM_MIPS, "MIPS"},	{EM_LOONGARCH, "LoongArch"},
};

static int check_header(const struct image_file *file, const Elf64_Ehdr *eh,
			struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(machine_names); i++)
		if (eh->e_ident[EI_DATA] == ELFDATA2LSB &&
		    eh->e_machine == machine_names[i].machine)
			return image_file_fail(file, err, -ENOEXEC,
					       "%s ELF, this machine is x86-64",
					       machine_names[i].name);
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return image_file_fail(file, err, -ENOEXEC,
				       "ELF for machine %u, this machine is "
				       "x86-64",
				       eh->e_machine);
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return image_file_fail(file, err, -ENOEXEC,
				       "ELF of type %u is no program; give "
				       "vmlinux or a bzImage",
				       eh->e_type);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > PHDRS_MAX)
		return image_file_fail(file, err, -ENOEXEC,
				       "corrupt ELF: %u program headers of %u "
				       "bytes",
				       eh->e_phnum, eh->e_phentsize);
	return 0;
}

/* The PVH entry in one note segment: 1 found, 0 not there. */
static int find_entry(const uint8_t *notes, uint64_t size, uint64_t align,
		      uint64_t *entry)
{
	uint64_t at = 0;

	while (at <= size && size - at >= sizeof(Elf64_Nhdr)) {
		uint64_t name_at, desc_at;
		Elf64_Nhdr nh;

		memcpy(&nh, notes + at, sizeof(nh));
		name_at = at + sizeof(nh);
		desc_at = ALIGN_UP(name_at + nh.n_namesz, align);
		at = ALIGN_UP(desc_at + nh.n_descsz, align);
		if (desc_at > size || nh.n_descsz > size - desc_at)
			return 0;
		if (nh.n_type != NOTE_PHYS32_ENTRY ||
		    nh.n_namesz != sizeof(NOTE_NAME) ||
		    memcmp(notes + name_at, NOTE_NAME, sizeof(NOTE_NAME)) != 0)
			continue;
		*entry = 0;
		if (nh.n_descsz != sizeof(uint32_t) &&
		    nh.n_descsz != sizeof(uint64_t))
			continue;
		memcpy(entry, notes + desc_at, nh.n_descsz);
		return 1;
	}
	return 0;
}

static int read_entry(const struct image_file *file, const Elf64_Phdr *ph,
		      uint64_t *entry, struct err *err)
{
	AUTO_FREE uint8_t *notes = NULL;
	int rc;

	if (ph->p_filesz > NOTES_MAX)
		return image_file_fail(file, err, -ENOEXEC,
				       "corrupt ELF: %llu bytes of notes",
				       (unsigned long long)ph->p_filesz);
	notes = malloc(ph->p_filesz + 1); /* never 0 bytes */
	if (!notes)
		return err_set(err, -ENOMEM, "kernel %s", file->name);
	rc = image_file_read(file, ph->p_offset, notes, ph->p_filesz, err);
	if (rc < 0)
		return rc;
	return find_entry(notes, ph->p_filesz, ph->p_align == 8 ? 8 : 4, entry);
}

/* One PT_LOAD into guest memory; its bss is zero already. */
static int load_segment(const struct image_file *file, const Elf64_Phdr *ph,
			const struct guest_mem *gm, struct boot_image *img,
			struct err *err)
{
	uint64_t low_ram = image_low_ram(gm);

	if (ph->p_memsz == 0)
		return 0;
	if (ph->p_filesz > ph->p_memsz)
		return image_file_fail(file, err, -ENOEXEC,
				       "corrupt ELF: segment with more bytes "
				       "in the file than in memory");
	if (ph->p_paddr < X86_HIGH_RAM_GPA)
		return image_file_fail(file, err, -ENOEXEC,
				       "loads at 0x%llx; memory below 1 MiB "
				       "holds the boot data",
				       (unsigned long long)ph->p_paddr);
	if (ph->p_paddr > low_ram || ph->p_memsz > low_ram - ph->p_paddr)
		return image_file_fail(file, err, -ENOMEM,
				       "needs %llu bytes at 0x%llx and does "
				       "not fit into guest memory; give the VM "
				       "more memory",
				       (unsigned long long)ph->p_memsz,
				       (unsigned long long)ph->p_paddr);
	img->kernel_gpa = MIN(img->kernel_gpa, ph->p_paddr);
	img->kernel_end = MAX(img->kernel_end, ph->p_paddr + ph->p_memsz);
	return image_file_load(file, ph->p_offset, gm, ph->p_paddr,
			       ph->p_filesz, err);
}

int load_elf(const struct image_file *file, const struct guest_mem *gm,
	     struct boot_image *img, struct err *err)
{
	Elf64_Phdr phdrs[PHDRS_MAX];
	Elf64_Ehdr eh;
	bool has_entry = false;
	int rc;

	rc = image_file_read(file, 0, &eh, sizeof(eh), err);
	if (rc < 0)
		return rc;
	rc = check_header(file, &eh, err);
	if (rc < 0)
		return rc;
	rc = image_file_read(file, eh.e_phoff, phdrs,
			     eh.e_phnum * sizeof(phdrs[0]), err);
	if (rc < 0)
		return rc;

	img->kernel_gpa = UINT64_MAX;
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		rc = 0;
		if (phdrs[i].p_type == PT_LOAD)
			rc = load_segment(file, &phdrs[i], gm, img, err);
		else if (phdrs[i].p_type == PT_NOTE && !has_entry)
			rc = read_entry(file, &phdrs[i], &img->entry_gpa, err);
		if (rc < 0)
			return rc;
		has_entry |= rc == 1;
	}
	if (!has_entry)
		return image_file_fail(file, err, -ENOEXEC,
				       "ELF without a PVH note; use the "
				       "bzImage or a kernel with CONFIG_PVH");
	if (img->entry_gpa < img->kernel_gpa ||
	    img->entry_gpa >= img->kernel_end)
		return image_file_fail(file, err, -ENOEXEC,
				       "corrupt ELF: PVH entry 0x%llx is "
				       "outside of what it loads",
				       (unsigned long long)img->entry_gpa);
	img->entry = BOOT_ENTRY_PVH;
	img->initrd_max = UINT32_MAX;
	img->cmdline_max = (uint32_t)X86_CMDLINE_MAX - 1;
	return 0;
}
