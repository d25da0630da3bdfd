/*
 * foreign.h - a place where programs of another architecture run, for the
 * scripts of packages.
 *
 * The kernel gives such a program to QEMU's user mode emulation. If this
 * machine does not do so anyway, a user namespace of our own does, with a
 * binfmt_misc that is seen there alone (Linux 6.7): nothing is registered on
 * the machine, and no root is needed. One thread.
 */
#pragma once

#include "err.h"

#include <stddef.h>

#define FOREIGN_WORDS_MAX 4U

/** struct foreign - one place; NULL: programs run as they are */
struct foreign;

/**
 * foreign_open() - make one for @architecture ("arm64")
 * @out: NULL if this machine runs these programs
 *
 * Return: 0, then foreign_close(); -ENOENT if QEMU is missing, -ENOTSUP if the
 * kernel has no way, -EINVAL if the architecture is unknown, or another
 * negative errno; with @err.
 */
int foreign_open(struct foreign **out, const char *architecture,
		 struct err *err);

/** foreign_close() - what runs there keeps it. */
void foreign_close(struct foreign *foreign);

/** foreign_words() - put the words into @argv, FOREIGN_WORDS_MAX at most, that
 * run what follows there, as root. Return: their number; they belong to
 * @foreign. */
size_t foreign_words(const struct foreign *foreign, const char **argv);

/** foreign_fds() - the descriptors that such a program needs. Return: two. */
const int *foreign_fds(const struct foreign *foreign);
