/*
 * net_tap.h - a tap interface as network backend. The kernel does checksums and
 * segmentation; frames go between it and guest memory without a copy of ours.
 */
#pragma once

#include "err.h"
#include "net_backend.h"

/**
 * net_tap_create() - use a tap
 * @fd: from open("/dev/net/tun") and TUNSETIFF with IFF_TAP, IFF_NO_PI and
 *      IFF_VNET_HDR; made non-blocking; taken over on success
 *
 * Return: 0 and *out; -EINVAL if @fd is no such tap, or a negative errno.
 */
int net_tap_create(struct net_backend **out, int fd, struct err *err);
