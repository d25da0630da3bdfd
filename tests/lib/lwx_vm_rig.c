/* lwx_vm_rig.c - commands, their output, and what is left of them. */
#include "lwx_vm_rig.h"

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 24
#define STEP_MS 5

int64_t rig_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The tests run in the build tree, or below it. */
const char *rig_build_path(const char *file)
{
	static char path[PATH_MAX];
	char dir[PATH_MAX - 256];

	assert_non_null(getcwd(dir, sizeof(dir)));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (access(path, F_OK))
		fail_msg("%s: %s", path, strerror(errno));
	return path;
}

void rig_set_vmm(const char *file)
{
	assert_int_equal(setenv("LWX_VMM", rig_build_path(file), 1), 0);
}

/* What a test that failed left running must not fail the next. */
static void kill_children(void)
{
	char path[64];
	FILE *list;
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		       (int)getpid());
	/* Again until all are reaped: their children become ours. */
	do {
		list = fopen(path, "re");
		while (list && fscanf(list, "%d", &pid) == 1)
			(void)kill(pid, SIGKILL);
		if (list)
			(void)fclose(list);
	} while (waitpid(-1, NULL, 0) > 0);
}

int rig_set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char path[96];

	assert_non_null(rig);
	(void)strcpy(rig->dir, "/tmp/lwx-test-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(path, sizeof(path), "%s/state", rig->dir);
	assert_int_equal(setenv("LWX_STATE_DIR", path, 1), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	kill_children();
	rig_write(rig, "kernel", "not looked at by fake-vmm");
	*state = rig;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void rig_remove_tree(const char *path)
{
	assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int rig_tear_down(void **state)
{
	struct rig *rig = *state;

	rig_expect_clean(rig);
	rig_remove_tree(rig->dir);
	free(rig);
	return 0;
}

void rig_write(const struct rig *rig, const char *name, const char *fmt, ...)
{
	char path[128];
	va_list ap;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	va_start(ap, fmt);
	assert_true(vfprintf(file, fmt, ap) >= 0);
	va_end(ap);
	assert_int_equal(fclose(file), 0);
}

static void redirect(const char *path, int to)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || dup2(fd, to) < 0)
		_exit(RIG_CANNOT_RUN);
	(void)close(fd);
}

void rig_start(struct rig *rig, struct rig_run *run, ...)
{
	char program[PATH_MAX];
	char *args[ARGS_MAX] = {program};
	unsigned int n = 1;
	va_list ap;

	(void)strcpy(program, rig_build_path("lwx-vm"));
	va_start(ap, run);
	while ((args[n] = va_arg(ap, char *)))
		assert_true(++n < ARGS_MAX);
	va_end(ap);
	rig->runs++;
	(void)snprintf(run->out, sizeof(run->out), "%s/out%u", rig->dir,
		       rig->runs);
	(void)snprintf(run->err, sizeof(run->err), "%s/err%u", rig->dir,
		       rig->runs);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (run->pid)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0); /* so that a whole terminal can be played */
	redirect("/dev/null", STDIN_FILENO);
	redirect(run->out, STDOUT_FILENO);
	redirect(run->err, STDERR_FILENO);
	if (!chdir(rig->dir) &&
	    (!rig->uid || (!setgid(rig->uid) && !setuid(rig->uid))))
		(void)execv(program, args);
	_exit(RIG_CANNOT_RUN);
}

static int wait_status(pid_t pid)
{
	int64_t until = rig_now_ms() + RIG_TIMEOUT_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (rig_now_ms() > until) {
			(void)kill(pid, SIGKILL);
			fail_msg("process %d does not end", (int)pid);
		}
		(void)poll(NULL, 0, STEP_MS);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

int rig_wait(struct rig_run *run)
{
	int status = wait_status(run->pid);

	run->pid = 0;
	return status;
}

char *rig_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (file) {
		(void)!fread(text, 1, (1 << 20) - 1, file);
		(void)fclose(file);
	}
	return text;
}

bool rig_contains(const char *path, const char *text)
{
	char *content = rig_read(path);
	bool found = strstr(content, text) != NULL;

	free(content);
	return found;
}

void rig_expect(const char *path, const char *text)
{
	int64_t until = rig_now_ms() + RIG_TIMEOUT_MS;

	while (!rig_contains(path, text)) {
		if (rig_now_ms() > until) {
			char *content = rig_read(path);

			print_error("%s: no \"%s\" in:\n%s\n", path, text,
				    content);
			free(content);
			fail();
		}
		(void)poll(NULL, 0, STEP_MS);
	}
}

void rig_expect_exactly(const char *path, const char *text)
{
	char *content = rig_read(path);

	assert_string_equal(content, text);
	free(content);
}

uint64_t rig_vm_number(struct rig *rig, const char *key)
{
	struct rig_run run;
	uint64_t number;
	json_t *array;
	char *text;

	assert_int_equal(rig_command(rig, &run, "ps", "--json"), 0);
	text = rig_read(run.out);
	array = json_loads(text, 0, NULL);
	free(text);
	assert_true(json_is_array(array));
	number = (uint64_t)json_integer_value(
		json_object_get(json_array_get(array, 0), key));
	json_decref(array);
	return number;
}

void rig_wait_process(pid_t pid)
{
	int64_t until = rig_now_ms() + RIG_TIMEOUT_MS;

	/* Ours if its parent has died, else somebody else reaps it. */
	while (waitpid(pid, NULL, WNOHANG) != pid && !kill(pid, 0)) {
		if (rig_now_ms() > until)
			fail_msg("process %d is still there", (int)pid);
		(void)poll(NULL, 0, STEP_MS);
	}
}

static void expect_empty(const struct rig *rig, const char *sub)
{
	struct dirent *entry;
	char path[96];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/state/%s", rig->dir, sub);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			fail_msg("left behind: %s/%s", sub, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

void rig_expect_clean(struct rig *rig)
{
	struct rig_run run;
	int64_t until = rig_now_ms() + RIG_TIMEOUT_MS;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (rig_now_ms() > until)
			fail_msg("a process is left behind");
		if (!pid)
			(void)poll(NULL, 0, STEP_MS);
	}
	assert_int_equal(errno, ECHILD);
	assert_int_equal(rig_command(rig, &run, "ps"), 0); /* sweeps */
	expect_empty(rig, "vms");
	expect_empty(rig, "claims");
}

/* The second field is the name, in parentheses. */
pid_t rig_parent_of(pid_t pid)
{
	char path[64], *stat;
	pid_t parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = rig_read(path);
	assert_non_null(strrchr(stat, ')'));
	assert_int_equal(sscanf(strrchr(stat, ')'), ") %*c %d", &parent), 1);
	free(stat);
	return parent;
}

pid_t rig_kill_supervisor(struct rig *rig)
{
	pid_t vm = (pid_t)rig_vm_number(rig, "pid"), supervisor;

	assert_true(vm > 0);
	supervisor = rig_parent_of(vm);
	(void)kill(supervisor, SIGKILL);
	rig_wait_process(supervisor);
	return vm;
}
