/* agent_service.c - see agent_service.h. */
#include "agent_service.h"

#include "backoff.h"
#include "loop.h"
#include "macros.h"
#include "process.h"
#include "say.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define NAME "lwx-agent"
#define DEVICE "/dev/vsock"

static const char *const paths[] = {
	"/usr/libexec/layerworx/" NAME,
	"/usr/sbin/" NAME,
	"/sbin/" NAME,
	"/usr/bin/" NAME,
	"/bin/" NAME,
};

/*
 * @child:      pid 0: it does not run
 * @path:       of the program, NULL until the device is there
 * @pause_ms:   last pause of the back-off
 * @started_ms: when it was started
 * @due_ms:     start it then
 */
static struct {
	struct child child;
	const char *path;
	uint32_t pause_ms;
	uint64_t started_ms;
	uint64_t due_ms;
	int starts;
	int exit_code;
} agent;

static const char *find_program(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!access(paths[i], X_OK))
			return paths[i];
	return NULL;
}

static void ended(uint64_t now)
{
	agent.exit_code = child_exit_code(&agent.child);
	child_forget(&agent.child);
	agent.child.pid = 0;
	agent.pause_ms = backoff_next(agent.pause_ms, now - agent.started_ms);
	agent.due_ms = now + agent.pause_ms;
	say_error(NAME " ended: status %d; restart %d in %u ms",
		  agent.exit_code, agent.starts, agent.pause_ms);
}

static void start(uint64_t now)
{
	/* execvp(3) does not change what it takes. */
	char *const argv[] = {(char *)(uintptr_t)agent.path,
			      (char *)(uintptr_t) "--wait", NULL};
	pid_t pid = process_spawn(argv, -1);

	agent.started_ms = now;
	if (pid < 0) {
		agent.pause_ms = backoff_next(agent.pause_ms, 0);
		agent.due_ms = now + agent.pause_ms;
		say_error(NAME ": %s", strerror(-pid));
		return;
	}
	child_watch(&agent.child, pid);
	if (!agent.starts++) {
		say_mark(NAME);
		say_step("begin", "agent", NAME);
	}
}

int agent_service_step(int wait)
{
	uint64_t now = loop_now_ms();

	if (!agent.path && !access(DEVICE, F_OK))
		agent.path = find_program();
	if (!agent.path)
		return wait;
	if (agent.child.pid && agent.child.done)
		ended(now);
	if (!agent.child.pid && now >= agent.due_ms)
		start(now);
	if (agent.child.pid || agent.due_ms - now >= (uint64_t)wait)
		return wait;
	return (int)(agent.due_ms - now);
}

void agent_service_list(json_t *services)
{
	json_t *one;

	if (!agent.path)
		return;
	one = json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:s,s:i,s:i}", "name", NAME,
			"state", agent.child.pid ? "running" : "restarting",
			"pid", (int)agent.child.pid, "starts", agent.starts,
			"restarts", agent.starts ? agent.starts - 1 : 0, "exit",
			agent.exit_code, "health", "none", "checks", 0,
			"failures", 0);
	if (one)
		(void)json_array_append_new(services, one);
}
