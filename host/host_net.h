/*
 * host_net.h - the host's end of a VM's network devices: a tap, alone or on a
 * bridge, or a passt process for users without privileges.
 *
 * Nothing made here outlives its descriptor: taps are not persistent, and passt
 * ends when its socket closes.
 */
#pragma once

#include "err.h"
#include "vm_config.h"

/**
 * host_net_open() - make or open what stands behind a network device
 * @net: type, tap name and bridge are read; on success @net->fd is set to a tap
 *       (IFF_VNET_HDR, single queue) or to a stream socket of passt, both
 *       close-on-exec
 * @vm:  name of the VM, for messages
 *
 * Return: 0, or a negative errno with what to do about it.
 */
int host_net_open(struct vm_net *net, const char *vm, struct err *err);
