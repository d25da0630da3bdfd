/*
 * seed.h - what a machine is told at its start: a NoCloud seed. One thread.
 *
 * cloud-init, LinuxKit's metadata package and lwx-init read it from a disk with
 * the label "cidata"; user data alone also travels on a kernel's command line
 * or through a cloud. YAML that lwx-init has to read becomes JSON, which is
 * YAML too.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct seed - the files of it; zero-initialise
 * @user:      user data, @user_size bytes; owned
 * @meta:      a map: instance-id, local-hostname, public-keys; owned
 * @network:   a map, version 2, or NULL; owned
 */
struct seed {
	char *user;
	size_t user_size;
	json_t *meta;
	json_t *network;
};

/** seed_user_text() - user data as it is. JSON has to be the files of
 * seed_user_tree(). @name: for messages. Return: 0, -EBADMSG or another
 * negative errno, with @err. */
int seed_user_text(struct seed *seed, const char *text, size_t size,
		   const char *name, struct err *err);

/** seed_user_file() - the same of a file. */
int seed_user_file(struct seed *seed, const char *path, struct err *err);

/**
 * seed_user_tree() - all files below a directory as user data
 *
 * {NAME: {"content": TEXT | "entries": {...}, "perm": "0644"}}, which becomes
 * files below /run/config.
 *
 * Return: 0; -EINVAL if a file is neither a directory nor UTF-8 text, or
 * another negative errno; with @err.
 */
int seed_user_tree(struct seed *seed, const char *dir, struct err *err);

/** seed_meta_file() - meta data, a map in YAML. Return: as seed_user_text(). */
int seed_meta_file(struct seed *seed, const char *path, struct err *err);

/** seed_network_file() - network-config of version 2 in YAML. Return: as
 * seed_user_text(). */
int seed_network_file(struct seed *seed, const char *path, struct err *err);

/** seed_hostname() - into the meta data. Return: 0, -EINVAL or -ENOMEM with
 * @err. */
int seed_hostname(struct seed *seed, const char *name, struct err *err);

/** seed_keys_file() - a file of public keys, as of ssh-keygen(1), into the meta
 * data. Return: as seed_user_text(). */
int seed_keys_file(struct seed *seed, const char *path, struct err *err);

/** seed_fini() - release. */
void seed_fini(struct seed *seed);

enum seed_format {
	SEED_ISO,    /* ISO 9660 with the label cidata */
	SEED_FAT,    /* FAT32 with that label */
	SEED_RAW,    /* the user data alone */
	SEED_BASE64, /* the same for lwx.userdata= or guestinfo.userdata */
};

/**
 * seed_write() - make the file
 * @path:  appears complete; SEED_RAW, SEED_BASE64: "-" is standard output
 * @epoch: of everything in it
 *
 * Without an instance-id in the meta data the sum of all is taken: equal seeds
 * are the same bytes, others are another instance.
 *
 * Return: 0, -EINVAL if there is nothing to tell, or a negative errno; with
 * @err.
 */
int seed_write(struct seed *seed, enum seed_format format, const char *path,
	       int64_t epoch, struct err *err);
