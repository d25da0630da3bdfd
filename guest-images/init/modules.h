/*
 * modules.h - drivers for what the machine has, by modprobe(8). One thread.
 *
 * Debian has no static libkmod, so the image's modprobe does the work: kmod's
 * or busybox's. Both read modules.alias once for all names they are given.
 */
#pragma once

/** modules_load() - drivers of all devices that are there, and those that
 * /etc/modules-load.d names. */
void modules_load(void);

/** modules_listen() - drivers of devices that come later, by uevents. */
void modules_listen(void);
