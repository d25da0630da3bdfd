/*
 * disk_vmdk.h - VMware's streamOptimized disk ("Virtual Disk Format 5.0"): one
 * file of compressed grains, the form that OVF and vCenter take; one thread.
 */
#pragma once

#include "err.h"

#include <stdint.h>

/**
 * disk_vmdk_write() - a raw disk as streamOptimized VMDK
 * @raw:  the disk
 * @size: of it, a multiple of 512
 * @cid:  content id
 * @name: of the file, for its descriptor
 * @out:  empty file
 *
 * Return: 0; -EINVAL for a size that cannot be; -EINTR once a signal has come;
 * or a negative errno; with @err.
 */
int disk_vmdk_write(int raw, uint64_t size, uint32_t cid, const char *name,
		    int out, struct err *err);
