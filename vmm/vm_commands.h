/*
 * vm_commands.h - the VMM's side of the control protocol: what each verb does
 * to the machine. Control thread only.
 */
#pragma once

#include "ctl_server.h"
#include "machine.h"

/**
 * struct vm_context - what the handlers work on
 * @machine:    the VM
 * @server:     the control server, for events
 * @cfg:        its configuration
 * @started_ns: CLOCK_REALTIME of the start
 */
struct vm_context {
	struct machine *machine;
	struct ctl_server *server;
	const struct vm_config *cfg;
	uint64_t started_ns;
};

/** vm_commands() - the table of verbs for ctl_server_create(); their context
 * is a struct vm_context. Return: number of entries. */
unsigned int vm_commands(const struct ctl_command **out);
