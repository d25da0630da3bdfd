/*
 * root_init.c - lwx-root-init: loads the modules of an initrd, mounts the root,
 * goes there. One thread.
 *
 * Command line: root=/dev/NAME, PARTUUID=, LABEL= (of a CD); or roothash=HASH:
 * the two partitions that it names, by dm-verity; rootfstype=, rootflags=, ro,
 * rw, rootdelay=, init=.
 */
#include "root_init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_STEP_MS 20
#define WAIT_SECONDS 60
#define DEV_SIZE 64
#define UUID_HEX 32U

const char *const root_program = "lwx-root-init";

struct options {
	const char *root;
	const char *hash;
	const char *type;
	const char *flags;
	const char *init;
	unsigned int delay;
	bool writable;
};

/* Words of the command line; the text stays in @buf. */
static void parse(char *buf, struct options *options)
{
	const struct {
		const char *name;
		const char **value;
	} texts[] = {
		{"root=", &options->root},
		{"roothash=", &options->hash},
		{"rootfstype=", &options->type},
		{"rootflags=", &options->flags},
		{"init=", &options->init},
	};
	char *save = NULL;

	for (char *word = strtok_r(buf, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save)) {
		if (strcmp(word, "--") == 0)
			break;
		if (strcmp(word, "rw") == 0)
			options->writable = true;
		if (strcmp(word, "ro") == 0)
			options->writable = false;
		if (strncmp(word, "rootdelay=", 10) == 0)
			options->delay =
				(unsigned int)strtoul(word + 10, NULL, 10);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			size_t len = strlen(texts[i].name);

			if (strncmp(word, texts[i].name, len) == 0)
				*texts[i].value = word + len;
		}
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
	if (options->root || options->hash)
		return 0;
	root_say(0, "no root= on the command line");
	return -1;
}

/* The first or last 128 bits of a root hash, as UUID. */
static void hash_uuid(const char *hex, char uuid[40])
{
	(void)snprintf(uuid, 40, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
		       hex + 12, hex + 16, hex + 20);
}

static int find_verity(const char *hash, char *data, char *tree)
{
	size_t len = strlen(hash);
	char uuid[40];

	if (len < UUID_HEX)
		return -1;
	hash_uuid(hash, uuid);
	if (root_find_partition(uuid, data, DEV_SIZE))
		return -1;
	hash_uuid(hash + len - UUID_HEX, uuid);
	return root_find_partition(uuid, tree, DEV_SIZE);
}

static int find_once(const struct options *options, char *dev, char *tree)
{
	struct stat st;

	if (options->hash)
		return find_verity(options->hash, dev, tree);
	if (strncmp(options->root, "PARTUUID=", 9) == 0)
		return root_find_partition(options->root + 9, dev, DEV_SIZE);
	if (strncmp(options->root, "LABEL=", 6) == 0)
		return root_find_label(options->root + 6, dev, DEV_SIZE);
	(void)snprintf(dev, DEV_SIZE, "%s", options->root);
	return stat(dev, &st) || !S_ISBLK(st.st_mode) ? -1 : 0;
}

/* Disks appear when their drivers have found them. */
static int find_root(const struct options *options, char *dev, char *tree)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};

	if (options->delay)
		(void)sleep(options->delay);
	for (int i = 0; i < WAIT_SECONDS * 1000 / WAIT_STEP_MS; i++) {
		if (find_once(options, dev, tree) == 0)
			return 0;
		(void)nanosleep(&step, NULL);
	}
	root_say(0, "%s%s: not found after %d s",
		 options->hash ? "roothash=" : "root=",
		 options->hash ? options->hash : options->root, WAIT_SECONDS);
	return -1;
}

/* Every file system that the kernel knows, as it does itself. */
static int mount_any(const char *dev, unsigned long flags, const char *data)
{
	FILE *list = fopen("/proc/filesystems", "re");
	char line[128];
	int rc = -1;

	while (list && rc && fgets(line, sizeof(line), list)) {
		if (line[0] != '\t')
			continue;
		line[strcspn(line, "\n")] = '\0';
		rc = mount(dev, "/root", line + 1, flags, data);
	}
	if (list)
		(void)fclose(list);
	return rc;
}

static int mount_root(const struct options *options)
{
	unsigned long flags = options->writable ? 0 : MS_RDONLY;
	char dev[DEV_SIZE];
	char tree[DEV_SIZE];
	char checked[DEV_SIZE];
	int rc;

	if (find_root(options, dev, tree))
		return -1;
	if (options->hash) {
		if (root_verity(dev, tree, options->hash, checked,
				sizeof(checked)))
			return -1;
		(void)snprintf(dev, sizeof(dev), "%s", checked);
	}
	rc = options->type
		     ? mount(dev, "/root", options->type, flags, options->flags)
		     : mount_any(dev, flags, options->flags);
	if (rc)
		root_say(errno, "%s: mount as %s", dev,
			 options->type ? options->type : "any file system");
	return rc;
}

static int go(const struct options *options, char **argv)
{
	static const char *const inits[] = {"/sbin/init", "/init", "/etc/init",
					    "/bin/init", "/bin/sh"};

	(void)umount2("/proc", MNT_DETACH);
	(void)umount2("/sys", MNT_DETACH);
	/* As if the kernel had mounted the root: /dev is there. */
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL))
		(void)umount2("/dev", MNT_DETACH);
	(void)unlink("/init");
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/")) {
		root_say(errno, "change to the root");
		return -1;
	}
	if (options->init) {
		argv[0] = (char *)(uintptr_t)options->init;
		(void)execv(options->init, argv);
		root_say(errno, "%s", options->init);
		return -1;
	}
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		argv[0] = (char *)(uintptr_t)inits[i];
		(void)execv(inits[i], argv);
	}
	root_say(0, "the root has no init");
	return -1;
}

int main(int argc, char **argv)
{
	static char cmdline[4096];
	struct options options = {0};

	(void)argc;
	if (getpid() != 1) {
		(void)fputs("lwx-root-init: process 1 of an initrd, not to be "
			    "started by hand\n",
			    stderr);
		return 2;
	}
	(void)mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	(void)mount("proc", "/proc", "proc", 0, NULL);
	(void)mount("sysfs", "/sys", "sysfs", 0, NULL);
	if (read_options(cmdline, sizeof(cmdline), &options))
		return 1;
	root_modules_load();
	if (mount_root(&options))
		return 1;
	(void)go(&options, argv);
	return 1;
}
