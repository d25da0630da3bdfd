/* check_run.c - the machine that runs checks, and its console; see check.h. */
#include "check.h"

#include "cleanup.h"
#include "interrupt.h"
#include "lwx_image.h"
#include "module_check.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_BYTES (1ULL << 30) /* sparse */
#define BOOT_SECONDS 60U	/* before lwx-init runs, and to power off */

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* An empty disk: modules may want a place for data. */
static int make_disk(const char *path, struct err *err)
{
	const char *argv[] = {"mkfs.ext4", "-q", "-L", "lwx-data", path, NULL};
	const struct spawn spawn = {.argv = argv, .package = "e2fsprogs"};
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)DISK_BYTES))
		return err_set(err, -errno, "%s", path);
	return spawn_run(&spawn, err);
}

static int take_line(struct check_request *request,
		     struct check_console *console,
		     void (*decided)(const json_t *check), char *line,
		     struct err *err)
{
	json_t *check = NULL;
	int rc;

	line[strcspn(line, "\r\n")] = '\0';
	if (console->copy)
		(void)fprintf(console->copy, "%s\n", line);
	(void)snprintf(console->tail[console->num++ % CHECK_TAIL],
		       CHECK_LINE_MAX, "%s", line);
	rc = module_check_take(request->checks, line, &check);
	if (rc < 0)
		return no_memory(err);
	if (rc && decided)
		decided(check);
	return 0;
}

static int read_console(struct check_request *request, int fd,
			struct check_console *console,
			void (*decided)(const json_t *check), struct err *err)
{
	char line[CHECK_LINE_MAX];
	FILE *in = fdopen(fd, "r");
	int rc = 0;

	if (!in) {
		rc = err_set(err, -errno, "console");
		(void)close(fd); /* nothing was read */
		return rc;
	}
	while (!rc && fgets(line, sizeof(line), in))
		rc = take_line(request, console, decided, line, err);
	if (!rc)
		rc = interrupt_check(err);
	(void)fclose(in); /* only read */
	return rc;
}

/* Started as lwx-image run, under timeout(1), which ends a machine that hangs.
 */
int check_run(struct check_request *request, struct check_console *console,
	      void (*decided)(const json_t *check), struct err *err)
{
	AUTO_FREE char *image = check_path(request, "check");
	AUTO_FREE char *disk = check_path(request, "data.img");
	AUTO_FREE char *self = realpath("/proc/self/exe", NULL);
	char seconds[24];
	const char *argv[24] = {"timeout", "--foreground", "--kill-after=5",
				seconds,   self,	   "run"};
	struct spawn spawn = {
		.argv = argv, .name = "the machine", .package = "coreutils"};
	struct spawn_child *child;
	struct err later = {0};
	size_t at = 6;
	int ends[2];
	int rc;

	if (!self)
		return err_set(err, -errno, "/proc/self/exe");
	if (!image || !disk)
		return no_memory(err);
	(void)snprintf(seconds, sizeof(seconds), "%llu",
		       BOOT_SECONDS + MODULE_CHECK_WAIT +
			       (unsigned long long)request->seconds *
				       json_array_size(request->checks));
	rc = make_disk(disk, err);
	if (rc)
		return rc;
	argv[at++] = "--backend";
	argv[at++] = request->backend;
	argv[at++] = "--mem";
	argv[at++] = request->mem;
	argv[at++] = "--cpus";
	argv[at++] = request->cpus;
	if (request->accel) {
		argv[at++] = "--accel";
		argv[at++] = request->accel;
	}
	argv[at++] = "--disk";
	argv[at++] = disk;
	argv[at] = image;
	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, -errno, "pipe");
	spawn.out = ends[1];
	rc = spawn_start(&child, &spawn, err);
	(void)close(ends[1]); /* the machine has its own */
	if (rc) {
		(void)close(ends[0]); /* nothing was read */
		return rc;
	}
	rc = read_console(request, ends[0], console, decided, err);
	/* Powered off or not: what counts is which checks were told of. */
	if (spawn_wait(child, &later) && !interrupt_signal())
		image_complain("%s", later.msg);
	return rc;
}
