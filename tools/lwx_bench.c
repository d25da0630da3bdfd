/*
 * lwx_bench.c - lwx-bench: measures lwx-vmm beside QEMU in one run.
 */
#include "bench_start.h"
#include "bench_stats.h"
#include "macros.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *to)
{
	(void)fputs(
		"Usage: lwx-bench start [--rounds N] [--json]\n"
		"                       [--kernel K [--initrd I] [--cmdline C] "
		"[--text T]]\n"
		"       lwx-bench --version | --help\n"
		"\n"
		"start: time, CPU time, private memory and system calls of "
		"starting a VM,\n"
		"lwx-vmm beside QEMU's microvm in one run. The guest is one "
		"that prints a\n"
		"character with its first instructions; with --kernel it is "
		"that Linux, and\n"
		"time counts until its serial console shows T.\n"
		"\n"
		"  --rounds N   interleaved rounds (5)\n"
		"  --kernel K   bzImage, or ELF with a PVH note\n"
		"  --initrd I   initial RAM disk\n"
		"  --cmdline C  kernel command line\n"
		"  --text T     what the console shows when the guest is up "
		"(\"init\")\n"
		"  --json       print JSON\n",
		to);
}

static int parse_rounds(const char *text, unsigned int *rounds)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || !value || value > BENCH_VALUES_MAX)
		return -EINVAL;
	*rounds = (unsigned int)value;
	return 0;
}

/* Return: 0, or -EINVAL after saying why. */
static int parse_start(int argc, char **argv, struct bench_start_options *opt)
{
	enum {
		ROUNDS,
		KERNEL,
		INITRD,
		CMDLINE,
		TEXT,
		JSON
	};
	static const struct option options[] = {
		{"rounds", required_argument, NULL, ROUNDS},
		{"kernel", required_argument, NULL, KERNEL},
		{"initrd", required_argument, NULL, INITRD},
		{"cmdline", required_argument, NULL, CMDLINE},
		{"text", required_argument, NULL, TEXT},
		{"json", no_argument, NULL, JSON},
		{NULL, 0, NULL, 0},
	};
	const char **const texts[] = {
		[KERNEL] = &opt->kernel,
		[INITRD] = &opt->initrd,
		[CMDLINE] = &opt->cmdline,
		[TEXT] = &opt->text,
	};
	int which;

	*opt = (struct bench_start_options){.rounds = 5, .text = "init"};
	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == JSON) {
			opt->json = true;
		} else if (which == ROUNDS) {
			if (parse_rounds(optarg, &opt->rounds)) {
				(void)fprintf(stderr,
					      "lwx-bench: --rounds: 1 to %d\n",
					      BENCH_VALUES_MAX);
				return -EINVAL;
			}
		} else if (which > ROUNDS && which < JSON) {
			*texts[which] = optarg;
		} else {
			return -EINVAL; /* getopt said why */
		}
	}
	if (optind == argc)
		return 0;
	(void)fprintf(stderr, "lwx-bench: unexpected argument \"%s\"\n",
		      argv[optind]);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct bench_start_options opt;
	struct err err = {0};

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		(void)puts("lwx-bench " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc < 2 || strcmp(argv[1], "start") ||
	    parse_start(argc - 1, argv + 1, &opt)) {
		usage(stderr);
		return 2;
	}
	if (bench_start(&opt, &err)) {
		(void)fprintf(stderr, "lwx-bench: %s\n", err.msg);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
