/* output_internal.h - shared by the files that make the formats of output.h. */
#pragma once

#include "disk_label.h"
#include "output.h"
#include "sha256.h"
#include "work_dir.h"

#define OUTPUT_MIB ((uint64_t)1 << 20)

/**
 * struct output - a format in the making
 * @work: temporary directory, on the file system of the destination
 * @dir:  its path
 * @seed: sum of the input: every identifier comes from it
 * @made: per suffix: the file is there
 */
struct output {
	const struct output_format *format;
	const struct output_input *input;
	struct work_dir work;
	const char *dir;
	uint8_t seed[SHA256_SIZE];
	bool made[OUTPUT_FILES_MAX];
};

typedef int (*output_make_fn)(struct output *out, struct err *err);

/** output_path() - a path in the temporary directory, to free(). Return: it or
 * NULL with @err. */
char *output_path(const struct output *out, const char *name, struct err *err);

/** output_file_path() - where the file of suffix @i is made; it counts as made.
 * Return: as output_path(). */
char *output_file_path(struct output *out, size_t i, struct err *err);

/** output_open() - make a file for writing and reading. Return: a descriptor or
 * a negative errno with @err. */
int output_open(const char *path, struct err *err);

/** output_step() - tell the caller what comes next. */
void output_step(const struct output *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** output_run() - run a program of Debian's @package. Return: as spawn_run().
 */
int output_run(const struct output *out, const char *package,
	       const char *const *argv, struct err *err);

/** output_uuid() - an identifier of this image for @what, as text. */
void output_uuid(const struct output *out, const char *what,
		 char text[DISK_UUID_TEXT]);

/** output_uuid_bytes() - the same as bytes, in the order of the text. */
void output_uuid_bytes(const struct output *out, const char *what,
		       uint8_t uuid[16]);

/** output_id() - a 32-bit identifier for @what. */
uint32_t output_id(const struct output *out, const char *what);

/** output_cmdline() - as the input has it, with @more behind it. Return: text
 * to free() or NULL with @err. */
char *output_cmdline(const struct output *out, const char *more,
		     struct err *err);

/** output_write_text() - a whole file. Return: 0 or a negative errno with @err.
 */
int output_write_text(const char *path, const char *text, struct err *err);

/** output_write_content() - the same. Return: as tree_content_read(). */
int output_write_content(const char *path, const struct tree_content *content,
			 struct err *err);

/** output_initramfs() - microcode and the whole root, which /init starts.
 * Return: 0 or a negative errno with @err. */
int output_initramfs(const struct output *out, const char *path,
		     struct err *err);

/**
 * output_root_initrd() - microcode and a small initrd that mounts the root
 * @what:   file system and devices: "erofs", "iso9660", ...
 * @verity: the root is checked by dm-verity
 * @always: also if the kernel could mount the root on its own
 * @needed: false: the kernel has all that built in and there is no file
 *
 * Return: 0; -EINVAL if the kernel has no such file system; or a negative
 * errno; with @err.
 */
int output_root_initrd(const struct output *out, const char *what, bool verity,
		       bool always, const char *path, bool *needed,
		       struct err *err);

/** output_uki() - kernel, initrd (NULL: none), command line as one program for
 * UEFI. Return: 0 or a negative errno with @err. */
int output_uki(const struct output *out, const char *initrd,
	       const char *cmdline, const char *path, struct err *err);

/**
 * output_esp() - an EFI system partition that starts @uki
 * @path:  a new file
 * @least: bytes that it has at least
 * @size:  filled: bytes that it has
 *
 * Return: 0 or a negative errno with @err.
 */
int output_esp(const struct output *out, const char *uki, const char *path,
	       uint64_t least, uint64_t *size, struct err *err);

/** output_debian_name() - "arm64" of the architecture. */
const char *output_debian_name(enum output_arch arch);

/** output_efi_name() - "BOOTX64.EFI" of the architecture. */
const char *output_efi_name(enum output_arch arch);

/** output_efi_file() - the whole file of systemd-boot whose name for the
 * architecture fits "linux%s.efi.stub"; free(). Return: 0 or a negative errno
 * with @err. */
int output_efi_file(const struct output *out, const char *pattern, void **bytes,
		    size_t *size, char **path, struct err *err);

/**
 * output_root_fs() - the root as a file system image
 * @type: "erofs", "squashfs", "iso9660"
 *
 * Return: 0 or a negative errno with @err.
 */
int output_root_fs(const struct output *out, const char *type, const char *path,
		   struct err *err);

/**
 * output_iso9660() - a tree as ISO 9660 with Rock Ridge, by xorriso
 * @more: options of mkisofs, ends with NULL
 *
 * Return: 0 or a negative errno with @err.
 */
int output_iso9660(const struct output *out, const struct tree *tree,
		   const char *path, const char *const *more, struct err *err);

/** output_host_disk() - the layout of a machine: two slots and data. Return: 0
 * or a negative errno with @err. */
int output_host_disk(struct output *out, const char *path, struct err *err);

/* The formats, one function each. */
int output_make_tar(struct output *out, struct err *err);
int output_make_docker(struct output *out, struct err *err);
int output_make_oci(struct output *out, struct err *err);
int output_make_kernel_initrd(struct output *out, struct err *err);
int output_make_tar_kernel_initrd(struct output *out, struct err *err);
int output_make_kernel_squashfs(struct output *out, struct err *err);
int output_make_kernel_erofs(struct output *out, struct err *err);
int output_make_kernel_iso(struct output *out, struct err *err);
int output_make_iso_bios(struct output *out, struct err *err);
int output_make_iso_efi(struct output *out, struct err *err);
int output_make_iso_efi_initrd(struct output *out, struct err *err);
int output_make_raw_bios(struct output *out, struct err *err);
int output_make_raw_efi(struct output *out, struct err *err);
int output_make_qcow2_bios(struct output *out, struct err *err);
int output_make_qcow2_efi(struct output *out, struct err *err);
int output_make_vhd(struct output *out, struct err *err);
int output_make_dynamic_vhd(struct output *out, struct err *err);
int output_make_vmdk(struct output *out, struct err *err);
int output_make_gcp(struct output *out, struct err *err);
int output_make_uki(struct output *out, struct err *err);
