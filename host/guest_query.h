/*
 * guest_query.h - what a guest's agent tells of its services and containers,
 * and the end of the guest. What comes is the guest's word: text, not checked.
 */
#pragma once

#include "agent_stream.h"

#define GUEST_QUERY_MAX (1U << 20) /* bytes of an answer */

/**
 * guest_query() - one question, one text
 * @s:        connection of its own to the agent
 * @question: without values: AGENT_SERVICES, AGENT_CONTAINERS, AGENT_STEPS
 * @text:     set to the answer, with a NUL behind it; the caller frees it
 * @len:      its bytes
 *
 * Return: 0; the guest's errno; -EMSGSIZE if it does not end; -ETIMEDOUT,
 * -ECONNRESET or another negative errno; with @err.
 */
int guest_query(struct agent_stream *s, enum agent_type question, char **text,
		size_t *len, struct err *err);

/** typedef guest_log_fn - some bytes of the log of @service. Return: 0, or a
 * negative errno, which ends it. */
typedef int (*guest_log_fn)(void *ctx, const char *service, const char *bytes,
			    size_t len);

/**
 * guest_logs() - the last lines of services, also of those that have ended
 * @s:       connection of its own to the agent
 * @service: its name, or NULL: all
 * @follow:  and what comes, until the guest ends
 *
 * Return: 0; the guest's errno; @take's; or a negative errno; with @err.
 */
int guest_logs(struct agent_stream *s, const char *service, bool follow,
	       guest_log_fn take, void *ctx, struct err *err);

/** guest_shutdown() - begin it. Return: 0 or a negative errno with @err. */
int guest_shutdown(struct agent_stream *s, enum agent_power action,
		   struct err *err);
