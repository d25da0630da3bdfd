/*
 * uki_write.h - unified kernel image: a program for UEFI that carries a kernel,
 * its initrd and its command line as sections (the UAPI group's UKI
 * specification); one thread.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define UKI_SECTIONS_MAX 8

/**
 * struct uki_section - one section to add
 * @name: ".linux"; 8 bytes at most
 * @fd:   the content is this file from its start, -1: see @text
 * @text: or these @size bytes
 * @size: bytes of either
 */
struct uki_section {
	const char *name;
	int fd;
	const void *text;
	uint64_t size;
};

/**
 * uki_write() - put sections behind those of a stub
 * @stub:      a PE32+ program with room in its headers, as systemd's stub
 * @stub_size: of it
 * @stub_name: for messages
 * @out:       empty file
 * @epoch:     becomes the time stamp of the program
 *
 * The sections follow each other in the order given. The checksum is zero, as
 * firmware has it: sbsign fills it in.
 *
 * Return: 0; -ENOEXEC if the stub is not one, -EFBIG above 4 GiB, or a negative
 * errno; with @err.
 */
int uki_write(const void *stub, size_t stub_size, const char *stub_name,
	      const struct uki_section *sections, size_t num, int64_t epoch,
	      int out, struct err *err);
