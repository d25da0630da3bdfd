/*
 * metadata.h - what whoever starts the machine tells it: a NoCloud disk, the
 * command line. One thread.
 */
#pragma once

#include "cmdline.h"
#include "err.h"

#include <jansson.h>
#include <stddef.h>

/**
 * metadata_load() - find and unpack it below /run/config: provider, hostname,
 * ssh/authorized_keys, userdata and the files that it lists, network-config
 *
 * All is read and parsed in a child: what is wrong with it does not stop the
 * machine.
 */
void metadata_load(const struct cmdline *cmdline);

/**
 * metadata_tree() - {NAME: {"content": TEXT | "entries": {...}, "perm":
 * "0644"}} as files
 * @dir:  below this directory
 * @tree: a name is one part of a path, neither . nor ..
 *
 * Return: 0, -EBADMSG or another negative errno, with @err. Nothing outside
 * @dir is touched, links are not followed.
 */
int metadata_tree(int dir, const json_t *tree, struct err *err);

/** metadata_seed() - what the files of a seed say, below @out; any text may be
 * NULL. Return: 0 or a negative errno with @err. */
int metadata_seed(int out, const char *meta, const char *user,
		  const char *network, struct err *err);

/** metadata_base64() - decode @text into @out, ended with NUL. Return: the
 * length, or -EINVAL, -E2BIG. */
int metadata_base64(const char *text, char *out, size_t size);
