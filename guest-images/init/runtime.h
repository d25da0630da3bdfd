/*
 * runtime.h - runtime.json: what is done on the host's side of a container,
 * before it is made and before it starts. One thread.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <sys/types.h>

/** runtime_before() - mounts, mkdir, cgroups. Return: 0 or a negative errno
 * with
 * @err. */
int runtime_before(const json_t *runtime, struct err *err);

/** runtime_created() - interfaces and bindNS of the process @pid, whose program
 * has not started. Return: 0 or a negative errno with @err. */
int runtime_created(const json_t *runtime, pid_t pid, struct err *err);
