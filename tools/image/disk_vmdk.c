/*
 * disk_vmdk.c - streamOptimized VMDK. See disk_vmdk.h.
 *
 * Header, descriptor, then per 512 grains: the grains, each behind a marker,
 * and their table; the directory of tables; a footer, which is the header again
 * with the place of the directory; the end marker. All in sectors, markers fill
 * one. All numbers are little-endian.
 */
#include "disk_vmdk.h"

#include "cleanup.h"
#include "file_io.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define SECTOR 512U
#define GRAIN_SECTORS 128U
#define GRAIN ((size_t)GRAIN_SECTORS * SECTOR)
#define TABLE_ENTRIES 512U
#define TABLE_SIZE (TABLE_ENTRIES * sizeof(uint32_t))
#define DESCRIPTOR_SECTORS 20U
#define OVERHEAD_SECTORS 128U
#define VMDK_VERSION 3U
#define VMDK_FLAGS 0x30001U /* line ends detectable, compressed, markers */
#define VMDK_DEFLATE 1U
#define VMDK_AT_END UINT64_MAX
#define LEVEL 9

enum marker_type {
	MARKER_END = 0,
	MARKER_TABLE = 1,
	MARKER_DIRECTORY = 2,
	MARKER_FOOTER = 3,
};

struct vmdk_header {
	char magic[4];
	uint32_t version;
	uint32_t flags;
	uint64_t capacity;
	uint64_t grain_size;
	uint64_t descriptor_at;
	uint64_t descriptor_size;
	uint32_t table_entries;
	uint64_t spare_directory_at;
	uint64_t directory_at;
	uint64_t overhead;
	uint8_t unclean;
	char line_ends[4];
	uint16_t compression;
	uint8_t pad[433];
} __attribute__((packed));
_Static_assert(sizeof(struct vmdk_header) == SECTOR, "Virtual Disk Format");

struct vmdk_marker {
	uint64_t value; /* sectors that follow; of a grain: its first sector */
	uint32_t size;	/* compressed bytes of a grain, else 0 */
	uint32_t type;	/* of a grain the data starts here */
	uint8_t pad[496];
} __attribute__((packed));
_Static_assert(sizeof(struct vmdk_marker) == SECTOR, "Virtual Disk Format");
#define GRAIN_DATA_AT 12U

struct vmdk {
	int out;
	uint64_t end; /* sector */
	uint32_t *directory;
	uint32_t table[TABLE_ENTRIES];
	bool table_used;
};

static int append(struct vmdk *vmdk, const void *bytes, size_t size,
		  struct err *err)
{
	int rc = file_write(vmdk->out, bytes, size, vmdk->end * SECTOR, "VMDK",
			    err);

	vmdk->end += (size + SECTOR - 1) / SECTOR;
	return rc;
}

static int append_marker(struct vmdk *vmdk, enum marker_type type,
			 uint64_t sectors, struct err *err)
{
	struct vmdk_marker marker = {
		.value = htole64(sectors),
		.type = htole32(type),
	};

	return append(vmdk, &marker, sizeof(marker), err);
}

/* The table of the grains that were just written, if there are any. */
static int flush_table(struct vmdk *vmdk, uint64_t index, struct err *err)
{
	int rc;

	if (!vmdk->table_used)
		return 0;
	rc = append_marker(vmdk, MARKER_TABLE, TABLE_SIZE / SECTOR, err);
	if (rc)
		return rc;
	vmdk->directory[index] = htole32((uint32_t)vmdk->end);
	rc = append(vmdk, vmdk->table, TABLE_SIZE, err);
	memset(vmdk->table, 0, TABLE_SIZE);
	vmdk->table_used = false;
	return rc;
}

static int append_grain(struct vmdk *vmdk, uint64_t offset, const void *data,
			uint8_t *buf, uLong buf_size, struct err *err)
{
	uint64_t lba = htole64(offset / SECTOR);
	uLongf size = buf_size - GRAIN_DATA_AT;
	uint32_t size_le;
	int z = compress2(buf + GRAIN_DATA_AT, &size, data, GRAIN, LEVEL);

	if (z != Z_OK)
		return err_setx(err, -EIO, "VMDK: zlib fails: %s", zError(z));
	if (vmdk->end > UINT32_MAX)
		return err_setx(err, -EFBIG, "VMDK: more than 2 TiB of data");
	size_le = htole32((uint32_t)size);
	memcpy(buf, &lba, sizeof(lba));
	memcpy(buf + sizeof(lba), &size_le, sizeof(size_le));
	vmdk->table[offset / GRAIN % TABLE_ENTRIES] =
		htole32((uint32_t)vmdk->end);
	vmdk->table_used = true;
	return append(vmdk, buf, GRAIN_DATA_AT + size, err);
}

static int append_grains(struct vmdk *vmdk, int raw, uint64_t size,
			 struct err *err)
{
	uLong buf_size = GRAIN_DATA_AT + compressBound(GRAIN);
	AUTO_FREE uint8_t *buf = malloc(buf_size);
	AUTO_FREE uint8_t *data = malloc(GRAIN);
	uint64_t table = 0;
	uint64_t offset = 0;
	int rc;

