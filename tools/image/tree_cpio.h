/*
 * tree_cpio.h - a tree as an SVR4 "newc" cpio, the format of an initrd; one
 * thread.
 *
 * Hard links stay hard links. Several archives may follow each other: a cpio
 * with microcode goes first, uncompressed (linux:
 * Documentation/arch/x86/microcode.rst).
 */
#pragma once

#include "sink.h"
#include "tree.h"

#include <stdint.h>

#define TREE_CPIO_FILE_MAX UINT32_MAX /* bytes: the header has 32 bits */

/**
 * tree_cpio_write() - every entry in path order, the trailer, zeros up to a
 * multiple of 512 bytes
 * @epoch: no time is later
 *
 * The format knows no extended attributes: a warning tells how many entries
 * lose theirs.
 *
 * Return: 0; -EFBIG if a file has more than TREE_CPIO_FILE_MAX bytes, before
 * anything is written; the negative errno of a failed read or write; with @err.
 */
int tree_cpio_write(const struct tree *tree, int64_t epoch, struct sink *sink,
		    struct err *err);

/** tree_cpio_append() - a finished cpio, with zeros up to a multiple of 512
 * bytes. Return: as sink_content(). */
int tree_cpio_append(const struct tree_content *cpio, struct sink *sink,
		     struct err *err);
