/*
 * virtio_fs.h - shared folder (virtio 1.2, section 5.11): a vhost-user front
 * end, the file server is another process (virtiofsd).
 */
#pragma once

#include "virtio_device.h"

#define VIRTIO_FS_TAG_MAX 36 /* bytes, without NUL */

/**
 * struct virtio_fs_options - what to make
 * @name:       "share0"; for messages
 * @tag:        what the guest mounts, 1 to VIRTIO_FS_TAG_MAX bytes
 * @fd:         socket to the file server; taken over in any case
 * @queue_size: entries, power of two
 */
struct virtio_fs_options {
	const char *name;
	const char *tag;
	int fd;
	uint16_t queue_size;
};

/**
 * virtio_fs_create() - make a shared folder
 * @mem: memory that can be shared (memfd or hugepages)
 *
 * Return: 0 and *out (virtio_device_destroy()), or a negative errno.
 */
int virtio_fs_create(struct virtio_device **out,
		     const struct virtio_fs_options *options,
		     const struct guest_mem *mem, struct io_engine *engine,
		     struct err *err);
