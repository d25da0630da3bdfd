/*
 * console_out.h - console output of several VMs on one descriptor, by lines
 * with the VM's name in front; one VM's output goes through unchanged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LINE_MAX 1000  /* longer ones are broken */
#define CONSOLE_CHUNK_MAX 1024 /* bytes per console_out_add() */

/**
 * struct console_line - what a VM has printed of its current line
 * @name: put in front of lines; NULL: bytes pass unchanged
 */
struct console_line {
	const char *name;
	char text[CONSOLE_LINE_MAX];
	size_t len;
};

/**
 * struct console_out - the common output; writes never block the caller
 * @fd:  where to; -1 after it failed: output is discarded
 * @buf: @len bytes that wait for console_out_flush()
 */
struct console_out {
	int fd;
	size_t len;
	uint8_t buf[65536];
};

/** console_out_has_room() - may console_out_add() be called? */
bool console_out_has_room(const struct console_out *out);

/** console_out_add() - bytes of one VM, at most CONSOLE_CHUNK_MAX. */
void console_out_add(struct console_out *out, struct console_line *line,
		     const char *bytes, size_t len);

/** console_out_end() - the VM is gone: its last line needs no newline. */
void console_out_end(struct console_out *out, struct console_line *line);

/** console_out_flush() - write once; call when the fd polls writable. */
void console_out_flush(struct console_out *out);
