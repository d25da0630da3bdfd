/*
 * foreign.c - see foreign.h. user_namespaces(7); linux:
 * Documentation/admin-guide/binfmt-misc.rst.
 */
#include "foreign.h"

#include "architecture.h"
#include "cleanup.h"
#include "macros.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BINFMT "/proc/sys/fs/binfmt_misc"
#define MAP_MAX 4096U
#define IDS 65536U /* of a Debian system, 0 among them */

/* The head of an ELF program, its machine between the two halves. */
#define ELF_HEAD                                                               \
	"\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00"    \
	"\\x00\\x00\\x00\\x02\\x00"
#define ELF_MASK                                                               \
	"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff"    \
	"\\xff\\xff\\xff\\xfe\\xff\\xff\\xff"

/* e_machine, little-endian. */
static const char *const machines[][2] = {
	{"amd64", "\\x3e\\x00"},
	{"arm64", "\\xb7\\x00"},
};

enum step {
	STEP_NAMESPACE,
	STEP_IDENTITY,
	STEP_MOUNT,
	STEP_RULE,
	STEP_READY
};

/** struct told - by the process that makes the namespaces */
struct told {
	enum step step;
	int error;
};

struct foreign {
	int fds[2];
	char words[2][48];
};

/* Registered for the machine, with an interpreter that is open already (flag
 * F): so it is found from another root too. */
static bool is_registered(const char *machine)
{
	char path[64];
	char text[512] = "";
	AUTO_CLOSE int fd = -1;
	const char *flags;

	(void)snprintf(path, sizeof(path), BINFMT "/qemu-%s", machine);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	flags = strstr(text, "flags: ");
	return strncmp(text, "enabled", 7) == 0 && flags &&
	       memchr(flags, 'F', strcspn(flags, "\n"));
}

static void tell(int fd, enum step step, int error)
{
	const struct told told = {.step = step, .error = error};

	/* If it fails, the end of the pipe tells enough. */
	if (write(fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
		_exit(1);
	if (error)
		_exit(1);
}

static void await(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(1);
}

static int write_rule(const char *rule)
{
	AUTO_CLOSE int fd = open(BINFMT "/register", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, rule, strlen(rule)) < 0)
		return errno;
	return 0;
}

/* Makes the namespaces and stays until they are held. */
static void make(const char *rule, int in, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* the pipe tells it too */
	tell(out, STEP_NAMESPACE,
	     unshare(CLONE_NEWUSER | CLONE_NEWNS) ? errno : 0);
	await(in);
	tell(out, STEP_IDENTITY,
	     setresgid(0, 0, 0) || setresuid(0, 0, 0) ? errno : 0);
	tell(out, STEP_MOUNT,
	     mount("binfmt_misc", BINFMT, "binfmt_misc",
		   MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)
		     ? errno
		     : 0);
	tell(out, STEP_RULE, write_rule(rule));
	tell(out, STEP_READY, 0);
	await(in);
	_exit(0);
}

static int fail(enum step step, int error, const char *architecture,
		struct err *err)
{
	if (step == STEP_NAMESPACE)
		return err_set(err, -error,
			       "packages for %s: user namespace (is it "
			       "permitted?)",
			       architecture);
	if (step == STEP_IDENTITY)
		return err_set(err, -error, "packages for %s: identity",
			       architecture);
	return err_setx(err, -ENOTSUP,
			"packages for %s: their scripts cannot run: %s: %s: "
			"before Linux 6.7 QEMU has to be registered for the "
			"machine: install binfmt-support, then "
			"qemu-user-static",
			architecture,
			step == STEP_MOUNT ? "a binfmt_misc of our own"
					   : "its rule",
			strerror(error));
}

/* Up to @last, or to what failed. */
static int listen_to(int fd, enum step last, const char *architecture,
		     struct err *err)
{
	struct told told;

	do {
		ssize_t n = read(fd, &told, sizeof(told));

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(told))
			return err_setx(err, -ECHILD,
					"packages for %s: the process that "
					"makes a namespace has ended",
					architecture);
		if (told.error)
			return fail(told.step, told.error, architecture, err);
	} while (told.step != last);
	return 0;
}

