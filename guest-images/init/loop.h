/*
 * loop.h - the one loop of the init: file descriptors and signals. A wait below
 * another one (a program runs) serves what is urgent: children, logs, the power
 * button; not the control socket. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef void (*loop_fn)(int fd, void *arg);

/** loop_init() - block and take the signals. Return: 0 or a negative errno. */
int loop_init(void);

/** loop_add() - call @fn when @fd can be read. @urgent: also in nested waits.
 * Return: 0, or -ENOSPC. */
int loop_add(int fd, loop_fn fn, void *arg, bool urgent);

/** loop_remove() - @fd is not watched any more. */
void loop_remove(int fd);

/** loop_wait() - serve what comes, for at most @timeout_ms. @all: not only what
 * is urgent. */
void loop_wait(int timeout_ms, bool all);

/** loop_now_ms() - Return: CLOCK_BOOTTIME. */
uint64_t loop_now_ms(void);

/** loop_child_signals() - in a child, before exec: signals as usual. */
void loop_child_signals(void);
