/*
 * sandbox.h - give up what the running VM does not need.
 *
 * Control thread, once, after every resource has been opened and before the
 * first guest instruction and the first further thread.
 */
#pragma once

#include "err.h"

/**
 * sandbox_enter() - no_new_privs, no capabilities, not dumpable
 *
 * Should: leave the process with exactly the descriptors it has. Mustn't: be
 * undone by anything later. Return: 0 or a negative errno.
 */
int sandbox_enter(struct err *err);