static int write_map(pid_t pid, const char *name, const char *text,
		     struct err *err)
{
	char path[64];
	AUTO_CLOSE int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_set(err, -errno, "%s", path);
	return 0;
}

/* Root: everybody that is known here is the same there. Lines are "first, first
 * outside, count". */
static int map_all(pid_t pid, const char *name, struct err *err)
{
	char path[64];
	char line[128];
	char text[MAP_MAX] = "";
	size_t at = 0;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	in = fopen(path, "re");
	if (!in)
		return err_set(err, -errno, "%s", path);
	while (at < sizeof(text) - 64 && fgets(line, sizeof(line), in)) {
		char *end;
		unsigned long first = strtoul(line, &end, 10);
		unsigned long count;

		(void)strtoul(end, &end, 10);
		count = strtoul(end, NULL, 10);
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "%lu %lu %lu\n", first, first, count);
	}
	(void)fclose(in); /* only read */
	return write_map(pid, name, text, err);
}

/* The range that /etc/subuid gives this user: "name:first:count". */
static int find_range(const char *path, unsigned long *first,
		      unsigned long *count, struct err *err)
{
	const struct passwd *user = getpwuid(getuid());
	char line[256];
	FILE *in = fopen(path, "re");
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in)) {
		char *rest = NULL;
		const char *name = strtok_r(line, ":", &rest);
		const char *start = strtok_r(NULL, ":", &rest);
		const char *num = strtok_r(NULL, ":\n", &rest);

		if (!name || !start || !num)
			continue;
		*first = strtoul(start, NULL, 10);
		*count = strtoul(num, NULL, 10);
		found = (user && strcmp(name, user->pw_name) == 0) ||
			strtoul(name, NULL, 10) == getuid();
	}
	if (in)
		(void)fclose(in); /* only read */
	if (found && *count >= IDS - 1)
		return 0;
	return err_setx(err, -ENOENT,
			"%s: has no %u numbers for %s: use usermod "
			"--add-subuids, --add-subgids",
			path, IDS, user ? user->pw_name : "this user");
}

/* A user: root is the user, the others are the user's further numbers. */
static int map_user(pid_t pid, const char *program, const char *path,
		    unsigned int self, struct err *err)
{
	unsigned long first = 0;
	unsigned long count = 0;
	char words[4][24];
	const char *const argv[] = {program, words[0], "0",	 words[1], "1",
				    "1",     words[2], words[3], NULL};
	const struct spawn spawn = {.argv = argv, .package = "uidmap"};
	int rc = find_range(path, &first, &count, err);

	if (rc)
		return rc;
	(void)snprintf(words[0], sizeof(words[0]), "%d", (int)pid);
	(void)snprintf(words[1], sizeof(words[1]), "%u", self);
	(void)snprintf(words[2], sizeof(words[2]), "%lu", first);
	(void)snprintf(words[3], sizeof(words[3]), "%u", IDS - 1);
	return spawn_run(&spawn, err);
}

static int map(pid_t pid, struct err *err)
{
	int rc;

	if (geteuid() == 0) {
		rc = map_all(pid, "uid_map", err);
		return rc ? rc : map_all(pid, "gid_map", err);
	}
	rc = map_user(pid, "newuidmap", "/etc/subuid", getuid(), err);
	return rc ? rc
		  : map_user(pid, "newgidmap", "/etc/subgid", getgid(), err);
}

static int hold(struct foreign *foreign, pid_t pid, struct err *err)
{
	static const char *const names[] = {"user", "mnt"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid,
			       names[i]);
		foreign->fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (foreign->fds[i] < 0)
			return err_set(err, -errno, "%s", path);
		(void)snprintf(foreign->words[i], sizeof(foreign->words[i]),
			       "--%s=/proc/self/fd/%d", i ? "mount" : "user",
			       foreign->fds[i]);
	}
	return 0;
}

