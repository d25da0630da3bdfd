/*
 * modules.c - see modules.h. linux: Documentation/ABI/testing/sysfs-uevent;
 * modules-load.d(5).
 */
#include "modules.h"

#include "cleanup.h"
#include "files.h"
#include "loop.h"
#include "process.h"
#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ALIASES_MAX 1024U
#define ROUNDS_MAX 5
#define DEPTH_MAX 24
#define LOAD_MS 60000

/**
 * struct aliases - names for modprobe, each once
 * @names: owned; after the arguments of modprobe
 * @num:   of @names
 * @done:  so many were handed to modprobe before
 */
struct aliases {
	char *names[ALIASES_MAX];
	size_t num;
	size_t done;
};

static void add_alias(struct aliases *aliases, const char *name)
{
	if (!*name || name[0] == '-' || aliases->num == ALIASES_MAX)
		return;
	for (size_t i = 0; i < aliases->num; i++)
		if (strcmp(aliases->names[i], name) == 0)
			return;
	aliases->names[aliases->num] = strdup(name);
	if (aliases->names[aliases->num])
		aliases->num++;
}

static void walk(struct aliases *aliases, const char *path, int depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	const struct dirent *entry;
	char below[2048];
	char text[512];

	while (dir && (entry = readdir(dir))) {
		(void)snprintf(below, sizeof(below), "%s/%s", path,
			       entry->d_name);
		if (strcmp(entry->d_name, "modalias") == 0 &&
		    file_read_line(below, text, sizeof(text)) > 0)
			add_alias(aliases, text);
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			walk(aliases, below, depth + 1);
	}
	if (dir)
		(void)closedir(dir);
}

/* Those that are new since the last call. */
static void load_new(struct aliases *aliases)
{
	static char *argv[ALIASES_MAX + 3];
	static char modprobe[] = "modprobe";
	static char options[] = "-abq";
	size_t num = 0;
	int rc;

	argv[num++] = modprobe;
	argv[num++] = options;
	while (aliases->done < aliases->num)
		argv[num++] = aliases->names[aliases->done++];
	argv[num] = NULL;
	/* An alias without a module is no fault: nor is its status. */
	rc = num > 2 ? process_run(argv, -1, LOAD_MS, false) : 0;
	if (rc == 127)
		say_error("the image has no modprobe: no drivers are loaded");
	else if (rc < 0)
		say_error("modprobe: %s", strerror(-rc));
}

static void read_list(struct aliases *aliases, const char *path)
{
	FILE *list = fopen(path, "re");
	char line[256];

	while (list && fgets(line, sizeof(line), list)) {
		char *name = line + strspn(line, " \t");

		name[strcspn(name, " \t\r\n")] = '\0';
		if (name[0] != '#' && name[0] != ';')
			add_alias(aliases, name);
	}
	if (list)
		(void)fclose(list);
}

static void read_lists(struct aliases *aliases)
{
	static const char *const dirs[] = {"/usr/lib/modules-load.d",
					   "/etc/modules-load.d"};
	char path[600];

	for (size_t i = 0; i < 2; i++) {
		struct dirent **list;
		int num = scandir(dirs[i], &list, NULL, alphasort);

		for (int f = 0; f < num; f++) {
			size_t len = strlen(list[f]->d_name);

			(void)snprintf(path, sizeof(path), "%s/%s", dirs[i],
				       list[f]->d_name);
			if (len > 5 &&
			    strcmp(list[f]->d_name + len - 5, ".conf") == 0)
				read_list(aliases, path);
			free(list[f]);
		}
		if (num >= 0)
			free(list);
	}
	read_list(aliases, "/etc/modules");
}

void modules_load(void)
{
	static struct aliases aliases;

	if (access("/proc/modules", F_OK))
		return; /* everything is built in */
	read_lists(&aliases);
	/* A bus driver finds devices that want drivers. */
	for (int round = 0; round < ROUNDS_MAX; round++) {
		walk(&aliases, "/sys/devices", 0);
		if (aliases.done == aliases.num)
			break;
		load_new(&aliases);
	}
	while (aliases.num)
		free(aliases.names[--aliases.num]);
	aliases.done = 0;
}

/* NUL-separated KEY=VALUE; only the kernel may send it: nl_pid is 0. */
static void hear(int fd, void *arg)
{
	static char modprobe[] = "modprobe";
	static char options[] = "-bq";
	static char text[8192];
	struct sockaddr_nl from = {0};
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(fd, text, sizeof(text) - 1, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &size);

	(void)arg;
	if (n <= 0 || from.nl_pid != 0)
		return;
	text[n] = '\0';
	if (strncmp(text, "add@", 4) != 0)
		return;
	for (char *at = text; at < text + n; at += strlen(at) + 1) {
		char *argv[] = {modprobe, options, at + 9, NULL};

		if (strncmp(at, "MODALIAS=", 9) == 0 && at[9] && at[9] != '-')
			(void)process_spawn(argv, -1);
	}
}

void modules_listen(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			NETLINK_KOBJECT_UEVENT);

	if (access("/proc/modules", F_OK) == 0 && fd >= 0 &&
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    loop_add(fd, hear, NULL, false) == 0)
		return;
	if (fd >= 0)
		(void)close(fd);
}
