/* bench_vsock.h - `lwx-bench vsock`: a vsock stream under load. QEMU has no
 * vsock device without vhost, so lwx-vmm stands alone here. */
#pragma once

#include "bench_load.h"

/** bench_vsock() - measure and print to stdout. Return: 0 or a negative errno.
 */
int bench_vsock(const struct bench_load_options *opt, struct err *err);
