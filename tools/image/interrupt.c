/*
 * interrupt.c - signals that end a build. See interrupt.h.
 */
#include "interrupt.h"

#include "macros.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#define GROUPS_MAX 32U

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t came;
static volatile pid_t groups[GROUPS_MAX]; /* 0: free */

static void handle(int signal)
{
	int saved = errno;

	came = signal;
	for (size_t i = 0; i < GROUPS_MAX; i++) {
		/* As Ctrl-C in a terminal; fakeroot's script knows no other.
		 * It may have ended just now: nothing to do about that. */
		if (groups[i])
			(void)kill(-groups[i], SIGINT);
	}
	errno = saved;
}

void interrupt_init(void)
{
	struct sigaction action = {.sa_handler = handle};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &action, NULL); /* valid numbers */
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

int interrupt_check(struct err *err)
{
	return came ? err_setx(err, -EINTR, "interrupted") : 0;
}

int interrupt_signal(void)
{
	return came;
}

int interrupt_add_group(pid_t group)
{
	for (size_t i = 0; i < GROUPS_MAX; i++) {
		if (!groups[i]) {
			groups[i] = group;
			return 0;
		}
	}
	return -EAGAIN;
}

void interrupt_remove_group(pid_t group)
{
	for (size_t i = 0; i < GROUPS_MAX; i++) {
		if (groups[i] == group)
			groups[i] = 0;
	}
}

static void mask(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(&set, signals[i]);
	(void)sigprocmask(how, &set, NULL);
}

void interrupt_block(void)
{
	mask(SIG_BLOCK);
}

void interrupt_unblock(void)
{
	mask(SIG_UNBLOCK);
}
