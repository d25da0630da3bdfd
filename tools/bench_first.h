/*
 * bench_first.h - the smallest guest there is: an ELF with a PVH note whose
 * first instructions print one character on COM1 and then end the VM or halt
 * for good. Its first character marks the first guest instruction.
 */
#pragma once

#include "err.h"

#define BENCH_FIRST_TEXT "!"

/**
 * bench_first_create() - write the ELF to a new file
 * @path: template for mkstemp(3), replaced by the name; the caller unlinks it
 * @halt: halt after the character instead of ending the VM
 *
 * Return: 0 or a negative errno.
 */
int bench_first_create(char *path, int halt, struct err *err);
