/*
 * host_config.h - host.cfg, parsed and checked.
 *
 * Every problem of a file is found in one pass and reads
 *
 *	host.cfg:12: vms[0].vcpus: 65: need a whole number from 1 to 64
 *
 * Paths in the result are absolute: relative ones start at the folder of the
 * file. Where a file says nothing, identity is filled in so that it stays the
 * same: the UUID of a VM is version 5 of (machine id, absolute path of the
 * file, name), a MAC address is made from that UUID and the index of the
 * interface, and the serial number of disk N is "diskN".
 */
#pragma once

#include "err.h"
#include "host_facts.h"
#include "schema.h"
#include "vm_config.h"

#include <stdbool.h>
#include <stddef.h>

#define HOST_CONFIG_MAX (1U << 20) /* bytes of a file */
#define HOST_NETWORKS_MAX 64
#define HOST_VMS_MAX 1024

/** struct host_network - an entry of networks = (...) */
struct host_network {
	char *name;
	char *bridge;	/* interface name, or NULL */
	char *address;	/* of the bridge, "10.20.0.1/24", or NULL */
	char *address6; /* of the bridge, "fd88::1/64", or NULL */
	char *port;	/* interface of the host that joins, or NULL */
	bool nat;
	bool dhcp;
};

/**
 * struct host_problem - something the operator has to mend
 * @line:  in the file, 0: none
 * @order: in which it was found
 * @text:  "FILE:LINE: KEY: reason"
 */
struct host_problem {
	unsigned int line;
	size_t order;
	char *text;
};

/**
 * struct host_config - a parsed file; owned by host_config_destroy()
 * @path:     absolute path of the file
 * @facts:    the host it was checked against
 * @networks: @num_networks of them
 * @vms:      @num_vms of them, in the order of the file
 * @problems: @num_problems, in the order of the file; none after success
 */
struct host_config {
	char *path;
	struct host_facts facts;
	struct host_network networks[HOST_NETWORKS_MAX];
	size_t num_networks;
	struct vm_config *vms;
	size_t num_vms;
	struct host_problem *problems;
	size_t num_problems;
};

/** host_network_schema - fields of struct host_network. */
extern const struct schema_group host_network_schema;

/**
 * host_config_load() - read, parse and check a file
 * @path: as the operator wrote it, and as it stands in messages
 *
 * Return: 0; -EINVAL if the file has problems: then @err holds the first and
 * says how many more there are, and *out has all of them, no VMs to be started.
 * Another negative errno if it cannot be read: then *out is NULL.
 * host_config_destroy() in any case.
 */
int host_config_load(struct host_config **out, const char *path,
		     struct err *err);

/**
 * host_config_parse() - what host_config_load() does, on text in memory
 * @text:  ends with NUL at @text[@len]
 * @name:  of the file in messages
 * @path:  of the file, absolute: relative paths start at its folder
 * @facts: host to check against
 */
int host_config_parse(struct host_config **out, const char *text, size_t len,
		      const char *name, const char *path,
		      const struct host_facts *facts, struct err *err);

/** host_config_destroy() - free; accepts NULL. */
void host_config_destroy(struct host_config *hc);

/** host_config_find() - a VM by name. Return: it, or NULL. */
struct vm_config *host_config_find(const struct host_config *hc,
				   const char *name);

/** host_config_network() - a network by name. Return: it, or NULL. */
const struct host_network *host_config_network(const struct host_config *hc,
					       const char *name);

/** host_network_is_made() - does lwx-vm make the bridge? A network that only
 * names a bridge joins one that the host has. */
bool host_network_is_made(const struct host_network *network);

/**
 * host_config_select() - the VMs to start, in start order
 * @names: @num names; none: all VMs
 * @vms:   room for hc->num_vms pointers into @hc
 *
 * Checks that the host has the memory and hugepages they need together.
 * Return: number of VMs; -ENOENT for an unknown name, -ENOMEM if they do not
 * fit.
 */
int host_config_select(const struct host_config *hc, const char *const *names,
		       size_t num, struct vm_config **vms, struct err *err);
