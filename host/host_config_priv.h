/* host_config_priv.h - between the files of the host.cfg parser. */
#pragma once

#include "host_config.h"

#include <libconfig.h>

/**
 * struct host_loader - one run of host_config_parse()
 * @hc:      being filled
 * @file:    libconfig's tree
 * @name:    of the file in messages
 * @dir_len: bytes of hc->path that are the folder relative paths start at
 * @muted:   problems are not recorded, because they were before
 * @rc:      0 or -ENOMEM
 */
struct host_loader {
	struct host_config *hc;
	config_t file;
	const char *name;
	int dir_len;
	bool muted;
	int rc;
};

#define HOST_KEY_MAX 96 /* bytes of "vms[12].disks[3].limit.bytes" */

/** host_problem_add() - record "FILE:LINE: KEY: reason". */
void host_problem_add(struct host_loader *l, unsigned int line, const char *key,
		      const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** host_config_refuse() - host_problem_add() at the line of @key. */
void host_config_refuse(struct host_loader *l, const char *key, const char *fmt,
			...) __attribute__((format(printf, 3, 4)));

/** host_config_scan() - find what libconfig would take silently: numbers it
 * would cut to 32 bits, @include, NUL, nesting without bound. */
void host_config_scan(struct host_loader *l, const char *text, size_t len);

/** host_config_line() - line of "vms[0].boot.kernel", or of the nearest thing
 * around it that the file has. */
unsigned int host_config_line(struct host_loader *l, const char *key);

/** host_config_type() - what a setting is, in words. */
const char *host_config_type(const config_setting_t *s);

/** host_config_typed() - has the setting the type the field takes? Reports. */
bool host_config_typed(struct host_loader *l, const config_setting_t *s,
		       const struct schema_field *field, const char *key);

/** host_config_unknown() - report a key that the table does not have. */
void host_config_unknown(struct host_loader *l, const config_setting_t *s,
			 const struct schema_group *group, unsigned int flags,
			 const char *key);

/** host_config_value() - one setting into its field, checked. */
void host_config_value(struct host_loader *l, const config_setting_t *s,
		       const struct schema_field *field, void *base,
		       unsigned int flags, const char *key);

/** host_config_walk() - values of a group of the file into a structure.
 * @flags: which keys may stand there; @prefix: key of the group, "vms[0]". */
void host_config_walk(struct host_loader *l, const config_setting_t *from,
		      const struct schema_group *group, void *base,
		      unsigned int flags, const char *prefix);

/** host_config_check_vm() - values of one VM that do not go together. */
void host_config_check_vm(struct host_loader *l, size_t index);

/** host_config_check_networks() - networks and the addresses and ports that
 * VMs ask of them; names the bridges that the file does not name. */
void host_config_check_networks(struct host_loader *l);

/** host_config_assign() - addresses of networks with DHCP that the file leaves
 * out, the lowest free ones. Return: 0 or -ENOMEM. */
int host_config_assign(struct host_config *hc);

/** host_config_check_refs() - what the values name: files, networks, CPUs. */
void host_config_check_refs(struct host_loader *l);

/** host_config_check_unique() - names and resources that two VMs claim. */
void host_config_check_unique(struct host_loader *l);

/** host_config_identity() - UUIDs, MAC addresses and serial numbers that the
 * file leaves out. */
void host_config_identity(struct host_loader *l);
