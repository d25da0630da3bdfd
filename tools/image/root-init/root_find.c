/*
 * root_find.c - devices by what is on them: GPT partitions, ISO 9660 volumes.
 * See root_init.h. UEFI specification 2.10, section 5.3; ECMA-119, 8.4.
 */
#include "root_init.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512U
#define GPT_ENTRY_MIN 128U
#define GPT_ENTRIES_MAX 1024U
#define ISO_VOLUME_AT (16U * 2048U + 40U)
#define ISO_VOLUME_SIZE 32U

struct gpt_header {
	char signature[8];
	uint32_t revision;
	uint32_t size;
	uint32_t crc;
	uint32_t reserved;
	uint64_t self[4];
	uint8_t disk[16];
	uint64_t entries_at;
	uint32_t entry_num;
	uint32_t entry_size;
};

typedef bool (*match_fn)(int fd, const char *want, unsigned int *number);

/* GUIDs have their first three fields little-endian. */
static void guid_text(const uint8_t g[16], char text[40])
{
	(void)snprintf(text, 40,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		       "%02x%02x%02x%02x%02x%02x",
		       g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8],
		       g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

static bool has_partition(int fd, const char *want, unsigned int *number)
{
	struct gpt_header header;
	uint8_t entry[GPT_ENTRY_MIN];
	char text[40];
	uint32_t size;

	if (pread(fd, &header, sizeof(header), SECTOR) !=
		    (ssize_t)sizeof(header) ||
	    memcmp(header.signature, "EFI PART", 8) != 0)
		return false;
	size = le32toh(header.entry_size);
	if (size < GPT_ENTRY_MIN || size > SECTOR)
		return false;
	for (uint32_t i = 0;
	     i < le32toh(header.entry_num) && i < GPT_ENTRIES_MAX; i++) {
		off_t at = (off_t)(le64toh(header.entries_at) * SECTOR +
				   (uint64_t)i * size);

		if (pread(fd, entry, sizeof(entry), at) !=
		    (ssize_t)sizeof(entry))
			return false;
		guid_text(entry + 16, text);
		if (strcmp(text, want) == 0) {
			*number = i + 1;
			return true;
		}
	}
	return false;
}

static bool has_label(int fd, const char *want, unsigned int *number)
{
	char volume[ISO_VOLUME_SIZE + 1] = {0};
	size_t len = ISO_VOLUME_SIZE;

	*number = 0;
	if (pread(fd, volume, ISO_VOLUME_SIZE, ISO_VOLUME_AT) !=
	    (ssize_t)ISO_VOLUME_SIZE)
		return false;
	while (len && volume[len - 1] == ' ')
		volume[--len] = '\0';
	return strcmp(volume, want) == 0;
}

/* Whole disks are /sys/block; the one that matches names the device. */
static int find(match_fn match, const char *want, char *dev, size_t size)
{
	DIR *dir = opendir("/sys/block");
	const struct dirent *entry;
	int rc = -1;

	while (dir && rc && (entry = readdir(dir))) {
		char path[300];
		unsigned int number = 0;
		size_t len = strlen(entry->d_name);
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (match(fd, want, &number)) {
			/* nvme0n1p1, but sda1 */
			bool digit =
				path[len + 4] >= '0' && path[len + 4] <= '9';
			int n = number ? snprintf(dev, size, "%s%s%u", path,
						  digit ? "p" : "", number)
				       : snprintf(dev, size, "%s", path);

			rc = n > 0 && (size_t)n < size ? access(dev, F_OK) : -1;
		}
		(void)close(fd);
	}
	if (dir)
		(void)closedir(dir);
	return rc;
}

int root_find_partition(const char *uuid, char *dev, size_t size)
{
	return find(has_partition, uuid, dev, size);
}

int root_find_label(const char *label, char *dev, size_t size)
{
	return find(has_label, label, dev, size);
}
