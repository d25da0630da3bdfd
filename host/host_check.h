/*
 * host_check.h - is this host fit to run VMs, and what to do where it is not.
 */
#pragma once

#include "host_config.h"

#include <stddef.h>
#include <stdio.h>

#define HOST_CHECKS_MAX 24

enum host_check_status {
	HOST_CHECK_OK,
	HOST_CHECK_WARN, /* some VMs cannot run, or run less well */
	HOST_CHECK_FAIL, /* no VM can run, or one of the file cannot */
};

/**
 * struct host_check_result - one finding
 * @name:   stable word: "kvm"
 * @status: how bad
 * @detail: what was found
 * @advice: what to do, "" if nothing
 */
struct host_check_result {
	const char *name;
	enum host_check_status status;
	char detail[256];
	char advice[320];
};

/** struct host_check - all findings, in a fixed order */
struct host_check {
	struct host_check_result results[HOST_CHECKS_MAX];
	size_t num;
};

/**
 * host_check_run() - look at everything; nothing is left behind
 * @vmm_path: lwx-vmm, which is run with --probe; NULL: not found
 * @hc:       VMs that are to run here: what they need becomes a failure where
 *            it is missing; NULL: a look at the host alone
 */
void host_check_run(struct host_check *check, const char *vmm_path,
		    const struct host_config *hc);

/** host_check_worst() - the worst status found. */
enum host_check_status host_check_worst(const struct host_check *check);

/** host_check_status_name() - "ok", "warn", "fail". */
const char *host_check_status_name(enum host_check_status status);

/**
 * host_check_json() - {"results":[{"name","status","detail","advice"},...]}
 *
 * Return: one line of text, the caller's to free, or NULL without memory.
 */
char *host_check_json(const struct host_check *check);
