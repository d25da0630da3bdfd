/*
 * root_init.h - the parts of lwx-root-init, some of them also of lwx-run-init.
 * Both are process 1 of an initrd: what goes wrong is said on the console and
 * ends in a panic.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32

/** root_program - who speaks in root_say(). */
extern const char *const root_program;

/** root_say() - a line on the console, with errno's text if @code is not 0. */
void root_say(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** root_modules_load() - load what /modules.load lists, in that order. What
 * fails is said; the rest goes on. */
void root_modules_load(void);

/** root_find_partition() - the device of a GPT partition by its UUID in lower
 * case. Return: 0 with "/dev/..." in @dev, or -1. */
int root_find_partition(const char *uuid, char *dev, size_t size);

/** root_find_label() - the device with an ISO 9660 volume called @label.
 * Return: as root_find_partition(). */
int root_find_label(const char *label, char *dev, size_t size);

/**
 * root_verity() - a device that checks every block against @hash
 * @data: "/dev/..." of the file system
 * @tree: "/dev/..." of the hashes, with veritysetup's header
 * @hash: 64 hexadecimal digits
 * @dev:  filled: its path
 *
 * Return: 0, or -1 after root_say().
 */
int root_verity(const char *data, const char *tree, const char *hash, char *dev,
		size_t size);
