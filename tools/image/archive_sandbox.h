/*
 * archive_sandbox.h - what the process that parses archives may still do.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/**
 * archive_sandbox_enter() - read, write, seek, allocate, end; nothing more
 * @keep:       descriptors that stay open; all others are closed
 * @keep_num:   of them
 * @file_bytes: no file may grow beyond this
 *
 * In the child, once. No new privileges, no core dump; resource limits; where
 * the kernel has Landlock, no path at all; seccomp: any other system call fails
 * with EPERM. Return: 0 or a negative errno with @err.
 */
int archive_sandbox_enter(const int *keep, size_t keep_num, uint64_t file_bytes,
			  struct err *err);
