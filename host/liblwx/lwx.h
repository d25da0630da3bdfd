/*
 * lwx.h - liblwx: virtual machines for a program of your own, a test harness
 * say. lwx(3).
 *
 * Each VM is processes of its own: what happens to it is told by return values
 * and events and never ends the caller. The library prints nothing, does not
 * exit and leaves the process's signals alone. An object belongs to one thread
 * at a time; several objects may be used at once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct lwx_error - what went wrong
 * @code:    a negative errno
 * @message: one line; with file, line and key if host.cfg is to blame
 */
struct lwx_error {
	int code;
	char message[512];
};

struct lwx_vm;

/**
 * lwx_vm_create() - a VM of a host.cfg(5); it does not run yet
 * @config: path of the file
 * @name:   of the VM in it
 *
 * All functions: Return: 0, or a negative errno with @error, which may be NULL.
 */
int lwx_vm_create(struct lwx_vm **vm, const char *config, const char *name,
		  struct lwx_error *error);

/** lwx_vm_destroy() - end it, if it runs, and free. Accepts NULL. */
void lwx_vm_destroy(struct lwx_vm *vm);

/**
 * lwx_vm_start() - start it, and wait until its processors run
 * @console:    descriptor that gets its console's output, or -1
 * @timeout_ms: then it is ended again and -ETIMEDOUT returned; -1: none
 *
 * It ends with the thread that started it, whatever ends that. May be called
 * again after it has ended.
 */
int lwx_vm_start(struct lwx_vm *vm, int console, int timeout_ms,
		 struct lwx_error *error);

/** lwx_vm_wait_ready() - until lwx-agent serves in it. Return: also
 * -ECONNRESET, if the VM has ended, and -ETIMEDOUT. */
int lwx_vm_wait_ready(struct lwx_vm *vm, int timeout_ms,
		      struct lwx_error *error);

/**
 * struct lwx_command - what to run in a VM
 * @argv: ends with NULL
 * @env:  "NAME=VALUE" beside the agent's own, ends with NULL; or NULL
 * @dir:  where, or NULL
 * @in, @out, @errors: descriptors, -1: /dev/null
 */
struct lwx_command {
	char *const *argv;
	char *const *env;
	const char *dir;
	int in;
	int out;
	int errors;
};

/**
 * lwx_vm_exec() - run a command to its end, by lwx-agent
 * @status: its exit status, or 128 and the number of the signal that ended it
 *
 * Return: also -ENOENT, -EACCES: the guest cannot run it; -ECONNRESET: the VM
 * has ended.
 */
int lwx_vm_exec(struct lwx_vm *vm, const struct lwx_command *command,
		int *status, struct lwx_error *error);

/** lwx_vm_copy_in(), lwx_vm_copy_out() - a file, or a folder with all below it,
 * into the VM or out of it, as lwx-vm cp. */
int lwx_vm_copy_in(struct lwx_vm *vm, const char *from, const char *to,
		   struct lwx_error *error);
int lwx_vm_copy_out(struct lwx_vm *vm, const char *from, const char *to,
		    struct lwx_error *error);

/**
 * struct lwx_event - something that happened to the VM
 * @name:     "vm.started", "agent.ready", "vm.stopped", ...: lwx-vm(1) events
 * @sequence: number, from 1 on, one more each time
 * @message:  text for people, or empty
 */
struct lwx_event {
	char name[48];
	uint64_t sequence;
	char message[256];
};

/** lwx_vm_event() - the next event since its start. Return: 1 and @event; 0
 * after @timeout_ms (-1: none); -ECONNRESET when it has ended and all were
 * told; or another negative errno with @error. */
int lwx_vm_event(struct lwx_vm *vm, struct lwx_event *event, int timeout_ms,
		 struct lwx_error *error);

/**
 * lwx_vm_wait() - until it has ended
 * @status: that of the guest, or 120 to 125: lwx-vm(1), start
 *
 * Return: also -ETIMEDOUT.
 */
int lwx_vm_wait(struct lwx_vm *vm, int timeout_ms, int *status,
		struct lwx_error *error);

/** lwx_vm_stop() - press its power button; the plug is pulled after its
 * stop_grace. lwx_vm_wait() waits for it. */
int lwx_vm_stop(struct lwx_vm *vm, struct lwx_error *error);

/** lwx_vm_kill() - pull the plug, and wait until nothing of it is left. */
int lwx_vm_kill(struct lwx_vm *vm, struct lwx_error *error);

#ifdef __cplusplus
}
#endif
