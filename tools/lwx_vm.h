/*
 * lwx_vm.h - what the verbs of the lwx-vm command share.
 */
#pragma once

#include "agent_stream.h"
#include "ctl_client.h"
#include "err.h"
#include "vm_registry.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit status of every verb but start. */
enum lwx_exit {
	LWX_EXIT_OK = 0,
	LWX_EXIT_FAILURE = 1,
	LWX_EXIT_USAGE = 2,
};

#define LWX_CALL_TIMEOUT_MS 10000

/**
 * struct lwx_verb - one verb
 * @name:    as typed
 * @usage:   its arguments
 * @summary: one line for lwx-vm --help
 * @help:    the rest of its own --help
 * @run:     gets the arguments from the verb's name on; returns the exit status
 */
struct lwx_verb {
	const char *name;
	const char *usage;
	const char *summary;
	const char *help;
	int (*run)(const struct lwx_verb *verb, int argc, char **argv);
};

extern const struct lwx_verb lwx_verb_start;
extern const struct lwx_verb lwx_verb_run;
extern const struct lwx_verb lwx_verb_exec;
extern const struct lwx_verb lwx_verb_shell;
extern const struct lwx_verb lwx_verb_cp;
extern const struct lwx_verb lwx_verb_logs;
extern const struct lwx_verb lwx_verb_services;
extern const struct lwx_verb lwx_verb_containers;
extern const struct lwx_verb lwx_verb_shutdown;
extern const struct lwx_verb lwx_verb_forward;
extern const struct lwx_verb lwx_verb_ctr;
extern const struct lwx_verb lwx_verb_wait;
extern const struct lwx_verb lwx_verb_stop;
extern const struct lwx_verb lwx_verb_ps;
extern const struct lwx_verb lwx_verb_console;
extern const struct lwx_verb lwx_verb_pause;
extern const struct lwx_verb lwx_verb_resume;
extern const struct lwx_verb lwx_verb_inspect;
extern const struct lwx_verb lwx_verb_boot_chart;
extern const struct lwx_verb lwx_verb_events;
extern const struct lwx_verb lwx_verb_metrics;
extern const struct lwx_verb lwx_verb_check;
extern const struct lwx_verb lwx_verb_disk;

/** lwx_complain() - one line on stderr: "lwx-vm: text". */
void lwx_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** lwx_help() - the verb's help on stdout. Return: LWX_EXIT_OK. */
int lwx_help(const struct lwx_verb *verb);

/** lwx_usage_error() - what is wrong and how it is used, on stderr.
 * Return: LWX_EXIT_USAGE. */
int lwx_usage_error(const struct lwx_verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** lwx_fail() - print the error. Return: LWX_EXIT_FAILURE. */
int lwx_fail(const struct err *err);

/** lwx_connect() - open the registry and connect to a VM. Return: 0 and *out,
 * or a negative errno with @err. */
int lwx_connect(const char *name, struct ctl_client **out, struct err *err);

/**
 * lwx_call_fd() - one call on a connection of its own, for its descriptor
 *
 * Return: the fd that came with the reply, or a negative errno with @err.
 */
int lwx_call_fd(const char *name, const char *verb,
		const struct ctl_field *fields, unsigned int num_fields,
		struct err *err);

/**
 * lwx_agent() - connect to the agent of a running VM
 *
 * Return: 0 and *out, or a negative errno with @err.
 */
int lwx_agent(const char *name, struct agent_stream **out, struct err *err);

/** lwx_seconds() - "1.5" as a positive number of seconds. Return: 0 or
 * -EINVAL. */
int lwx_seconds(const char *text, double *seconds);

/** lwx_read_all() - a whole descriptor. Return: bytes in *out, which the caller
 * frees, or a negative errno. */
ssize_t lwx_read_all(int fd, uint8_t **out);

/** lwx_write_all() - to stdout. Return: 0 or a negative errno. */
int lwx_write_all(const void *bytes, size_t len);

/** lwx_colour() - ANSI sequence to switch @code on ("1;31"), or "" when stdout
 * is no terminal or NO_COLOR is set; NULL switches off. */
const char *lwx_colour(const char *code);
