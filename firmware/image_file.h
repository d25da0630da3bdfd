/*
 * image_file.h - checked reads from a window of an image file. Internal to the
 * loader: image_load.c, load_*.c.
 */
#pragma once

#include "err.h"
#include "guest_mem.h"
#include "image_load.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct image_file - the part of a file that holds one image
 * @fd:      borrowed
 * @role:    "kernel" or "initrd", for messages
 * @name:    how messages call the file; borrowed
 * @section: section of a UKI this window is, or NULL for the whole file
 * @start:   first byte of the window in the file
 * @size:    its bytes
 */
struct image_file {
	int fd;
	const char *role;
	const char *name;
	const char *section;
	uint64_t start;
	uint64_t size;
};

/** image_file_open() - the window over the whole file behind @fd, which must
 * be a regular file. Return: 0, -EINVAL, or fstat's errno. */
int image_file_open(struct image_file *file, int fd, const char *role,
		    const char *name, struct err *err);

/** image_file_fail() - err_setx() with the file's name in front. Return: @code.
 */
int image_file_fail(const struct image_file *file, struct err *err, int code,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** image_file_has() - whether [@offset, @offset + @len) lies in the window;
 * both may come from the image. */
bool image_file_has(const struct image_file *file, uint64_t offset,
		    uint64_t len);

/** image_file_read() - copy bytes of the window. Return: 0, -ENOEXEC if the
 * window ends before them, or read's errno. */
int image_file_read(const struct image_file *file, uint64_t offset, void *buf,
		    size_t len, struct err *err);

/** image_file_load() - read bytes of the window straight into guest memory;
 * @len 0 is fine. Return: as image_file_read(), or -ENOMEM if guest memory does
 * not cover them. */
int image_file_load(const struct image_file *file, uint64_t offset,
		    const struct guest_mem *gm, uint64_t gpa, uint64_t len,
		    struct err *err);

/** image_low_ram() - end of the RAM that starts at guest address 0. */
uint64_t image_low_ram(const struct guest_mem *gm);

/** load_bzimage() - load a Linux bzImage; fills the kernel's part of @img.
 * Return: as image_load(). */
int load_bzimage(const struct image_file *file, const struct guest_mem *gm,
		 struct boot_image *img, struct err *err);

/** load_elf() - load an x86-64 ELF with a PVH note; likewise. */
int load_elf(const struct image_file *file, const struct guest_mem *gm,
	     struct boot_image *img, struct err *err);

enum uki_part {
	UKI_LINUX,
	UKI_INITRD,
	UKI_CMDLINE,
	UKI_PARTS,
};

/**
 * struct uki - a unified kernel image
 * @part: windows of its sections; size 0: no such section
 */
struct uki {
	struct image_file part[UKI_PARTS];
};

/** uki_open() - validate the PE and find its sections; nothing is loaded.
 * Return: as image_load(). */
int uki_open(const struct image_file *file, struct uki *uki, struct err *err);
