/*
 * host_facts.h - what a configuration is measured against: memory, hugepages
 * and CPUs of this host. Tests bring their own.
 */
#pragma once

#include "err.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define HOST_FACTS_ID_SIZE 37 /* a UUID as text */
#define HOST_FACTS_PATH_SIZE 256

/**
 * struct host_facts - this host
 * @memory:         bytes of RAM in all
 * @hugepages_2m:   bytes in free 2 MiB pages of the pool
 * @hugepages_1g:   bytes in free 1 GiB pages of the pool
 * @cpus:           CPUs this process may run on
 * @cgroup2:        where cgroup v2 is mounted; "" if it is not
 * @machine_id:     of /etc/machine-id as a UUID; all zeroes if there is none
 */
struct host_facts {
	uint64_t memory;
	uint64_t hugepages_2m;
	uint64_t hugepages_1g;
	cpu_set_t cpus;
	char cgroup2[HOST_FACTS_PATH_SIZE];
	char machine_id[HOST_FACTS_ID_SIZE];
};

/** host_facts_cgroup2() - first mount point of cgroup v2 into @path. Return: 0,
 * or -ENODEV if there is none. */
int host_facts_cgroup2(char path[HOST_FACTS_PATH_SIZE]);

/** host_facts_find_program() - where program @name is: in PATH, or where Debian
 * keeps programs that are not for people. Return: is there one? */
bool host_facts_find_program(const char *name, char path[HOST_FACTS_PATH_SIZE]);

/** host_facts_get() - ask the kernel. Return: 0 or a negative errno. */
int host_facts_get(struct host_facts *facts, struct err *err);

/** host_facts_cpus() - "0-3,8" into @buf of @size bytes. Return: @buf. */
const char *host_facts_cpus(const struct host_facts *facts, char *buf,
			    size_t size);
