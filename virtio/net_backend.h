/*
 * net_backend.h - contract between virtio-net and what carries its frames.
 *
 * All ops run on the I/O thread of the device, except destroy [control thread,
 * engine stopped]. A backend never blocks and never holds on to a guest buffer
 * after its op has returned, so nothing is in flight between calls.
 */
#pragma once

#include <linux/virtio_net.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Longest frame: 64 KiB of segmentation offload, Ethernet and VLAN headers. */
#define NET_FRAME_MAX (65535U + 18U)
#define NET_FRAME_MIN 14U /* an Ethernet header */

struct net_backend;

/**
 * struct net_backend_ops - one const table per kind of backend
 * @name:     "tap"; for messages
 * @send:     send one frame: @iov[1] to @iov[@count - 1], at most NET_FRAME_MAX
 *            bytes; @iov[0] and all entries are the backend's to change. @hdr
 *            asks only for what @features offers. Return: 0 when the frame is
 *            taken; 1 when it is taken and a rest of it waits for @flush;
 *            -EAGAIN if there is no room, nothing was taken: wait for
 *            EPOLLOUT and send it again; -EPIPE if the other side is gone;
 *            another negative errno: this frame cannot be sent
 * @flush:    send what waits. Return: 0 when nothing does any more; -EAGAIN:
 * wait for EPOLLOUT; -EPIPE as above. NULL: nothing ever waits
 * @receive:  receive one frame into @iov[1] to @iov[@count - 1], which hold
 *            NET_FRAME_MAX bytes at least; @iov[0] as above. @hdr is filled in
 *            but for num_buffers. Return: bytes of the frame; -EAGAIN if there
 *            is none; -EPIPE if the other side is gone; another negative errno:
 *            one frame was dropped
 * @offload:  the driver takes what these VIRTIO_NET_F_GUEST_* bits say.
 *            Return: 0 or a negative errno
 * @destroy:  free, closing @fd
 */
struct net_backend_ops {
	const char *name;
	int (*send)(struct net_backend *backend,
		    const struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
		    unsigned int count);
	int (*flush)(struct net_backend *backend);
	ssize_t (*receive)(struct net_backend *backend,
			   struct virtio_net_hdr_v1 *hdr, struct iovec *iov,
			   unsigned int count);
	int (*offload)(struct net_backend *backend, uint64_t features);
	void (*destroy)(struct net_backend *backend);
};

/**
 * struct net_backend - embedded first in every backend
 * @ops:      class table
 * @fd:       for EPOLLIN and EPOLLOUT, edge-triggered
 * @features: VIRTIO_NET_F_* bits of checksum and segmentation offload it can do
 */
struct net_backend {
	const struct net_backend_ops *ops;
	int fd;
	uint64_t features;
};

/* Assigned after the headers of Debian 12 (virtio 1.2, 5.1.3). */
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define NET_FEATURE(name) (UINT64_C(1) << VIRTIO_NET_F_##name)
