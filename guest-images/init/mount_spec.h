/*
 * mount_spec.h - mounts as the OCI writes them: type, source, destination,
 * options. One thread.
 */
#pragma once

#include "err.h"

#include <jansson.h>

#define MOUNT_DATA_MAX 4096U

/**
 * struct mount_flags - options, sorted by how they reach the kernel
 * @flags:       MS_ of mount(2) without propagation
 * @propagation: MS_SHARED and the like, with MS_REC; 0: none
 * @data:        what the file system itself gets, with commas
 */
struct mount_flags {
	unsigned long flags;
	unsigned long propagation;
	char data[MOUNT_DATA_MAX];
};

/** mount_flags_add() - one more option. Return: 0, or -E2BIG if @data is
 * full. */
int mount_flags_add(struct mount_flags *flags, const char *option);

/** mount_options_parse() - an array of texts. Return: 0, -EBADMSG, -E2BIG. */
int mount_options_parse(struct mount_flags *flags, const json_t *options);

/** mount_option_value() - the value of NAME=VALUE in @data. Return: its length,
 * 0 if there is none; @value: into @data. */
size_t mount_option_value(const char *data, const char *name,
			  const char **value);

/** mount_apply() - mount; a place and an overlay's upper and work that are
 * missing are made. Return: 0 or a negative errno with @err. */
int mount_apply(const json_t *mount, struct err *err);
