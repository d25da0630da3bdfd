/*
 * process.h - children of the init, its own and those that it inherits. One
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct child - a process whose end matters
 * @pid:    0: none
 * @done:   it has ended
 * @status: of waitpid(2), when @done
 * @next:   in the list of what is watched
 */
struct child {
	pid_t pid;
	bool done;
	int status;
	struct child *next;
};

/** child_watch() - watch @pid, which is or becomes a child; also if it has just
 * ended. */
void child_watch(struct child *child, pid_t pid);

/** child_forget() - whether it ends does not matter any more. */
void child_forget(struct child *child);

/** child_exit_code() - Return: the exit code, 128 + the signal, or -1 if it has
 * not ended. */
int child_exit_code(const struct child *child);

/** process_reap() - collect whoever has ended, orphans too. */
void process_reap(void);

/** process_spawn() - run @argv with /dev/null as input. @out: standard output
 * and error, -1: the console's. Return: its pid or a negative errno. */
pid_t process_spawn(char *const *argv, int out);

/** process_run() - process_spawn() and wait. Return: as child_exit_code();
 * -ETIMEDOUT after it was killed, -ECANCELED if a power-off was asked for and
 * @stoppable, another negative errno. */
int process_run(char *const *argv, int out, int timeout_ms, bool stoppable);
