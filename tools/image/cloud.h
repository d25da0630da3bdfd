/*
 * cloud.h - images for clouds: whether a file is one that a cloud takes, and
 * the commands of its own tool that upload it. Nothing is sent from here, no
 * credential is read. One thread.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* What commands may be told; the name of each is an option of lwx-image push.
 */
enum cloud_value {
	CLOUD_FILE, /* these four are not options */
	CLOUD_BASE, /* the last component of the path */
	CLOUD_CMDLINE,
	CLOUD_UEFI,
	CLOUD_NAME,
	CLOUD_ACCOUNT,
	CLOUD_BUCKET,
	CLOUD_CONTAINER,
	CLOUD_DATASTORE,
	CLOUD_FAMILY,
	CLOUD_GROUP,
	CLOUD_PLAN,
	CLOUD_PROJECT,
	CLOUD_REGION,
	CLOUD_URL,
	CLOUD_VALUES
};

#define CLOUD_OPTION_FIRST CLOUD_NAME

/**
 * struct cloud - one of them
 * @name:     as typed
 * @format:   of lwx-image build that it takes
 * @suffixes: of the file, behind the name of an image; ends with NULL
 * @check:    is this file one that it takes? @size: filled, bytes of the disk.
 *            Return: 0; -EBADMSG if not, or a negative errno; with @err
 * @commands: "{value}", "[only if {value} is given]"; ends with NULL
 */
struct cloud {
	const char *name;
	const char *format;
	const char *suffixes[3];
	int (*check)(const char *path, uint64_t *size, struct err *err);
	const char *commands[8];
};

/** cloud_find() - by name. Return: NULL, with all names in @err. */
const struct cloud *cloud_find(const char *name, struct err *err);

/** cloud_value_name() - "bucket". */
const char *cloud_value_name(enum cloud_value value);

/**
 * cloud_commands() - the commands with values put in
 * @values: NULL: not given; a command that needs it has "${BUCKET:?}", which a
 *          shell complains about unless it is set
 * @out:    array of texts; json_decref()
 *
 * Return: 0 or -ENOMEM with @err.
 */
int cloud_commands(json_t **out, const struct cloud *cloud,
		   const char *const values[CLOUD_VALUES], struct err *err);

/* The checks, see @check of struct cloud. */
int cloud_check_raw(const char *path, uint64_t *size, struct err *err);
int cloud_check_gcp(const char *path, uint64_t *size, struct err *err);
int cloud_check_vhd(const char *path, uint64_t *size, struct err *err);
int cloud_check_qcow2(const char *path, uint64_t *size, struct err *err);
int cloud_check_vmdk(const char *path, uint64_t *size, struct err *err);
int cloud_check_kernel(const char *path, uint64_t *size, struct err *err);
