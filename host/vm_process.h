/*
 * vm_process.h - one lwx-vmm: find it, start it, notice its end.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define VM_PROCESS_FDS_MAX 64

/**
 * struct vm_process - a running lwx-vmm
 * @pid:   its process id; 0 if there is none
 * @pidfd: polls readable when it has ended; -1 if there is none
 * @child: our child, whose exit status can be had
 */
struct vm_process {
	pid_t pid;
	int pidfd;
	bool child;
};

/**
 * struct vm_process_config - how to start one; all fds stay the caller's
 * @path:        of lwx-vmm
 * @name:        of the VM, for messages
 * @config_fd:   --config-fd
 * @control_fd:  --control-fd
 * @lifeline_fd: --lifeline-fd, or -1
 * @log_fd:      becomes its stdout and stderr
 * @fds:         what else it inherits under the same numbers
 * @num_fds:     entries of @fds, at most VM_PROCESS_FDS_MAX
 */
struct vm_process_config {
	const char *path;
	const char *name;
	int config_fd;
	int control_fd;
	int lifeline_fd;
	int log_fd;
	const int *fds;
	unsigned int num_fds;
};

/**
 * vm_process_find() - where lwx-vmm is: $LWX_VMM, else beside the running
 * program, else the libexec folder it was configured for
 * @path: set to it
 *
 * Return: 0, or -ENOENT with @err.
 */
int vm_process_find(char *path, size_t size, struct err *err);

/**
 * vm_process_spawn() - start lwx-vmm in a process group of its own, so that a
 * Ctrl-C reaches us alone
 *
 * Return: 0, or a negative errno with @err.
 */
int vm_process_spawn(struct vm_process *proc,
		     const struct vm_process_config *cfg, struct err *err);

/** vm_process_attach() - watch a process that is not our child. Return: 0, or a
 * negative errno with @err. */
int vm_process_attach(struct vm_process *proc, pid_t pid, struct err *err);

/** vm_process_ended() - has it? Does not wait. */
bool vm_process_ended(const struct vm_process *proc);

/**
 * vm_process_reap() - take the exit status of an ended child and release
 * @status: set to 0-255; unchanged for a process that is not our child
 *
 * Return: 0, or the signal that killed it.
 */
int vm_process_reap(struct vm_process *proc, int *status);

/** vm_process_kill() - SIGKILL. */
void vm_process_kill(const struct vm_process *proc);
