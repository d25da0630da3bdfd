/*
 * machine.c - see machine.h. sysctl.d(5), hostname(5), rtc(4).
 */
#include "machine.h"

#include "cleanup.h"
#include "files.h"
#include "say.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

#define FILES_MAX 1048576U  /* fs.nr_open allows no more */
#define CLOCK_OK 1577836800 /* 2020: a machine without a clock is at 1970 */

void machine_limits(void)
{
	struct rlimit files = {FILES_MAX, FILES_MAX};

	if (setrlimit(RLIMIT_NOFILE, &files))
		say_errno("RLIMIT_NOFILE");
}

static int first_mac(char mac[32])
{
	struct dirent **list;
	int num = scandir("/sys/class/net", &list, NULL, alphasort);
	int rc = -ENOENT;

	for (int i = 0; i < num; i++) {
		char path[320];

		(void)snprintf(path, sizeof(path), "/sys/class/net/%s/address",
			       list[i]->d_name);
		if (rc && strcmp(list[i]->d_name, "lo") != 0 &&
		    list[i]->d_name[0] != '.' &&
		    file_read_line(path, mac, 32) == 17)
			rc = 0;
		free(list[i]);
	}
	if (num >= 0)
		free(list);
	return rc;
}

static bool is_hostname(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' &&
		    name[i] != '.')
			return false;
	return len > 0 && len <= 64 && name[0] != '-' && name[0] != '.';
}

void machine_hostname(const struct cmdline *cmdline)
{
	const char *word = cmdline_get(cmdline, "lwx.hostname");
	char name[256] = "";
	char mac[32];

	if (word)
		(void)snprintf(name, sizeof(name), "%s", word);
	if (!is_hostname(name))
		(void)file_read_line("/run/config/hostname", name,
				     sizeof(name));
	if (!is_hostname(name))
		(void)file_read_line("/etc/hostname", name, sizeof(name));
	if (!is_hostname(name) && first_mac(mac) == 0)
		(void)snprintf(name, sizeof(name), "lwx-%s", mac);
	for (char *c = name; *c; c++)
		if (*c == ':')
			*c = '-';
	if (!is_hostname(name))
		(void)snprintf(name, sizeof(name), "lwx");
	if (sethostname(name, strlen(name)))
		say_errno("hostname %s", name);
}

/* net.ipv4.ip_forward and net/ipv4/ip_forward, as sysctl(8) has them. */
static void apply_sysctl(char *line, const char *file)
{
	char path[512];
	char *value = strchr(line, '=');
	char *key = line + strspn(line, " \t");
	bool optional = *key == '-';
	char *slash;

	if (optional)
		key++;
	if (!value || *key == '#' || *key == ';')
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, "\r\n")] = '\0';
	key[strcspn(key, " \t")] = '\0';
	if (strstr(key, ".."))
		return;
	slash = key + strcspn(key, "./");
	if (*slash == '.')
		for (char *c = key; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	(void)snprintf(path, sizeof(path), "/proc/sys/%s", key);
	errno = -file_put(path, value);
	if (errno && !optional)
		say_errno("%s: %s", file, key);
}

static void read_sysctl(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		apply_sysctl(line, path);
	if (file)
		(void)fclose(file);
}

void machine_sysctl(void)
{
	static const char *const dirs[] = {"/usr/lib/sysctl.d", "/etc/sysctl.d",
					   "/run/sysctl.d"};
	char path[600];

	for (size_t i = 0; i < 3; i++) {
		struct dirent **list;
		int num = scandir(dirs[i], &list, NULL, alphasort);

		for (int f = 0; f < num; f++) {
			size_t len = strlen(list[f]->d_name);

			(void)snprintf(path, sizeof(path), "%s/%s", dirs[i],
				       list[f]->d_name);
			if (len > 5 &&
			    strcmp(list[f]->d_name + len - 5, ".conf") == 0)
				read_sysctl(path);
			free(list[f]);
		}
		if (num >= 0)
			free(list);
	}
	read_sysctl("/etc/sysctl.conf");
}

void machine_clock(void)
{
	AUTO_CLOSE int fd = -1;
	struct rtc_time rtc = {0};
	struct timespec now = {0};
	struct tm tm;

	if (time(NULL) > CLOCK_OK)
		return;
	fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RTC_RD_TIME, &rtc))
		return; /* a machine without a clock */
	tm = (struct tm){.tm_sec = rtc.tm_sec,
			 .tm_min = rtc.tm_min,
			 .tm_hour = rtc.tm_hour,
			 .tm_mday = rtc.tm_mday,
			 .tm_mon = rtc.tm_mon,
			 .tm_year = rtc.tm_year};
	now.tv_sec = timegm(&tm);
	if (now.tv_sec > CLOCK_OK && clock_settime(CLOCK_REALTIME, &now))
		say_errno("set the clock");
}
