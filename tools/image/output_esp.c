/*
 * output_esp.c - the EFI system partition: systemd-boot as the removable-media
 * program and one unified kernel image. See output_internal.h.
 *
 * The kernel image is not that program itself: firmware hands it the optional
 * data of the boot entry, which the stub takes for the command line unless
 * secure boot is on.
 */
#include "output_internal.h"

#include "cleanup.h"
#include "disk_fat.h"
#include "file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define FILES 3

static int copy_loader(const struct output *out, const char *to,
		       struct err *err)
{
	AUTO_FREE void *bytes = NULL;
	AUTO_FREE char *from = NULL;
	AUTO_CLOSE int fd = -1;
	size_t size = 0;
	int rc = output_efi_file(out, "systemd-boot%.efi", &bytes, &size, &from,
				 err);

	if (rc)
		return rc;
	fd = output_open(to, err);
	return fd < 0 ? fd : file_write(fd, bytes, size, 0, to, err);
}

int output_esp(const struct output *out, const char *uki, const char *path,
	       uint64_t least, uint64_t *size, struct err *err)
{
	const char *version = out->input->version ? out->input->version : "0";
	AUTO_FREE char *loader = output_path(out, "loader", err);
	AUTO_FREE char *config = output_path(out, "loader.conf", err);
	char boot_name[32];
	char uki_name[128];
	struct disk_fat_file files[FILES] = {
		{.path = boot_name, .source = loader},
		{.path = uki_name, .source = uki},
		{.path = "loader/loader.conf", .source = config},
	};
	int rc;

	if (!loader || !config)
		return -ENOMEM;
	(void)snprintf(boot_name, sizeof(boot_name), "EFI/BOOT/%s",
		       output_efi_name(out->input->arch));
	(void)snprintf(uki_name, sizeof(uki_name), "EFI/Linux/lwx_%.64s.efi",
		       version);
	rc = copy_loader(out, loader, err);
	if (!rc)
		rc = output_write_text(config, "timeout 0\n", err);
	if (!rc)
		rc = disk_fat_size(files, FILES, size, err);
	if (!rc && *size < least)
		*size = least;
	if (!rc)
		rc = disk_fat_make(path, *size, output_id(out, "esp"), "ESP",
				   files, FILES, out->input->epoch, err);
	return rc;
}
