/*
 * run_init.c - lwx-run-init: process 1 of a throwaway VM. Loads the modules of
 * its initrd, lays a writable layer over a root that stays as it is, mounts the
 * shared folders, goes there and serves the host as lwx-agent. One thread.
 *
 * Command line, written by lwx-vm run; in paths and tags %XX is a byte:
 *
 *	lwx.root=virtiofs:TAG or lwx.root=/dev/NAME
 *	lwx.share=TAG:PATH or lwx.share=TAG:PATH:ro, any number
 *	lwx.hostname=NAME
 *	lwx.net=DEVICE: gets its address by DHCP
 */
#include "agent.h"
#include "root_init.h"
#include "user_net.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SHARES_MAX 16
#define VIRTIOFS "virtiofs:"
#define WAIT_MS 10000 /* for a disk to appear */
#define STEP_MS 10

const char *const root_program = "lwx-run-init";

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "%20" is a space. In place; what is no escape stays. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++, to++) {
		int high = *at == '%' ? hex_digit(at[1]) : -1;
		int low = high < 0 ? -1 : hex_digit(at[2]);

		*to = *at;
		if (low >= 0) {
			*to = (char)(high << 4 | low);
			at += 2;
		}
	}
	*to = '\0';
}

static int mount_at(const char *source, const char *target, const char *type,
		    unsigned long flags, const char *data)
{
	if (mount(source, target, type, flags, data)) {
		root_say(errno, "mount %s on %s", type, target);
		return -1;
	}
	return 0;
}

static void wait_for(const char *path)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

	for (int ms = 0; access(path, F_OK) && ms < WAIT_MS; ms += STEP_MS)
		(void)nanosleep(&step, NULL);
}

/* Every file system that the kernel knows, as it does itself. */
static int mount_disk(const char *disk)
{
	FILE *list = fopen("/proc/filesystems", "re");
	char line[128];
	int rc = -1;

	wait_for(disk);
	while (list && rc && fgets(line, sizeof(line), list)) {
		if (line[0] != '\t')
			continue;
		line[strcspn(line, "\n")] = '\0';
		rc = mount(disk, "/lower", line + 1, MS_RDONLY, NULL);
	}
	if (list)
		(void)fclose(list);
	if (rc)
		root_say(0, "%s: no file system that this kernel knows", disk);
	return rc;
}

static int mount_lower(char *root)
{
	if (strncmp(root, VIRTIOFS, strlen(VIRTIOFS)) != 0)
		return mount_disk(root);
	root += strlen(VIRTIOFS);
	unescape(root);
	return mount_at(root, "/lower", "virtiofs", MS_RDONLY, NULL);
}

