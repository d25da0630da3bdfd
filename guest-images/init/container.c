/*
 * container.c - see container.h. crun(1): create leaves a process that waits to
 * become the container's program; as process 1 the init inherits it.
 */
#include "container.h"

#include "cleanup.h"
#include "files.h"
#include "log_ring.h"
#include "loop.h"
#include "power.h"
#include "runtime.h"
#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRUN_MS 60000
#define ARGS_MAX 80
#define DRAIN_READS 32 /* a pipe holds 64 KiB */

static bool debug;

void container_debug(bool on)
{
	debug = on;
}

void container_init(struct container *container, const char *path, bool console)
{
	const char *slash = strrchr(path, '/');

	*container = (struct container){.output = -1, .console = console};
	(void)snprintf(container->path, sizeof(container->path), "%s", path);
	(void)snprintf(container->id, sizeof(container->id), "%s",
		       slash ? slash + 1 : path);
}

void container_fini(struct container *container)
{
	if (container->output >= 0) {
		loop_remove(container->output);
		(void)close(container->output);
		container->output = -1;
	}
	log_ring_close(container->log);
	container->log = NULL;
}

/* crun WORDS... ID: @argv has room for ARGS_MAX. */
static void crun_argv(char **argv, char *const *words, const char *id)
{
	static char crun[] = "crun";
	static char verbose[] = "--debug";
	size_t num = 0;

	argv[num++] = crun;
	if (debug)
		argv[num++] = verbose;
	while (*words)
		argv[num++] = *words++;
	argv[num++] = (char *)(uintptr_t)id;
	argv[num] = NULL;
}

static int crun(const struct container *container, char *const *words, int out,
		bool stoppable, struct err *err)
{
	char *argv[ARGS_MAX];
	int rc;

	crun_argv(argv, words, container->id);
	rc = process_run(argv, out, CRUN_MS, stoppable);
	if (rc == 127)
		return err_setx(err, -ENOENT, "%s: the image has no crun",
				container->id);
	if (rc > 0)
		return err_setx(err, -EIO,
				"%s: crun %s: status %d; see lwx-init ctl "
				"logs %s",
				container->id, words[0], rc, container->id);
	return rc ? err_set(err, rc, "%s: crun %s", container->id, words[0])
		  : 0;
}

static void delete_it(const struct container *container)
{
	char delete[] = "delete";
	char force[] = "--force";
	char *words[] = {delete, force, NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)crun(container, words, null, false, NULL);
	if (null >= 0)
		(void)close(null);
}

static void to_console(const char *bytes, size_t size)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	while (fd >= 0 && size) {
		ssize_t n = write(fd, bytes, size);

		if (n <= 0)
			break;
		bytes += n;
		size -= (size_t)n;
	}
	if (fd >= 0)
		(void)close(fd);
}

static void hear(int fd, void *arg)
{
	struct container *container = arg;
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		log_ring_flush(container->log);
		loop_remove(fd);
		(void)close(fd);
		container->output = -1;
		return;
	}
	log_ring_write(container->log, bytes, (size_t)n);
	if (container->console)
		to_console(bytes, (size_t)n);
}

static int open_output(struct container *container, int *write_end,
		       struct err *err)
{
	char path[300];
	int ends[2];
	int rc = 0;

	(void)snprintf(path, sizeof(path), RUN_DIR "/log/%s", container->id);
	if (!container->log)
		rc = log_ring_open(&container->log, path);
	if (rc)
		return err_set(err, rc, "%s", path);
	if (container->output >= 0) { /* of the run before */
		loop_remove(container->output);
		(void)close(container->output);
		container->output = -1;
	}
	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, -errno, "%s: pipe", container->id);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*write_end = ends[1];
	rc = loop_add(ends[0], hear, container, true);
	if (rc) {
		(void)close(ends[0]);
		return err_set(err, rc, "%s: too many containers",
			       container->id);
	}
	container->output = ends[0];
	return 0;
}

static int create(struct container *container, int out, bool stoppable,
		  struct err *err)
{
	char path[300];
	char words_create[] = "create";
	char words_bundle[] = "--bundle";
	char words_pid[] = "--pid-file";
	char *words[] = {words_create, words_bundle, container->path,
			 words_pid,    path,	     NULL};
	char text[32];
	char *end;
	long pid;
	int rc;

