/*
 * agent_rig.h - an lwx-agent on a unix socket in the place of vsock.
 */
#pragma once

#include "agent_stream.h"
#include "test.h"

#include <sys/types.h>
#include <sys/un.h>

#define WAIT_MS 20000
/* execve(2) takes what it does not change as char *. */
#define TEXT(text) ((char *)(uintptr_t)(text))
#define AGENT_TEST(test)                                                       \
	cmocka_unit_test_setup_teardown(test, agent_rig_set_up,                \
					agent_rig_tear_down)

/**
 * struct rig - one agent
 * @dir:   a folder of the test, also that of lwx-init (agent's --run-dir); its
 *         "sockets" is the agent's list, its "bin" comes first in the agent's
 *         PATH
 * @addr:  where the agent listens
 * @agent: its process
 */
struct rig {
	char dir[64];
	struct sockaddr_un addr;
	pid_t agent;
};

/** agent_rig_set_up(), agent_rig_tear_down() - of AGENT_TEST(): *state is the
 * rig; that the agent ends well and leaves no socket is a part of every test.
 */
int agent_rig_set_up(void **state);
int agent_rig_tear_down(void **state);

/** open_agent() - a new connection; agent_stream_destroy(). */
struct agent_stream *open_agent(const struct rig *rig);

/** in_dir() - path of a file of @rig->dir. */
void in_dir(const struct rig *rig, const char *name, char *path, size_t size);

/** open_file() - open it, mode 0600. */
int open_file(const struct rig *rig, const char *name, int flags);

/** read_file() - its text, with a NUL. Return: bytes. */
size_t read_file(const struct rig *rig, const char *name, char *buf,
		 size_t size);
