/*
 * bench_block.c - a disk under load: the same payload, the same file, lwx-vmm
 * and QEMU in all its settings, in turns (A B A B).
 */
#include "bench_block.h"

#include "bench_guest.h"
#include "bench_load.h"
#include "bench_matrix.h"
#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY MIB(64)
#define DISK_SIZE MIB(256)

/* The file is in the host's page cache unless @direct. */
static const struct load {
	const char *name;
	const char *words;
	bool direct;
} loads[] = {
	{"read 4K d1", "bytes=4096 depth=1", false},
	{"read 4K d32", "bytes=4096 depth=32", false},
	{"read 4K d128", "bytes=4096 depth=128", false},
	{"write 4K d1", "bytes=4096 depth=1 write=1", false},
	{"write 4K d32", "bytes=4096 depth=32 write=1", false},
	{"write 4K d128", "bytes=4096 depth=128 write=1", false},
	{"read 128K seq", "bytes=131072 depth=8 random=0", false},
	{"write 128K seq", "bytes=131072 depth=8 random=0 write=1", false},
	{"direct read 4K d1", "bytes=4096 depth=1", true},
	{"direct read 4K d32", "bytes=4096 depth=32", true},
	{"direct read 4K d128", "bytes=4096 depth=128", true},
	{"direct write 4K d1", "bytes=4096 depth=1 write=1", true},
	{"direct write 4K d32", "bytes=4096 depth=32 write=1", true},
	{"direct write 4K d128", "bytes=4096 depth=128 write=1", true},
	{"direct read 128K seq", "bytes=131072 depth=8 random=0", true},
	{"direct write 128K seq", "bytes=131072 depth=8 random=0 write=1",
	 true},
};

static const struct variant {
	const char *name;
	enum bench_vmm vmm;
	const char *aio; /* NULL: lwx-vmm's only way */
	bool iothread;
	bool direct_only; /* Linux AIO waits where the page cache is used */
} variants[] = {
	{"lwx-vmm", BENCH_LWX, NULL, false, false},
	{"QEMU io_uring", BENCH_QEMU, "io_uring", false, false},
	{"QEMU io_uring iothread", BENCH_QEMU, "io_uring", true, false},
	{"QEMU threads", BENCH_QEMU, "threads", false, false},
	{"QEMU threads iothread", BENCH_QEMU, "threads", true, false},
	{"QEMU native", BENCH_QEMU, "native", false, true},
	{"QEMU native iothread", BENCH_QEMU, "native", true, true},
};

static int write_disk(int fd, struct err *err)
{
	AUTO_FREE char *block = malloc(MIB(1));

	if (!block)
		return err_set(err, -ENOMEM, "disk");
	/* Not zeroes: no file system may leave out the blocks. */
	memset(block, 0x5a, MIB(1));
	for (uint64_t done = 0; done < DISK_SIZE; done += MIB(1))
		if (write(fd, block, MIB(1)) != (ssize_t)MIB(1))
			return err_set(err, -errno, "disk");
	return fsync(fd) ? err_set(err, -errno, "disk") : 0;
}

static int run_cell(const struct bench_block_options *opt,
		    struct bench_matrix *matrix, const size_t picked[],
		    size_t row, size_t column, const char *disk,
		    struct err *err)
{
	const struct load *load = &loads[picked[row]];
	const struct variant *variant = &variants[column];
	char cmdline[256];
	struct bench_guest_config cfg = {
		.kernel = opt->payload,
		.cmdline = cmdline,
		.memory = MEMORY,
		.disk = disk,
		.direct = load->direct,
		.aio = variant->aio,
		.iothread = variant->iothread,
	};

	if (variant->direct_only && !load->direct)
		return 0;
	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=bench-blk %s ticks=%.0f", load->words,
		       bench_tsc_hz() * opt->seconds);
	return bench_load_run(matrix, row, column, variant->vmm, &cfg, err);
}

static int run_rounds(const struct bench_block_options *opt,
		      struct bench_matrix *matrix, const size_t picked[],
		      const char *disk, struct err *err)
{
	int rc = 0;

	for (unsigned int round = 0; round < opt->rounds && !rc; round++) {
		for (size_t row = 0; row < matrix->num_cases && !rc; row++) {
			(void)fprintf(stderr, "\rround %u of %u: %-24s",
				      round + 1, opt->rounds,
				      matrix->cases[row]);
			for (size_t v = 0; v < ARRAY_SIZE(variants) && !rc; v++)
				rc = run_cell(opt, matrix, picked, row, v, disk,
					      err);
		}
	}
	(void)fprintf(stderr, "\r%-48s\r", "");
	return rc;
}

static int report(const struct bench_block_options *opt,
		  const struct bench_matrix *matrix, struct err *err)
{
	if (opt->svg) {
		int rc = bench_matrix_svg(matrix, opt->svg, err);

		if (rc)
			return rc;
	}
	if (opt->json)
		return bench_matrix_json(matrix, stdout, err);
	bench_matrix_print(matrix, stdout);
	return 0;
}

static int measure(const struct bench_block_options *opt, const char *disk,
		   struct err *err)
{
	const char *names[ARRAY_SIZE(loads)], *columns[ARRAY_SIZE(variants)];
	size_t picked[ARRAY_SIZE(loads)];
	struct bench_matrix matrix = {
		.title = "Requests a second, relative to QEMU's best",
		.cases = names,
		.variants = columns,
		.num_variants = ARRAY_SIZE(variants),
	};
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		columns[i] = variants[i].name;
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		if (opt->match && !strstr(loads[i].name, opt->match))
			continue;
		picked[matrix.num_cases] = i;
		names[matrix.num_cases++] = loads[i].name;
	}
	if (!matrix.num_cases)
		return err_setx(err, -EINVAL, "no load is named like \"%s\"",
				opt->match);
	rc = bench_matrix_create(&matrix, err);
	if (!rc)
		rc = run_rounds(opt, &matrix, picked, disk, err);
	if (!rc)
		rc = report(opt, &matrix, err);
	bench_matrix_destroy(&matrix);
	return rc;
}

int bench_block(const struct bench_block_options *opt, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	char disk[512];
	int rc;

	(void)snprintf(disk, sizeof(disk), "%s/lwx-bench-XXXXXX", opt->dir);
	fd = mkstemp(disk);
	if (fd < 0)
		return err_set(err, -errno, "%s", disk);
	rc = write_disk(fd, err);
	if (!rc)
		rc = measure(opt, disk, err);
	(void)unlink(disk);
	return rc;
}
