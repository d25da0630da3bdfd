/* bench_pause.h - `lwx-bench pause`: stopping a running VM and letting it go
 * on, beside QEMU. */
#pragma once

#include "bench_load.h"

/** bench_pause() - measure and print to stdout. Return: 0 or a negative errno.
 */
int bench_pause(const struct bench_load_options *opt, struct err *err);
