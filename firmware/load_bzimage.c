/*
 * load_bzimage.c - Linux bzImage, 64-bit entry point.
 *
 * A bzImage is a setup part for a BIOS, of which only the header at 0x1f1
 * matters here, and the protected-mode part, which is placed in guest memory
 * and entered 512 bytes behind its start (Documentation/arch/x86/boot.rst).
 */
#include "image_file.h"
#include "macros.h"
#include "x86_layout.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#define SECTOR 512u
#define ENTRY64_OFFSET 0x200u
#define PROTOCOL_MIN 0x20cu /* 2.12: xloadflags */
/* The header ends where the jump at its offset 0x200 leads. */
#define HEADER_JUMP_FROM 0x202u

_Static_assert(sizeof(struct setup_header) <= BOOT_SETUP_HEADER_MAX,
	       "the copy holds every field known here");
_Static_assert(offsetof(struct boot_params, hdr) == BOOT_SETUP_HEADER_OFFSET,
	       "place of the header");

/* Copies the header as far as this kernel has it; the rest stays 0. */
static int read_header(const struct image_file *file, struct boot_image *img,
		       struct setup_header *hdr, struct err *err)
{
	uint32_t end;
	int rc;

	rc = image_file_read(file, BOOT_SETUP_HEADER_OFFSET, hdr, sizeof(*hdr),
			     err);
	if (rc < 0)
		return rc;
	end = HEADER_JUMP_FROM + (hdr->jump >> 8);
	img->setup_header_size =
		MIN(end - BOOT_SETUP_HEADER_OFFSET, BOOT_SETUP_HEADER_MAX);
	if (img->setup_header_size < sizeof(*hdr))
		memset((uint8_t *)hdr + img->setup_header_size, 0,
		       sizeof(*hdr) - img->setup_header_size);
	rc = image_file_read(file, BOOT_SETUP_HEADER_OFFSET, img->setup_header,
			     img->setup_header_size, err);
	if (rc < 0)
		return rc;
	/* The two reads must agree, should the file change meanwhile. */
	memcpy(img->setup_header, hdr,
	       MIN(img->setup_header_size, (uint32_t)sizeof(*hdr)));
	return 0;
}

static int check_header(const struct image_file *file,
			const struct setup_header *hdr, struct err *err)
{
	if (hdr->version < PROTOCOL_MIN)
		return image_file_fail(file, err, -ENOEXEC,
				       "boot protocol %u.%02u; this machine "
				       "needs 2.12 (Linux 3.8) or later",
				       hdr->version >> 8, hdr->version & 0xffu);
	if (!(hdr->loadflags & LOADED_HIGH))
		return image_file_fail(
			file, err, -ENOEXEC,
			"a zImage; this machine needs a bzImage");
	if (!(hdr->xloadflags & XLF_KERNEL_64))
		return image_file_fail(file, err, -ENOEXEC,
				       "32-bit kernel, this machine is x86-64; "
				       "use a kernel with CONFIG_X86_64");
	if (hdr->init_size == 0 ||
	    (uint64_t)hdr->syssize * 16 <= ENTRY64_OFFSET)
		return image_file_fail(
			file, err, -ENOEXEC,
			"corrupt setup header: no room for a kernel; copy "
			"it again");
	return 0;
}

/* Whether a kernel of @size bytes may lie at @gpa. */
static bool place_ok(uint64_t gpa, uint64_t size, uint64_t low_ram)
{
	uint64_t end = MIN(low_ram, X86_IDENTITY_MAPPED);

	return gpa >= X86_HIGH_RAM_GPA && gpa % KIB(4) == 0 && gpa <= end &&
	       size <= end - gpa;
}

/*
 * Where the kernel prefers to be, or as low as it can go: with little memory
 * that leaves more of it in one piece.
 */
static int choose_place(const struct image_file *file,
			const struct setup_header *hdr, uint64_t size,
			uint64_t low_ram, uint64_t *gpa, struct err *err)
{
	uint64_t align = hdr->kernel_alignment;

	*gpa = hdr->pref_address;
	if (place_ok(*gpa, size, low_ram))
		return 0;
	if (hdr->relocatable_kernel && align >= KIB(4) &&
	    (align & (align - 1)) == 0) {
		*gpa = ALIGN_UP(X86_HIGH_RAM_GPA, align);
		if (place_ok(*gpa, size, low_ram))
			return 0;
	}
	return image_file_fail(file, err, -ENOMEM,
			       "needs %llu MiB at 0x%llx to start and does not "
			       "fit into guest memory; give the VM more memory",
			       (unsigned long long)(size >> 20) + 1,
			       (unsigned long long)hdr->pref_address);
}

int load_bzimage(const struct image_file *file, const struct guest_mem *gm,
		 struct boot_image *img, struct err *err)
{
	struct setup_header hdr;
	uint64_t setup_size, size, footprint;
	int rc;

	rc = read_header(file, img, &hdr, err);
	if (rc < 0)
		return rc;
	rc = check_header(file, &hdr, err);
	if (rc < 0)
		return rc;

	/* 0 means 4 for historical reasons; the boot sector is not counted. */
	setup_size = ((hdr.setup_sects ? hdr.setup_sects : 4u) + 1ULL) * SECTOR;
	size = (uint64_t)hdr.syssize * 16;
	footprint = MAX((uint64_t)hdr.init_size, size);
	rc = choose_place(file, &hdr, footprint, image_low_ram(gm),
			  &img->kernel_gpa, err);
	if (rc < 0)
		return rc;
	rc = image_file_load(file, setup_size, gm, img->kernel_gpa, size, err);
	if (rc < 0)
		return rc;

	img->entry = BOOT_ENTRY_LINUX64;
	img->entry_gpa = img->kernel_gpa + ENTRY64_OFFSET;
	img->kernel_end = img->kernel_gpa + footprint;
	img->initrd_max = hdr.initrd_addr_max;
	img->cmdline_max = MIN(hdr.cmdline_size, (uint32_t)X86_CMDLINE_MAX - 1);
	return 0;
}
