/*
 * host_agent.h - the host's end of a guest's agent (agent_proto.h).
 */
#pragma once

#include "agent_stream.h"
#include "vm_config.h"
#include "vm_registry.h"

/**
 * host_agent_listen() - the socket on which a guest's agent says that it is
 * ready
 * @vsock: its agent_fd is set if it wants an agent and has none; close-on-exec
 * @vm:    name of the VM, for messages
 *
 * A socket file that nobody listens on any more is replaced. Return: 0;
 * -EADDRINUSE if somebody listens there; another negative errno; with @err.
 */
int host_agent_listen(struct vm_vsock *vsock, const char *vm, struct err *err);

/** host_agent_path() - where host_agent_listen() listens. @size: of @path. */
void host_agent_path(const struct vm_vsock *vsock, char *path, size_t size);

/**
 * host_agent_connect() - talk to the agent of a running VM
 * @path:       of its vsock device
 * @vm:         name of the VM, for messages
 * @timeout_ms: for the guest's answer; also what a caller waits at most
 *
 * Return: 0 and *out; -ECONNREFUSED if the guest has no agent or does not
 * answer; another negative errno; with @err.
 */
int host_agent_connect(struct agent_stream **out, const char *path,
		       const char *vm, int timeout_ms, struct err *err);

/**
 * host_agent_open() - the same for a VM by its @name
 *
 * Return: also -ESRCH: there is no such VM; -ENODEV: it has no vsock.
 */
int host_agent_open(struct agent_stream **out, struct vm_registry *reg,
		    const char *name, int timeout_ms, struct err *err);
