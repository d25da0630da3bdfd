/*
 * power.c - see power.h. reboot(2); linux: Documentation/input/event-codes.rst.
 */
#include "power.h"

#include "container.h"
#include "files.h"
#include "loop.h"
#include "macros.h"
#include "mounts.h"
#include "process.h"
#include "say.h"
#include "service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#define ONSHUTDOWN_MS 30000
#define TERM_MS 5000

static enum power wanted;
static bool contained;

const int power_signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2,
			     SIGPWR,  SIGHUP, 0};

/* busybox and sysvinit: TERM and INT (Ctrl-Alt-Del) reboot, USR1 halts, USR2
 * powers off; PWR is the power supply's. systemd: RTMIN+3 halt, +4 off, +5
 * reboot. */
void power_signal(int number)
{
	enum power power = POWER_NONE;

	if (number == SIGTERM && contained)
		power = POWER_OFF;
	else if (number == SIGTERM || number == SIGINT)
		power = POWER_REBOOT;
	else if (number == SIGUSR1 || number == SIGRTMIN + 3)
		power = POWER_HALT;
	else if (number == SIGUSR2 || number == SIGPWR ||
		 number == SIGRTMIN + 4)
		power = POWER_OFF;
	else if (number == SIGRTMIN + 5)
		power = POWER_REBOOT;
	power_request(power);
}

void power_contained(void)
{
	contained = true;
}

void power_request(enum power power)
{
	if (wanted == POWER_NONE)
		wanted = power;
}

enum power power_wanted(void)
{
	return wanted;
}

static void hear_button(int fd, void *arg)
{
	struct input_event events[16];
	ssize_t n = read(fd, events, sizeof(events));

	(void)arg;
	if (n <= 0 && errno != EAGAIN && errno != EINTR) {
		loop_remove(fd);
		(void)close(fd);
		return;
	}
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(events[0]); i++) {
		if (events[i].type != EV_KEY || events[i].code != KEY_POWER ||
		    events[i].value != 1)
			continue;
		say_info("the power button was pressed");
		power_request(POWER_OFF);
	}
}

static bool has_power_key(int fd)
{
	unsigned char keys[KEY_MAX / 8 + 1] = {0};

	return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) >= 0 &&
	       (keys[KEY_POWER / 8] & (1U << (KEY_POWER % 8)));
}

void power_buttons(void)
{
	DIR *dir = opendir("/dev/input");
	const struct dirent *entry;
	char path[300];

	/* Else the kernel resets on Ctrl-Alt-Del, without a word to us. */
	if (reboot(RB_DISABLE_CAD))
		say_errno("Ctrl-Alt-Del");
	while (dir && (entry = readdir(dir))) {
		int fd;

		if (strncmp(entry->d_name, "event", 5) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/dev/input/%s",
			       entry->d_name);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!has_power_key(fd) || loop_add(fd, hear_button, NULL, true))
			(void)close(fd);
	}
	if (dir)
		(void)closedir(dir);
}

/* Return: true if other processes than kernel threads and this one are left. */
static bool others_left(void)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	bool left = false;
	char path[300];
	char text[64];

	while (dir && !left && (entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    strcmp(entry->d_name, "1") == 0)
			continue;
		/* A kernel thread has no command line, a zombie neither. */
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline",
			       entry->d_name);
		left = file_read(path, text, sizeof(text)) > 0;
	}
	if (dir)
		(void)closedir(dir);
	return left;
}

static void end_processes(void)
{
	uint64_t start = loop_now_ms();

	(void)kill(-1, SIGTERM);
	(void)kill(-1, SIGCONT);
	while (others_left() && loop_now_ms() - start < TERM_MS)
		loop_wait(50, false);
	(void)kill(-1, SIGKILL);
	start = loop_now_ms();
	while (others_left() && loop_now_ms() - start < TERM_MS)
		loop_wait(50, false);
}

void power_down(void)
{
	static const struct {
		int command;
		const char *word;
	} ways[] = {
		[POWER_NONE] = {RB_POWER_OFF, "power off"},
		[POWER_OFF] = {RB_POWER_OFF, "power off"},
		[POWER_REBOOT] = {RB_AUTOBOOT, "reboot"},
		[POWER_HALT] = {RB_HALT_SYSTEM, "halt"},
	};

	say_info("%s", ways[wanted].word);
	(void)container_run_all("/containers/onshutdown", ONSHUTDOWN_MS);
	services_end();
	end_processes();
	if (contained)
		return;
	mounts_leave();
	(void)reboot(ways[wanted].command);
	say_errno("reboot");
}
