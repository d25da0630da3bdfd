/*
 * disk_label.h - partition tables by libfdisk, with identifiers that the caller
 * gives; one thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_UUID_TEXT 37	       /* with NUL */
#define DISK_ALIGN ((uint64_t)1 << 20) /* bytes */

/**
 * struct disk_partition - one partition
 * @type:   GPT: UUID as text; MBR: two hexadecimal digits
 * @uuid:   GPT: as text; MBR: NULL
 * @name:   GPT: label, NULL: none
 * @size:   in bytes, a multiple of DISK_ALIGN; 0: all that is left, the last
 * @active: MBR: boot flag
 * @offset: filled: where it starts, in bytes
 */
struct disk_partition {
	const char *type;
	const char *uuid;
	const char *name;
	uint64_t size;
	bool active;
	uint64_t offset;
};

/** disk_label_size() - the least size of a disk for these, in bytes. */
uint64_t disk_label_size(const struct disk_partition *parts, size_t num);

/**
 * disk_label_gpt() - write a GUID partition table
 * @path: the disk, a file of its final size
 * @uuid: of the disk, as text
 *
 * Return: 0 or a negative errno with @err.
 */
int disk_label_gpt(const char *path, const char *uuid,
		   struct disk_partition *parts, size_t num, struct err *err);

/**
 * disk_label_mbr() - write a DOS partition table
 * @id:   of the disk
 * @code: boot code, @code_size bytes, 440 at most; NULL: none
 *
 * Return: 0 or a negative errno with @err.
 */
int disk_label_mbr(const char *path, uint32_t id, const void *code,
		   size_t code_size, struct disk_partition *parts, size_t num,
		   struct err *err);
