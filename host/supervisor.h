/*
 * supervisor.h - start VMs in order, watch them, restart them, stop them.
 *
 * DOC: who ends with whom
 *
 * In the foreground the VMs are ours: each lwx-vmm holds the read end of a pipe
 * whose only write end is in this process, so that even our SIGKILL ends them.
 * We see their end by pidfd. Detached VMs get no such pipe: they outlive us and
 * the next supervisor of the same file adopts them.
 *
 * One thread, one poll loop; it owns everything here.
 */
#pragma once

#include "err.h"
#include "host_config.h"
#include "vm_config.h"
#include "vm_registry.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * struct supervisor_config - what to run
 * @reg:       state directory
 * @vms:       configurations; their fds are used, the rest is only read
 * @num_vms:   entries of @vms
 * @source:    absolute path of the file they came from
 * @file:      what it says of networks, or NULL
 * @vmm_path:  lwx-vmm
 * @detached:  VMs outlive the supervisor; their messages go to logs
 * @recreate:  a VM that runs with another configuration is stopped first
 * @need_shares: a VM is ended when a file server of its shared folders has
 * @stdout_fd: where console output goes, or -1
 * @report:    told what a person should know, one sentence about one VM; not
 *             @important: that a VM ended as it should
 * @up:        told once when every VM runs or has failed, with the exit status
 *             so far
 * @ctx:       first argument of both
 */
struct supervisor_config {
	struct vm_registry *reg;
	struct vm_config **vms;
	size_t num_vms;
	const char *source;
	const struct host_config *file;
	const char *vmm_path;
	bool detached;
	bool recreate;
	bool need_shares;
	int stdout_fd;
	void (*report)(void *ctx, const char *name, bool important,
		       const char *text);
	void (*up)(void *ctx, int status);
	void *ctx;
};

/**
 * supervisor_run() - run VMs until the last one has ended
 *
 * VMs of one start_order start together, the next order when those run. SIGINT,
 * SIGTERM and SIGHUP press every power button and kill what is left after its
 * grace time; a second one kills at once.
 *
 * Return: the exit status: of the only VM, or 0 if all VMs ended with 0, else
 * that of the first that did not; a negative errno with @err if nothing could
 * be started at all.
 */
int supervisor_run(const struct supervisor_config *cfg, struct err *err);
