/*
 * guest_exec.h - a command in a guest, with our streams, terminal and signals.
 */
#pragma once

#include "agent_stream.h"

#include <stdbool.h>

/**
 * struct guest_exec - what to run
 * @argv:   the command, ends with NULL
 * @env:    "NAME=VALUE" beside the agent's own, ends with NULL; or NULL
 * @dir:    working directory, or NULL
 * @tty:    give it a terminal; ours is in raw mode meanwhile
 * @leave_signals: do not pass signals on; for a library
 * @in:     what it reads, or -1: nothing
 * @out:    what it writes goes there
 * @errors: and its errors there
 */
struct guest_exec {
	char *const *argv;
	char *const *env;
	const char *dir;
	bool tty;
	bool leave_signals;
	int in;
	int out;
	int errors;
};

/**
 * guest_exec_run() - run it and pass everything on until it has ended
 * @s:      connection of its own to the agent
 * @status: set to its exit status, or 128 and the number of the signal that
 *          ended it, as a shell has it; left as it is after a failure
 *
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to the command,
 * unless @cfg has leave_signals.
 * Return: 0; -ENOENT, -EACCES or another errno of the guest if it cannot be
 * run; -ECONNRESET if the VM has ended; another negative errno; with @err.
 */
int guest_exec_run(struct agent_stream *s, const struct guest_exec *cfg,
		   int *status, struct err *err);
