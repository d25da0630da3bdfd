/*
 * vm_resources.h - open what a VM's configuration names, before lwx-vmm runs.
 */
#pragma once

#include "err.h"
#include "vm_config.h"

/**
 * vm_resources_open() - open kernel, initrd, disks, console log
 * @cfg: its fds are filled; all are FD_CLOEXEC
 *
 * Disks are locked. The console log is left alone if console_log_fd is set.
 *
 * Return: 0, or a negative errno with the VM and file named in @err; then
 * nothing stays open.
 */
int vm_resources_open(struct vm_config *cfg, struct err *err);

/** vm_resources_close() - close all fds of @cfg and set them to -1. */
void vm_resources_close(struct vm_config *cfg);

/** vm_resources_fds() - list the open fds of @cfg. Return: their number. */
unsigned int vm_resources_fds(const struct vm_config *cfg, int *fds,
			      unsigned int max);
