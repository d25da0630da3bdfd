/* engines.h - run a group of tests once on each I/O engine. */
#pragma once

#include "io_engine.h"
#include "test.h"

/**
 * run_on_engines() - cmocka_run_group_tests() for io_uring, then for aio
 * @tests: each gets a `const enum io_engine_kind *` as its state
 *
 * An engine that this host refuses is left out, with a line that says why.
 *
 * Return: number of failed tests.
 */
int run_on_engines(const struct CMUnitTest *tests, size_t count);

/** engine_kind() - the kind a test of run_on_engines() is to use. */
static inline enum io_engine_kind engine_kind(void **state)
{
	return *(const enum io_engine_kind *)*state;
}
