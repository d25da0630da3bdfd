/*
 * run_initrd.h - the initrd of a throwaway VM: lwx-run-init and the modules
 * that its kernel needs to reach its root and the host.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define RUN_RELEASE_SIZE 128

/**
 * run_kernel_release() - which kernel is it?
 * @kernel:  bzImage; or an ELF file, whose release is not in a fixed place
 * @release: filled, "6.1.0-18-amd64"; empty if it is no bzImage
 *
 * Return: 0 or a negative errno with @err.
 */
int run_kernel_release(const char *kernel, char release[RUN_RELEASE_SIZE],
		       struct err *err);

/**
 * struct run_initrd - what it is made of
 * @init:    lwx-run-init
 * @modules: folder with modules.dep: lib/modules/RELEASE
 * @image:   the root is a disk: with the file systems that it may have
 * @net:     it has a network device
 */
struct run_initrd {
	const char *init;
	const char *modules;
	bool image;
	bool net;
};

/**
 * run_initrd_open() - make the initrd, or take the one of an earlier run
 *
 * It is kept in $XDG_CACHE_HOME/layerworx, or /var/cache/layerworx for root,
 * under a name that tells what it was made of; where that cannot
 * be written it is made anew. Return: a descriptor to read it from; -ENOENT if
 * the kernel lacks what is a must; or another negative errno; with @err.
 */
int run_initrd_open(const struct run_initrd *from, struct err *err);
