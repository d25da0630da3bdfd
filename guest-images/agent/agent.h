/*
 * agent.h - lwx-agent: what a host asks of a guest, over vsock.
 *
 * One process listens. Each connection is a process of its own with one job: so
 * a job that hangs, crashes or is flooded harms no other, and what it holds
 * goes with it.
 */
#pragma once

#include "agent_stream.h"

#include <sys/types.h>

#define AGENT_RUN_DIR "/run/lwx-init" /* of lwx-init */
#define AGENT_SOCKETS "/etc/lwx/agent.sockets"

/**
 * struct agent_options - how to serve
 * @unix_path: listen there instead of on vsock; no host is told. For tests.
 * @run_dir:   of lwx-init: its socket, its logs
 * @sockets:   file that lists what unix sockets the host may connect to
 * @wait:      tell the host once @run_dir/ready is there, not at once
 * @init_us:   when process 1 began, microseconds after the kernel; 0: look it
 * up
 */
struct agent_options {
	const char *unix_path;
	const char *run_dir;
	const char *sockets;
	bool wait;
	uint64_t init_us;
};

/**
 * agent_serve() - listen, tell the host, serve until SIGTERM
 *
 * Reaps all children, so that process 1 may call it. Return: a negative errno
 * with @err, or 0 after SIGTERM or SIGINT.
 */
int agent_serve(const struct agent_options *options, struct err *err);

/** agent_session() - the job of one connection. Closes @fd. */
void agent_session(int fd, const struct agent_options *options);

/** agent_connect() - job AGENT_CONNECT: be the host's end of a unix socket.
 * @list: as @sockets of struct agent_options. */
void agent_connect(struct agent_stream *s, const struct agent_message *request,
		   const char *list);

/** agent_logs() - job AGENT_LOGS: what services wrote, from @run_dir/log. */
void agent_logs(struct agent_stream *s, const struct agent_message *request,
		const char *run_dir);

/** agent_services() - job AGENT_SERVICES: what lwx-init says of them. */
void agent_services(struct agent_stream *s, const char *run_dir);

/** agent_containers() - job AGENT_CONTAINERS: what crun says of them. */
void agent_containers(struct agent_stream *s);

/** agent_steps() - job AGENT_STEPS: what lwx-init did and when, from
 * @run_dir/steps. */
void agent_steps(struct agent_stream *s, const char *run_dir);

/** agent_shutdown() - job AGENT_SHUTDOWN: by lwx-init if it is there, else by
 * poweroff(8) or its likes. */
void agent_shutdown(struct agent_stream *s, const struct agent_message *request,
		    const char *run_dir);

/** agent_exec() - job AGENT_EXEC: run a command and pass its streams on. */
void agent_exec(struct agent_stream *s, const struct agent_message *request);

/**
 * struct agent_command - a command that runs
 * @pid:    its id, of its session and of its process group
 * @pidfd:  polls readable when it has ended
 * @in:     its standard input, or the terminal
 * @out:    its standard output, or the terminal
 * @errors: its standard error; -1 with a terminal
 *
 * The three do not block.
 */
struct agent_command {
	pid_t pid;
	int pidfd;
	int in;
	int out;
	int errors;
};

/**
 * agent_command_start() - run a command in a session of its own
 * @request: AGENT_EXEC
 *
 * Return: 0; -ENOENT or another errno of execve(2), or of what was to be done
 * before, with @err.
 */
int agent_command_start(struct agent_command *command,
			const struct agent_message *request, struct err *err);

/** agent_command_close() - close its descriptors; it goes on. */
void agent_command_close(struct agent_command *command);
