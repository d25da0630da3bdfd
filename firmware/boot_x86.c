/*
 * boot_x86.c - boot data in low memory and the first CPU's registers.
 *
 * Everything is built in local structures and written by guest_mem_write(), so
 * RAM that is too small is an error and never a stray store.
 */
#include "boot_x86.h"

#include "acpi_build.h"
#include "cleanup.h"
#include "macros.h"
#include "mp_table.h"
#include "x86_layout.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE KIB(4)
#define LOADER_UNDEFINED 0xffu
#define VIDEO_NORMAL 0xffffu

/* Memory types: e820 and hvm_memmap_table_entry use the same numbers. */
enum {
	MEMORY_RAM = 1,
	MEMORY_RESERVED = 2,
	MEMORY_ACPI = 3
};

#define CR0_PE 0x1u
#define CR0_ET 0x10u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define RFLAGS_FIXED 0x2u

#define PTE_PRESENT 0x1u
#define PTE_WRITABLE 0x2u
#define PTE_LARGE 0x80u
#define PTES 512u

/* Xen's public/arch-x86/hvm/start_info.h, version 1. */
#define PVH_MAGIC 0x336ec578u
struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t num_modules;
	uint64_t modules_gpa;
	uint64_t cmdline_gpa;
	uint64_t rsdp_gpa;
	uint64_t memmap_gpa;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t gpa;
	uint64_t size;
	uint64_t cmdline_gpa;
	uint64_t reserved;
};

struct pvh_memmap {
	uint64_t gpa;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "start_info.h");
_Static_assert(sizeof(struct pvh_module) == 32, "start_info.h");
_Static_assert(sizeof(struct pvh_memmap) == 24, "start_info.h");

#define MEMMAP_MAX (4 + MACHINE_RAM_MAX)

struct memory_map {
	struct {
		uint64_t gpa;
		uint64_t size;
		uint32_t type;
	} entry[MEMMAP_MAX];
	uint32_t num;
};

static void map_add(struct memory_map *map, uint64_t gpa, uint64_t end,
		    uint32_t type)
{
	map->entry[map->num].gpa = gpa;
	map->entry[map->num].size = end - gpa;
	map->entry[map->num].type = type;
	map->num++;
}

/* RAM without the last KiB below 640 KiB and the BIOS area, as on a PC. */
static int make_memory_map(struct memory_map *map,
			   const struct machine_desc *md, struct err *err)
{
	map->num = 0;
	if (md->num_ram == 0 || md->num_ram > MACHINE_RAM_MAX ||
	    md->ram[0].gpa != 0 || md->ram[0].size <= X86_HIGH_RAM_GPA)
		return err_setx(err, -EINVAL,
				"machine: no RAM at the start of memory");
	map_add(map, 0, X86_EBDA_GPA, MEMORY_RAM);
	map_add(map, X86_EBDA_GPA, 0xA0000, MEMORY_RESERVED);
	if (md->acpi)
		map_add(map, X86_ACPI_GPA, X86_ACPI_GPA + X86_ACPI_MAX,
			MEMORY_ACPI);
	map_add(map, X86_BIOS_GPA, X86_HIGH_RAM_GPA, MEMORY_RESERVED);
	map_add(map, X86_HIGH_RAM_GPA, md->ram[0].size, MEMORY_RAM);
	for (uint32_t i = 1; i < md->num_ram; i++)
		map_add(map, md->ram[i].gpa, md->ram[i].gpa + md->ram[i].size,
			MEMORY_RAM);
	return 0;
}

static int write_guest(const struct guest_mem *gm, uint64_t gpa,
		       const void *data, size_t len, struct err *err)
{
	if (guest_mem_write(gm, gpa, data, len) < 0)
		return err_setx(err, -EFAULT,
				"boot data: no guest memory at 0x%llx",
				(unsigned long long)gpa);
	return 0;
}

