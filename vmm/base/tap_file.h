/*
 * tap_file.h - open a tap interface for virtio-net, as the launcher does.
 *
 * The interface is gone with the last descriptor, unless somebody else made it
 * persistent before.
 */
#pragma once

#include "err.h"

#include <net/if.h>
#include <stdint.h>

/**
 * tap_open() - make a tap, or attach to one that exists, and bring it up
 * @out:    set to the descriptor: non-blocking, close-on-exec, with
 *          virtio-net's header in front of each frame
 * @name:   name wanted, at most IFNAMSIZ - 1 bytes; "%d" in it is replaced by a
 *          free number; set to the name there is
 * @bridge: bridge to join, or NULL
 * @mtu:    to set, or 0
 *
 * What is already as asked needs no privilege: a tap that root made for a user,
 * with bridge and MTU, can be attached to by that user.
 *
 * Return: 0, or a negative errno: -EPERM without CAP_NET_ADMIN, -EBUSY if
 * another process is attached.
 */
int tap_open(int *out, char name[IFNAMSIZ], const char *bridge, uint32_t mtu,
	     struct err *err);
