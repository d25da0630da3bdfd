/* host_facts.c - memory, hugepages and CPUs of this host. */
#include "host_facts.h"

#include "cleanup.h"
#include "macros.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read a small file of the kernel as text. Return: 0 or a negative errno. */
static int read_text(const char *path, char *buf, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		return -errno;
	buf[len] = '\0';
	return 0;
}

/* Bytes in free pages of one hugepage pool; 0 where there is none. */
static uint64_t free_hugepages(unsigned int kib)
{
	char path[96], text[32];

	(void)snprintf(path, sizeof(path),
		       "/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages",
		       kib);
	if (read_text(path, text, sizeof(text)))
		return 0;
	return strtoull(text, NULL, 10) * kib * 1024;
}

static int get_memory(struct host_facts *facts, struct err *err)
{
	const char *line;
	char text[4096];
	int rc;

	rc = read_text("/proc/meminfo", text, sizeof(text));
	if (rc)
		return err_set(err, rc, "/proc/meminfo");
	line = strstr(text, "MemTotal:");
	if (!line)
		return err_setx(err, -EPROTO, "/proc/meminfo: no MemTotal");
	facts->memory = strtoull(line + strlen("MemTotal:"), NULL, 10) * 1024;
	return 0;
}

/* 32 hexadecimal digits, written with the dashes of a UUID. */
static void get_machine_id(struct host_facts *facts)
{
	char text[64] = "";
	size_t i, from = 0;

	(void)snprintf(facts->machine_id, sizeof(facts->machine_id),
		       "00000000-0000-0000-0000-000000000000");
	if (read_text("/etc/machine-id", text, sizeof(text)))
		return;
	for (i = 0; i < 32; i++)
		if (!isxdigit((unsigned char)text[i]))
			return;
	for (i = 0; i < sizeof(facts->machine_id) - 1; i++)
		if (facts->machine_id[i] != '-')
			facts->machine_id[i] = text[from++];
}

int host_facts_cgroup2(char path[HOST_FACTS_PATH_SIZE])
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	int rc = -ENODEV;

	path[0] = '\0';
	while (mounts && rc && (entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_type, "cgroup2") != 0)
			continue;
		(void)snprintf(path, HOST_FACTS_PATH_SIZE, "%s",
			       entry->mnt_dir);
		rc = 0;
	}
	if (mounts)
		(void)endmntent(mounts); /* always 1 */
	return rc;
}

int host_facts_get(struct host_facts *facts, struct err *err)
{
	*facts = (struct host_facts){0};
	if (sched_getaffinity(0, sizeof(facts->cpus), &facts->cpus))
		return err_set(err, -errno, "CPUs of this host");
	facts->hugepages_2m = free_hugepages(2048);
	facts->hugepages_1g = free_hugepages(1048576);
	get_machine_id(facts);
	(void)host_facts_cgroup2(facts->cgroup2); /* empty if there is none */
	return get_memory(facts, err);
}

const char *host_facts_cpus(const struct host_facts *facts, char *buf,
			    size_t size)
{
	size_t len = 0;
	int first, last;

	buf[0] = '\0';
	for (first = 0; first < CPU_SETSIZE && len < size; first = last + 1) {
		last = first;
		if (!CPU_ISSET(first, &facts->cpus))
			continue;
		while (last + 1 < CPU_SETSIZE &&
		       CPU_ISSET(last + 1, &facts->cpus))
			last++;
		len += (size_t)snprintf(buf + len, size - len,
					last > first ? "%s%d-%d" : "%s%d",
					len ? "," : "", first, last);
	}
	return buf;
}

bool host_facts_find_program(const char *name, char path[HOST_FACTS_PATH_SIZE])
{
	static const char *const more[] = {"/usr/sbin", "/sbin", "/usr/libexec",
					   "/usr/lib/qemu"};
	const char *dirs = getenv("PATH");
	size_t len;

	for (; dirs && *dirs; dirs += len + (dirs[len] == ':')) {
		len = strcspn(dirs, ":");
		(void)snprintf(path, HOST_FACTS_PATH_SIZE, "%.*s/%s", (int)len,
			       dirs, name);
		if (!access(path, X_OK))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		(void)snprintf(path, HOST_FACTS_PATH_SIZE, "%s/%s", more[i],
			       name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}
