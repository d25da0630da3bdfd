/*
 * platform.h - the board's own registers: exit code, reset, sleep, pvpanic and
 * the i8042's reset command. What each does is in docs/machine.md.
 *
 * Any vCPU thread; there is no state to guard.
 */
#pragma once

#include "err.h"
#include "io_bus.h"
#include "machine_desc.h"

/** What a guest asked for by writing a register. */
enum platform_request {
	PLATFORM_EXIT,	       /* @value: exit code 0-255 */
	PLATFORM_RESET,	       /* orderly reset */
	PLATFORM_POWEROFF,     /* ACPI S5 */
	PLATFORM_PANIC,	       /* the guest kernel panicked and gave up */
	PLATFORM_CRASH_LOADED, /* it panicked and runs its crash kernel */
};

/**
 * struct platform - where requests go; embed, keep until the bus is destroyed
 * @desc:    ports to claim
 * @request: [vCPU thread] called for each request; must not block
 * @opaque:  first argument of @request
 */
struct platform {
	const struct machine_desc *desc;
	void (*request)(void *opaque, enum platform_request request,
			uint8_t value);
	void *opaque;
};

/** platform_add() - claim the ports of @p->desc on the bus. Return: 0 or the
 * error of io_bus_add(). */
int platform_add(struct platform *p, struct io_bus *pio, struct err *err);