static int write_tables(const struct machine_desc *md,
			const struct guest_mem *gm, struct err *err)
{
	uint64_t gpa = md->acpi ? X86_ACPI_GPA : X86_MP_TABLE_GPA;
	size_t size = md->acpi ? X86_ACPI_MAX : X86_MP_TABLE_MAX;
	AUTO_FREE uint8_t *buf = malloc(size);
	size_t used;
	int rc;

	if (!buf)
		return err_set(err, -ENOMEM, "firmware tables");
	rc = md->acpi ? acpi_build(md, buf, size, gpa, &used, err)
		      : mp_table_build(md, buf, size, gpa, &used, err);
	if (rc < 0)
		return rc;
	return write_guest(gm, gpa, buf, used, err);
}

/*
 * Real-mode code where a BIOS has its reset vector. Linux on a hardware-reduced
 * machine tries UEFI to reboot and, where there is none, jumps here: it never
 * comes to the ACPI reset register.
 */
static int write_reset_vector(const struct machine_desc *md,
			      const struct guest_mem *gm, struct err *err)
{
	const uint8_t code[] = {
		0xba,
		(uint8_t)md->reset.base,
		(uint8_t)(md->reset.base >> 8),
		0xb0,
		md->reset_value, /* mov dx, port; mov al, value */
		0xee,		 /* out dx, al */
		0xf4,
		0xeb,
		0xfd, /* hlt; jump back to it */
	};

	return write_guest(gm, X86_RESET_VECTOR_GPA, code, sizeof(code), err);
}

/*
 * Where words for the kernel end: a "--" outside of quotes passes the rest to
 * init.
 */
static size_t kernel_words(const char *cmdline)
{
	bool quoted = false, word_start = true;
	size_t i;

	for (i = 0; cmdline[i]; i++) {
		if (word_start && !quoted &&
		    strncmp(&cmdline[i], "--", 2) == 0 &&
		    (cmdline[i + 2] == ' ' || cmdline[i + 2] == '\0'))
			break;
		if (cmdline[i] == '"')
			quoted = !quoted;
		word_start = cmdline[i] == ' ';
	}
	return i;
}

/* The command line, with the virtio devices if ACPI does not announce them. */
static char *make_cmdline(const struct boot_image *img,
			  const struct machine_desc *md)
{
	size_t head = kernel_words(img->cmdline);
	char *text = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	(void)fwrite(img->cmdline, 1, head, out);
	for (uint32_t i = 0; !md->acpi && i < md->num_virtio; i++)
		(void)fprintf(out, "%svirtio_mmio.device=%uK@0x%llx:%u",
			      i || (head && img->cmdline[head - 1] != ' ') ? " "
									   : "",
			      md->virtio[i].size >> 10,
			      (unsigned long long)md->virtio[i].base,
			      md->virtio[i].gsi);
	if (img->cmdline[head])
		(void)fprintf(out, " %s", img->cmdline + head);
	if (fclose(out) != 0) { /* tells of any write that failed */
		free(text);
		return NULL;
	}
	return text;
}

static int write_cmdline(const struct boot_image *img,
			 const struct machine_desc *md,
			 const struct guest_mem *gm, struct err *err)
{
	AUTO_FREE char *text = make_cmdline(img, md);
	size_t len;

	if (!text)
		return err_set(err, -ENOMEM, "kernel command line");
	len = strlen(text);
	if (len > img->cmdline_max)
		return err_setx(err, -E2BIG,
				"kernel command line: %zu bytes, this kernel "
				"takes %u",
				len, img->cmdline_max);
	return write_guest(gm, X86_CMDLINE_GPA, text, len + 1, err);
}

