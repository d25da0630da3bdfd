/*
 * virtio_vsock.h - socket device (virtio 1.2, section 5.10) whose host side is
 * unix sockets: vsock_unix.h tells the protocol.
 *
 * Streams, and SEQPACKET messages of up to 64 KiB. Everything but create and
 * destroy happens on the I/O thread.
 */
#pragma once

#include "virtio_device.h"

#define VIRTIO_VSOCK_CONNECTIONS_MAX 1023U
/** VIRTIO_VSOCK_FILES - io_engine_file_add() slots a device may take beside its
 * doorbells: connections and two listeners. */
#define VIRTIO_VSOCK_FILES (VIRTIO_VSOCK_CONNECTIONS_MAX + 2U)

/**
 * struct virtio_vsock_options - what to make
 * @name:         "vsock0"; for messages
 * @guest_cid:    3 or more, not 0xffffffff
 * @path:         P; the device listens on it and on P.seqpacket, and removes
 *                both when it is destroyed
 * @queue_size:   entries per queue, power of two
 * @handshake_ms: how long a host's client may take for its CONNECT line; 0:
 *                10 s
 * @request_ms:   how long the guest may take to answer a client, and a host's
 *                listener to take the guest's connection; 0: 2 s
 * @shutdown_ms:  how long the guest may take to end a connection that the host
 *                has closed, and the host's reader to take the last bytes of
 *                one that the guest has closed; 0: 8 s
 */
struct virtio_vsock_options {
	const char *name;
	uint64_t guest_cid;
	const char *path;
	uint16_t queue_size;
	unsigned int handshake_ms;
	unsigned int request_ms;
	unsigned int shutdown_ms;
};

/**
 * struct virtio_vsock_stats - counters
 * @connections:  now, in any state
 * @from_guest:   connections the guest has asked for
 * @from_host:    clients that were accepted
 * @refused:      ended before they were established
 * @bytes_to_guest: payload
 * @bytes_to_host: payload
 */
struct virtio_vsock_stats {
	uint64_t connections;
	uint64_t from_guest;
	uint64_t from_host;
	uint64_t refused;
	uint64_t bytes_to_guest;
	uint64_t bytes_to_host;
};

/**
 * virtio_vsock_create() - make a socket device and its listeners
 *
 * [before the engine runs] Each connection takes a descriptor of the process
 * and a slot of the engine (VIRTIO_VSOCK_FILES). Return: 0 and *out
 * (virtio_device_destroy()); -EINVAL for a reserved CID; -EADDRINUSE if
 * somebody listens on the path; another negative errno.
 */
int virtio_vsock_create(struct virtio_device **out,
			const struct virtio_vsock_options *options,
			const struct guest_mem *mem, struct io_engine *engine,
			struct err *err);

/** virtio_vsock_stats() - copy the counters; any thread. */
void virtio_vsock_stats(const struct virtio_device *dev,
			struct virtio_vsock_stats *out);
