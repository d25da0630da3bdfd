/* run_config.h - lwx-vm run: from its options to the configuration of a VM. */
#pragma once

#include "err.h"
#include "vm_config.h"

#define RUN_SHARES_MAX 15 /* beside the root */
#define RUN_DISKS_MAX 7	  /* beside the image */
#define RUN_ENV_MAX 256

/**
 * struct run_options - the command line
 * @kernel:  file, or NULL: the host's
 * @initrd:  file; only without a root
 * @modules: lib/modules/RELEASE of the kernel, or NULL: found by its release
 * @root:    folder that becomes the guest's root, or NULL
 * @image:   disk file that becomes it, or NULL
 * @shares:  "HOSTDIR:/path[:ro]"
 * @disks:   "FILE[:ro]"
 * @env:     "NAME=VALUE", ends with NULL
 * @net:     a network as the user's own, by passt(1)
 * @vsock:   path of the sockets of its vsock, or NULL; only without a root,
 *           which has one for its agent
 * @dir:     where the command works, or NULL
 * @announce: how the kernel learns of its devices
 * @memory:  bytes
 * @timeout: seconds, 0: none
 * @junit:   file for a report, or NULL
 * @tty:     give the command a terminal
 * @verbose: the console goes to stderr
 * @command: ends with NULL
 */
struct run_options {
	const char *kernel;
	const char *initrd;
	const char *modules;
	const char *root;
	const char *image;
	const char *shares[RUN_SHARES_MAX];
	size_t num_shares;
	const char *disks[RUN_DISKS_MAX];
	size_t num_disks;
	char *env[RUN_ENV_MAX + 2];
	size_t num_env;
	bool net;
	const char *vsock;
	const char *dir;
	enum vm_announce announce;
	uint32_t cpus;
	uint64_t memory;
	double timeout;
	const char *junit;
	bool tty;
	bool verbose;
	char **command;
};

/** run_has_agent() - does the command run in a root, by lwx-agent? Else its
 * words are the kernel's, and the VM's end is the result. */
bool run_has_agent(const struct run_options *options);

/**
 * run_config_make() - the VM
 * @state: state directory, for its socket
 * @name:  of the VM, unique among those that live
 * @cfg:   initialised; filled, partly after a failure
 *
 * Return: 0 or a negative errno with @err.
 */
int run_config_make(const struct run_options *options, const char *state,
		    const char *name, struct vm_config *cfg, struct err *err);
