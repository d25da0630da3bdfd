/*
 * disk_vhd.h - Microsoft's Virtual Hard Disk format, fixed and dynamic
 * ("Virtual Hard Disk Image Format Specification", 1.0); one thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_VHD_MAX ((uint64_t)2040 << 30) /* bytes of a disk */

/**
 * disk_vhd_write() - a raw disk as VHD
 * @raw:     the disk
 * @size:    of it, a multiple of 1 MiB (Azure wants that)
 * @dynamic: only blocks that are not zero; else the disk and a footer
 * @uuid:    of the disk
 * @epoch:   its creation time
 * @out:     empty file
 *
 * Return: 0; -EINVAL, -EFBIG for a size that cannot be; -EINTR once a signal
 * has come; or a negative errno; with @err.
 */
int disk_vhd_write(int raw, uint64_t size, bool dynamic, const uint8_t uuid[16],
		   int64_t epoch, int out, struct err *err);