static int write_zero_page(const struct boot_image *img,
			   const struct machine_desc *md,
			   const struct memory_map *map,
			   const struct guest_mem *gm, struct err *err)
{
	struct boot_params params = {0};

	_Static_assert(MEMMAP_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "e820 room");
	_Static_assert(sizeof(params) == KIB(4), "the zero page is one page");

	memcpy((uint8_t *)&params + BOOT_SETUP_HEADER_OFFSET, img->setup_header,
	       img->setup_header_size);
	params.hdr.type_of_loader = LOADER_UNDEFINED;
	params.hdr.vid_mode = VIDEO_NORMAL;
	params.hdr.cmd_line_ptr = X86_CMDLINE_GPA;
	params.hdr.ramdisk_image = (uint32_t)img->initrd_gpa;
	params.hdr.ramdisk_size = (uint32_t)img->initrd_size;
	params.hdr.setup_data = 0;
	if (md->acpi)
		params.acpi_rsdp_addr = X86_ACPI_GPA;
	for (uint32_t i = 0; i < map->num; i++) {
		params.e820_table[i].addr = map->entry[i].gpa;
		params.e820_table[i].size = map->entry[i].size;
		params.e820_table[i].type = map->entry[i].type;
	}
	params.e820_entries = (uint8_t)map->num;
	return write_guest(gm, X86_ZERO_PAGE_GPA, &params, sizeof(params), err);
}

static int write_pvh_info(const struct boot_image *img,
			  const struct machine_desc *md,
			  const struct memory_map *map,
			  const struct guest_mem *gm, struct err *err)
{
	struct {
		struct pvh_start_info info;
		struct pvh_module module;
		struct pvh_memmap memmap[MEMMAP_MAX];
	} block = {0};

	block.info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.num_modules = img->initrd_size ? 1 : 0,
		.modules_gpa =
			X86_PVH_INFO_GPA + offsetof(__typeof__(block), module),
		.cmdline_gpa = X86_CMDLINE_GPA,
		.rsdp_gpa = md->acpi ? X86_ACPI_GPA : 0,
		.memmap_gpa =
			X86_PVH_INFO_GPA + offsetof(__typeof__(block), memmap),
		.memmap_entries = map->num,
	};
	block.module.gpa = img->initrd_gpa;
	block.module.size = img->initrd_size;
	for (uint32_t i = 0; i < map->num; i++) {
		block.memmap[i].gpa = map->entry[i].gpa;
		block.memmap[i].size = map->entry[i].size;
		block.memmap[i].type = map->entry[i].type;
	}
	return write_guest(gm, X86_PVH_INFO_GPA, &block, sizeof(block), err);
}

/* PML4, PDPT, PD: the first GiB in 2 MiB pages. The rest of them is zero. */
static int write_page_tables(const struct guest_mem *gm, struct err *err)
{
	const uint64_t pdpt_gpa = X86_PAGE_TABLES_GPA + PAGE;
	const uint64_t pd_gpa = pdpt_gpa + PAGE;
	uint64_t pml4 = pdpt_gpa | PTE_PRESENT | PTE_WRITABLE;
	uint64_t pdpt = pd_gpa | PTE_PRESENT | PTE_WRITABLE;
	uint64_t pd[PTES];
	int rc;

	_Static_assert(X86_IDENTITY_MAPPED == PTES * MIB(2), "one PD");
	for (uint64_t i = 0; i < PTES; i++)
		pd[i] = i * MIB(2) | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE;
	rc = write_guest(gm, X86_PAGE_TABLES_GPA, &pml4, sizeof(pml4), err);
	if (rc < 0)
		return rc;
	rc = write_guest(gm, pdpt_gpa, &pdpt, sizeof(pdpt), err);
	if (rc < 0)
		return rc;
	return write_guest(gm, pd_gpa, pd, sizeof(pd), err);
}

/* Selectors of Linux's boot protocol; PVH leaves them to us. */
enum {
	SEGMENT_CODE = 0x10,
	SEGMENT_DATA = 0x18,
	SEGMENT_TASK = 0x20
};

static const struct boot_segment code64 = {
	.selector = SEGMENT_CODE,
	.limit = UINT32_MAX,
	.type = 0xb, /* execute, read, accessed */
	.present = 1,
	.s = 1,
	.l = 1,
	.g = 1,
};

