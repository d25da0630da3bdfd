/*
 * metadata.c - where metadata comes from; see metadata.h. ECMA-119, 8.4; FAT:
 * the label of the boot sector.
 */
#include "metadata.h"

#include "cleanup.h"
#include "files.h"
#include "loop.h"
#include "macros.h"
#include "process.h"
#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LABEL "cidata"
#define SEED_DIR RUN_DIR "/seed"
#define CHILD_MS 20000
#define WAIT_MS 10000

static const struct {
	const char *type;
	off_t label_at;
} kinds[] = {
	{"iso9660", 16 * 2048 + 40},
	{"vfat", 43}, /* FAT12, FAT16 */
	{"vfat", 71}, /* FAT32 */
};

/* Return: the type of the file system with our label, or NULL. */
static const char *seed_type(const char *device)
{
	AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);
	char label[sizeof(LABEL)];

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(kinds); i++) {
		ssize_t n = pread(fd, label, sizeof(label), kinds[i].label_at);

		if (n == (ssize_t)sizeof(label) &&
		    strncasecmp(label, LABEL " ", sizeof(LABEL)) == 0)
			return kinds[i].type;
	}
	return NULL;
}

static const char *find_seed(char *device, size_t size)
{
	DIR *dir = opendir("/sys/class/block");
	const struct dirent *entry;
	const char *type = NULL;

	while (dir && !type && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(device, size, "/dev/%s", entry->d_name);
		type = seed_type(device);
	}
	if (dir)
		(void)closedir(dir);
	return type;
}

static char *read_seed(const char *name)
{
	char *text = malloc(FILE_BYTES_MAX);
	char path[64];

	(void)snprintf(path, sizeof(path), SEED_DIR "/%s", name);
	if (text && file_read(path, text, FILE_BYTES_MAX) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* In a child with mounts of its own: no trace of the disk is left. */
static int unpack_disk(const char *device, const char *type)
{
	AUTO_FREE char *meta = NULL;
	AUTO_FREE char *user = NULL;
	AUTO_FREE char *network = NULL;
	AUTO_CLOSE int out =
		open("/run/config", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = {0};
	int rc;

	(void)dir_make(SEED_DIR, 0700);
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) ||
	    mount(device, SEED_DIR, type,
		  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		say_errno("metadata: %s: mount as %s", device, type);
		return 1;
	}
	meta = read_seed("meta-data");
	user = read_seed("user-data");
	if (!user)
		user = read_seed("config"); /* as LinuxKit's command calls it */
	network = read_seed("network-config");
	rc = metadata_seed(out, meta, user, network, &err);
	if (rc)
		say_err(&err);
	(void)file_write("/run/config/provider", "CDROM\n", 0644);
	return rc ? 1 : 0;
}

/* A value of ds=nocloud;h=NAME;i=ID. */
static void seed_from_ds(const char *ds, char *meta, size_t size)
{
	const char *at = ds ? strstr(ds, ";h=") : NULL;

	if (at)
		(void)snprintf(meta, size, "hostname: %.*s\n",
			       (int)strcspn(at + 3, ";"), at + 3);
}

static int unpack_cmdline(const struct cmdline *cmdline)
{
	AUTO_CLOSE int out =
		open("/run/config", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *data = cmdline_get(cmdline, "lwx.userdata");
	char user[CMDLINE_BYTES_MAX];
	char meta[300] = "";
	struct err err = {0};
	int rc;

	seed_from_ds(cmdline_get(cmdline, "ds"), meta, sizeof(meta));
	if (data && metadata_base64(data, user, sizeof(user)) < 0) {
		say_error("lwx.userdata= is not base64");
		return 1;
	}
	if (!data && !*meta)
		return 0;
	rc = metadata_seed(out, *meta ? meta : NULL, data ? user : NULL, NULL,
			   &err);
	if (rc)
		say_err(&err);
	(void)file_write("/run/config/provider", "cmdline\n", 0644);
	return rc ? 1 : 0;
}

static void in_child(const struct cmdline *cmdline, const char *device,
		     const char *type)
{
	uint64_t end = loop_now_ms() + CHILD_MS;
	struct child child;
	pid_t pid = fork();

	if (pid == 0) {
		int rc;

		loop_child_signals();
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		rc = type ? unpack_disk(device, type) : 0;
		_exit(unpack_cmdline(cmdline) ? 1 : rc);
	}
	if (pid < 0) {
		say_errno("metadata");
		return;
	}
	child_watch(&child, pid);
	while (!child.done && loop_now_ms() < end)
		loop_wait(100, false);
	if (!child.done) {
		(void)kill(pid, SIGKILL);
		say_error("metadata: it takes too long");
	} else if (child_exit_code(&child) > 1) {
		say_error("metadata: it cannot be read, status %d",
			  child_exit_code(&child));
	}
	child_forget(&child);
}

void metadata_load(const struct cmdline *cmdline)
{
	const char *wish = cmdline_get(cmdline, "lwx.metadata");
	bool wait = wish && strcmp(wish, LABEL) == 0;
	uint64_t end = loop_now_ms() + WAIT_MS;
	const char *type = NULL;
	char device[300];

	if (!wish || strcmp(wish, "off") != 0)
		type = find_seed(device, sizeof(device));
	while (wait && !type && loop_now_ms() < end) {
		loop_wait(100, false);
		type = find_seed(device, sizeof(device));
	}
	if (wait && !type)
		say_error("metadata: no disk with label " LABEL);
	in_child(cmdline, device, type);
}
