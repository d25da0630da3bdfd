/*
 * output_disk.c - disks: one FAT partition with what starts the image, as raw,
 * qcow2, VHD, VMDK or in a tar. See output_internal.h.
 *
 * BIOS: MBR, SYSLINUX, kernel and initramfs as files. UEFI: GPT, one unified
 * kernel image as the removable-media program. Role "host": output_host.c.
 */
#include "output_internal.h"

#include "archive_write_tar.h"
#include "cleanup.h"
#include "disk_fat.h"
#include "disk_qcow2.h"
#include "disk_vhd.h"
#include "disk_vmdk.h"
#include "file_io.h"
#include "syslinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define GCP_UNIT ((uint64_t)1 << 30)
#define TYPE_FAT32_LBA "0c"

/* The size asked for, or the least one. */
static int disk_size(const struct output *out, uint64_t least, uint64_t *size,
		     struct err *err)
{
	uint64_t wanted = out->input->size / OUTPUT_MIB * OUTPUT_MIB;

	*size = least > wanted ? least : wanted;
	if (out->input->size && least > out->input->size)
		return err_setx(
			err, -EFBIG,
			"the content needs a disk of %llu MiB, --size "
			"allows %llu MiB",
			(unsigned long long)(least / OUTPUT_MIB),
			(unsigned long long)(out->input->size / OUTPUT_MIB));
	return 0;
}

static int make_empty(const char *path, uint64_t size, struct err *err)
{
	AUTO_CLOSE int fd = output_open(path, err);

	return fd < 0 ? fd : file_truncate(fd, size, path, err);
}

static int place(const char *disk, const char *part, uint64_t offset,
		 struct err *err)
{
	AUTO_CLOSE int to = open(disk, O_RDWR | O_CLOEXEC);
	AUTO_CLOSE int from = open(part, O_RDONLY | O_CLOEXEC);
	uint64_t size = 0;
	int rc;

	if (to < 0 || from < 0)
		return err_set(err, -errno, "%s: open", disk);
	rc = file_size(from, &size, part, err);
	if (!rc)
		rc = file_copy(from, 0, to, offset, size, disk, err);
	if (!rc && unlink(part))
		rc = err_set(err, -errno, "%s: remove", part);
	return rc;
}

static int make_efi_disk(const struct output *out, const char *path,
			 struct err *err)
{
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	AUTO_FREE char *uki = output_path(out, "uki", err);
	AUTO_FREE char *fat = output_path(out, "esp", err);
	AUTO_FREE char *cmdline = output_cmdline(out, "", err);
	char disk_id[DISK_UUID_TEXT];
	char part_id[DISK_UUID_TEXT];
	struct disk_partition part = {
		.type = TYPE_ESP,
		.uuid = part_id,
		.name = "esp",
	};
	uint64_t overhead = disk_label_size(&part, 1);
	uint64_t wanted = out->input->size / OUTPUT_MIB * OUTPUT_MIB;
	uint64_t size = 0;
	int rc;

	if (!initrd || !uki || !fat || !cmdline)
		return -ENOMEM;
	output_uuid(out, "disk", disk_id);
	output_uuid(out, "esp", part_id);
	rc = output_initramfs(out, initrd, err);
	if (!rc)
		rc = output_uki(out, initrd, cmdline, uki, err);
	if (!rc)
		rc = output_esp(out, uki, fat,
				wanted > overhead ? wanted - overhead : 0,
				&part.size, err);
	if (!rc)
		rc = disk_size(out, overhead + part.size, &size, err);
	if (rc)
		return rc;
	output_step(out, "disk of %llu MiB",
		    (unsigned long long)(size / OUTPUT_MIB));
	rc = make_empty(path, size, err);
	if (!rc)
		rc = disk_label_gpt(path, disk_id, &part, 1, err);
	return rc ? rc : place(path, fat, part.offset, err);
}

static int make_bios_disk(const struct output *out, const char *path,
			  struct err *err)
{
	AUTO_FREE char *kernel = output_path(out, "kernel", err);
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	AUTO_FREE char *config = output_path(out, "config", err);
	AUTO_FREE char *fat = output_path(out, "fat", err);
	struct disk_fat_file files[] = {
		{.path = "kernel", .source = kernel},
		{.path = "initrd.img", .source = initrd},
		{.path = "syslinux.cfg", .source = config},
	};
	struct disk_partition part = {.type = TYPE_FAT32_LBA, .active = true};
	uint64_t size = 0;
	int rc;

