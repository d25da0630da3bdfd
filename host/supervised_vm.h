/*
 * supervised_vm.h - one VM of a supervisor: its states and how it gets from one
 * to the next.
 *
 *	WAITING -> STARTING -> RUNNING -> (ended) -> ENDED
 *	                                      \-> BACKOFF -> STARTING
 *
 * STARTING ends with the event vm.started; a stop may come in any state.
 */
#pragma once

#include "console_out.h"
#include "supervisor.h"
#include "vm_process.h"

#include <stdint.h>

enum supervised_state {
	SUPERVISED_WAITING,  /* for its turn */
	SUPERVISED_STARTING, /* lwx-vmm sets up */
	SUPERVISED_RUNNING,
	SUPERVISED_BACKOFF, /* until @deadline_ms, then again */
	SUPERVISED_ENDED,   /* for good; @status holds */
};

/**
 * struct supervised_vm - one VM
 * @sup:            what the supervisor was told to do
 * @cfg:            the VM's configuration
 * @state:          see enum supervised_state
 * @lifeline_fd:    what lwx-vmm gets as --lifeline-fd, or -1
 * @claim:          NULL while adopted
 * @supervise_fd:   lock of an adopted VM, or -1
 * @proc:           its lwx-vmm
 * @control:        connection that follows its events, or NULL
 * @console_fd:     its output, or -1
 * @log_fd:         console_log, written by us while we have the console, or -1
 * @line:           its place in the common output
 * @kill_stage:     0: not stopping, 1: power button pressed, 2: told to end,
 *                  3: SIGKILL sent
 * @deadline_ms:    next stage of stopping, or the restart; 0: none
 * @share_gone:     ended for that
 * @stop_requested: somebody asked for the end: no restart
 * @recreate:       runs with another configuration: start again once stopped
 * @status:         exit status of the last run, or -1
 * @reason:         of vm.stopped, empty before it
 * @quiet_until:    events up to this number are old news of an adopted VM
 * @news_ms:        since when @num_news messages were told
 * @num_news:       see there
 * @was_up:         has run at least once
 * @started_ms:     when it last ran
 * @attempts:       restarts without a long run between
 */
struct supervised_vm {
	const struct supervisor_config *sup;
	struct vm_config *cfg;
	enum supervised_state state;
	int lifeline_fd;
	struct vm_claim *claim;
	int supervise_fd;
	struct vm_process proc;
	struct ctl_client *control;
	int console_fd;
	int log_fd;
	struct console_line line;
	unsigned int kill_stage;
	int64_t deadline_ms;
	bool share_gone;
	bool stop_requested;
	bool recreate;
	int status;
	char reason[32];
	uint64_t quiet_until;
	int64_t news_ms;
	unsigned int num_news;
	bool was_up;
	int64_t started_ms;
	unsigned int attempts;
};

/** supervised_now_ms() - CLOCK_MONOTONIC in milliseconds. */
int64_t supervised_now_ms(void);

/** supervised_init() - a VM that waits for its turn. */
void supervised_init(struct supervised_vm *vm,
		     const struct supervisor_config *sup, struct vm_config *cfg,
		     int lifeline_fd);

/** supervised_fini() - release what it holds; the VM itself is left alone. */
void supervised_fini(struct supervised_vm *vm);

/** supervised_start() - start or adopt it. Failure is reported and ends it. */
void supervised_start(struct supervised_vm *vm);

/** supervised_launch() - the part of supervised_start() that makes a process or
 * finds one; in supervised_launch.c. Return: 0 or a negative errno with @err.
 */
int supervised_launch(struct supervised_vm *vm, struct err *err);

/** supervised_control_ready() - take its events. */
void supervised_control_ready(struct supervised_vm *vm);

/** supervised_console_ready() - take a chunk of its output. */
void supervised_console_ready(struct supervised_vm *vm,
			      struct console_out *out);

/** supervised_process_ended() - its lwx-vmm has ended and its output is read:
 * restart it or end it for good. */
void supervised_process_ended(struct supervised_vm *vm);

/** supervised_deadline() - @deadline_ms has come. */
void supervised_deadline(struct supervised_vm *vm);

/** supervised_stop() - press the power button; @now: end it at once. */
void supervised_stop(struct supervised_vm *vm, bool now);
