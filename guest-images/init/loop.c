/*
 * loop.c - poll(2) over signals and whatever was added; see loop.h.
 */
#include "loop.h"

#include "power.h"
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define SOURCES_MAX 640U /* a log for each service and container, buttons */

/**
 * struct source - what is watched
 * @fd:     -1: the place is free
 * @fn:     called when @fd can be read
 * @arg:    for @fn
 * @urgent: see loop.h
 */
struct source {
	int fd;
	loop_fn fn;
	void *arg;
	bool urgent;
};

static struct source sources[SOURCES_MAX];
static size_t source_num;
static int signals = -1;

int loop_init(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	for (int i = 0; power_signals[i]; i++)
		(void)sigaddset(&set, power_signals[i]);
	for (int i = 3; i <= 5; i++) /* as systemd has them */
		(void)sigaddset(&set, SIGRTMIN + i);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals < 0 ? -errno : 0;
}

void loop_child_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}

int loop_add(int fd, loop_fn fn, void *arg, bool urgent)
{
	size_t i = 0;

	while (i < source_num && sources[i].fd >= 0)
		i++;
	if (i == SOURCES_MAX)
		return -ENOSPC;
	sources[i] = (struct source){fd, fn, arg, urgent};
	if (i == source_num)
		source_num++;
	return 0;
}

void loop_remove(int fd)
{
	for (size_t i = 0; i < source_num; i++)
		if (sources[i].fd == fd)
			sources[i].fd = -1;
	while (source_num && sources[source_num - 1].fd < 0)
		source_num--;
}

static void take_signals(void)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			power_signal((int)info.ssi_signo);
	process_reap();
}

void loop_wait(int timeout_ms, bool all)
{
	static struct pollfd polls[SOURCES_MAX + 1];
	static struct source called[SOURCES_MAX + 1];
	size_t num = 1;
	int ready;

	polls[0] = (struct pollfd){.fd = signals, .events = POLLIN};
	for (size_t i = 0; i < source_num; i++) {
		if (sources[i].fd < 0 || (!all && !sources[i].urgent))
			continue;
		called[num] = sources[i];
		polls[num++] =
			(struct pollfd){.fd = sources[i].fd, .events = POLLIN};
	}
	ready = poll(polls, num, timeout_ms);
	/* From the end: what a call adds or removes is seen next time. No call
	 * below waits again, so the tables stay as they are. */
	for (size_t i = num - 1; i > 0 && ready > 0; i--)
		if (polls[i].revents)
			called[i].fn(called[i].fd, called[i].arg);
	take_signals();
}

uint64_t loop_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}
