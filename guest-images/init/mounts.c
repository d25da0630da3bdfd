/*
 * mounts.c - see mounts.h. linux: Documentation/filesystems/ramfs-rootfs-
 * initramfs.rst, admin-guide/cgroup-v2.rst.
 */
#include "mounts.h"

#include "cleanup.h"
#include "files.h"
#include "macros.h"
#include "say.h"
#include "tree_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct early_mount {
	const char *type;
	const char *path;
	unsigned long flags;
	const char *data;
	bool optional; /* the kernel need not have it */
};

static const struct early_mount early[] = {
	{"proc", "/proc", PLAIN, NULL, false},
	{"sysfs", "/sys", PLAIN, NULL, false},
	{"devtmpfs", "/dev", MS_NOSUID, "mode=0755", false},
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
	 "gid=5,mode=0620,ptmxmode=0666", false},
	{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", false},
	{"mqueue", "/dev/mqueue", PLAIN, NULL, true},
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755,size=20%", false},
	{"securityfs", "/sys/kernel/security", PLAIN, NULL, true},
	{"debugfs", "/sys/kernel/debug", PLAIN, NULL, true},
	{"tracefs", "/sys/kernel/tracing", PLAIN, NULL, true},
	{"configfs", "/sys/kernel/config", PLAIN, NULL, true},
	{"bpf", "/sys/fs/bpf", PLAIN, "mode=0700", true},
	{"efivarfs", "/sys/firmware/efi/efivars", PLAIN, NULL, true},
	{"fusectl", "/sys/fs/fuse/connections", PLAIN, NULL, true},
	{"cgroup2", "/sys/fs/cgroup", PLAIN, "nsdelegate", false},
};

static const struct {
	const char *target;
	const char *path;
} dev_links[] = {
	{"/proc/self/fd", "/dev/fd"},	    {"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
	{"/proc/kcore", "/dev/core"},
};

/* What is there stays. */
static void link_to(const char *target, const char *path)
{
	if (symlink(target, path) && errno != EEXIST && errno != EROFS)
		say_errno("%s", path);
}

static void mount_one(const struct early_mount *m)
{
	/* Those of /sys are there if the kernel has what they are for. */
	if (!m->optional || strncmp(m->path, "/sys/", 5) != 0)
		(void)mkdir(m->path, 0755);
	if (path_is_mount(m->path) || (m->optional && access(m->path, F_OK)))
		return;
	if (mount(m->type, m->path, m->type, m->flags, m->data) &&
	    !m->optional && errno != EBUSY)
		say_errno("mount %s", m->path);
}

bool mounts_early(void)
{
	bool contained = !access("/proc/self/stat", F_OK);

	for (size_t i = 0; i < ARRAY_SIZE(early); i++)
		mount_one(&early[i]);
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		link_to(dev_links[i].target, dev_links[i].path);
	if (dir_make(RUN_DIR "/log", 0700) || dir_make(RUN_DIR "/pid", 0700))
		say_errno(RUN_DIR);
	(void)dir_make("/run/lock", 01777);
	(void)chmod("/run/lock", 01777);
	(void)dir_make("/run/config", 0755);
	return contained;
}

/* The kernel's own rootfs is no mount that pivot_root(2) could put away, and
 * crun wants to. A bind of it on itself is, and costs no copy. */
static void leave_rootfs(void)
{
	char mounts[4096];

	if (file_read("/proc/self/mounts", mounts, sizeof(mounts)) < 0 ||
	    strncmp(mounts, "rootfs / ", 9) != 0)
		return;
	if (mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL) &&
	    (mkdir("/mnt", 0755) ||
	     mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL))) {
		say_errno("bind the root on /mnt");
		return;
	}
	if (chdir("/mnt") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		say_errno("change to a root that can be left");
}

static void fill_var(void)
{
	static const char *const names[] = {
		"/var/cache", "/var/empty", "/var/lib",	 "/var/local",
		"/var/log",   "/var/opt",   "/var/spool"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)mkdir(names[i], 0755);
	if (mkdir("/var/tmp", 01777) == 0)
		(void)chmod("/var/tmp", 01777);
	link_to("/run", "/var/run");
	link_to("/run/lock", "/var/lock");
}

/* What the image has in /var comes along. */
static void memory_var(void)
{
	AUTO_CLOSE int old = open("/var", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int var = -1;

	if (old < 0 || path_is_mount("/var"))
		return;
	if (mount("tmpfs", "/var", "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=0755,size=50%")) {
		say_errno("mount /var");
		return;
	}
	var = open("/var", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree_copy(old, var))
		say_errno("fill /var");
	fill_var();
}

void mounts_root(bool writable)
{
	leave_rootfs();
	if (mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL))
		say_errno("make the root shared");
	if (!path_is_mount("/tmp") && !access("/tmp", F_OK) &&
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=1777,size=20%"))
		say_errno("mount /tmp");
	if (writable) {
		/* That of a disk is mounted read-only until here. */
		if (mount(NULL, "/", NULL, MS_REMOUNT, NULL))
			say_errno("make the root writable");
		fill_var();
		return;
	}
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
		say_errno("make the root read-only");
	memory_var();
}

void mounts_cgroup(void)
{
	char words[512];
	char *save = NULL;

	if (file_read("/sys/fs/cgroup/cgroup.controllers", words,
		      sizeof(words)) < 0) {
		say_error("no cgroup v2 on /sys/fs/cgroup: containers need it");
		return;
	}
	for (char *word = strtok_r(words, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save)) {
		char text[72];

		(void)snprintf(text, sizeof(text), "+%.64s", word);
		(void)file_put("/sys/fs/cgroup/cgroup.subtree_control", text);
	}
}

/* The last mount first. Text is that of /proc/self/mounts, changed. */
static void unmount_all(char *text)
{
	static const char *const kept[] = {"/proc", "/sys", "/dev", "/run"};
	char *line = text + strlen(text);

	while (line > text) {
		char place[1024] = "";
		bool keep = false;

		line[0] = '\0';
		while (line > text && line[-1] != '\n')
			line--;
		if (sscanf(line, "%*s %1023s", place) == 1) {
			for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
				keep |= strcmp(place, kept[i]) == 0;
			if (!keep && strcmp(place, "/") != 0 &&
			    umount2(place, UMOUNT_NOFOLLOW))
				(void)umount2(place, MNT_DETACH);
		}
		if (line > text)
			line--;
	}
}

void mounts_leave(void)
{
	size_t size = 256U << 10;
	AUTO_FREE char *text = malloc(size);

	sync();
	if (text && file_read("/proc/self/mounts", text, size) > 0)
		unmount_all(text);
	(void)mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	sync();
}
