/* bench_first.c - the smallest guest there is. */
#include "bench_first.h"

#include "cleanup.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_ADDRESS 0x200000u
#define NOTE_PHYS32_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */

/* 32-bit protected mode, flat segments (PVH). */
static const unsigned char code_print[] = {
	0x66, 0xba, 0xf8, 0x03, /* mov $0x3f8, %dx */
	0xb0, '!',		/* mov $'!', %al */
	0xee,			/* out %al, %dx */
};
static const unsigned char code_exit[] = {
	0x66, 0xba, 0x04, 0x06, /* mov $0x604, %dx: the exit port */
	0xb0, 0x00,		/* mov $0, %al */
	0xee,			/* out %al, %dx */
};
static const unsigned char code_halt[] = {
	0xf4,	    /* hlt; interrupts are off */
	0xeb, 0xfd, /* jmp to the hlt */
};

/** struct first_elf - the whole file */
struct first_elf {
	Elf64_Ehdr head;
	Elf64_Phdr load;
	Elf64_Phdr note_head;
	Elf64_Nhdr note;
	char note_name[4];
	uint32_t note_entry;
	unsigned char code[32];
};

static void fill(struct first_elf *elf, int halt)
{
	unsigned char *at = elf->code;

	memcpy(elf->head.e_ident, ELFMAG, SELFMAG);
	elf->head.e_ident[EI_CLASS] = ELFCLASS64;
	elf->head.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->head.e_ident[EI_VERSION] = EV_CURRENT;
	elf->head.e_type = ET_EXEC;
	elf->head.e_machine = EM_X86_64;
	elf->head.e_version = EV_CURRENT;
	elf->head.e_entry = LOAD_ADDRESS + offsetof(struct first_elf, code);
	elf->head.e_phoff = offsetof(struct first_elf, load);
	elf->head.e_ehsize = sizeof(elf->head);
	elf->head.e_phentsize = sizeof(elf->load);
	elf->head.e_phnum = 2;
	elf->load = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = LOAD_ADDRESS,
		.p_paddr = LOAD_ADDRESS,
		.p_filesz = sizeof(*elf),
		.p_memsz = sizeof(*elf),
		.p_align = 0x1000,
	};
	elf->note_head = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = offsetof(struct first_elf, note),
		.p_filesz = offsetof(struct first_elf, code) -
			    offsetof(struct first_elf, note),
		.p_align = 4,
	};
	elf->note = (Elf64_Nhdr){
		.n_namesz = sizeof(elf->note_name),
		.n_descsz = sizeof(elf->note_entry),
		.n_type = NOTE_PHYS32_ENTRY,
	};
	memcpy(elf->note_name, "Xen", sizeof(elf->note_name));
	elf->note_entry = LOAD_ADDRESS + offsetof(struct first_elf, code);
	at = mempcpy(at, code_print, sizeof(code_print));
	if (!halt)
		at = mempcpy(at, code_exit, sizeof(code_exit));
	memcpy(at, code_halt, sizeof(code_halt));
}

int bench_first_create(char *path, int halt, struct err *err)
{
	struct first_elf elf = {.note_entry = 0};
	AUTO_CLOSE int fd = mkstemp(path);

	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	fill(&elf, halt);
	if (write(fd, &elf, sizeof(elf)) != (ssize_t)sizeof(elf))
		return err_set(err, -EIO, "%s", path);
	return 0;
}
