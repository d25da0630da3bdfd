/*
 * cloud_check.c - is a file one that a cloud takes? See cloud.h.
 *
 * Amazon: VM Import/Export. Google: "manually importing boot disks". Azure:
 * "prepare a Linux VHD". qemu: docs/interop/qcow2.txt. VMware: Virtual Disk
 * Format 5.0.
 */
#include "cloud.h"

#include "cleanup.h"
#include "disk_vhd.h"
#include "file_io.h"
#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define SECTOR 512U
#define BOOT_AT 510U /* 55 aa: the BIOS starts it, and GPT has it too */

static int bad(struct err *err, const char *path, const char *what,
	       const char *format)
{
	return err_setx(err, -EBADMSG, "%s: %s: build it with --format %s",
			path, what, format);
}

static int open_file(const char *path, uint64_t *size, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	rc = file_size(fd, size, path, err);
	if (!rc)
		return fd;
	(void)close(fd); /* only read */
	return rc;
}

static uint32_t be32_at(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return be32toh(value);
}

static uint64_t be64_at(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return be64toh(value);
}

static uint32_t le32_at(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static uint64_t le64_at(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static bool starts(const uint8_t sector[SECTOR])
{
	return sector[BOOT_AT] == 0x55 && sector[BOOT_AT + 1] == 0xaa;
}

int cloud_check_raw(const char *path, uint64_t *size, struct err *err)
{
	uint8_t sector[SECTOR];
	AUTO_CLOSE int fd = open_file(path, size, err);
	int rc;

	if (fd < 0)
		return fd;
	if (*size < MIB(1) || *size % SECTOR)
		return bad(err, path,
			   "not a disk: its size is no number of "
			   "sectors",
			   "aws");
	rc = file_read(fd, sector, SECTOR, 0, path, err);
	if (!rc && !starts(sector))
		rc = bad(err, path,
			 "not a raw disk that boots (no 55 aa at "
			 "byte 510)",
			 "aws");
	return rc;
}

/* An octal number of a tar header, or one of GNU's in base 256. */
static uint64_t tar_size(const uint8_t field[12])
{
	uint64_t size = 0;

	if (!(field[0] & 0x80))
		return strtoull((const char *)field, NULL, 8);
	for (size_t i = 4; i < 12; i++)
		size = size << 8 | field[i];
	return size;
}

static const char *gcp_fault(const uint8_t *header, uint64_t size)
{
	const uint8_t *disk = header + SECTOR;

	if (memcmp(header, "disk.raw", sizeof("disk.raw")) != 0)
		return "the first file of the archive is not disk.raw";
	if (memcmp(header + 257, "ustar  ", 8) != 0)
		return "the archive is not of GNU tar's old format";
	if (header[156] != '0' || !size || size % GIB(1))
		return "disk.raw is not a multiple of 1 GiB";
	return starts(disk) ? NULL
			    : "disk.raw does not boot (no 55 aa at byte 510)";
}

int cloud_check_gcp(const char *path, uint64_t *size, struct err *err)
{
	uint8_t bytes[2 * SECTOR + 1] = {0}; /* a NUL behind each number */
	uint64_t packed;
	AUTO_CLOSE int fd = open_file(path, &packed, err);
	const char *fault;
	uint8_t magic[2];
	gzFile in;
	int n;
	int rc;

	if (fd < 0)
		return fd;
	rc = file_read(fd, magic, sizeof(magic), 0, path, err);
	if (rc)
		return rc;
	if (magic[0] != 0x1f || magic[1] != 0x8b)
		return bad(err, path, "not a tar.gz", "gcp");
	in = gzdopen(fd, "r");
	if (!in)
		return err_set(err, -ENOMEM, "%s", path);
	(void)steal_fd(&fd); /* the stream's now */
	n = gzread(in, bytes, 2 * SECTOR);
	(void)gzclose(in); /* only read */
	if (n != 2 * SECTOR)
		return bad(err, path, "damaged, or too short", "gcp");
	*size = tar_size(bytes + 124);
	fault = gcp_fault(bytes, *size);
	return fault ? bad(err, path, fault, "gcp") : 0;
}

/* The footer is summed with its sum taken as 0. */
static bool vhd_sum_is_right(const uint8_t footer[SECTOR])
{
	uint32_t sum = 0;

	for (size_t i = 0; i < SECTOR; i++)
		sum += i >= 64 && i < 68 ? 0 : footer[i];
	return be32_at(footer + 64) == ~sum;
}

int cloud_check_vhd(const char *path, uint64_t *size, struct err *err)
{
	uint8_t footer[SECTOR];
	uint64_t bytes = 0;
	AUTO_CLOSE int fd = open_file(path, &bytes, err);
	const char *fault = NULL;
	int rc;

	if (fd < 0)
		return fd;
	if (bytes < 2ULL * SECTOR)
		return bad(err, path, "not a VHD", "vhd");
	rc = file_read(fd, footer, SECTOR, bytes - SECTOR, path, err);
	if (rc)
		return rc;
	*size = be64_at(footer + 48);
	if (memcmp(footer, "conectix", 8) != 0)
		fault = "not a VHD: it has no footer";
	else if (be32_at(footer + 60) != 2)
		fault = "not a fixed VHD";
	else if (!vhd_sum_is_right(footer))
		fault = "damaged: the sum of its footer is wrong";
	else if (*size != bytes - SECTOR)
		fault = "damaged: its footer tells another size";
	else if (*size % MIB(1))
		fault = "the disk is not a multiple of 1 MiB";
	else if (*size > DISK_VHD_MAX)
		fault = "the disk has more than 2040 GiB";
	return fault ? bad(err, path, fault, "vhd") : 0;
}

int cloud_check_qcow2(const char *path, uint64_t *size, struct err *err)
{
	uint8_t header[104] = {0};
	uint64_t bytes = 0;
	AUTO_CLOSE int fd = open_file(path, &bytes, err);
	const char *fault = NULL;
	uint32_t version;
	int rc;

	if (fd < 0)
		return fd;
	if (bytes < sizeof(header))
		return bad(err, path, "not a qcow2", "qcow2-bios");
	rc = file_read(fd, header, sizeof(header), 0, path, err);
	if (rc)
		return rc;
	version = be32_at(header + 4);
	*size = be64_at(header + 24);
	if (memcmp(header, "QFI\xfb", 4) != 0 || version < 2 || version > 3)
		fault = "not a qcow2 of version 2 or 3";
	else if (be64_at(header + 8))
		fault = "it needs another file, its backing file";
	else if (version == 3 && be64_at(header + 72) & 7)
		fault = "dirty, damaged or with data in another file";
	else if (be32_at(header + 32))
		fault = "it is encrypted";
	else if (!*size || *size % SECTOR)
		fault = "the size of the disk is no number of sectors";
	return fault ? bad(err, path, fault, "qcow2-bios or qcow2-efi") : 0;
}

#define VMDK_COMPRESSED (1U << 16)
#define VMDK_MARKERS (1U << 17)
#define VMDK_TEXT_MAX (64U << 10)

static bool vmdk_is_stream(const char *text)
{
	return strstr(text, "createType=\"streamOptimized\"") != NULL;
}

int cloud_check_vmdk(const char *path, uint64_t *size, struct err *err)
{
	uint8_t header[SECTOR];
	uint64_t bytes = 0;
	AUTO_CLOSE int fd = open_file(path, &bytes, err);
	AUTO_FREE char *text = calloc(1, VMDK_TEXT_MAX + 1);
	const uint32_t flags = VMDK_COMPRESSED | VMDK_MARKERS;
	uint64_t at;
	uint64_t length;
	int rc;

	if (fd < 0)
		return fd;
	if (!text)
		return err_set(err, -ENOMEM, "%s", path);
	if (bytes < SECTOR)
		return bad(err, path, "not a VMDK", "vmdk");
	rc = file_read(fd, header, SECTOR, 0, path, err);
	if (rc)
		return rc;
	if (memcmp(header, "KDMV", 4) != 0)
		return bad(err, path, "not a VMDK", "vmdk");
	*size = le64_at(header + 12) * SECTOR;
	at = le64_at(header + 28);
	length = le64_at(header + 36);
	if (length > VMDK_TEXT_MAX / SECTOR || at > bytes / SECTOR)
		return bad(err, path, "damaged: its description is nowhere",
			   "vmdk");
	rc = file_read(fd, text, length * SECTOR, at * SECTOR, path, err);
	if (!rc &&
	    ((le32_at(header + 8) & flags) != flags || !vmdk_is_stream(text)))
		rc = bad(err, path, "not a stream-optimized VMDK", "vmdk");
	return rc;
}

int cloud_check_kernel(const char *path, uint64_t *size, struct err *err)
{
	uint8_t header[0x206];
	AUTO_FREE char *initrd = NULL;
	AUTO_CLOSE int fd = open_file(path, size, err);
	AUTO_CLOSE int other = -1;
	size_t base = strlen(path) - strlen("-kernel");
	uint64_t more = 0;
	int rc;

	if (fd < 0)
		return fd;
	if (strlen(path) < strlen("-kernel") ||
	    strcmp(path + base, "-kernel") != 0)
		return bad(err, path, "not NAME-kernel", "kernel+initrd");
	if (*size < sizeof(header))
		return bad(err, path, "not a kernel", "kernel+initrd");
	rc = file_read(fd, header, sizeof(header), 0, path, err);
	if (rc)
		return rc;
	/* Documentation/x86/boot.rst, Documentation/arm64/booting.rst */
	if (memcmp(header + 0x202, "HdrS", 4) != 0 &&
	    memcmp(header + 56, "ARM\x64", 4) != 0)
		return bad(err, path, "not a kernel", "kernel+initrd");
	if (asprintf(&initrd, "%.*s-initrd.img", (int)base, path) < 0) {
		initrd = NULL;
		return err_set(err, -ENOMEM, "%s", path);
	}
	other = open_file(initrd, &more, err);
	if (other < 0)
		return other;
	*size += more;
	return 0;
}