	if (!buf || !data)
		return err_set(err, -ENOMEM, "VMDK");
	while ((rc = file_next_block(raw, size, GRAIN, &offset, data, "disk",
				     err)) > 0) {
		uint64_t in = offset / GRAIN / TABLE_ENTRIES;

		rc = in == table ? 0 : flush_table(vmdk, table, err);
		table = in;
		if (!rc)
			rc = append_grain(vmdk, offset, data, buf, buf_size,
					  err);
		if (rc)
			return rc;
		offset += GRAIN;
	}
	return rc ? rc : flush_table(vmdk, table, err);
}

static int write_descriptor(int out, uint64_t size, uint32_t cid,
			    const char *name, struct err *err)
{
	AUTO_FREE char *text = calloc(DESCRIPTOR_SECTORS, SECTOR);
	size_t text_size = (size_t)DESCRIPTOR_SECTORS * SECTOR;
	uint64_t sectors = size / SECTOR;
	int len;
	int rc;

	if (!text)
		return err_set(err, -ENOMEM, "VMDK");
	len = snprintf(text, text_size,
		       "# Disk DescriptorFile\n"
		       "version=1\n"
		       "CID=%08x\n"
		       "parentCID=ffffffff\n"
		       "createType=\"streamOptimized\"\n"
		       "\n"
		       "# Extent description\n"
		       "RDONLY %llu SPARSE \"%s\"\n"
		       "\n"
		       "# The Disk Data Base\n"
		       "#DDB\n"
		       "\n"
		       "ddb.adapterType = \"lsilogic\"\n"
		       "ddb.geometry.cylinders = \"%llu\"\n"
		       "ddb.geometry.heads = \"255\"\n"
		       "ddb.geometry.sectors = \"63\"\n"
		       "ddb.virtualHWVersion = \"4\"\n",
		       cid, (unsigned long long)sectors, name,
		       (unsigned long long)(sectors / 255 / 63));

	rc = len < 0 || (size_t)len >= text_size
		     ? err_setx(err, -ENAMETOOLONG, "VMDK: name too long")
		     : file_write(out, text, text_size, SECTOR, "VMDK", err);
	return rc;
}

static int append_end(struct vmdk *vmdk, struct vmdk_header *header,
		      size_t directory_size, struct err *err)
{
	struct vmdk_header footer = *header;
	int rc = append_marker(vmdk, MARKER_DIRECTORY, directory_size / SECTOR,
			       err);

	if (rc)
		return rc;
	footer.directory_at = htole64(vmdk->end);
	rc = append(vmdk, vmdk->directory, directory_size, err);
	if (!rc)
		rc = append_marker(vmdk, MARKER_FOOTER, 1, err);
	if (!rc)
		rc = append(vmdk, &footer, sizeof(footer), err);
	if (!rc)
		rc = append_marker(vmdk, MARKER_END, 0, err);
	return rc;
}

int disk_vmdk_write(int raw, uint64_t size, uint32_t cid, const char *name,
		    int out, struct err *err)
{
	uint64_t tables = (size / GRAIN + TABLE_ENTRIES) / TABLE_ENTRIES;
	size_t directory_size =
		((size_t)tables * sizeof(uint32_t) + SECTOR - 1) &
		~(SECTOR - 1UL);
	AUTO_FREE uint32_t *directory = calloc(1, directory_size);
	struct vmdk vmdk = {
		.out = out,
		.end = OVERHEAD_SECTORS,
		.directory = directory,
	};
	struct vmdk_header header = {
		.magic = {'K', 'D', 'M', 'V'},
		.version = htole32(VMDK_VERSION),
		.flags = htole32(VMDK_FLAGS),
		.capacity = htole64(size / SECTOR),
		.grain_size = htole64(GRAIN_SECTORS),
		.descriptor_at = htole64(1),
		.descriptor_size = htole64(DESCRIPTOR_SECTORS),
		.table_entries = htole32(TABLE_ENTRIES),
		.directory_at = htole64(VMDK_AT_END),
		.overhead = htole64(OVERHEAD_SECTORS),
		.line_ends = {'\n', ' ', '\r', '\n'},
		.compression = htole16(VMDK_DEFLATE),
	};
	int rc;

	if (!directory)
		return err_set(err, -ENOMEM, "VMDK");
	if (size == 0 || size % SECTOR != 0)
		return err_setx(err, -EINVAL,
				"VMDK: %llu bytes are no multiple of 512",
				(unsigned long long)size);
	rc = file_write(out, &header, sizeof(header), 0, "VMDK", err);
	if (!rc)
		rc = write_descriptor(out, size, cid, name, err);
	if (!rc)
		rc = append_grains(&vmdk, raw, size, err);
	if (!rc)
		rc = append_end(&vmdk, &header, directory_size, err);
	return rc;
}
