# virtio/local.mk
