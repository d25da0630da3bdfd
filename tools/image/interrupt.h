/*
 * interrupt.h - Ctrl-C, SIGTERM and SIGHUP: remembered, handed to the programs
 * that run, told to whoever asks.
 *
 * A build is cut short by an error like any other, so temporary files go the
 * way that they always go. One thread.
 */
#pragma once

#include "err.h"

#include <sys/types.h>

/** interrupt_init() - from now on these signals no longer end the process, and
 * SIGPIPE is an error of write(). Once, by main(). */
void interrupt_init(void);

/**
 * interrupt_check() - for loops that take long
 *
 * System calls that wait fail with EINTR when a signal comes.
 *
 * Return: 0, or -EINTR with @err once a signal has come.
 */
int interrupt_check(struct err *err);

/** interrupt_signal() - Return: the signal that came, 0: none. */
int interrupt_signal(void);

/**
 * interrupt_add_group() - a process group that gets the signals too
 *
 * The caller has them blocked (interrupt_block()), so none is lost between
 * fork() and this. Return: 0 or -EAGAIN if too many run.
 */
int interrupt_add_group(pid_t group);

/** interrupt_remove_group() - the group has ended. */
void interrupt_remove_group(pid_t group);

/** interrupt_block() / interrupt_unblock() - hold signals back for a moment. */
void interrupt_block(void);
void interrupt_unblock(void);
