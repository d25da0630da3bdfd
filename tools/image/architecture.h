/*
 * architecture.h - what an architecture is called, and where its programs are.
 * Any thread.
 */
#pragma once

#include "err.h"

#include <stddef.h>

/** architecture_native() - of this machine, as OCI and Debian call it. */
const char *architecture_native(void);

/** architecture_parse() - "amd64" for amd64 and x86_64, "arm64" for arm64 and
 * aarch64. Return: NULL if it is none of these. */
const char *architecture_parse(const char *text);

/** architecture_any() - the same, but a name that is none of these stays:
 * images may be for machines that we build nothing for. */
const char *architecture_any(const char *text);

/** architecture_machine() - as uname and QEMU call it: "x86_64", "aarch64".
 * Return: NULL if @name is not one of architecture_parse(). */
const char *architecture_machine(const char *name);

/** architecture_console() - the serial console of a usual machine: "ttyS0",
 * "ttyAMA0". */
const char *architecture_console(const char *name);

/**
 * architecture_program() - where our program for guests of @name is
 * @program: "lwx-init"
 * @path:    filled; @size bytes
 *
 * Return: 0, or -ENOENT with @err, which says how it is made.
 */
int architecture_program(const char *name, const char *program, char *path,
			 size_t size, struct err *err);
