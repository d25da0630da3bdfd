/* source_box.c - a build in bubblewrap. See source_box.h. */
#include "source_box.h"

#include "macros.h"
#include "spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 128U
#define TEXT_MAX 64U

/* The text of a number in words. */
#define STRING_OF_(number) #number
#define STRING_OF(number) STRING_OF_(number)

struct words {
	const char *argv[ARGS_MAX];
	size_t num;
	char epoch[TEXT_MAX];
	char jobs[TEXT_MAX];
};

/* All words fit: the tables are ours, the rest is checked. */
static void add(struct words *words, const char *const *more, size_t num)
{
	for (size_t i = 0; i < num && words->num + 1 < ARGS_MAX; i++)
		words->argv[words->num++] = more[i];
}

#define ADD(words, ...)                                                        \
	add((words), (const char *const[]){__VA_ARGS__},                       \
	    ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void add_namespaces(struct words *words)
{
	ADD(words, "bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net",
	    "--unshare-uts", "--unshare-cgroup-try", "--hostname", "build",
	    "--die-with-parent", "--new-session", "--clearenv");
	/* Root needs no user namespace: the build is another user for real. */
	if (geteuid() == 0)
		ADD(words, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID",
		    "--cap-add", "CAP_SETGID");
	else
		ADD(words, "--unshare-user", "--uid", STRING_OF(SOURCE_BOX_ID),
		    "--gid", STRING_OF(SOURCE_BOX_ID));
}

static void add_mounts(struct words *words, const struct source_box *box)
{
	ADD(words, box->writable ? "--bind" : "--ro-bind", box->root, "/",
	    "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--bind",
	    box->temp, "/tmp", "--bind", box->temp, "/var/tmp", "--bind",
	    box->build, "/build", "--chdir", "/build");
}

static void add_variables(struct words *words, const struct source_box *box)
{
	(void)snprintf(words->epoch, sizeof(words->epoch), "%lld",
		       (long long)box->epoch);
	(void)snprintf(words->jobs, sizeof(words->jobs), "-j%ld",
		       sysconf(_SC_NPROCESSORS_ONLN));
	ADD(words, "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin",
	    "--setenv", "HOME", "/build/home", "--setenv", "USER", "build",
	    "--setenv", "LOGNAME", "build", "--setenv", "LC_ALL", "C.UTF-8",
	    "--setenv", "TZ", "UTC", "--setenv", "SOURCE_DATE_EPOCH",
	    words->epoch, "--setenv", "MAKEFLAGS", words->jobs);
	for (size_t i = 0; box->env[i]; i += 2)
		ADD(words, "--setenv", box->env[i], box->env[i + 1]);
}

int source_box_run(const struct source_box *box, struct err *err)
{
	struct words words = {.num = 0};
	struct spawn spawn = {
		.argv = words.argv,
		.name = "the build",
		.package = "bubblewrap",
		.out = box->log,
		.epoch = box->epoch,
	};
	size_t num = 0;

	add_namespaces(&words);
	add_mounts(&words, box);
	add_variables(&words, box);
	ADD(&words, "--");
	if (geteuid() == 0)
		ADD(&words, "setpriv", "--reuid", STRING_OF(SOURCE_BOX_ID),
		    "--regid", STRING_OF(SOURCE_BOX_ID), "--clear-groups",
		    "--inh-caps", "-all", "--");
	while (box->argv[num])
		num++;
	add(&words, box->argv, num);
	if (words.num + 1 >= ARGS_MAX)
		return err_setx(err, -E2BIG, "the build: too many arguments");
	words.argv[words.num] = NULL;
	return spawn_run(&spawn, err);
}
