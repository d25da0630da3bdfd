/*
 * bench_pause.c - rounds of pause and resume while the guest keeps 32 reads of
 * a disk in flight, over the control socket of lwx-vmm and over QEMU's QMP.
 * What is measured is from the first request to the second answer.
 */
#include "bench_pause.h"

#include "bench_guest.h"
#include "cleanup.h"
#include "ctl_client.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEMORY MIB(64)
#define DISK_SIZE MIB(16)
#define CALL_TIMEOUT_MS 10000
#define ROUNDS 100 /* of pause and resume, in one VM */
#define QMP_LINE_MAX 512

static const char *const rows[] = {"pause and resume"};
static const char *const columns[] = {"lwx-vmm", "QEMU"};

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A socket that listens at an address of the kernel's choice, and a client. */
static int control_pair(int *listening, int *client, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t);

	*listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	*client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*listening < 0 || *client < 0 ||
	    bind(*listening, (struct sockaddr *)&address, len) ||
	    listen(*listening, 1))
		return err_set(err, -errno, "control socket");
	len = sizeof(address);
	if (getsockname(*listening, (struct sockaddr *)&address, &len) ||
	    connect(*client, (struct sockaddr *)&address, len))
		return err_set(err, -errno, "control socket");
	return 0;
}

static int lwx_call(struct ctl_client *client, const char *verb,
		    struct err *err)
{
	struct ctl_message reply;

	return ctl_client_call(client, verb, NULL, 0, CALL_TIMEOUT_MS, &reply,
			       NULL, err);
}

static int lwx_rounds(int fd, double us[ROUNDS], struct err *err)
{
	struct ctl_client *client = NULL;
	int rc;

	rc = ctl_client_create(&client, fd, err);
	if (rc) {
		(void)close(fd); /* nothing was sent */
		return rc;
	}
	for (unsigned int i = 0; i < ROUNDS && !rc; i++) {
		uint64_t start = bench_now_ns();

		rc = lwx_call(client, "vm.pause", err);
		if (!rc)
			rc = lwx_call(client, "vm.resume", err);
		us[i] = (double)(bench_now_ns() - start) / 1e3;
	}
	ctl_client_destroy(client);
	return rc;
}

/* One line of QMP that holds @word; events are passed over. */
static int qmp_wait(FILE *qmp, const char *word, struct err *err)
{
	char line[QMP_LINE_MAX];

	while (fgets(line, sizeof(line), qmp)) {
		if (strstr(line, "\"error\""))
			return err_setx(err, -EIO, "QMP: %s", line);
		if (strstr(line, word))
			return 0;
	}
	return err_setx(err, -EPIPE, "QMP: the connection has ended");
}

static int qmp_call(FILE *qmp, const char *verb, struct err *err)
{
	if (fprintf(qmp, "{\"execute\": \"%s\"}\n", verb) < 0 || fflush(qmp))
		return err_set(err, -EIO, "QMP");
	return qmp_wait(qmp, "\"return\"", err);
}

static int qmp_rounds(int fd, double us[ROUNDS], struct err *err)
{
	FILE *qmp = fdopen(fd, "r+");
	int rc;

	if (!qmp) {
		(void)close(fd); /* nothing was sent */
		return err_set(err, -ENOMEM, "QMP");
	}
	(void)setvbuf(qmp, NULL, _IOLBF, 0); /* the default would do as well */
	rc = qmp_wait(qmp, "\"QMP\"", err);
	if (!rc)
		rc = qmp_call(qmp, "qmp_capabilities", err);
	for (unsigned int i = 0; i < ROUNDS && !rc; i++) {
		uint64_t start = bench_now_ns();

		rc = qmp_call(qmp, "stop", err);
		if (!rc)
			rc = qmp_call(qmp, "cont", err);
		us[i] = (double)(bench_now_ns() - start) / 1e3;
	}
	(void)fclose(qmp); /* all answers are here */
	return rc;
}

static void add_figures(struct bench_matrix *matrix, size_t column,
			double us[ROUNDS])
{
	double sum = 0;

	for (unsigned int i = 0; i < ROUNDS; i++)
		sum += us[i];
	qsort(us, ROUNDS, sizeof(us[0]), by_value);
	bench_matrix_add(matrix, 0, column, BENCH_RATE, ROUNDS * 1e6 / sum);
	bench_matrix_add(matrix, 0, column, BENCH_P50, us[ROUNDS / 2]);
	bench_matrix_add(matrix, 0, column, BENCH_P99, us[ROUNDS * 99 / 100]);
}

/** struct pause_run - context of run_cell() */
struct pause_run {
	const struct bench_load_options *opt;
	const char *disk;
};

static int make_sockets(bool qemu, int *theirs, int *ours, struct err *err)
{
	int pair[2];

	if (!qemu)
		return control_pair(theirs, ours, err);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(err, -errno, "QMP socket");
	*theirs = pair[0];
	*ours = pair[1];
	return 0;
}

static int run_cell(struct bench_matrix *matrix, size_t row, size_t column,
		    void *arg, struct err *err)
{
	const struct pause_run *run = arg;
	bool qemu = column;
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int ours = -1;
	struct bench_guest_config cfg = {
		.kernel = run->opt->payload,
		.cmdline = "payload=bench-blk depth=32 ticks=900000000000",
		.memory = MEMORY,
		.disk = run->disk,
		.aio = "io_uring",
	};
	struct bench_guest guest;
	double us[ROUNDS];
	uint64_t at_ns;
	int rc;

	(void)row;
	rc = make_sockets(qemu, &theirs, &ours, err);
	if (rc)
		return rc;
	cfg.control_fd = theirs;
	rc = bench_guest_start(&guest, qemu ? BENCH_QEMU : BENCH_LWX, &cfg,
			       err);
	if (rc)
		return rc;
	if (bench_guest_wait_text(&guest, "ready\n", &at_ns))
		rc = err_setx(err, -EPIPE, "the guest does not start");
	if (!rc)
		rc = qemu ? qmp_rounds(steal_fd(&ours), us, err)
			  : lwx_rounds(steal_fd(&ours), us, err);
	bench_guest_kill(&guest);
	if (rc)
		return err_prefix(err, "%s", columns[column]);
	add_figures(matrix, column, us);
	return 0;
}

int bench_pause(const struct bench_load_options *opt, struct err *err)
{
	char disk[] = "/tmp/lwx-bench-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(disk);
	struct pause_run run = {.opt = opt, .disk = disk};
	struct bench_matrix matrix = {
		.title = "Rounds of pause and resume a second",
		.cases = rows,
		.num_cases = ARRAY_SIZE(rows),
		.variants = columns,
		.num_variants = ARRAY_SIZE(columns),
	};
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s", disk);
	if (ftruncate(fd, DISK_SIZE))
		rc = err_set(err, -errno, "%s", disk);
	else
		rc = bench_load_rounds(opt, &matrix, run_cell, &run, err);
	(void)unlink(disk);
	return rc;
}
