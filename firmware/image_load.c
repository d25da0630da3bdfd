/* image_load.c - tell the kind of image, load it, place the initrd. */
#include "image_load.h"

#include "cleanup.h"
#include "image_file.h"
#include "macros.h"
#include "x86_layout.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE KIB(4)
#define PROBE_MAX 0x240u /* bytes looked at to tell the kind */

static int load_uki(const struct image_file *file, const struct guest_mem *gm,
		    struct boot_image *img, struct err *err);

/**
 * struct image_kind - how to tell an image by its first bytes
 * @offset: where @magic is
 * @load:   its loader, or NULL for a kind that cannot be started
 * @reason: why it cannot be started and what to do
 */
struct image_kind {
	unsigned int offset;
	unsigned int len;
	const char *magic;
	int (*load)(const struct image_file *file, const struct guest_mem *gm,
		    struct boot_image *img, struct err *err);
	const char *reason;
};

/* The first match counts: bzImage, arm64 and RISC-V images are PEs as well. */
static const struct image_kind kinds[] = {
	{0x202, 4, "HdrS", load_bzimage, NULL},
	{0, 4, "\177ELF", load_elf, NULL},
	{0x38, 4, "ARM\x64", NULL, "arm64 Image, this machine is x86-64"},
	{0x38, 4, "RSC\x05", NULL, "RISC-V Image, this machine is x86-64"},
	{0, 2, "MZ", load_uki, NULL},
	{0, 2, "\x1f\x8b", NULL, "gzip file; decompress it first"},
	{0, 4, "\x28\xb5\x2f\xfd", NULL, "zstd file; decompress it first"},
	{0, 6,
	 "\xfd"
	 "7zXZ",
	 NULL, "xz file; decompress it first"},
	{0, 6, "070701", NULL, "cpio archive; is this the initrd?"},
};

static int load_kernel(const struct image_file *file,
		       const struct guest_mem *gm, struct boot_image *img,
		       struct err *err)
{
	uint8_t head[PROBE_MAX];
	size_t have = MIN(file->size, (uint64_t)PROBE_MAX);
	int rc;

	rc = image_file_read(file, 0, head, have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct image_kind *kind = &kinds[i];

		if (kind->offset + kind->len > have ||
		    memcmp(head + kind->offset, kind->magic, kind->len) != 0)
			continue;
		if (!kind->load)
			return image_file_fail(file, err, -ENOEXEC, "%s",
					       kind->reason);
		return kind->load(file, gm, img, err);
	}
	return image_file_fail(file, err, -ENOEXEC,
			       "no bzImage, ELF or unified kernel image");
}

/* Highest place for @size bytes below @top that is not below @bottom. */
static bool fits_between(uint64_t bottom, uint64_t top, uint64_t size,
			 uint64_t *gpa)
{
	if (top < bottom || size > top - bottom)
		return false;
	*gpa = ALIGN_DOWN(top - size, PAGE);
	return *gpa >= bottom;
}

/* As high as the kernel can take it; below the kernel if need be. */
static int load_initrd(const struct image_file *file,
		       const struct guest_mem *gm, struct boot_image *img,
		       struct err *err)
{
	uint64_t top = MIN(image_low_ram(gm), img->initrd_max + 1);
	int rc;

	if (!fits_between(img->kernel_end, top, file->size, &img->initrd_gpa) &&
	    !fits_between(X86_HIGH_RAM_GPA, MIN(img->kernel_gpa, top),
			  file->size, &img->initrd_gpa))
		return image_file_fail(file, err, -ENOMEM,
				       "%llu MiB do not fit into guest memory "
				       "beside the kernel; give the VM more "
				       "memory",
				       (unsigned long long)(file->size >> 20) +
					       1);
	rc = image_file_load(file, 0, gm, img->initrd_gpa, file->size, err);
	if (rc < 0)
		return rc;
	img->initrd_size = file->size;
	return 0;
}

/* A UKI's command line: text, perhaps with a newline and NULs at its end. */
static int read_cmdline(const struct image_file *file, char **out,
			struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int rc;

	if (file->size > X86_CMDLINE_MAX)
		return image_file_fail(file, err, -ENOEXEC, "%llu bytes long",
				       (unsigned long long)file->size);
	text = calloc(1, file->size + 1);
	if (!text)
		return err_set(err, -ENOMEM, "%s %s", file->role, file->name);
	rc = image_file_read(file, 0, text, file->size, err);
	if (rc < 0)
		return rc;
	len = file->size;
	while (len > 0 &&
	       (text[len - 1] == '\0' || isspace((unsigned char)text[len - 1])))
		text[--len] = '\0';
	if (memchr(text, '\0', len))
		return image_file_fail(file, err, -ENOEXEC,
				       "has a NUL byte inside");
	*out = steal_ptr(&text);
	return 0;
}

static int load_uki(const struct image_file *file, const struct guest_mem *gm,
		    struct boot_image *img, struct err *err)
{
	struct uki uki;
	int rc;

	if (file->section) /* .linux of a UKI */
		return image_file_fail(file, err, -ENOEXEC,
				       "is a PE again; it must be a bzImage or "
				       "an ELF");
	rc = uki_open(file, &uki, err);
	if (rc < 0)
		return rc;
	rc = load_kernel(&uki.part[UKI_LINUX], gm, img, err);
	if (rc < 0)
		return rc;
	if (uki.part[UKI_INITRD].size != 0) {
		rc = load_initrd(&uki.part[UKI_INITRD], gm, img, err);
		if (rc < 0)
			return rc;
	}
	if (uki.part[UKI_CMDLINE].size != 0)
		return read_cmdline(&uki.part[UKI_CMDLINE], &img->cmdline, err);
	return 0;
}

/* What the operator wants comes last: the kernel takes a word's last value. */
static int join_cmdline(struct boot_image *img, const char *more,
			struct err *err)
{
	const char *own = img->cmdline ? img->cmdline : "";
	const char *gap = *own && *more ? " " : "";
	char *joined;

	if (asprintf(&joined, "%s%s%s", own, gap, more) < 0)
		return err_set(err, -ENOMEM, "kernel command line");
	free(img->cmdline);
	img->cmdline = joined;
	return 0;
}

int image_load(struct boot_image *img, const struct image_source *src,
	       const struct guest_mem *gm, struct err *err)
{
	struct image_file file;
	int rc;

	*img = (struct boot_image){0};
	rc = image_file_open(&file, src->kernel_fd, "kernel", src->kernel_name,
			     err);
	if (rc < 0)
		return rc;
	rc = load_kernel(&file, gm, img, err);
	if (rc < 0)
		return rc;
	if (src->initrd_fd >= 0) {
		rc = image_file_open(&file, src->initrd_fd, "initrd",
				     src->initrd_name, err);
		if (rc < 0)
			return rc;
		if (img->initrd_size != 0)
			return image_file_fail(&file, err, -EINVAL,
					       "kernel %s brings its own "
					       "initrd; name only one",
					       src->kernel_name);
		rc = load_initrd(&file, gm, img, err);
		if (rc < 0)
			return rc;
	}
	return join_cmdline(img, src->cmdline ? src->cmdline : "", err);
}

void boot_image_fini(struct boot_image *img)
{
	free(img->cmdline);
	img->cmdline = NULL;
}