	(void)snprintf(path, sizeof(path), RUN_DIR "/pid/%s", container->id);
	rc = crun(container, words, out, stoppable, err);
	if (rc)
		return rc;
	(void)file_read_line(path, text, sizeof(text));
	pid = strtol(text, &end, 10);
	if (*end || pid < 2 || pid > INT32_MAX)
		return err_setx(err, -EPROTO, "%s: crun wrote no pid",
				container->id);
	child_watch(&container->main, (pid_t)pid);
	return 0;
}

int container_start(struct container *container, bool stoppable,
		    struct err *err)
{
	char words_start[] = "start";
	char *words[] = {words_start, NULL};
	json_t *runtime = NULL;
	AUTO_CLOSE int out = -1;
	char path[600];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/runtime.json", container->path);
	rc = json_load_limited(&runtime, path, err);
	if (!rc)
		rc = open_output(container, &out, err);
	if (!rc && !container->ready)
		rc = runtime_before(runtime, err);
	if (!rc) {
		container->ready = true;
		rc = create(container, out, stoppable, err);
	}
	if (!rc) {
		rc = runtime_created(runtime, container->main.pid, err);
		if (!rc)
			rc = crun(container, words, out, stoppable, err);
		if (rc) {
			delete_it(container);
			child_forget(&container->main);
		}
	} else if (container->ready) {
		delete_it(container);
	}
	json_decref(runtime);
	return rc;
}

void container_stop(struct container *container, bool hard)
{
	if (container->main.pid && !container->main.done)
		(void)kill(container->main.pid, hard ? SIGKILL : SIGTERM);
}

void container_ended(struct container *container)
{
	delete_it(container);
	/* Who inherited its output and lives on is not waited for. */
	for (int i = 0; i < DRAIN_READS && container->output >= 0; i++) {
		struct pollfd ready = {.fd = container->output,
				       .events = POLLIN};

		if (poll(&ready, 1, 0) != 1)
			break;
		hear(container->output, container);
	}
}

pid_t container_check(struct container *container, char *const *command,
		      size_t num)
{
	char *argv[ARGS_MAX];
	char exec[] = "exec";
	char *words[] = {exec, NULL};
	size_t used = 3;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	crun_argv(argv, words, container->id);
	while (argv[used])
		used++;
	for (size_t i = 0; i < num && used < ARGS_MAX - 1; i++)
		argv[used++] = command[i];
	argv[used] = NULL;
	pid = process_spawn(argv, null);
	if (null >= 0)
		(void)close(null);
	return pid;
}

/* Return: its exit code, or a negative errno after it was said. */
static int run_one(const char *path, int timeout_ms)
{
	struct container container;
	struct err err = {0};
	uint64_t start = loop_now_ms();
	bool boot = timeout_ms < 0;
	bool killed = false;
	int rc;

	container_init(&container, path, true);
	rc = container_start(&container, boot, &err);
	while (!rc && !container.main.done) {
		uint64_t ran = loop_now_ms() - start;

		if (!killed && ((boot && power_wanted()) ||
				(!boot && ran > (uint64_t)timeout_ms))) {
			container_stop(&container, true);
			killed = true;
		}
		loop_wait(boot ? -1 : 200, false);
	}
	if (rc) {
		say_err(&err);
	} else {
		rc = child_exit_code(&container.main);
		child_forget(&container.main);
		container_ended(&container);
		if (rc)
			say_error("%s ended with status %d%s", container.id, rc,
				  killed ? ", killed" : "");
	}
	container_fini(&container);
	return rc;
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

unsigned int container_run_all(const char *dir, int timeout_ms)
{
	struct dirent **list;
	int num = scandir(dir, &list, no_dots, alphasort);
	unsigned int failed = 0;
	char path[600];

	for (int i = 0; i < num; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir,
			       list[i]->d_name);
		if (timeout_ms >= 0 || !power_wanted()) {
			if (timeout_ms < 0)
				say_step("begin", "onboot", list[i]->d_name);
			failed += run_one(path, timeout_ms) != 0;
			say_mark(list[i]->d_name);
			if (timeout_ms < 0)
				say_step("end", "onboot", list[i]->d_name);
		}
		free(list[i]);
	}
	if (num >= 0)
		free(list);
	return failed;
}