	if (!kernel || !initrd || !config || !fat)
		return -ENOMEM;
	rc = output_write_content(kernel, out->input->kernel, err);
	if (!rc)
		rc = output_initramfs(out, initrd, err);
	if (!rc)
		rc = syslinux_config(out, "", config, err);
	if (!rc)
		rc = disk_fat_size(files, 3, &part.size, err);
	if (!rc)
		rc = disk_size(out, disk_label_size(&part, 1), &size, err);
	if (rc)
		return rc;
	part.size += size - disk_label_size(&part, 1);
	output_step(out, "disk of %llu MiB",
		    (unsigned long long)(size / OUTPUT_MIB));
	rc = make_empty(path, size, err);
	if (!rc)
		rc = syslinux_label(out, path, &part, err);
	if (!rc)
		rc = disk_fat_make(fat, part.size, output_id(out, "fat"),
				   "BOOT", files, 3, out->input->epoch, err);
	if (!rc)
		rc = syslinux_install(out, fat, part.offset, err);
	return rc ? rc : place(path, fat, part.offset, err);
}

static int make_disk(struct output *out, bool efi, const char *path,
		     struct err *err)
{
	if (efi && out->input->role == OUTPUT_HOST)
		return output_host_disk(out, path, err);
	return efi ? make_efi_disk(out, path, err)
		   : make_bios_disk(out, path, err);
}

int output_make_raw_bios(struct output *out, struct err *err)
{
	AUTO_FREE char *path = output_file_path(out, 0, err);

	return path ? make_disk(out, false, path, err) : -ENOMEM;
}

int output_make_raw_efi(struct output *out, struct err *err)
{
	AUTO_FREE char *path = output_file_path(out, 0, err);

	return path ? make_disk(out, true, path, err) : -ENOMEM;
}

typedef int (*convert_fn)(const struct output *out, int raw, uint64_t size,
			  int to, struct err *err);

/* Make the raw disk, then its other form. */
static int make_converted(struct output *out, bool efi, convert_fn convert,
			  struct err *err)
{
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_FREE char *raw = output_path(out, "raw", err);
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int to = -1;
	uint64_t size = 0;
	int rc = path && raw ? make_disk(out, efi, raw, err) : -ENOMEM;

	if (rc)
		return rc;
	output_step(out, "%s", out->format->name);
	from = open(raw, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_set(err, -errno, "%s: open", raw);
	rc = file_size(from, &size, raw, err);
	if (rc)
		return rc;
	to = output_open(path, err);
	return to < 0 ? to : convert(out, from, size, to, err);
}

static int to_qcow2(const struct output *out, int raw, uint64_t size, int to,
		    struct err *err)
{
	(void)out;
	return disk_qcow2_write(raw, size, DISK_QCOW2_ZLIB, to, err);
}

static int to_vhd(const struct output *out, int raw, uint64_t size, int to,
		  struct err *err)
{
	uint8_t uuid[16];

	output_uuid_bytes(out, "vhd", uuid);
	return disk_vhd_write(raw, size, false, uuid, out->input->epoch, to,
			      err);
}

static int to_dynamic_vhd(const struct output *out, int raw, uint64_t size,
			  int to, struct err *err)
{
	uint8_t uuid[16];

	output_uuid_bytes(out, "vhd", uuid);
	return disk_vhd_write(raw, size, true, uuid, out->input->epoch, to,
			      err);
}

static int to_vmdk(const struct output *out, int raw, uint64_t size, int to,
		   struct err *err)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%.100s.vmdk", out->input->name);
	return disk_vmdk_write(raw, size, output_id(out, "vmdk"), name, to,
			       err);
}

/* What Compute Engine imports: disk.raw alone in a tar.gz of GNU tar's old
 * format, of whole GiB. */
static int to_gcp(const struct output *out, int raw, uint64_t size, int to,
		  struct err *err)
{
	struct sink_compress *gzip = NULL;
	struct tree_content *disk = NULL;
	struct sink_file file = {0};
	int rc = sink_file_init(&file, to, err);

	if (!rc)
		rc = tree_content_file(&disk, raw, 0, size, err);
	if (!rc)
		rc = sink_compress_create(&gzip, COMPRESSION_GZIP, 0,
					  &file.sink, err);
	if (!rc)
		rc = archive_write_tar_gnu(
			"disk.raw", disk,
			(size + GCP_UNIT - 1) / GCP_UNIT * GCP_UNIT,
			out->input->epoch, sink_compress_sink(gzip), err);
	if (!rc)
		rc = archive_write_tar_end(sink_compress_sink(gzip), err);
	if (!rc)
		rc = sink_compress_finish(gzip, err);
	sink_compress_destroy(gzip);
	tree_content_unref(disk);
	sink_file_fini(&file);
	return rc;
}

int output_make_qcow2_bios(struct output *out, struct err *err)
{
	return make_converted(out, false, to_qcow2, err);
}

int output_make_qcow2_efi(struct output *out, struct err *err)
{
	return make_converted(out, true, to_qcow2, err);
}

int output_make_vhd(struct output *out, struct err *err)
{
	return make_converted(out, false, to_vhd, err);
}

int output_make_dynamic_vhd(struct output *out, struct err *err)
{
	return make_converted(out, false, to_dynamic_vhd, err);
}

int output_make_vmdk(struct output *out, struct err *err)
{
	return make_converted(out, false, to_vmdk, err);
}

int output_make_gcp(struct output *out, struct err *err)
{
	return make_converted(out, false, to_gcp, err);
}
