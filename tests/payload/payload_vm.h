/*
 * payload_vm.h - run lwx-vmm with a payload guest, as its launcher would.
 *
 * Everything goes by inherited descriptors, so nothing is left behind whatever
 * happens to the processes. One thread. Failures end the test (cmocka).
 */
#pragma once

#include "ctl_client.h"
#include "vm_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PAYLOAD_TIMEOUT_MS 60000 /* for anything a guest does */
#define PAYLOAD_OUTPUT_MAX 65536u

/**
 * struct payload_vm - one VM under test
 * @cfg:      configuration; change it between init and start
 * @control:  connected client of the control protocol
 * @output_len: bytes in @output
 * @pid:      of lwx-vmm, 0 when it does not run
 * @pidfd:    the same
 * @console:  read end of the pipe that collects its console output
 * @input:    socket for console input, -1 before payload_vm_type()
 * @lifeline: closing it ends the VM
 * @reason:   see payload_vm_reason()
 * @output:   what was read from @console so far, with a NUL
 */
struct payload_vm {
	struct vm_config cfg;
	struct ctl_client *control;
	size_t output_len;
	pid_t pid;
	int pidfd;
	int console;
	int input;
	int lifeline;
	char reason[32];
	char output[PAYLOAD_OUTPUT_MAX + 1];
};

/** payload_require_kvm() - first call of main(): where /dev/kvm cannot be used,
 * say why and exit with 77, or with 1 if CI is set: there it must work. */
void payload_require_kvm(void);

/**
 * payload_vm_init() - a VM of 32 MiB and one vCPU that boots payload.elf
 * @vm:      big: make it static
 * @cmdline: "payload=VERB ...", copied
 */
void payload_vm_init(struct payload_vm *vm, const char *cmdline);

/** payload_vm_add_disk() - one more disk on @fd, which stays the caller's.
 * Return: its entry, to be changed before the start. */
struct vm_disk *payload_vm_add_disk(struct payload_vm *vm, int fd);

/** payload_vm_add_net() - one more network device on @fd, a tap or a socket
 * that speaks passt's protocol, which stays the caller's. Return: its entry. */
struct vm_net *payload_vm_add_net(struct payload_vm *vm, enum vm_net_type type,
				  int fd);

/** payload_vm_add_vsock() - a vsock device whose sockets are at @path. */
void payload_vm_add_vsock(struct payload_vm *vm, const char *path);

/** payload_vm_start() - start lwx-vmm. */
void payload_vm_start(struct payload_vm *vm);

/** payload_vm_wait() - wait for its end and collect the rest of its output.
 * Return: the exit status, or 1000 + the number of the signal it died of. */
int payload_vm_wait(struct payload_vm *vm);

/** payload_vm_run() - start, wait, fini. Return: as payload_vm_wait(). */
int payload_vm_run(struct payload_vm *vm);

/** payload_vm_expect() - wait until @text is in the output. */
void payload_vm_expect(struct payload_vm *vm, const char *text);

/** payload_vm_drain_output() - take what the console has now. */
void payload_vm_drain_output(struct payload_vm *vm);

/** payload_vm_expect_more() - wait until the guest prints anything more. */
void payload_vm_expect_more(struct payload_vm *vm);

/** payload_vm_type() - send input to the console. */
void payload_vm_type(struct payload_vm *vm, const char *text);

/** payload_vm_call() - a control request without arguments that succeeds; the
 * reply is valid until the next. */
void payload_vm_call(struct payload_vm *vm, const char *verb,
		     struct ctl_message *reply);

/** payload_vm_call_with() - the same with arguments. */
void payload_vm_call_with(struct payload_vm *vm, const char *verb,
			  const struct ctl_field *fields,
			  unsigned int num_fields, struct ctl_message *reply);

/** payload_vm_metric() - a counter as it is now; it has to be there.
 * @name:   "lwx_console_bytes_total"
 * @labels: what follows vm="payload" in the braces, or "" */
uint64_t payload_vm_metric(struct payload_vm *vm, const char *name,
			   const char *labels);

/** payload_vm_follow() - ask for events, while the guest runs for certain. */
void payload_vm_follow(struct payload_vm *vm);

/** payload_vm_reason() - why it stopped, from the last event after
 * payload_vm_follow() and payload_vm_wait(). Valid until payload_vm_fini(). */
const char *payload_vm_reason(struct payload_vm *vm);

/** payload_vm_fini() - kill it if it still runs, release everything. */
void payload_vm_fini(struct payload_vm *vm);

/** payload_temp_file() - unlinked file of @size bytes, for a disk. */
int payload_temp_file(off_t size);

/** payload_random() - any number: the tests print what they use. */
uint64_t payload_random(void);
