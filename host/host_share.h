/*
 * host_share.h - shared folders: a file server (Debian's virtiofsd) for each.
 *
 * The server sees the folder and nothing else of the host's files, and ends
 * when the socket that lwx-vmm holds is closed. Without root it runs in a user
 * namespace in which the caller is root: files of other users appear as
 * nobody's there, and the guest cannot give files away.
 */
#pragma once

#include "err.h"
#include "vm_config.h"

/**
 * host_share_open() - start the file server of a shared folder
 * @share: its fd is set to the socket, unless it is open already; the caller
 *         closes it, which ends the server
 * @vm:    name of the VM, for messages
 *
 * Return: 0, -ENOENT if virtiofsd is not installed, -EIO if it does not serve
 * the folder, or a negative errno, with @err.
 */
int host_share_open(struct vm_share *share, const char *vm, struct err *err);
