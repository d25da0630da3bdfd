/* disk_label.c - GPT and MBR by libfdisk. See disk_label.h. */
#include "disk_label.h"

#include "cleanup.h"
#include "file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <libfdisk.h>
#include <stdio.h>
#include <stdlib.h>

#define SECTOR 512U
#define GPT_END DISK_ALIGN /* the second table and what alignment costs */
#define BOOT_CODE_MAX 440U

uint64_t disk_label_size(const struct disk_partition *parts, size_t num)
{
	uint64_t size = DISK_ALIGN + GPT_END;

	for (size_t i = 0; i < num; i++)
		size += parts[i].size;
	return size;
}

static int fill(struct fdisk_partition *pa, struct fdisk_label *label,
		const struct disk_partition *part, size_t number, uint64_t at)
{
	struct fdisk_parttype *type =
		part->uuid ? fdisk_label_get_parttype_from_string(label,
								  part->type)
			   : fdisk_label_get_parttype_from_code(
				     label, (unsigned int)strtoul(part->type,
								  NULL, 16));
	int rc = type ? fdisk_partition_set_type(pa, type) : -EINVAL;

	if (!rc)
		rc = fdisk_partition_set_partno(pa, number);
	if (!rc)
		rc = fdisk_partition_set_start(pa, at / SECTOR);
	if (!rc && part->size)
		rc = fdisk_partition_set_size(pa, part->size / SECTOR);
	if (!rc && !part->size)
		rc = fdisk_partition_end_follow_default(pa, 1);
	if (!rc && part->uuid)
		rc = fdisk_partition_set_uuid(pa, part->uuid);
	if (!rc && part->name)
		rc = fdisk_partition_set_name(pa, part->name);
	fdisk_unref_parttype(type);
	return rc;
}

static int add(struct fdisk_context *fdisk, struct disk_partition *parts,
	       size_t num)
{
	uint64_t at = DISK_ALIGN;

	for (size_t i = 0; i < num; i++) {
		struct fdisk_partition *pa = fdisk_new_partition();
		size_t number = i;
		int rc = pa ? fill(pa, fdisk_get_label(fdisk, NULL), &parts[i],
				   i, at)
			    : -ENOMEM;

		if (!rc)
			rc = fdisk_add_partition(fdisk, pa, &number);
		fdisk_unref_partition(pa);
		if (!rc && parts[i].active)
			rc = fdisk_toggle_partition_flag(fdisk, number,
							 DOS_FLAG_ACTIVE);
		if (rc)
			return rc;
		parts[i].offset = at;
		at += parts[i].size;
	}
	return 0;
}

/* libfdisk asks what it does not know; here it knows everything. */
static int no_questions(struct fdisk_context *fdisk, struct fdisk_ask *ask,
			void *data)
{
	(void)fdisk;
	(void)data;
	switch (fdisk_ask_get_type(ask)) {
	case FDISK_ASKTYPE_INFO:
	case FDISK_ASKTYPE_WARN:
	case FDISK_ASKTYPE_WARNX:
		return 0;
	default:
		return -EINVAL;
	}
}

static int write_label(const char *path, const char *kind, const char *id,
		       struct disk_partition *parts, size_t num,
		       struct err *err)
{
	struct fdisk_context *fdisk = fdisk_new_context();
	int rc;

	if (!fdisk)
		return err_set(err, -ENOMEM, "%s", path);
	(void)fdisk_disable_dialogs(fdisk, 1);
	(void)fdisk_set_ask(fdisk, no_questions, NULL);
	rc = fdisk_assign_device(fdisk, path, 0);
	if (!rc)
		rc = fdisk_create_disklabel(fdisk, kind);
	if (!rc)
		rc = fdisk_set_disklabel_id_from_string(fdisk, id);
	if (!rc)
		rc = add(fdisk, parts, num);
	if (!rc)
		rc = fdisk_write_disklabel(fdisk);
	if (!rc)
		rc = fdisk_deassign_device(fdisk, 0);
	fdisk_unref_context(fdisk);
	if (rc)
		return err_set(err, rc < 0 ? rc : -EINVAL,
			       "%s: write the partition table", path);
	return 0;
}

int disk_label_gpt(const char *path, const char *uuid,
		   struct disk_partition *parts, size_t num, struct err *err)
{
	return write_label(path, "gpt", uuid, parts, num, err);
}

int disk_label_mbr(const char *path, uint32_t id, const void *code,
		   size_t code_size, struct disk_partition *parts, size_t num,
		   struct err *err)
{
	AUTO_CLOSE int fd = -1;
	char text[16];
	int rc;

	(void)snprintf(text, sizeof(text), "0x%08x", id);
	rc = write_label(path, "dos", text, parts, num, err);
	if (rc || !code)
		return rc;
	if (code_size > BOOT_CODE_MAX)
		return err_setx(err, -EFBIG,
				"boot code of %zu bytes: 440 have room",
				code_size);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s: open", path);
	return file_write(fd, code, code_size, 0, path, err);
}