static int go_on(int fd, struct err *err)
{
	return write(fd, "", 1) == 1 ? 0 : err_set(err, -errno, "pipe");
}

static int enter(struct foreign *foreign, pid_t pid, int in, int out,
		 const char *architecture, struct err *err)
{
	int rc = listen_to(in, STEP_NAMESPACE, architecture, err);

	if (!rc)
		rc = map(pid, err);
	if (!rc)
		rc = go_on(out, err);
	if (!rc)
		rc = listen_to(in, STEP_READY, architecture, err);
	return rc ? rc : hold(foreign, pid, err);
}

static int start(struct foreign *foreign, const char *architecture,
		 const char *rule, struct err *err)
{
	AUTO_CLOSE int to_read = -1;
	AUTO_CLOSE int to_write = -1;
	AUTO_CLOSE int from_read = -1;
	AUTO_CLOSE int from_write = -1;
	int pair[2];
	pid_t pid;
	int rc;

	if (pipe2(pair, O_CLOEXEC))
		return err_set(err, -errno, "pipe");
	to_read = pair[0];
	to_write = pair[1];
	if (pipe2(pair, O_CLOEXEC))
		return err_set(err, -errno, "pipe");
	from_read = pair[0];
	from_write = pair[1];
	pid = fork();
	if (pid < 0)
		return err_set(err, -errno, "fork");
	if (pid == 0) {
		(void)close(to_write); /* or its end would not be seen */
		make(rule, to_read, from_write);
	}
	from_write = (close(from_write), -1);
	rc = enter(foreign, pid, from_read, to_write, architecture, err);
	to_write = (close(to_write), -1); /* it ends */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc;
}

/* What binfmt_misc is told. Return: NULL without memory; free(). */
static char *make_rule(const char *architecture, const char *machine,
		       const char *program)
{
	char *rule;

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(machines[i][0], architecture) == 0 &&
		    asprintf(&rule,
			     ":qemu-%s:M::" ELF_HEAD "%s:" ELF_MASK ":%s:OPF",
			     machine, machines[i][1], program) >= 0)
			return rule;
	return NULL;
}

int foreign_open(struct foreign **out, const char *architecture,
		 struct err *err)
{
	const char *machine = architecture_machine(architecture);
	AUTO_FREE char *rule = NULL;
	char program[64];
	int rc;

	*out = NULL;
	if (strcmp(architecture, architecture_native()) == 0)
		return 0;
	if (!machine)
		return err_setx(err, -EINVAL, "packages for %s: unknown",
				architecture);
	if (is_registered(machine))
		return 0;
	(void)snprintf(program, sizeof(program), "/usr/bin/qemu-%s-static",
		       machine);
	if (access(program, X_OK))
		return err_setx(err, -ENOENT,
				"packages for %s: %s is missing: install the "
				"Debian package qemu-user-static",
				architecture, program);
	rule = make_rule(architecture, machine, program);
	*out = calloc(1, sizeof(**out));
	if (!rule || !*out) {
		free(*out);
		*out = NULL;
		return err_setx(err, -ENOMEM, "out of memory");
	}
	(*out)->fds[0] = -1;
	(*out)->fds[1] = -1;
	rc = start(*out, architecture, rule, err);
	if (rc) {
		foreign_close(*out);
		*out = NULL;
	}
	return rc;
}

void foreign_close(struct foreign *foreign)
{
	for (size_t i = 0; foreign && i < ARRAY_SIZE(foreign->fds); i++)
		if (foreign->fds[i] >= 0)
			(void)close(foreign->fds[i]); /* only held */
	free(foreign);
}

size_t foreign_words(const struct foreign *foreign, const char **argv)
{
	if (!foreign)
		return 0;
	argv[0] = "nsenter";
	argv[1] = foreign->words[0];
	argv[2] = foreign->words[1];
	argv[3] = "--";
	return FOREIGN_WORDS_MAX;
}

const int *foreign_fds(const struct foreign *foreign)
{
	return foreign->fds;
}
