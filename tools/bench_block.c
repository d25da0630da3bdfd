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
#include <fcntl.h>
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
	uint32_t poll_us;
	bool direct_only; /* Linux AIO waits where the page cache is used */
} variants[] = {
	{"lwx-vmm", BENCH_LWX, NULL, false, 0, false},
	{"lwx-vmm poll", BENCH_LWX, NULL, false, 100, false},
	{"QEMU io_uring", BENCH_QEMU, "io_uring", false, 0, false},
	{"QEMU io_uring iothread", BENCH_QEMU, "io_uring", true, 0, false},
	{"QEMU threads", BENCH_QEMU, "threads", false, 0, false},
	{"QEMU threads iothread", BENCH_QEMU, "threads", true, 0, false},
	{"QEMU native", BENCH_QEMU, "native", false, 0, true},
	{"QEMU native iothread", BENCH_QEMU, "native", true, 0, true},
};

static int write_disk(int fd, void *block, struct err *err)
{
	/* Not zeroes: no file system may leave out the blocks. */
	memset(block, 0x5a, MIB(1));
	for (uint64_t done = 0; done < DISK_SIZE; done += MIB(1))
		if (write(fd, block, MIB(1)) != (ssize_t)MIB(1))
			return err_set(err, -errno, "disk");
	return 0;
}

/**
 * struct block_run - context of run_cell()
 * @disk:   path of the disk's file, open as @fd
 * @buffer: MIB(1) bytes
 */
struct block_run {
	const struct bench_load_options *opt;
	const char *disk;
	int fd;
	void *buffer;
};

/* Nobody finds what the one before left behind: nothing is to be written any
 * more, and the file is in the page cache as a whole, or not at all. */
static int level(const struct block_run *run, bool direct, struct err *err)
{
	uint64_t at = 0;

	if (fsync(run->fd))
		return err_set(err, -errno, "%s", run->disk);
	if (direct) /* an advice: it does not fail on a file */
		(void)posix_fadvise(run->fd, 0, 0, POSIX_FADV_DONTNEED);
	for (; !direct && at < DISK_SIZE; at += MIB(1))
		if (pread(run->fd, run->buffer, MIB(1), (off_t)at) !=
		    (ssize_t)MIB(1))
			return err_set(err, -EIO, "%s", run->disk);
	return 0;
}

static int run_cell(struct bench_matrix *matrix, size_t row, size_t column,
		    void *arg, struct err *err)
{
	const struct block_run *run = arg;
	const struct variant *variant = &variants[column];
	char cmdline[256];
	struct bench_guest_config cfg = {
		.kernel = run->opt->payload,
		.cmdline = cmdline,
		.memory = MEMORY,
		.disk = run->disk,
		.direct = loads[row].direct,
		.aio = variant->aio,
		.iothread = variant->iothread,
		.poll_us = variant->poll_us,
	};
	int rc;

	if (variant->direct_only && !loads[row].direct)
		return 0;
	rc = level(run, loads[row].direct, err);
	if (rc)
		return rc;
	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=bench-blk %s ticks=%.0f", loads[row].words,
		       bench_tsc_hz() * run->opt->seconds);
	return bench_load_run(matrix, row, column, variant->vmm, &cfg, err);
}

static int measure(struct block_run *run, struct err *err)
{
	const char *rows[ARRAY_SIZE(loads)], *columns[ARRAY_SIZE(variants)];
	struct bench_matrix matrix = {
		.title = "Requests a second, relative to QEMU's best",
		.cases = rows,
		.num_cases = ARRAY_SIZE(loads),
		.variants = columns,
		.num_variants = ARRAY_SIZE(variants),
		.num_more = 1, /* polling */
	};
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		rows[i] = loads[i].name;
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		columns[i] = variants[i].name;
	return bench_load_rounds(run->opt, &matrix, run_cell, run, err);
}

int bench_block(const struct bench_load_options *opt, const char *dir,
		struct err *err)
{
	AUTO_FREE void *buffer = malloc(MIB(1));
	AUTO_CLOSE int fd = -1;
	char disk[512];
	struct block_run run = {.opt = opt, .disk = disk, .buffer = buffer};
	int rc;

	if (!buffer)
		return err_set(err, -ENOMEM, "disk");
	(void)snprintf(disk, sizeof(disk), "%s/lwx-bench-XXXXXX", dir);
	run.fd = fd = mkstemp(disk);
	if (fd < 0)
		return err_set(err, -errno, "%s", disk);
	rc = write_disk(fd, buffer, err);
	if (!rc)
		rc = measure(&run, err);
	(void)unlink(disk);
	return rc;
}
