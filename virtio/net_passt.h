/*
 * net_passt.h - passt(1) as network backend: a network without root. Frames go
 * over a unix stream socket, each behind its length (32 bits, big-endian). No
 * offloads.
 */
#pragma once

#include "err.h"
#include "net_backend.h"

/**
 * net_passt_create() - talk to passt
 * @fd: connected stream socket; made non-blocking; taken over on success
 *
 * Return: 0 and *out, or a negative errno.
 */
int net_passt_create(struct net_backend **out, int fd, struct err *err);