/* What is written goes to memory, and with it when the VM ends. */
static int mount_layers(char *root)
{
	static const char *const folders[] = {"/lower", "/layer", "/root"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		(void)mkdir(folders[i], 0755);
	if (mount_lower(root) ||
	    mount_at("tmpfs", "/layer", "tmpfs", 0, "size=100%,mode=0755"))
		return -1;
	if (mkdir("/layer/upper", 0755) || mkdir("/layer/work", 0755)) {
		root_say(errno, "/layer");
		return -1;
	}
	return mount_at("overlay", "/root", "overlay", 0,
			"lowerdir=/lower,upperdir=/layer/upper,"
			"workdir=/layer/work");
}

static int mount_system(void)
{
	static const struct {
		const char *type;
		const char *target;
		unsigned long flags;
		const char *data;
	} mounts[] = {
		{"proc", "/root/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
		{"sysfs", "/root/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
		{"devtmpfs", "/root/dev", MS_NOSUID, "mode=0755"},
		{"devpts", "/root/dev/pts", MS_NOSUID | MS_NOEXEC,
		 "gid=5,mode=0620,ptmxmode=0666"},
		{"tmpfs", "/root/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
		{"tmpfs", "/root/run", MS_NOSUID | MS_NODEV, "mode=0755"},
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		(void)mkdir(mounts[i].target, 0755);
		if (mount_at(mounts[i].type, mounts[i].target, mounts[i].type,
			     mounts[i].flags, mounts[i].data))
			return -1;
	}
	(void)mount("cgroup2", "/root/sys/fs/cgroup", "cgroup2",
		    MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL); /* if it has it */
	(void)!symlink("/proc/self/fd", "/root/dev/fd");
	(void)!symlink("/proc/self/fd/0", "/root/dev/stdin");
	(void)!symlink("/proc/self/fd/1", "/root/dev/stdout");
	(void)!symlink("/proc/self/fd/2", "/root/dev/stderr");
	return 0;
}

static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	if (mkdir(path, 0755) && errno != EEXIST) {
		root_say(errno, "%s", path);
		return -1;
	}
	return 0;
}

/* "TAG:PATH[:ro]" */
static int mount_share(char *share)
{
	char *path = strchr(share, ':');
	char target[4096 + 8];
	char *option;

	if (!path || path[1] != '/') {
		root_say(0, "lwx.share=%s: not TAG:PATH", share);
		return -1;
	}
	*path++ = '\0';
	option = strchr(path, ':');
	if (option)
		*option++ = '\0';
	unescape(share);
	unescape(path);
	(void)snprintf(target, sizeof(target), "/root%s", path);
	if (make_folders(target))
		return -1;
	return mount_at(share, target, "virtiofs",
			option && strcmp(option, "ro") == 0 ? MS_RDONLY : 0,
			NULL);
}

struct options {
	char *root;
	char *shares[SHARES_MAX];
	size_t num_shares;
	char *hostname;
	char *net;
};

static void parse(char *cmdline, struct options *options)
{
	char *save = NULL;

	for (char *word = strtok_r(cmdline, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save)) {
		if (strncmp(word, "lwx.root=", 9) == 0)
			options->root = word + 9;
		else if (strncmp(word, "lwx.share=", 10) == 0 &&
			 options->num_shares < SHARES_MAX)
			options->shares[options->num_shares++] = word + 10;
		else if (strncmp(word, "lwx.hostname=", 13) == 0)
			options->hostname = word + 13;
		else if (strncmp(word, "lwx.net=", 8) == 0)
			options->net = word + 8;
	}
}

static int read_options(char *buf, size_t size, struct options *options)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		(void)close(fd);
	if (len < 0) {
		root_say(errno, "/proc/cmdline");
		return -1;
	}
	buf[len] = '\0';
	parse(buf, options);
	if (options->root)
		return 0;
	root_say(0, "no lwx.root= on the command line");
	return -1;
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request)) {
		root_say(errno, "lo");
	} else {
		request.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request))
			root_say(errno, "lo");
	}
	if (fd >= 0)
		(void)close(fd);
}

static int enter_root(void)
{
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/")) {
		root_say(errno, "change to the root");
		return -1;
	}
	return 0;
}

static int set_up(struct options *options)
{
	if (mount_layers(options->root) || mount_system())
		return -1;
	for (size_t i = 0; i < options->num_shares; i++)
		if (mount_share(options->shares[i]))
			return -1;
	if (options->hostname) {
		unescape(options->hostname);
		(void)!sethostname(options->hostname,
				   strlen(options->hostname));
	}
	loopback_up();
	if (options->net && user_net_start(options->net, "/root"))
		return -1;
	return enter_root();
}

int main(void)
{
	static char cmdline[4096];
	struct options options = {0};
	struct agent_options agent = {.run_dir = AGENT_RUN_DIR,
				      .sockets = AGENT_SOCKETS};
	struct timespec now;
	struct err err;

	if (getpid() != 1) {
		(void)fputs("lwx-run-init: process 1 of a throwaway VM, not to "
			    "be started by hand\n",
			    stderr);
		return 2;
	}
	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail */
	agent.init_us =
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	(void)mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	(void)mount("proc", "/proc", "proc", 0, NULL);
	(void)mount("sysfs", "/sys", "sysfs", 0, NULL);
	root_modules_load();
	if (read_options(cmdline, sizeof(cmdline), &options) ||
	    set_up(&options))
		return 1;
	(void)setenv("HOME", "/root", 1);
	if (agent_serve(&agent, &err))
		root_say(0, "%s", err.msg);
	return 1;
}
