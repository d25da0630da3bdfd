/*
 * container.h - a container of an image, run by crun. One thread.
 */
#pragma once

#include "err.h"
#include "process.h"

#include <stdbool.h>

struct log_ring;

/**
 * struct container - one bundle
 * @path:    of the bundle, "/containers/services/NAME"
 * @id:      for crun: the last part of @path
 * @log:     where its output goes; NULL until the first start
 * @output:  read end of what it writes to, or -1
 * @console: its output also goes to the console
 * @ready:   its mounts are made
 * @main:    its first process
 */
struct container {
	char path[512];
	char id[256];
	struct log_ring *log;
	int output;
	bool console;
	bool ready;
	struct child main;
};

/** container_debug() - crun tells what it does; for all containers. */
void container_debug(bool on);

/** container_init() - @path: of the bundle. */
void container_init(struct container *container, const char *path,
		    bool console);

/** container_fini() - it has ended; its log stays. */
void container_fini(struct container *container);

/**
 * container_start() - mounts, create, what is done to its namespaces, start
 * @stoppable: give up if a power-off is asked for
 *
 * Return: 0 and @main is watched; a negative errno with @err, and nothing is
 * left of it.
 */
int container_start(struct container *container, bool stoppable,
		    struct err *err);

/** container_stop() - SIGTERM, or SIGKILL if @hard. */
void container_stop(struct container *container, bool hard);

/** container_ended() - clean up after @main is done. */
void container_ended(struct container *container);

/** container_check() - start @command in it. Return: the pid of crun exec, or a
 * negative errno. */
pid_t container_check(struct container *container, char *const *command,
		      size_t num);

/** container_run_all() - each bundle below @dir, by name, to its end, for at
 * most
 * @timeout_ms each (-1: as long as it takes). Return: how many failed. */
unsigned int container_run_all(const char *dir, int timeout_ms);