static const struct boot_segment code32 = {
	.selector = SEGMENT_CODE,
	.limit = UINT32_MAX,
	.type = 0xb,
	.present = 1,
	.db = 1,
	.s = 1,
	.g = 1,
};

static const struct boot_segment data = {
	.selector = SEGMENT_DATA,
	.limit = UINT32_MAX,
	.type = 0x3, /* read, write, accessed */
	.present = 1,
	.db = 1,
	.s = 1,
	.g = 1,
};

static const struct boot_segment task = {
	.selector = SEGMENT_TASK,
	.limit = 0x67,
	.type = 0xb, /* busy TSS */
	.present = 1,
};

/* Segment descriptor (Intel SDM 3A 3.4.5). */
static uint64_t descriptor(const struct boot_segment *s)
{
	uint64_t limit = s->g ? s->limit >> 12 : s->limit;

	return (limit & 0xffff) | (s->base & 0xffffff) << 16 |
	       (uint64_t)s->type << 40 | (uint64_t)s->s << 44 |
	       (uint64_t)s->dpl << 45 | (uint64_t)s->present << 47 |
	       (limit >> 16 & 0xf) << 48 | (uint64_t)s->l << 53 |
	       (uint64_t)s->db << 54 | (uint64_t)s->g << 55 |
	       (s->base >> 24 & 0xff) << 56;
}

static int write_gdt(struct boot_state *st, const struct guest_mem *gm,
		     struct err *err)
{
	uint64_t gdt[] = {
		[SEGMENT_CODE / 8] = descriptor(&st->code),
		[SEGMENT_DATA / 8] = descriptor(&st->data),
		[SEGMENT_TASK / 8] = descriptor(&st->tr),
		[SEGMENT_TASK / 8 + 1] = 0, /* upper half in long mode */
	};

	st->gdt_base = X86_GDT_GPA;
	st->gdt_limit = sizeof(gdt) - 1;
	return write_guest(gm, X86_GDT_GPA, gdt, sizeof(gdt), err);
}

static void set_state(struct boot_state *st, const struct boot_image *img)
{
	bool long_mode = img->entry == BOOT_ENTRY_LINUX64;

	*st = (struct boot_state){
		.rip = img->entry_gpa,
		.rsp = X86_BOOT_STACK_GPA,
		.rflags = RFLAGS_FIXED,
		.cr0 = CR0_PE | CR0_ET,
		.code = long_mode ? code64 : code32,
		.data = data,
		.tr = task,
	};
	if (!long_mode) {
		st->rbx = X86_PVH_INFO_GPA;
		return;
	}
	st->rsi = X86_ZERO_PAGE_GPA;
	st->cr0 |= CR0_PG;
	st->cr3 = X86_PAGE_TABLES_GPA;
	st->cr4 = CR4_PAE;
	st->efer = EFER_LME | EFER_LMA;
}

int boot_x86_setup(struct boot_state *st, const struct boot_image *img,
		   const struct machine_desc *md, const struct guest_mem *gm,
		   struct err *err)
{
	struct memory_map map;
	int rc;

	rc = make_memory_map(&map, md, err);
	if (rc < 0)
		return rc;
	rc = write_tables(md, gm, err);
	if (rc < 0)
		return rc;
	rc = write_reset_vector(md, gm, err);
	if (rc < 0)
		return rc;
	rc = write_cmdline(img, md, gm, err);
	if (rc < 0)
		return rc;
	set_state(st, img);
	rc = write_gdt(st, gm, err);
	if (rc < 0)
		return rc;
	if (img->entry == BOOT_ENTRY_PVH)
		return write_pvh_info(img, md, &map, gm, err);
	rc = write_zero_page(img, md, &map, gm, err);
	if (rc < 0)
		return rc;
	return write_page_tables(gm, err);
}
