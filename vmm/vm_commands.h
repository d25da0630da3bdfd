/*
 * vm_commands.h - the VMM's side of the control protocol: what each verb does
 * to the machine. Control thread only.
 */
#pragma once

#include "agent_watch.h"
#include "ctl_server.h"
#include "machine.h"

/**
 * struct vm_start_times - when the VM came up; of clock_ns(), 0: not yet
 * @began_real_ns: CLOCK_REALTIME of @began_ns
 * @began_ns:      lwx-vmm began
 * @run_ns:        virtual CPUs run
 * @heard_ns:      the agent told for the first time that it is ready
 * @init_us:       what it told then
 * @ready_us:      the same
 * @hostname:      the same
 */
struct vm_start_times {
	uint64_t began_real_ns;
	uint64_t began_ns;
	uint64_t run_ns;
	uint64_t heard_ns;
	uint64_t init_us;
	uint64_t ready_us;
	char hostname[AGENT_WATCH_TEXT];
};

/**
 * struct vm_context - what the handlers work on
 * @machine:    the VM
 * @server:     the control server, for events
 * @cfg:        its configuration
 * @started_ns: CLOCK_REALTIME of the start
 * @boot:       see there
 */
struct vm_context {
	struct machine *machine;
	struct ctl_server *server;
	const struct vm_config *cfg;
	uint64_t started_ns;
	struct vm_start_times boot;
};

/** vm_commands() - the table of verbs for ctl_server_create(); their context
 * is a struct vm_context. Return: number of entries. */
unsigned int vm_commands(const struct ctl_command **out);
