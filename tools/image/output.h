/*
 * output.h - the formats of an image and the files that each is made of.
 *
 * One table. A format is a pure function of struct output_input: the same input
 * gives the same bytes in any directory, at any time, for any user. Its files
 * are made in a temporary directory beside their destination and renamed once
 * all are complete and on disk, so that any failure leaves what was there
 * before and nothing else. One thread.
 */
#pragma once

#include "err.h"
#include "oci.h"
#include "sink.h"
#include "tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output_arch {
	OUTPUT_X86_64,
	OUTPUT_ARM64,
};

enum output_role {
	OUTPUT_CONTAINER, /* no kernel: tar, docker, oci */
	OUTPUT_VM,
	OUTPUT_HOST, /* disks have two slots, see output_host.c */
};

/**
 * struct output_input - what an image is made from; zero-initialise
 * @root:         the root file system, without kernel, command line, microcode
 * @kernel:       what a boot loader loads (bzImage; arm64: Image), NULL: none
 * @cmdline:      kernel command line without a newline, NULL: empty
 * @ucode:        cpio that goes in front of every initrd, NULL: none
 * @arch:         of the image
 * @role:         what it is for
 * @name:         of the image, also its label on disks; not NULL
 * @version:      of the image, NULL: "0"
 * @release:      of the kernel ("6.1.0-49-cloud-amd64"), NULL: the one
 * directory in lib/modules of @root if there is just one
 * @initrd:       compression of initrds
 * @size:         of a disk in bytes, 0: as small as its content allows
 * @esp:          bytes of that partition of a host, 0: 1 GiB
 * @slot:         bytes of a root of a host, 0: 2 GiB
 * @data:         bytes of the data of a host at least, 0: 256 MiB
 * @epoch:        SOURCE_DATE_EPOCH: no time in an image is later
 * @layers:       docker, oci: base first; NULL: one layer, @root
 * @layer_num:    of them
 * @config:       docker, oci: NULL: an empty one of @arch
 * @scratch:      directory for temporary trees, NULL: beside the output
 * @efi_dir:      where systemd-boot and its stubs are, NULL: Debian's place
 * @syslinux_dir: where isolinux.bin, mbr.bin, modules are, NULL: Debian's
 * places
 * @root_init:    the program lwx-root-init for @arch, NULL: where it is
 *                installed
 * @progress:     told before each step ("erofs: 21 MB"), NULL: nobody is
 * @progress_arg: its first argument
 */
struct output_input {
	const struct tree *root;
	struct tree_content *kernel;
	const char *cmdline;
	struct tree_content *ucode;
	enum output_arch arch;
	enum output_role role;
	const char *name;
	const char *version;
	const char *release;
	enum compression initrd;
	uint64_t size;
	uint64_t esp;
	uint64_t slot;
	uint64_t data;
	int64_t epoch;
	const struct tree *const *layers;
	size_t layer_num;
	const struct oci_config *config;
	const char *scratch;
	const char *efi_dir;
	const char *syslinux_dir;
	const char *root_init;
	void (*progress)(void *arg, const char *text);
	void *progress_arg;
};

#define OUTPUT_FILES_MAX 4

/**
 * struct output_format - a line of the table
 * @name:         as --format takes it
 * @summary:      for --help and the manual
 * @suffixes:     its files: the name of the image and one of these; NULL after
 *                the last
 * @optional:     bit per suffix: the file is there only if the image needs it
 * @arch_mask:    bit per enum output_arch
 * @needs_kernel: fails without @kernel
 * @disk:         honours @size
 */
struct output_format {
	const char *name;
	const char *summary;
	const char *suffixes[OUTPUT_FILES_MAX + 1];
	unsigned int optional;
	unsigned int arch_mask;
	bool needs_kernel;
	bool disk;
};

/** output_format_num() - lines of the table. */
size_t output_format_num(void);

/** output_format_at() - line @i of output_format_num(). */
const struct output_format *output_format_at(size_t i);

/**
 * output_format_find() - the format called @name
 *
 * Return: 0; -ENOTSUP for one of LinuxKit's that is not made here, -EINVAL for
 * an unknown name, with the nearest one; with @err.
 */
int output_format_find(const char *name, const struct output_format **out,
		       struct err *err);

/** output_format_check() - can @format be made from @input, as far as that can
 * be said without work? Return: 0 or -EINVAL with @err. */
int output_format_check(const struct output_format *format,
			const struct output_input *input, struct err *err);

/**
 * struct output_result - the files that were made
 * @paths:    of each suffix; NULL: it was not needed
 * @sizes:    in bytes
 */
struct output_result {
	char *paths[OUTPUT_FILES_MAX];
	uint64_t sizes[OUTPUT_FILES_MAX];
};

/**
 * output_make() - make one format
 * @base:   directory and name: the files are @base and a suffix
 * @file:   exact path instead, for a format of one file; NULL: see @base
 * @result: filled; output_result_fini() when done; may be NULL
 *
 * An optional file that is not needed any more is removed.
 *
 * Return: 0; -EINVAL as output_format_check(); -ENOSPC, -EFBIG if @size is too
 * small, -ECHILD if a program failed, -EINTR once a signal has come, or another
 * negative errno; with @err. Then the files at the destination are those of
 * before.
 */
int output_make(const struct output_format *format,
		const struct output_input *input, const char *base,
		const char *file, struct output_result *result,
		struct err *err);

/** output_result_fini() - release; a zeroed one is fine. */
void output_result_fini(struct output_result *result);
