/*
 * l1-init.c - PID 1 of the machine in which nested guests are tested.
 *
 * Loads the modules of the initial RAM disk, makes a writable copy of the
 * host's root (an overlay on a read-only 9p share) the root, runs /lwx/cmd on
 * the virtio console, leaves its exit status in /lwx/rc and ends the machine.
 * One thread, static, no options; see l1-run for the other half.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define EXIT_PORT 0xf4 /* isa-debug-exit: QEMU ends with 2 * value + 1 */
#define NEW_ROOT "/new"
#define SHARE "/lwx"
#define RC_FILE SHARE "/rc"
#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=1048576"

/* Mounted in this order; a missing folder is made first. */
static const struct mount_step {
	const char *source;
	const char *target;
	const char *type;
	unsigned long flags;
	const char *options;
} steps[] = {
	{"host", "/lower", "9p", MS_RDONLY, P9_OPTIONS ",cache=loose"},
	{"tmpfs", "/upper", "tmpfs", 0, "mode=755"},
	{"root", NEW_ROOT, "overlay", 0,
	 "lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work"},
	{"proc", NEW_ROOT "/proc", "proc", 0, NULL},
	{"sysfs", NEW_ROOT "/sys", "sysfs", 0, NULL},
	{"devtmpfs", NEW_ROOT "/dev", "devtmpfs", 0, NULL},
	{"devpts", NEW_ROOT "/dev/pts", "devpts", 0, "ptmxmode=666"},
	{"tmpfs", NEW_ROOT "/dev/shm", "tmpfs", 0, "mode=1777"},
	{"tmpfs", NEW_ROOT "/run", "tmpfs", 0, "mode=755"},
	{"cgroup2", NEW_ROOT "/sys/fs/cgroup", "cgroup2", 0, NULL},
	{"lwx", NEW_ROOT SHARE, "9p", 0, P9_OPTIONS ",cache=mmap"},
};

/* Ends the machine; the status counts only if RC_FILE was not written. */
static _Noreturn void machine_end(unsigned int status)
{
	sync();
	if (ioperm(EXIT_PORT, 1, 1) == 0)
		outb((unsigned char)status, EXIT_PORT);
	for (;;)
		pause();
}

static _Noreturn void die(const char *what, const char *name)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dprintf(fd, "<0>l1-init: %s %s: %s\n", what, name,
			strerror(errno));
	machine_end(1);
}

static void load_modules(const char *list)
{
	char path[256];
	FILE *file = fopen(list, "re");

	if (!file)
		die("open", list);
	while (fgets(path, sizeof(path), file)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 &&
			       errno != EEXIST))
			die("load", path);
		close(fd);
	}
	fclose(file);
}

static void mount_one(const struct mount_step *step)
{
	if (mkdir(step->target, 0755) < 0 && errno != EEXIST)
		die("mkdir", step->target);
	if (mount(step->source, step->target, step->type, step->flags,
		  step->options) < 0)
		die("mount", step->target);
}

/* What udev or a container engine would add to devtmpfs. */
static void link_devices(void)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", NEW_ROOT "/dev/fd"},
		{"/proc/self/fd/0", NEW_ROOT "/dev/stdin"},
		{"/proc/self/fd/1", NEW_ROOT "/dev/stdout"},
		{"/proc/self/fd/2", NEW_ROOT "/dev/stderr"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			die("link", links[i][1]);
}

static void mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		mount_one(&steps[i]);
		if (strcmp(steps[i].target, "/upper") == 0 &&
		    (mkdir("/upper/up", 0755) < 0 ||
		     mkdir("/upper/work", 0755) < 0))
			die("mkdir", "/upper");
	}
}

/*
 * Moved onto /, not merely entered by chroot: user namespaces are refused to a
 * process whose root is not the root of its mount namespace.
 */
static void switch_root(void)
{
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		die("switch to", NEW_ROOT);
}

/* Folders of the host that the command may write: "TAG PATH" lines. */
static void mount_writable(const char *list)
{
	char tag[32];
	char path[1024];
	FILE *file = fopen(list, "re");

	if (!file)
		return;
	while (fscanf(file, "%31s %1023[^\n]", tag, path) == 2) {
		const struct mount_step step = {
			tag, path, "9p", 0, P9_OPTIONS ",cache=loose",
		};

		mount_one(&step);
	}
	fclose(file);
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	request.ifr_flags = IFF_UP;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("bring up", "lo");
	close(fd);
}

static void redirect(const char *path, int flags, int target)
{
	int fd = open(path, flags);

	if (fd < 0 || dup2(fd, target) < 0)
		die("open", path);
	if (fd != target)
		close(fd);
}

/*
 * @raw: the output goes to a file or pipe. Lines end in LF alone, and there is
 * no controlling terminal, which could stop background processes. (Standard
 * input is not the console either: bash would make it the terminal.)
 */
static void open_console(bool raw)
{
	struct termios tty;

	setsid();
	if (raw)
		redirect("/dev/null", O_RDONLY, STDIN_FILENO);
	else
		redirect("/dev/hvc0", O_RDWR, STDIN_FILENO);
	redirect("/dev/hvc0", O_WRONLY | O_NOCTTY, STDOUT_FILENO);
	redirect("/dev/hvc0", O_WRONLY | O_NOCTTY, STDERR_FILENO);
	if (raw && tcgetattr(STDOUT_FILENO, &tty) == 0) {
		cfmakeraw(&tty);
		(void)tcsetattr(STDOUT_FILENO, TCSANOW, &tty);
	}
}

static pid_t start_command(void)
{
	static char *const argv[] = {"/bin/bash", SHARE "/cmd", NULL};
	static char *const env[] = {
		"HOME=/root", "LANG=C.UTF-8", "TERM=vt220",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		"/sbin:/bin",
		NULL};
	pid_t pid = fork();

	if (pid < 0)
		die("fork for", argv[1]);
	if (pid == 0) {
		open_console(access(SHARE "/tty", F_OK) < 0);
		execve(argv[0], argv, env);
		_exit(127);
	}
	return pid;
}

/* Reaps everything that ends until @pid does; returns its shell-style code. */
static int wait_for(pid_t pid)
{
	int status;

	for (;;) {
		pid_t ended = wait(&status);

		if (ended < 0 && errno != EINTR)
			die("wait for", SHARE "/cmd");
		if (ended == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
	}
}

static void write_rc(int rc)
{
	FILE *file = fopen(RC_FILE, "we");

	if (!file || fprintf(file, "%d\n", rc) < 0 || fclose(file) != 0)
		die("write", RC_FILE);
}

int main(void)
{
	int rc;

	mount_one(&(const struct mount_step){"devtmpfs", "/dev", "devtmpfs", 0,
					     NULL});
	load_modules("/modules");
	mount_all();
	link_devices();
	switch_root();
	mount_writable(SHARE "/writable");
	if (sethostname("l1", 2) < 0)
		die("set", "host name");
	loopback_up();
	rc = wait_for(start_command());
	sync();
	write_rc(rc);
	machine_end(0);
}
