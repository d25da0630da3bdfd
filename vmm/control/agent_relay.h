/*
 * agent_relay.h - bytes between two stream sockets, both ways, until both have
 * ended. One thread.
 */
#pragma once

#include <stddef.h>

/**
 * agent_relay() - pass on what comes, and the end of each direction
 * @a, @b:  stream sockets; made non-blocking; stay the caller's
 * @first:  has been read from @a already, or NULL
 * @len:    of @first, at most AGENT_FRAME_MAX * 2
 *
 * Return: 0, or a negative errno if it could not begin.
 */
int agent_relay(int a, int b, const void *first, size_t len);
