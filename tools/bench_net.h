/* bench_net.h - `lwx-bench net`: a network interface under load, beside QEMU.
 */
#pragma once

#include "bench_load.h"

/** bench_net() - measure and print to stdout; needs the right to make a network
 * namespace. Return: 0 or a negative errno. */
int bench_net(const struct bench_load_options *opt, struct err *err);
