/*
 * output_iso.c - CDs that are USB sticks too. See output_internal.h.
 *
 * BIOS: ISOLINUX starts kernel and initramfs. UEFI: a FAT partition appended to
 * the ISO 9660 file system holds the unified kernel image. The ISO 9660 part is
 * written from a tree, so owners and times are those of the tree.
 */
#include "output_internal.h"

#include "cleanup.h"
#include "disk_fat.h"
#include "file_io.h"
#include "macros.h"
#include "spawn.h"
#include "syslinux.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define VOLUME_SIZE 16

static void volume_name(const struct output *out, char volume[VOLUME_SIZE])
{
	(void)snprintf(volume, VOLUME_SIZE, "LWX%08X", output_id(out, "iso"));
}

static int put_file(struct tree *tree, const char *path, const char *source,
		    struct err *err)
{
	AUTO_CLOSE int fd = open(source, O_RDONLY | O_CLOEXEC);
	char name[64];
	struct tree_entry entry = {
		.path = name,
		.type = TREE_FILE,
		.mode = 0644,
	};
	int rc = fd < 0 ? err_set(err, -errno, "%s: open", source)
			: file_size(fd, &entry.size, source, err);

	(void)snprintf(name, sizeof(name), "%s", path);
	if (!rc)
		rc = tree_content_file(&entry.content, fd, 0, entry.size, err);
	if (!rc)
		rc = tree_put(tree, &entry, err);
	tree_content_unref(entry.content);
	return rc;
}

/* xorriso takes times and identifiers from SOURCE_DATE_EPOCH. */
static int run_xorriso(const struct output *out, const struct tree *tree,
		       const char *path, const char *const *more,
		       struct err *err)
{
	const char *argv[48] = {"xorriso", "-no_rc", "-as",	   "mkisofs",
				"-quiet",  "-R",     "--hardlinks", "-V"};
	struct spawn spawn = {
		.argv = argv,
		.package = "xorriso",
		.epoch = out->input->epoch,
	};
	char volume[VOLUME_SIZE];
	size_t num = 8;

	volume_name(out, volume);
	argv[num++] = volume;
	for (size_t i = 0; more[i] && num < ARRAY_SIZE(argv) - 4; i++)
		argv[num++] = more[i];
	argv[num++] = "-o";
	argv[num++] = path;
	argv[num] = tree_dir_here;
	output_step(out, "ISO 9660");
	return tree_dir_run(
		tree, out->input->scratch ? out->input->scratch : out->dir,
		&spawn, err);
}

static int fill_bios(const struct output *out, struct tree *tree,
		     struct err *err)
{
	static const char *const loaders[] = {"isolinux.bin", "ldlinux.c32"};
	AUTO_FREE char *kernel = output_path(out, "kernel", err);
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	AUTO_FREE char *config = output_path(out, "config", err);
	int rc;

	if (!kernel || !initrd || !config)
		return -ENOMEM;
	rc = output_write_content(kernel, out->input->kernel, err);
	if (!rc)
		rc = output_initramfs(out, initrd, err);
	if (!rc)
		rc = syslinux_config(out, "/boot/", config, err);
	if (!rc)
		rc = put_file(tree, "boot/kernel", kernel, err);
	if (!rc)
		rc = put_file(tree, "boot/initrd.img", initrd, err);
	if (!rc)
		rc = put_file(tree, "isolinux/isolinux.cfg", config, err);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(loaders); i++) {
		AUTO_FREE char *file = syslinux_file(out, loaders[i], err);
		char to[64];

		(void)snprintf(to, sizeof(to), "isolinux/%s", loaders[i]);
		rc = file ? put_file(tree, to, file, err) : -ENOENT;
	}
	return rc;
}

int output_make_iso_bios(struct output *out, struct err *err)
{
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_FREE char *mbr = syslinux_file(out, "isohdpfx.bin", err);
	const char *const more[] = {"-isohybrid-mbr",
				    mbr,
				    "-b",
				    "isolinux/isolinux.bin",
				    "-c",
				    "isolinux/boot.cat",
				    "-no-emul-boot",
				    "-boot-load-size",
				    "4",
				    "-boot-info-table",
				    NULL};
	struct tree *tree = NULL;
	int rc;

	if (!path)
		return -ENOMEM;
	if (!mbr)
		return -ENOENT;
	rc = tree_create(&tree, err);
	if (!rc)
		rc = fill_bios(out, tree, err);
	if (!rc)
		rc = run_xorriso(out, tree, path, more, err);
	tree_destroy(tree);
	return rc;
}

static int make_efi_iso(struct output *out, const struct tree *tree,
			const char *initrd, const char *words, struct err *err)
{
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_FREE char *uki = output_path(out, "uki", err);
	AUTO_FREE char *fat = output_path(out, "esp", err);
	AUTO_FREE char *cmdline = output_cmdline(out, words, err);
	const char *const more[] = {"-append_partition",
				    "2",
				    TYPE_ESP,
				    fat,
				    "-appended_part_as_gpt",
				    "-e",
				    "--interval:appended_partition_2:all::",
				    "-no-emul-boot",
				    NULL};
	char name[32];
	struct disk_fat_file file = {.path = name, .source = uki};
	uint64_t size = 0;
	int rc;

	if (!path || !uki || !fat || !cmdline)
		return -ENOMEM;
	(void)snprintf(name, sizeof(name), "EFI/BOOT/%s",
		       output_efi_name(out->input->arch));
	rc = output_uki(out, initrd, cmdline, uki, err);
	if (!rc)
		rc = disk_fat_size(&file, 1, &size, err);
	if (!rc)
		rc = disk_fat_make(fat, size, output_id(out, "esp"), "ESP",
				   &file, 1, out->input->epoch, err);
	return rc ? rc : run_xorriso(out, tree, path, more, err);
}

int output_make_iso_efi_initrd(struct output *out, struct err *err)
{
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	struct tree *tree = NULL;
	int rc = initrd ? output_initramfs(out, initrd, err) : -ENOMEM;

	if (!rc)
		rc = tree_create(&tree, err);
	if (!rc)
		rc = make_efi_iso(out, tree, initrd, "", err);
	tree_destroy(tree);
	return rc;
}

int output_make_iso_efi(struct output *out, struct err *err)
{
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	char volume[VOLUME_SIZE];
	char words[64];
	bool needed = false;
	int rc = initrd ? output_root_initrd(out, "iso9660", false, false,
					     initrd, &needed, err)
			: -ENOMEM;

	if (rc)
		return rc;
	volume_name(out, volume);
	(void)snprintf(words, sizeof(words), "root=%s%s rootfstype=iso9660 ro",
		       needed ? "LABEL=" : "/dev/sr0", needed ? volume : "");
	return make_efi_iso(out, out->input->root, needed ? initrd : NULL,
			    words, err);
}
