/* bench_start.h - `lwx-bench start`: what it costs to start a VM. */
#pragma once

#include "err.h"

#include <stdbool.h>

/**
 * struct bench_start_options - the command line
 * @rounds: interleaved rounds, 1 to BENCH_VALUES_MAX
 * @kernel: Linux kernel to boot instead of the smallest guest, or NULL
 * @initrd: its initrd, or NULL
 * @cmdline: its command line; NULL: a quiet serial console
 * @text:   what its console shows when it is up
 * @json:   print JSON instead of the table
 */
struct bench_start_options {
	unsigned int rounds;
	const char *kernel;
	const char *initrd;
	const char *cmdline;
	const char *text;
	bool json;
};

/** bench_start() - measure and print to stdout. Return: 0 or a negative
 * errno. */
int bench_start(const struct bench_start_options *opt, struct err *err);
