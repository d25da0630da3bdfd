/*
 * syslinux.h - SYSLINUX and ISOLINUX: how BIOS gets to the kernel; one thread.
 */
#pragma once

#include "disk_label.h"
#include "output_internal.h"

#define SYSLINUX_FILE_MAX ((size_t)1 << 20)

/** syslinux_config() - a configuration that starts "kernel" and "initrd.img" in
 * the directory @dir ("/boot/") at once. Return: 0 or a negative errno with
 * @err. */
int syslinux_config(const struct output *out, const char *dir, const char *path,
		    struct err *err);

/** syslinux_label() - an MBR whose code starts the active partition @part.
 * Return: 0 or a negative errno with @err. */
int syslinux_label(const struct output *out, const char *disk,
		   struct disk_partition *part, struct err *err);

/** syslinux_install() - make the FAT file system in @fat, which will be at
 * @offset of its disk, bootable. Return: 0 or a negative errno with @err. */
int syslinux_install(const struct output *out, const char *fat, uint64_t offset,
		     struct err *err);

/** syslinux_file() - where a file of SYSLINUX is: "mbr.bin", "isolinux.bin",
 * "isohdpfx.bin", "ldlinux.c32". Return: path to free(), or NULL with @err if
 * there is none. */
char *syslinux_file(const struct output *out, const char *name,
		    struct err *err);
