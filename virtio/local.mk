# virtio/local.mk - device models and transports; never sees KVM.
noinst_LIBRARIES += libvirtio.a
libvirtio_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_VIRTIO)
libvirtio_a_CFLAGS = $(AM_CFLAGS) $(WARN_CONVERSION)
libvirtio_a_SOURCES = \
	%D%/blk_backend.c %D%/blk_backend.h \
	%D%/blk_queue.c %D%/blk_queue.h \
	%D%/blk_request.c %D%/blk_request.h \
	%D%/virtio_blk.c %D%/virtio_blk.h \
	%D%/vhost_user.c %D%/vhost_user.h \
	%D%/virtio_console.c %D%/virtio_console.h \
	%D%/virtio_device.c %D%/virtio_device.h \
	%D%/virtio_fs.c %D%/virtio_fs.h \
	%D%/virtio_mmio.c %D%/virtio_mmio.h \
	%D%/net_backend.h \
	%D%/net_passt.c %D%/net_passt.h \
	%D%/net_rx.c \
	%D%/net_tap.c %D%/net_tap.h \
	%D%/net_tx.c \
	%D%/virtio_net.c %D%/virtio_net.h %D%/virtio_net_impl.h \
	%D%/virtio_rng.c %D%/virtio_rng.h \
	%D%/virtio_vsock.c %D%/virtio_vsock.h \
	%D%/virtqueue.c %D%/virtqueue.h \
	%D%/vsock_conn.c %D%/vsock_conn.h \
	%D%/vsock_internal.h %D%/vsock_listen.c \
	%D%/vsock_rx.c %D%/vsock_table.c \
	%D%/vsock_unix.c %D%/vsock_unix.h

# Link order of what stands on libvirtio.
VIRTIO_LIBS = libvirtio.a $(BASE_LIBS)
