/*
 * agent_watch.h - learns from the guest's agent that it is ready, and from the
 * end of its connection that it is gone. Control thread.
 *
 * Whatever connects to the port is the guest's: one connection at a time, and
 * at most one a second, so that a guest cannot push other events out of their
 * ring.
 */
#pragma once

#include "agent_proto.h"
#include "err.h"

#define AGENT_WATCH_TEXT 65

/**
 * struct agent_news - what was learned
 * @ready:    it serves; else it is gone
 * @init_us:  process 1 began, microseconds after the kernel, by the guest
 * @ready_us: the agent began to serve
 * @hostname: of the guest, UTF-8; empty if it told none
 * @boot:     "SECONDS STEP,..." of lwx-init, UTF-8; empty if it told none
 */
struct agent_news {
	bool ready;
	uint64_t init_us;
	uint64_t ready_us;
	char hostname[AGENT_WATCH_TEXT];
	char boot[AGENT_BOOT_MAX + 1];
};

/** struct agent_watch - fields private to agent_watch.c */
struct agent_watch {
	int listener;
	int conn;
	bool told;
	int64_t rest_until_ms;
	size_t len;
	uint8_t frame[512 + AGENT_BOOT_MAX];
};

/** agent_watch_init() - @listener: non-blocking, or -1: nothing is watched;
 * stays the caller's. */
void agent_watch_init(struct agent_watch *watch, int listener);

/** agent_watch_fini() - close the connection. */
void agent_watch_fini(struct agent_watch *watch);

/**
 * agent_watch_fd() - what to poll for POLLIN now, or -1
 * @timeout_ms: set to when to ask again, or -1
 */
int agent_watch_fd(const struct agent_watch *watch, int *timeout_ms);

/** agent_watch_ready() - the descriptor is ready. Return: whether @news was
 * filled. */
bool agent_watch_ready(struct agent_watch *watch, struct agent_news *news);
