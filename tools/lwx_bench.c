/*
 * lwx_bench.c - lwx-bench: measures lwx-vmm beside QEMU in one run.
 */
#include "bench_block.h"
#include "bench_job.h"
#include "bench_meter.h"
#include "bench_net.h"
#include "bench_pause.h"
#include "bench_run.h"
#include "bench_start.h"
#include "bench_stats.h"
#include "bench_vsock.h"
#include "macros.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** struct options - all options of all verbs */
struct options {
	unsigned int rounds;
	unsigned int number;
	double seconds;
	const char *kernel;
	const char *initrd;
	const char *cmdline;
	const char *text;
	const char *payload;
	const char *dir;
	const char *match;
	const char *svg;
	bool json;
};

static void usage(FILE *to)
{
	(void)fputs(
		"Usage: lwx-bench start [--rounds N] [--json]\n"
		"                       [--kernel K [--initrd I] [--cmdline C] "
		"[--text T]]\n"
		"       lwx-bench block [--rounds N] [--seconds S] [--match M] "
		"[--dir D]\n"
		"                       [--payload P] [--svg F] [--json]\n"
		"       lwx-bench net | vsock | pause [--rounds N] [--seconds "
		"S] "
		"[--match M]\n"
		"                       [--payload P] [--svg F] [--json]\n"
		"       lwx-bench run [--rounds N] [--number M] [--match M]\n"
		"                       [--payload P] [--svg F] [--json]\n"
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
		"block: requests a second, latency and cost of a disk, for "
		"one payload guest\n"
		"under lwx-vmm and under QEMU in all its settings.\n"
		"net: frames a second through a tap, beside QEMU. vsock: "
		"packets of a stream and\n"
		"round trips; QEMU has no such device. pause: rounds of pause "
		"and resume of a\n"
		"guest whose disk is busy.\n"
		"\n"
		"run: wall and CPU time of a VM that uses its devices and "
		"ends, alone and M at\n"
		"once, by lwx-vm run (disk, passt, vsock), by lwx-vmm and by "
		"QEMU (disk and network).\n"
		"\n"
		"  --rounds N   interleaved rounds (5)\n"
		"  --number M   VMs at once, 2 to 100 (100)\n"
		"  --seconds S  measured for each load and VMM in a round "
		"(1)\n"
		"  --match M    only loads (of run: VMMs) whose name contains "
		"M\n"
		"  --dir D      folder for the disk's file (/var/tmp)\n"
		"  --payload P  payload.elf (of the build)\n"
		"  --kernel K   bzImage, or ELF with a PVH note\n"
		"  --initrd I   initial RAM disk\n"
		"  --cmdline C  kernel command line\n"
		"  --text T     what the console shows when the guest is up "
		"(\"init\")\n"
		"  --svg F      write a plot\n"
		"  --json       print JSON\n",
		to);
}

static int parse_number(const char *option, const char *text, unsigned int min,
			unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || value < min || value > max) {
		(void)fprintf(stderr, "lwx-bench: --%s: %u to %u\n", option,
			      min, max);
		return -EINVAL;
	}
	*number = (unsigned int)value;
	return 0;
}

static int parse_seconds(const char *text, double *seconds)
{
	char *end;

	errno = 0;
	*seconds = strtod(text, &end);
	if (!errno && !*end && end != text && *seconds >= 0.01 &&
	    *seconds <= 60)
		return 0;
	(void)fprintf(stderr, "lwx-bench: --seconds: 0.01 to 60\n");
	return -EINVAL;
}

