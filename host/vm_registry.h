/*
 * vm_registry.h - the state directory: which VMs there are, who holds what.
 *
 *	ROOT/lock               held while the directory itself changes
 *	ROOT/claims/cid-3       one per exclusive resource, locked by its holder
 *	ROOT/networks/BRIDGE    networks that lwx-vm made, see host_network.h
 *	ROOT/vms/NAME/lock      locked as long as the VM, or who restarts it,
 *lives /supervisor  locked by the VM's supervisor alone /control     the
 *control socket /config.cbor what it was started with, without descriptors
 *	             /leftovers   paths to remove with it: sockets, cgroups
 *	             /log         messages of a VM that was started with -d
 *
 * Whether something is alive is told by its lock and never by a process id: the
 * kernel drops a lock with the last process that has the file open. Opening the
 * registry sweeps what nobody holds any more.
 *
 * ROOT is $LWX_STATE_DIR, else /run/lwx for root, else $XDG_RUNTIME_DIR/lwx,
 * else /tmp/lwx-UID; it must be ours alone (mode 0700).
 */
#pragma once

#include "ctl_client.h"
#include "err.h"
#include "vm_config.h"

#include <stddef.h>
#include <stdint.h>

struct vm_registry;
struct vm_claim;

/**
 * vm_registry_open() - find or make the state directory and sweep it
 *
 * Return: 0 and *out, or a negative errno with @err; -EPERM if the directory is
 * not ours alone.
 */
int vm_registry_open(struct vm_registry **out, struct err *err);

/** vm_registry_close() - free; claims stay. Accepts NULL. */
void vm_registry_close(struct vm_registry *reg);

/** vm_registry_sweep() - remove what nobody holds any more. */
void vm_registry_sweep(struct vm_registry *reg);

/** vm_registry_root() - Return: the directory's path; valid as long as @reg. */
const char *vm_registry_root(const struct vm_registry *reg);

/**
 * vm_registry_list() - names of the VMs that are alive, sorted
 * @names: set to an array of strings; free with vm_registry_free_list()
 *
 * Return: their number, or a negative errno with @err.
 */
int vm_registry_list(struct vm_registry *reg, char ***names, struct err *err);

/** vm_registry_free_list() - free what vm_registry_list() returned. */
void vm_registry_free_list(char **names, int num);

/** vm_registry_exists() - is a VM of that name alive? */
bool vm_registry_exists(struct vm_registry *reg, const char *name);

/**
 * vm_registry_connect() - talk to a VM
 *
 * Return: 0 and *out (ctl_client_destroy()); -ESRCH if there is no such VM, or
 * a negative errno, with @err.
 */
int vm_registry_connect(struct vm_registry *reg, const char *name,
			struct ctl_client **out, struct err *err);

/**
 * vm_registry_load() - read a file of a VM's directory
 * @size: of @buf
 *
 * Return: bytes read, -EFBIG if there are more, or a negative errno.
 */
ssize_t vm_registry_load(struct vm_registry *reg, const char *name,
			 const char *file, void *buf, size_t size);

/**
 * vm_registry_supervise() - become the supervisor of a VM that has none
 *
 * Return: an fd to keep open while supervising; -EBUSY if the VM is supervised,
 * or another negative errno, with @err.
 */
int vm_registry_supervise(struct vm_registry *reg, const char *name,
			  struct err *err);

/** vm_registry_mark_stop() - ask the supervisor of a VM that waits for its
 * restart to leave it ended. Return: 0 or a negative errno with @err. */
int vm_registry_mark_stop(struct vm_registry *reg, const char *name,
			  struct err *err);

/** vm_claim_stop_marked() - was vm_registry_mark_stop() called? */
bool vm_claim_stop_marked(const struct vm_claim *claim);

/**
 * vm_registry_claim() - claim a VM's name, CID and taps, make its directory
 * @cfg: of the VM; not kept
 *
 * The caller becomes its supervisor. The locks live on in every process that
 * inherits vm_claim_fds().
 *
 * Return: 0 and *out; -EBUSY with the holder named in @err, or another
 * negative errno.
 */
int vm_registry_claim(struct vm_registry *reg, const struct vm_config *cfg,
		      struct vm_claim **out, struct err *err);

/** vm_claim_release() - give everything back and remove the directory: the VM
 * has ended. Accepts NULL. */
void vm_claim_release(struct vm_claim *claim);

/** vm_claim_fds() - the locks to hand to lwx-vmm. Return: their number. */
unsigned int vm_claim_fds(const struct vm_claim *claim, const int **fds);

/** vm_claim_add() - one more fd that lives as long as the VM; taken over in any
 * case. Return: 0 or -E2BIG with @err. */
int vm_claim_add(struct vm_claim *claim, int fd, struct err *err);

/** vm_claim_listen() - make the control socket anew. Return: the listening fd,
 * owned by the caller, or a negative errno with @err. */
int vm_claim_listen(struct vm_claim *claim, struct err *err);

/** vm_claim_store() - write a file of the directory. Return: 0 or a negative
 * errno with @err. */
int vm_claim_store(struct vm_claim *claim, const char *file, const void *data,
		   size_t len, struct err *err);

/** vm_claim_log() - open the VM's log for appending. Return: the fd, owned by
 * the caller, or a negative errno with @err. */
int vm_claim_log(struct vm_claim *claim, struct err *err);
