/*
 * image_load.h - put a kernel and its initrd into guest memory.
 *
 * Three kinds of image are known: a Linux bzImage with the 64-bit entry point
 * (boot protocol 2.12 or later), an x86-64 ELF with a PVH note
 * (XEN_ELFNOTE_PHYS32_ENTRY), and a unified kernel image (UKI): a PE32+ whose
 * sections .linux, .initrd and .cmdline hold one of the former and what goes
 * with it. Images are untrusted: every size and offset in them is checked
 * against the file and against guest memory before it is used. File data is
 * read straight into guest memory. Control thread, before vCPUs run.
 */
#pragma once

#include "err.h"
#include "guest_mem.h"

#include <stdint.h>

enum boot_entry {
	BOOT_ENTRY_LINUX64, /* long mode, rsi: boot_params */
	BOOT_ENTRY_PVH,	    /* 32-bit protected mode, ebx: hvm_start_info */
};

/**
 * struct image_source - the files to boot from
 * @kernel_fd:   bzImage, ELF or UKI; a regular file, borrowed
 * @kernel_name: how messages call it
 * @initrd_fd:   initial RAM disk, -1 for none; borrowed
 * @initrd_name: how messages call it
 * @cmdline:     kernel command line; NULL is empty. Appended to a UKI's own
 */
struct image_source {
	int kernel_fd;
	const char *kernel_name;
	int initrd_fd;
	const char *initrd_name;
	const char *cmdline;
};

/* Bytes of boot_params from offset 0x1f1: the part a kernel file brings. */
#define BOOT_SETUP_HEADER_OFFSET 0x1f1u
#define BOOT_SETUP_HEADER_MAX 0x9fu

/**
 * struct boot_image - what was loaded and how to enter it
 * @entry:             how the first instruction is to be reached
 * @entry_gpa:         where it is
 * @kernel_gpa:        lowest guest address the kernel occupies
 * @kernel_end:        end of what it occupies, its bss and heap included
 * @setup_header:      the kernel's setup header; BOOT_ENTRY_LINUX64 only
 * @setup_header_size: valid bytes of @setup_header
 * @initrd_max:        highest address an initrd may reach
 * @initrd_gpa:        page-aligned start; 0 without an initrd
 * @initrd_size:       bytes, 0 without an initrd
 * @cmdline:           owned; never NULL after image_load()
 * @cmdline_max:       longest command line the kernel takes, without NUL
 */
struct boot_image {
	enum boot_entry entry;
	uint64_t entry_gpa;
	uint64_t kernel_gpa;
	uint64_t kernel_end;
	uint8_t setup_header[BOOT_SETUP_HEADER_MAX];
	uint32_t setup_header_size;
	uint64_t initrd_max;
	uint64_t initrd_gpa;
	uint64_t initrd_size;
	char *cmdline;
	uint32_t cmdline_max;
};

/**
 * image_load() - validate the images and read them into guest memory
 * @img: filled; release with boot_image_fini(), also after a failure
 * @gm:  fresh RAM, all zero (a kernel's bss is left as it is), with its first
 *       region at 0
 *
 * Return: 0; -ENOEXEC for an image that is truncated, corrupt, of an unknown
 * kind or for another machine; -ENOMEM if guest memory is too small for it;
 * -EINVAL for sources that do not go together; or read's errno. The message
 * names the file, what is wrong and what to do about it.
 */
int image_load(struct boot_image *img, const struct image_source *src,
	       const struct guest_mem *gm, struct err *err);

/** boot_image_fini() - free what image_load() allocated. */
void boot_image_fini(struct boot_image *img);
