/*
 * output_iso.c - CDs that are USB sticks too. See output_internal.h.
 *
 * BIOS: ISOLINUX starts kernel and initramfs. UEFI: a FAT file system, a file
 * and a GPT partition at once, holds the unified kernel image. The ISO 9660
 * part is written from a tree, so owners and times are those of the tree.
 */
#include "output_internal.h"

#include "cleanup.h"
#include "file_io.h"
#include "macros.h"
#include "spawn.h"
#include "syslinux.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define ESP_PATH "boot/efi.img"
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

int output_iso9660(const struct output *out, const struct tree *tree,
		   const char *path, const char *const *more, struct err *err)
{
	const char *argv[48] = {"xorriso", "-no_rc", "-as", "mkisofs",
				"-quiet",  "-R",     "-V"};
	struct spawn spawn = {
		.argv = argv,
		.package = "xorriso",
		.epoch = out->input->epoch,
	};
	char volume[VOLUME_SIZE];
	char time[32];
	const char *const end[] = {"-o",	  path, tree_dir_here, "--",
				   "-alter_date", "m",	time,	       "/",
				   "--",	  NULL};
	size_t num = 7;

	volume_name(out, volume);
	/* All other times are those of the tree, the root's would be now. */
	(void)snprintf(time, sizeof(time), "=%lld",
		       (long long)out->input->epoch);
	argv[num++] = volume;
	for (size_t i = 0; more[i] && num < 32; i++)
		argv[num++] = more[i];
	for (size_t i = 0; end[i]; i++)
		argv[num++] = end[i];
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
		rc = output_iso9660(out, tree, path, more, err);
	tree_destroy(tree);
	return rc;
}

static int make_esp(const struct output *out, const char *initrd,
		    const char *words, const char *fat, struct err *err)
{
	AUTO_FREE char *uki = output_path(out, "uki", err);
	AUTO_FREE char *cmdline = output_cmdline(out, words, err);
	uint64_t size = 0;
	int rc;

	if (!uki || !cmdline)
		return -ENOMEM;
	rc = output_uki(out, initrd, cmdline, uki, err);
	return rc ? rc : output_esp(out, uki, fat, 0, &size, err);
}

/*
 * The partition is a file of the ISO too: its boot record has 16 bits for the
 * size, firmware then takes what the volume has behind its start.
 */
static int make_efi_iso(struct output *out, const struct tree *root,
			const char *initrd, const char *words, struct err *err)
{
	static const char *const more[] = {"-e",
					   ESP_PATH,
					   "-no-emul-boot",
					   "-efi-boot-part",
					   "--efi-boot-image",
					   NULL};
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_FREE char *fat = output_path(out, "esp", err);
	struct tree *tree = NULL;
	int rc = path && fat ? make_esp(out, initrd, words, fat, err) : -ENOMEM;

	if (!rc)
		rc = tree_create(&tree, err);
	if (!rc && root)
		rc = tree_merge(tree, root, "", err);
	if (!rc)
		rc = put_file(tree, ESP_PATH, fat, err);
	if (!rc)
		rc = output_iso9660(out, tree, path, more, err);
	tree_destroy(tree);
	return rc;
}

int output_make_iso_efi_initrd(struct output *out, struct err *err)
{
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	int rc = initrd ? output_initramfs(out, initrd, err) : -ENOMEM;

	return rc ? rc : make_efi_iso(out, NULL, initrd, "", err);
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
