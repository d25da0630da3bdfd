/* syslinux.c - boot loader for BIOS. See syslinux.h. */
#include "syslinux.h"

#include "cleanup.h"
#include "file_io.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FAT_HIDDEN_AT 28U /* BPB: sectors in front of the partition */
#define FAT_BACKUP_AT (6U * 512U)
#define CMDLINE_MAX 2047U /* what SYSLINUX takes of a line */

/* Debian spreads it over three packages. */
static const struct {
	const char *name;
	const char *dir;
	const char *package;
} places[] = {
	{"mbr.bin", "/usr/lib/syslinux/mbr", "syslinux-common"},
	{"ldlinux.c32", "/usr/lib/syslinux/modules/bios", "syslinux-common"},
	{"isolinux.bin", "/usr/lib/ISOLINUX", "isolinux"},
	{"isohdpfx.bin", "/usr/lib/ISOLINUX", "isolinux"},
};

char *syslinux_file(const struct output *out, const char *name, struct err *err)
{
	const char *dir = out->input->syslinux_dir;
	size_t i = 0;
	char *path = NULL;

	while (strcmp(places[i].name, name) != 0)
		i++;
	if (asprintf(&path, "%s/%s", dir ? dir : places[i].dir, name) < 0) {
		(void)err_set(err, -ENOMEM, "%s", name);
		return NULL;
	}
	if (access(path, R_OK)) {
		(void)err_setx(err, -ENOENT, "%s: missing; install %s", path,
			       places[i].package);
		free(path);
		return NULL;
	}
	return path;
}

int syslinux_config(const struct output *out, const char *dir, const char *path,
		    struct err *err)
{
	AUTO_FREE char *cmdline = output_cmdline(out, "", err);
	AUTO_FREE char *text = NULL;

	if (!cmdline)
		return -ENOMEM;
	if (strlen(cmdline) > CMDLINE_MAX)
		return err_setx(err, -EFBIG,
				"command line of %zu bytes: SYSLINUX takes %u",
				strlen(cmdline), CMDLINE_MAX);
	if (asprintf(&text,
		     "SERIAL 0 115200\nDEFAULT linux\nPROMPT 0\nTIMEOUT 0\n"
		     "LABEL linux\n  KERNEL %skernel\n  INITRD %sinitrd.img\n"
		     "  APPEND %s\n",
		     dir, dir, cmdline) < 0) {
		text = NULL;
		return err_set(err, -ENOMEM, "syslinux.cfg");
	}
	return output_write_text(path, text, err);
}

int syslinux_label(const struct output *out, const char *disk,
		   struct disk_partition *part, struct err *err)
{
	AUTO_FREE char *path = syslinux_file(out, "mbr.bin", err);
	AUTO_FREE void *code = NULL;
	size_t size = 0;
	int rc = path ? file_load(path, &code, &size, SYSLINUX_FILE_MAX, err)
		      : -ENOENT;

	return rc ? rc
		  : disk_label_mbr(disk, output_id(out, "disk"), code, size,
				   part, 1, err);
}

/* Its boot sector reads the disk by BIOS and so must know where it is. */
static int set_hidden(const char *fat, uint64_t offset, struct err *err)
{
	AUTO_CLOSE int fd = open(fat, O_RDWR | O_CLOEXEC);
	uint32_t sectors = htole32((uint32_t)(offset / 512));
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s: open", fat);
	rc = file_write(fd, &sectors, sizeof(sectors), FAT_HIDDEN_AT, fat, err);
	if (!rc)
		rc = file_write(fd, &sectors, sizeof(sectors),
				FAT_BACKUP_AT + FAT_HIDDEN_AT, fat, err);
	return rc;
}

int syslinux_install(const struct output *out, const char *fat, uint64_t offset,
		     struct err *err)
{
	int rc = set_hidden(fat, offset, err);

	if (rc)
		return rc;
	return output_run(
		out, "syslinux",
		(const char *const[]){"syslinux", "--install", fat, NULL}, err);
}
