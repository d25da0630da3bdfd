/*
 * vm_registry_priv.h - what vm_registry.c (the directory) and vm_claim.c (one
 * VM's place in it) share.
 */
#pragma once

#include "vm_registry.h"

#include <dirent.h>
#include <limits.h>

/**
 * struct vm_registry - an opened state directory
 * @root:      its path
 * @root_fd:   the directory
 * @vms_fd:    ROOT/vms
 * @claims_fd: ROOT/claims
 * @networks_fd: ROOT/networks, see host_network.h
 */
struct vm_registry {
	char root[PATH_MAX];
	int root_fd;
	int vms_fd;
	int claims_fd;
	int networks_fd;
};

/** vm_registry_lock() - wait for the lock of the directory itself. Return: an
 * fd whose closing unlocks it, or a negative errno with @err. */
int vm_registry_lock(struct vm_registry *reg, struct err *err);

/** vm_registry_held() - does somebody hold the lock @file in @dir? Under
 * vm_registry_lock(). */
bool vm_registry_held(int dir, const char *file);

/** vm_registry_alive() - vm_registry_exists() under vm_registry_lock(). */
bool vm_registry_alive(struct vm_registry *reg, const char *name);

/** vm_registry_scan() - Return: a stream over @dir, or NULL. */
DIR *vm_registry_scan(int dir);

/** vm_registry_write() - make @file in @dir anew. Return: 0, or a negative
 * errno, -ENOSPC if not all could be written. */
int vm_registry_write(int dir, const char *file, const void *data, size_t len);

/** vm_registry_read_text() - the start of @file in @dir that fits; "" if it
 * cannot be read. */
void vm_registry_read_text(int dir, const char *file, char *buf, size_t size);

/** vm_registry_remove_dir() - the directory @name in @parent with its files.
 * What stays is the next sweep's. */
void vm_registry_remove_dir(int parent, const char *name);

/** vm_registry_remove() - remove a VM's directory and leftovers. Under
 * vm_registry_lock(). */
void vm_registry_remove(struct vm_registry *reg, const char *name);
