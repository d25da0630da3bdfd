/*
 * kernel_modules.h - the modules that a kernel needs to reach its root; one
 * thread.
 */
#pragma once

#include "err.h"
#include "tree.h"

#include <stdbool.h>
#include <stddef.h>

/** what root_init.c loads: paths in order, one a line */
#define KERNEL_MODULES_LIST "modules.load"

/**
 * struct kernel_modules_wanted - what for
 * @release:     of the kernel, NULL: the only one in lib/modules
 * @file_system: its driver must be there, as module or built in
 * @verity:      so must dm-verity
 */
struct kernel_modules_wanted {
	const char *release;
	const char *file_system;
	bool verity;
};

/**
 * kernel_modules_take() - put drivers of disks and of the root into @initrd
 * @root:   has lib/modules/RELEASE with the indexes of depmod; without
 *          lib/modules the kernel counts as complete
 * @num:    filled: modules taken
 *
 * KERNEL_MODULES_LIST says the order in which to load them.
 *
 * Return: 0; -EINVAL if the kernel lacks what is a must, -ENOENT if @release or
 * an index is not there, or a negative errno; with @err.
 */
int kernel_modules_take(const struct tree *root,
			const struct kernel_modules_wanted *wanted,
			struct tree *initrd, size_t *num, struct err *err);