/* Return: 0, or -EINVAL after saying why. */
static int parse(int argc, char **argv, struct options *opt)
{
	enum {
		ROUNDS,
		NUMBER,
		SECONDS,
		JSON,
		TEXTS /* and all behind it */
	};
	static const struct option options[] = {
		{"rounds", required_argument, NULL, ROUNDS},
		{"number", required_argument, NULL, NUMBER},
		{"seconds", required_argument, NULL, SECONDS},
		{"json", no_argument, NULL, JSON},
		{"kernel", required_argument, NULL, TEXTS},
		{"initrd", required_argument, NULL, TEXTS + 1},
		{"cmdline", required_argument, NULL, TEXTS + 2},
		{"text", required_argument, NULL, TEXTS + 3},
		{"payload", required_argument, NULL, TEXTS + 4},
		{"dir", required_argument, NULL, TEXTS + 5},
		{"match", required_argument, NULL, TEXTS + 6},
		{"svg", required_argument, NULL, TEXTS + 7},
		{NULL, 0, NULL, 0},
	};
	const char **const texts[] = {
		&opt->kernel,  &opt->initrd, &opt->cmdline, &opt->text,
		&opt->payload, &opt->dir,    &opt->match,   &opt->svg,
	};
	int which, rc = 0;

	while (!rc &&
	       (which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == '?')
			rc = -EINVAL; /* getopt said why */
		else if (which == JSON)
			opt->json = true;
		else if (which == ROUNDS)
			rc = parse_number("rounds", optarg, 1, BENCH_VALUES_MAX,
					  &opt->rounds);
		else if (which == NUMBER)
			rc = parse_number("number", optarg, 2, BENCH_JOBS_MAX,
					  &opt->number);
		else if (which == SECONDS)
			rc = parse_seconds(optarg, &opt->seconds);
		else
			*texts[which - TEXTS] = optarg;
	}
	if (rc || optind == argc)
		return rc;
	(void)fprintf(stderr, "lwx-bench: unexpected argument \"%s\"\n",
		      argv[optind]);
	return -EINVAL;
}

static int run_start(const struct options *opt, struct err *err)
{
	const struct bench_start_options start = {
		.rounds = opt->rounds,
		.kernel = opt->kernel,
		.initrd = opt->initrd,
		.cmdline = opt->cmdline,
		.text = opt->text,
		.json = opt->json,
	};

	return bench_start(&start, err);
}

/* The payload of the build this program is from. */
static const char *find_payload(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	(void)strcpy(slash ? slash + 1 : path, "tests/guest/payload.elf");
	return path;
}

/* Return: 0, or a negative errno if there is no payload. */
static int load_options(const struct options *opt, char path[PATH_MAX],
			struct bench_load_options *load, struct err *err)
{
	*load = (struct bench_load_options){
		.rounds = opt->rounds,
		.seconds = opt->seconds,
		.payload = opt->payload ? opt->payload : find_payload(path),
		.match = opt->match,
		.svg = opt->svg,
		.json = opt->json,
	};
	if (access(load->payload, R_OK))
		return err_set(err, -errno, "--payload %s", load->payload);
	return 0;
}

static int run_block(const struct options *opt, struct err *err)
{
	struct bench_load_options load;
	char path[PATH_MAX];
	int rc = load_options(opt, path, &load, err);

	return rc ? rc : bench_block(&load, opt->dir, err);
}

static int run_net(const struct options *opt, struct err *err)
{
	struct bench_load_options load;
	char path[PATH_MAX];
	int rc = load_options(opt, path, &load, err);

	return rc ? rc : bench_net(&load, err);
}

static int run_pause(const struct options *opt, struct err *err)
{
	struct bench_load_options load;
	char path[PATH_MAX];
	int rc = load_options(opt, path, &load, err);

	return rc ? rc : bench_pause(&load, err);
}

static int run_run(const struct options *opt, struct err *err)
{
	struct bench_load_options load;
	char path[PATH_MAX];
	int rc = load_options(opt, path, &load, err);

	return rc ? rc : bench_run(&load, opt->number, err);
}

static int run_vsock(const struct options *opt, struct err *err)
{
	struct bench_load_options load;
	char path[PATH_MAX];
	int rc = load_options(opt, path, &load, err);

	return rc ? rc : bench_vsock(&load, err);
}

static const struct verb {
	const char *name;
	int (*run)(const struct options *opt, struct err *err);
} verbs[] = {
	{"block", run_block}, {"net", run_net},	    {"pause", run_pause},
	{"run", run_run},     {"start", run_start}, {"vsock", run_vsock},
};

int main(int argc, char **argv)
{
	struct options opt = {
		.rounds = 5,
		.number = BENCH_JOBS_MAX,
		.seconds = 1,
		.text = "init",
		.dir = "/var/tmp",
	};
	const struct verb *verb = NULL;
	struct err err = {0};

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		(void)puts("lwx-bench " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(argv[1], verbs[i].name))
			verb = &verbs[i];
	}
	if (!verb || parse(argc - 1, argv + 1, &opt)) {
		usage(stderr);
		return 2;
	}
	bench_meter_prepare();
	if (verb->run(&opt, &err)) {
		(void)fprintf(stderr, "lwx-bench: %s\n", err.msg);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
