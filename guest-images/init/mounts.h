/*
 * mounts.h - the file systems of the machine, from power-on to power-off. One
 * thread.
 */
#pragma once

#include <stdbool.h>

/** mounts_early() - /proc, /dev, /sys, /run; what is there stays. Return: true
 * if /proc was there: a container. */
bool mounts_early(void);

/** mounts_root() - the root is a mount that pivot_root(2) takes, shared with
 * what is mounted below it, and read-only unless @writable; /tmp, and /var
 * where it could not be written, are in memory. */
void mounts_root(bool writable);

/** mounts_cgroup() - cgroup v2 with every controller. */
void mounts_cgroup(void);

/** mounts_leave() - write back, unmount, what cannot be is made read-only. */
void mounts_leave(void);
