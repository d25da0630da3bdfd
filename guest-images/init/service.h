/*
 * service.h - the services of an image and who looks after them. One thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/** services_init() - read all bundles below containers/services. @console:
 * their output also goes to the console. */
void services_init(bool console);

/** services_step() - start, restart, check whatever is due. Return:
 * milliseconds until it wants to be called again. */
int services_step(void);

/** services_list() - state of all, as an array. Return: NULL without memory;
 * json_decref(). */
json_t *services_list(void);

/** services_start(), _stop(), _restart() - by name. Return: 0, -ENOENT: there
 * is none. */
int services_start(const char *name);
int services_stop(const char *name);
int services_restart(const char *name);

/** services_end() - stop all, those that others need last. Returns within
 * twice the longest stop_grace of those that run, and two seconds. */
void services_end(void);
