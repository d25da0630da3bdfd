/*
 * say.h - what the init has to tell: to the kernel's log, which shows it on the
 * console by its level, and to /dev/console itself. One thread.
 */
#pragma once

#include "err.h"

/** say_error() - level 3, on the console also with "quiet". */
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** say_info() - level 6. */
void say_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** say_errno() - say_error() with errno's text. */
void say_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** say_err() - say_error() of a recorded failure. */
void say_err(const struct err *err);

/** say_mark() - note in /run/lwx-init/boot how long after power-on @what was
 * reached. */
void say_mark(const char *what);

/**
 * say_step() - note the same in /run/lwx-init/steps, for the host's boot chart
 * @event: "begin", "up" or "end"
 * @kind:  "init", "onboot", "service" or "agent"
 */
void say_step(const char *event, const char *kind, const char *name);
