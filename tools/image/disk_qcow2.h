/*
 * disk_qcow2.h - QEMU's disk format, version 3, with compressed clusters
 * (qemu: docs/interop/qcow2.txt); one thread.
 */
#pragma once

#include "err.h"

#include <stdint.h>

enum disk_qcow2_compression {
	DISK_QCOW2_ZLIB,
	DISK_QCOW2_ZSTD, /* QEMU 5.1 and later */
};

/**
 * disk_qcow2_write() - a raw disk as qcow2
 * @raw:         the disk
 * @size:        of it, a multiple of 512
 * @compression: of clusters that it makes smaller
 * @out:         empty file
 *
 * Return: 0; -EINVAL for a size that cannot be; -EINTR once a signal has come;
 * or a negative errno; with @err.
 */
int disk_qcow2_write(int raw, uint64_t size,
		     enum disk_qcow2_compression compression, int out,
		     struct err *err);
