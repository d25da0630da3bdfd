/* disk_vhd.c - VHD. All numbers are big-endian. See disk_vhd.h. */
#include "disk_vhd.h"

#include "cleanup.h"
#include "file_io.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512U
#define MIB ((uint64_t)1 << 20)
#define VHD_EPOCH 946684800 /* 2000-01-01 */
#define VHD_VERSION 0x00010000U
#define VHD_FEATURES 2U /* a bit that is always set */
#define VHD_FIXED 2U
#define VHD_DYNAMIC 3U
#define VHD_NONE UINT64_MAX
#define VHD_BLOCK ((size_t)2 << 20)
#define VHD_TABLE_AT 1536U
#define VHD_CHS_MAX 267382800U /* sectors: 65535 * 16 * 255 */

struct vhd_footer {
	char cookie[8];
	uint32_t features;
	uint32_t version;
	uint64_t header_at;
	uint32_t timestamp;
	char creator_app[4];
	uint32_t creator_version;
	char creator_os[4];
	uint64_t original_size;
	uint64_t current_size;
	uint16_t cylinders;
	uint8_t heads;
	uint8_t sectors;
	uint32_t type;
	uint32_t checksum;
	uint8_t uuid[16];
	uint8_t saved_state;
	uint8_t reserved[427];
} __attribute__((packed));
_Static_assert(sizeof(struct vhd_footer) == SECTOR, "VHD specification");

struct vhd_header {
	char cookie[8];
	uint64_t next;
	uint64_t table_at;
	uint32_t version;
	uint32_t entries;
	uint32_t block_size;
	uint32_t checksum;
	uint8_t parent[984];
} __attribute__((packed));
_Static_assert(sizeof(struct vhd_header) == 1024, "VHD specification");

/* Ones' complement of the sum of all bytes, the field itself being 0. */
static uint32_t checksum(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += at[i];
	return htobe32(~sum);
}

/* Appendix "CHS calculation" of the specification. */
static void set_geometry(struct vhd_footer *footer, uint64_t disk_sectors)
{
	uint32_t total = disk_sectors > VHD_CHS_MAX ? VHD_CHS_MAX
						    : (uint32_t)disk_sectors;
	uint32_t sectors = 255;
	uint32_t heads = 16;
	uint32_t rows;

	if (total < 65535U * 16 * 63) {
		sectors = 17;
		rows = total / sectors;
		heads = (rows + 1023) / 1024;
		if (heads < 4)
			heads = 4;
		if (rows >= heads * 1024 || heads > 16) {
			sectors = 31;
			heads = 16;
			rows = total / sectors;
		}
		if (rows >= heads * 1024) {
			sectors = 63;
			heads = 16;
		}
	}
	footer->cylinders = htobe16((uint16_t)(total / sectors / heads));
	footer->heads = (uint8_t)heads;
	footer->sectors = (uint8_t)sectors;
}

static void make_footer(struct vhd_footer *footer, uint64_t size, bool dynamic,
			const uint8_t uuid[16], int64_t epoch)
{
	int64_t time = epoch > VHD_EPOCH ? epoch - VHD_EPOCH : 0;

	*footer = (struct vhd_footer){
		.cookie = {'c', 'o', 'n', 'e', 'c', 't', 'i', 'x'},
		.features = htobe32(VHD_FEATURES),
		.version = htobe32(VHD_VERSION),
		.header_at = htobe64(dynamic ? SECTOR : VHD_NONE),
		.timestamp = htobe32((uint32_t)time),
		/*
		 * Readers take the size from the geometry, which rounds it
		 * down, unless they know that the creator means current_size.
		 */
		.creator_app = {'w', 'i', 'n', ' '},
		.creator_version = htobe32(VHD_VERSION),
		.creator_os = {'W', 'i', '2', 'k'},
		.original_size = htobe64(size),
		.current_size = htobe64(size),
		.type = htobe32(dynamic ? VHD_DYNAMIC : VHD_FIXED),
	};
	memcpy(footer->uuid, uuid, sizeof(footer->uuid));
	set_geometry(footer, size / SECTOR);
	footer->checksum = checksum(footer, sizeof(*footer));
}

static int write_blocks(int raw, uint64_t size, uint32_t *table, uint64_t *end,
			int out, struct err *err)
{
	AUTO_FREE uint8_t *buf = malloc(SECTOR + VHD_BLOCK);
	uint64_t offset = 0;
	int rc;

	if (!buf)
		return err_set(err, -ENOMEM, "VHD");
	/* Every sector of a block is there: its bitmap is all ones. */
	memset(buf, 0xff, SECTOR);
	while ((rc = file_next_block(raw, size, VHD_BLOCK, &offset,
				     buf + SECTOR, "disk", err)) > 0) {
		rc = file_write(out, buf, SECTOR + VHD_BLOCK, *end, "VHD", err);
		if (rc)
			return rc;
		table[offset / VHD_BLOCK] = htobe32((uint32_t)(*end / SECTOR));
		*end += SECTOR + VHD_BLOCK;
		offset += VHD_BLOCK;
	}
	return rc;
}

/* Copy of the footer, header, table of blocks, blocks, footer. */
static int write_dynamic(int raw, uint64_t size,
			 const struct vhd_footer *footer, int out,
			 struct err *err)
{
	uint32_t entries = (uint32_t)((size + VHD_BLOCK - 1) / VHD_BLOCK);
	size_t table_size =
		((size_t)entries * 4 + SECTOR - 1) & ~(SECTOR - 1UL);
	AUTO_FREE uint32_t *table = malloc(table_size);
	uint64_t end = VHD_TABLE_AT + table_size;
	struct vhd_header header = {
		.cookie = {'c', 'x', 's', 'p', 'a', 'r', 's', 'e'},
		.next = htobe64(VHD_NONE),
		.table_at = htobe64(VHD_TABLE_AT),
		.version = htobe32(VHD_VERSION),
		.entries = htobe32(entries),
		.block_size = htobe32((uint32_t)VHD_BLOCK),
	};
	int rc;

	if (!table)
		return err_set(err, -ENOMEM, "VHD");
	memset(table, 0xff, table_size);
	header.checksum = checksum(&header, sizeof(header));
	rc = write_blocks(raw, size, table, &end, out, err);
	if (!rc)
		rc = file_write(out, footer, sizeof(*footer), 0, "VHD", err);
	if (!rc)
		rc = file_write(out, &header, sizeof(header), SECTOR, "VHD",
				err);
	if (!rc)
		rc = file_write(out, table, table_size, VHD_TABLE_AT, "VHD",
				err);
	if (!rc)
		rc = file_write(out, footer, sizeof(*footer), end, "VHD", err);
	return rc;
}

int disk_vhd_write(int raw, uint64_t size, bool dynamic, const uint8_t uuid[16],
		   int64_t epoch, int out, struct err *err)
{
	struct vhd_footer footer;
	int rc;

	if (size == 0 || size % MIB != 0)
		return err_setx(err, -EINVAL,
				"VHD: %llu bytes are no multiple of 1 MiB",
				(unsigned long long)size);
	if (size > DISK_VHD_MAX)
		return err_setx(err, -EFBIG,
				"VHD: a disk has at most 2040 GiB");
	make_footer(&footer, size, dynamic, uuid, epoch);
	if (dynamic)
		return write_dynamic(raw, size, &footer, out, err);
	rc = file_copy(raw, 0, out, 0, size, "VHD", err);
	if (!rc)
		rc = file_write(out, &footer, sizeof(footer), size, "VHD", err);
	return rc;
}
