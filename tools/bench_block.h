/* bench_block.h - `lwx-bench block`: a disk under load, beside QEMU. */
#pragma once

#include "bench_load.h"

/** bench_block() - measure and print to stdout; the disk's file is made in
 * @dir. Return: 0 or a negative errno. */
int bench_block(const struct bench_load_options *opt, const char *dir,
		struct err *err);
