/*
 * disk_file.h - opening, locking and measuring the file behind a disk.
 *
 * The launcher opens and locks; the lock belongs to the open file (OFD lock),
 * so it travels with the descriptor to the process that runs the VM and ends
 * when the last copy of it is closed. Set-up and control code only; any thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct disk_file_options - how to open
 * @readonly: open for reading and share the lock with other readers
 * @direct:   O_DIRECT
 */
struct disk_file_options {
	bool readonly;
	bool direct;
};

/**
 * struct disk_geometry - what is known about an open disk file
 * @size:           bytes
 * @offset_align:   bytes: offsets and lengths of a transfer are multiples; 1
 *                  unless opened with O_DIRECT
 * @memory_align:   bytes: likewise for buffer addresses
 * @physical_block: bytes the storage writes without read-modify-write
 * @optimal_io:     preferred transfer in bytes, 0 if not known
 * @readonly:       opened for reading only
 * @direct:         opened with O_DIRECT
 * @block_device:   a block device, whose size cannot be set
 * @punch_hole:     ranges can be deallocated by fallocate()
 */
struct disk_geometry {
	uint64_t size;
	uint32_t offset_align;
	uint32_t memory_align;
	uint32_t physical_block;
	uint32_t optimal_io;
	bool readonly;
	bool direct;
	bool block_device;
	bool punch_hole;
};

/**
 * disk_file_open() - open a regular file or block device and lock the whole of
 * it: shared if read-only, exclusive otherwise
 * @fd: set to the descriptor (O_CLOEXEC), owned by the caller
 *
 * Return: 0; -EBUSY if another open file holds a lock, with the process id and
 * the command of a holder in @err where /proc tells them (where it does not,
 * the lock is waited for, up to a second); -EINVAL for other kinds of file or
 * if O_DIRECT is not possible there; open's errno.
 */
int disk_file_open(const char *path, const struct disk_file_options *options,
		   int *fd, struct err *err);

/**
 * disk_file_probe() - measure an open disk file
 * @fd:   from disk_file_open(), possibly in another process
 * @name: for messages
 *
 * Return: 0 or a negative errno.
 */
int disk_file_probe(int fd, const char *name, struct disk_geometry *geometry,
		    struct err *err);

/** disk_file_size() - Return: 0 and *size in bytes as it is now, or a negative
 * errno. */
int disk_file_size(int fd, const char *name, uint64_t *size, struct err *err);

/**
 * disk_file_resize() - set the size of a regular file
 * @size: bytes
 *
 * Return: 0; -EINVAL for a block device of another size; ftruncate's errno.
 */
int disk_file_resize(int fd, const char *name, uint64_t size, struct err *err);
