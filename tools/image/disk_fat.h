/*
 * disk_fat.h - a FAT32 file system by mkfs.fat and mtools, without privileges;
 * one thread.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/**
 * struct disk_fat_file - one file in it
 * @path:   "EFI/BOOT/BOOTX64.EFI"; its directories are made
 * @source: path of the file whose bytes it gets
 * @size:   filled by disk_fat_size()
 */
struct disk_fat_file {
	const char *path;
	const char *source;
	uint64_t size;
};

/**
 * disk_fat_size() - how large a file system has to be for these files
 * @size: bytes, a multiple of 1 MiB; never below what makes it FAT32
 *
 * Return: 0; -EFBIG if a file has 4 GiB or more; or a negative errno; with
 * @err.
 */
int disk_fat_size(struct disk_fat_file *files, size_t num, uint64_t *size,
		  struct err *err);

/**
 * disk_fat_make() - make it
 * @path:  a new file
 * @size:  of it
 * @id:    volume serial number
 * @label: 11 characters at most, upper case
 * @epoch: time of everything in it
 *
 * Return: 0 or a negative errno with @err.
 */
int disk_fat_make(const char *path, uint64_t size, uint32_t id,
		  const char *label, const struct disk_fat_file *files,
		  size_t num, int64_t epoch, struct err *err);
